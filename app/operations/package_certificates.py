"""The certificate of a package beside the limits and the scenarios of the project where it is read."""

from __future__ import annotations

from dataclasses import dataclass

from conf.environment import conf_folder, options
from conf.scenarios import SCENARIO
from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.model.certify_limits import CertifyLimits


@dataclass(frozen=True)
class ShownCertificate:
    """What a scenario certificate says.

    Args:
        scenarios: how many it was made on.
        trades: closed ones, on all of them; a strategy without any passes everywhere.
        terms: of its backtests by name, in words, as its maker chose them.
        limits: under which it was made, as its maker chose them.
        beyond: the figures beyond their limits, as ``SCENARIO, FIGURE``.
        beyond_here: the figures beyond the usual limits of this project, the group ``certify``.
        left_out: the scenarios of this project that it was not made on.
    """

    certificate_hash: str
    passed: bool
    scenarios: int
    trades: int
    terms: dict[str, str]
    limits: CertifyLimits
    beyond: tuple[str, ...]
    beyond_here: tuple[str, ...]
    left_out: tuple[str, ...]


def told_certificate(certificate: ScenarioCertificate | None, usual: CertifyLimits) -> ShownCertificate | None:
    """What is told of a certificate; None without one.

    Args:
        usual: the limits of this project.
    """
    if certificate is None:
        return None
    names, here = {each.scenario for each in certificate.scenarios}, usual.model_dump()
    return ShownCertificate(
        certificate_hash=certificate.certificate_hash,
        passed=certificate.passed,
        scenarios=len(certificate.scenarios),
        trades=sum(each.trades for each in certificate.scenarios),
        terms=certificate.stated,
        limits=certificate.limits,
        beyond=tuple(f"{row.scenario}, {row.figure}" for row in certificate.failed),
        beyond_here=tuple(f"{row.scenario}, {row.figure}" for row in certificate.rows if row.value > here[row.figure]),
        left_out=tuple(sorted(set(options(SCENARIO, conf_folder())) - names)),
    )
