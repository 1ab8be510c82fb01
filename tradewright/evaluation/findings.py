"""Findings: the checks by which a backtest criticises itself (promise P4), gravest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tradewright.evaluation import doubt_checks, money_checks, risk_checks
from tradewright.evaluation.finding import Case, Finding, Severity

CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    doubt_checks.look_ahead,
    money_checks.ruin,
    money_checks.no_trades,
    money_checks.loss,
    money_checks.fees,
    money_checks.doubled_fees,
    doubt_checks.suspicious_sharpe,
    doubt_checks.luck,
    doubt_checks.trials,
    doubt_checks.few_trades,
    money_checks.one_trade,
    money_checks.one_period,
    risk_checks.benchmark,
    risk_checks.deep_drawdown,
    risk_checks.long_drawdown,
    doubt_checks.data_gaps,
    risk_checks.open_position,
    risk_checks.low_exposure,
    risk_checks.flat_stretch,
    doubt_checks.thin_sampling,
)
"""In the order in which they matter; the order breaks ties between findings of one severity."""


def find(case: Case) -> tuple[Finding, ...]:
    """Every finding of a case, ranked: by severity, then by the order of :data:`CHECKS`.

    An account without bars or without trades has findings too; none of the checks needs more than it is given.
    """
    gravity = list(Severity)
    found = [finding for check in CHECKS for finding in check(case)]
    found.sort(key=lambda finding: gravity.index(finding.severity))
    return tuple(replace(finding, rank=rank) for rank, finding in enumerate(found, start=1))
