"""The certificate of a strategy: what it did on named synthetic markets, beside the limits that were declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Self

from pydantic import Field

from tradewright.evaluation.formatting import percent
from tradewright.evaluation.metrics import Metrics
from tradewright.evaluation.page_frame import rendered
from tradewright.model.base import FrozenModel
from tradewright.model.certify_limits import CertifyLimits
from tradewright.model.errors import DataError
from tradewright.model.hashing import canonical_json, content_hash

WHERE = "scenario certificate"
VERSION = "1"
"""Of the form of a certificate."""

FIGURES = ("max_loss", "max_drawdown", "max_turnover", "max_time_in_market")
"""The limits, in the order of the rows."""
_TITLES = ("Loss", "Drawdown", "Turnover", "Time in market")


class CertificateRow(FrozenModel):
    """One figure of one scenario.

    Args:
        figure: the name of its limit, one of :data:`FIGURES`.
        value: at or below ``limit`` where it ``passed``.
    """

    scenario: str
    figure: str
    value: float
    limit: float
    passed: bool


class CertifiedScenario(FrozenModel):
    """One scenario as it was run.

    Args:
        scenario_hash: of the document; with another timeframe than its own where the strategy has one.
        data_hash: of all bars that were read.
        instruments: series that were traded.
        trades: closed ones.
        total_return: of the account, a fraction.
    """

    scenario: str
    scenario_hash: str
    data_hash: str
    timeframe: str
    bars: int
    seed: int
    instruments: int
    trades: int
    total_return: float


class ScenarioCertificate(FrozenModel):
    """A strategy on synthetic markets; the same inputs give the same certificate, byte by byte.

    Args:
        strategy: its name.
        kind: what a configuration calls its class, or the id of its document.
        identity: the hash of all that decides: kind, code, parameters, features.
        code: the code identity of decision and engine.
        engine: the digest of the engine's sources and versions.
        terms: the hash of the terms of the backtests: cash, costs, fills, sizing.
        stated: these terms by name, in words; empty in a certificate that was made before there were any.
        look_ahead: what the look-ahead test found of the strategy; with any of it the figures count for nothing.
        scenarios, rows: in the order in which they were run.
    """

    version: str
    strategy: str
    kind: str
    parameters: dict[str, float | str]
    identity: str
    code: str
    engine: str
    terms: str
    limits: CertifyLimits
    look_ahead: tuple[str, ...]
    scenarios: tuple[CertifiedScenario, ...]
    rows: tuple[CertificateRow, ...]
    stated: dict[str, str] = Field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every row passed; false without one, and for a strategy that looks ahead."""
        return bool(self.rows) and not self.look_ahead and all(row.passed for row in self.rows)

    @property
    def failed(self) -> tuple[CertificateRow, ...]:
        """The rows beyond their limits."""
        return tuple(row for row in self.rows if not row.passed)

    @property
    def idle(self) -> tuple[str, ...]:
        """The scenarios without a closed trade or a moment in the market, on which no limit was put to the test."""
        there = {row.scenario for row in self.rows if row.figure == "max_time_in_market" and row.value > 0}
        return tuple(each.scenario for each in self.scenarios if not each.trades and each.scenario not in there)

    def content(self) -> dict[str, object]:
        """Everything, the verdict included, as plain values."""
        left_out = set() if self.stated else {"stated"}
        return {**self.model_dump(mode="json", exclude=left_out), "passed": self.passed}

    def canonical_json(self) -> str:
        """The text that is kept, embedded and hashed."""
        return canonical_json(self.content())

    @classmethod
    def restored(cls, text: str) -> Self:
        """The certificate of a :meth:`canonical_json`.

        Raises:
            DataError: another text, a scenario that stands twice, or a verdict that does not follow from the figures.
        """
        try:
            plain = json.loads(text)
            told = plain.pop("passed")
            made = cls.model_validate_json(json.dumps(plain))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError("is no certificate", where=WHERE, remedy="make it again: tradewright certify") from error
        rows = {(each.scenario, name) for each in made.scenarios for name in FIGURES}
        limits = made.limits.model_dump()
        sound = {(row.scenario, row.figure) for row in made.rows} == rows and len(made.rows) == len(rows)
        sound = sound and len({each.scenario for each in made.scenarios}) == len(made.scenarios)
        sound = sound and all(row.limit == limits[row.figure] for row in made.rows)
        sound = sound and all(row.passed is (row.value <= row.limit) for row in made.rows)
        if not sound or told is not made.passed or made.canonical_json() != text:
            what = "its verdict does not follow from its figures"
            raise DataError(what, where=WHERE, remedy="make it again: tradewright certify")
        return made

    @property
    def certificate_hash(self) -> str:
        """SHA-256 of :meth:`canonical_json`."""
        return content_hash(self.content())

    def page(self) -> str:
        """The certificate as one HTML page without any address outside."""
        return rendered(
            "certificate.html",
            "Scenario certificate",
            self.strategy,
            self._facts(),
            "",
            None,
            certificate=self,
            lines=list(self._lines()),
            limits=[(name, told(figure, limit)) for name, (figure, limit) in zip(_TITLES, self.limits, strict=True)],
        )

    def _facts(self) -> dict[str, str]:
        said = {name: f"{value:.12g}" if isinstance(value, float) else value for name, value in self.parameters.items()}
        parameters = ", ".join(f"{name}={value}" for name, value in said.items())
        hashes = {"identity": self.identity, "code": self.code, "engine": self.engine, "terms": self.terms}
        return {
            "kind": self.kind,
            **({"parameters": parameters} if parameters else {}),
            **self.stated,
            **hashes,
            "certificate": self.certificate_hash,
        }

    def _lines(self) -> Iterator[tuple[CertifiedScenario, list[tuple[CertificateRow, str, str]]]]:
        for each in self.scenarios:
            rows = [row for row in self.rows if row.scenario == each.scenario]
            yield each, [(row, *beside(row)) for row in rows]


def certificate_rows(scenario: str, metrics: Metrics, limits: CertifyLimits) -> list[CertificateRow]:
    """The figures of one run beside their limits."""
    figures = {
        "max_loss": (max(0.0, -metrics.total_return), limits.max_loss),
        "max_drawdown": (-metrics.bar_drawdown, limits.max_drawdown),
        "max_turnover": (metrics.turnover, limits.max_turnover),
        "max_time_in_market": (metrics.exposure, limits.max_time_in_market),
    }
    return [
        CertificateRow(scenario=scenario, figure=name, value=value + 0.0, limit=limit, passed=value <= limit)
        for name, (value, limit) in figures.items()
    ]


def told(figure: str, value: float, places: int = 1) -> str:
    """A figure or its limit for people: a share in percent, a turnover in multiples of the equity."""
    return f"{value:,.{places}f} x" if figure == "max_turnover" else percent(value, places)


def beside(row: CertificateRow) -> tuple[str, str]:
    """A figure and its limit for people, in so many places that one beyond its limit differs from it."""
    texts = [(told(row.figure, row.value, places), told(row.figure, row.limit, places)) for places in (1, 2, 4, 8, 16)]
    return texts[0] if row.passed else next((pair for pair in texts if pair[0] != pair[1]), texts[-1])
