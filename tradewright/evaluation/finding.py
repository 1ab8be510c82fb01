"""Findings, the evidence behind them, and the section of a report that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.advice import ADVICE, Advice
from tradewright.evaluation.equity_curve import YearRow
from tradewright.evaluation.metrics import Metrics
from tradewright.evaluation.trial_count import TrialCount


class Severity(StrEnum):
    """The degree to which a finding puts the result in doubt."""

    CRITICAL = "critical"
    """The result must not be relied on."""
    WARNING = "warning"
    """The result may not survive outside this run."""
    INFO = "info"
    """Good to know; no doubt by itself."""


@dataclass(frozen=True)
class Finding:
    """One finding; ``rank`` 1 is the gravest of its report."""

    code: str
    severity: Severity
    message: str
    """One sentence with its figures."""
    rank: int = 0

    @property
    def advice(self) -> Advice:
        """Why it matters, and what to do."""
        return ADVICE[self.code]

    def plain(self) -> dict[str, str | int]:
        """The finding for JSON."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "rank": self.rank,
            **self.advice._asdict(),
        }


@dataclass(frozen=True)
class ValidityEvidence:
    """Evidence from outside of the backtest; None where the test was not made."""

    look_ahead_free: bool | None = None
    """Whether the look-ahead test saw equal decisions with and without the future; None where it was not made."""
    look_ahead: str = ""
    """The first value that knew the future: instrument, bar, value with and without it."""
    missing_bars: int | None = None
    """Bars that the calendar expects and the data lacks."""
    longest_gap_bars: int = 0
    bars: tuple[str, ...] = ()
    """The findings of the data checks on the prices of these very bars, each a sentence that names its instrument."""
    account: tuple[Finding, ...] = ()
    """What a shared account tells of itself: instruments that ended, borrowed units, margin calls."""
    tried: TrialCount = field(default_factory=TrialCount)
    """The parameter sets that were tried on these bars."""
    parameters: int | None = None
    """The parameters of the strategy that could have been chosen otherwise; None where nobody counted them."""
    raised_costs: float | None = None
    """The net profit of the same backtest with costs and slippage twice as high; None where it was not run."""
    later_fills: float | None = None
    """The net profit with every order one bar later; None where it was not run."""
    untraded: str = ""
    """Why nothing was filled, in a sentence; empty where something was, or where it is not known."""


def pooled_validity_evidence(parts: Sequence[ValidityEvidence]) -> ValidityEvidence:
    """The evidence on several accounts together: as certain as the least certain, as bad as the worst of them."""
    tested = [each.look_ahead_free for each in parts]
    untraded = list(dict.fromkeys(each.untraded for each in parts if each.untraded))
    counted = [each.missing_bars for each in parts if each.missing_bars is not None]
    return ValidityEvidence(
        look_ahead_free=False if False in tested else None if None in tested else True,
        look_ahead=next((each.look_ahead for each in parts if each.look_ahead), ""),
        missing_bars=sum(counted) if counted else None,
        longest_gap_bars=max(each.longest_gap_bars for each in parts),
        bars=tuple(text for each in parts for text in each.bars),
        account=tuple(finding for each in parts for finding in each.account),
        tried=max((each.tried for each in parts), key=lambda tried: tried.effective),
        parameters=max((each.parameters for each in parts if each.parameters is not None), default=None),
        raised_costs=_sum_of_all([each.raised_costs for each in parts]),
        later_fills=_sum_of_all([each.later_fills for each in parts]),
        untraded="The finding of each instrument says why." if len(untraded) > 1 else "".join(untraded),
    )


def _sum_of_all(profits: Sequence[float | None]) -> float | None:
    """The sum; None where one of them is unknown."""
    known = [each for each in profits if each is not None]
    return sum(known) if len(known) == len(profits) else None


TOGETHER = "All instruments"
"""The name of the pooled account's section."""


@dataclass(frozen=True)
class AccountSection:
    """One account with its figures, findings (gravest first), monthly table and rolling figures."""

    instrument: str
    """Its name, or :data:`TOGETHER` for the pooled account of several instruments."""
    result: BacktestResult
    metrics: Metrics
    findings: tuple[Finding, ...]
    months: tuple[YearRow, ...]
    windows: npt.NDArray[np.void]
    """The rolling figures (:mod:`tradewright.evaluation.rolling`)."""
