"""A finding: one reason to doubt a backtest, and the inputs of the checks that make findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import YearRow, buy_and_hold, months_of, period_gains
from tradewright.evaluation.metrics import Metrics, sampled_returns
from tradewright.evaluation.significance import ReturnShape, shape_of
from tradewright.model.bars import Floats


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


@dataclass(frozen=True)
class ValidityEvidence:
    """Evidence from outside of the backtest; None where the test was not made."""

    look_ahead_free: bool | None = None
    """Whether the truncation test saw equal signals with and without the future."""
    missing_bars: int | None = None
    """Bars that the calendar expects and the data lacks."""
    longest_gap_bars: int = 0
    trials: int = 1
    """The number of parameter sets that were tried before this one was chosen."""
    trial_variance: float | None = None
    """The variance of those trials' Sharpe ratios per period, if known."""


def pooled_validity_evidence(parts: Sequence[ValidityEvidence]) -> ValidityEvidence:
    """The evidence on several accounts together: as certain as the least certain, as bad as the worst of them."""
    tested = [each.look_ahead_free for each in parts]
    counted = [each.missing_bars for each in parts if each.missing_bars is not None]
    return ValidityEvidence(
        look_ahead_free=False if False in tested else None if None in tested else True,
        missing_bars=sum(counted) if counted else None,
        longest_gap_bars=max(each.longest_gap_bars for each in parts),
        trials=max(each.trials for each in parts),
    )


@dataclass(frozen=True)
class FindingLimits:
    """The thresholds of findings. Shares are fractions."""

    min_trades: int = 30
    single_trade_share: float = 0.5
    single_month_share: float = 0.5
    single_year_share: float = 0.75
    fee_share: float = 0.25
    deep_drawdown: float = -0.25
    long_drawdown_days: float = 365.0
    low_exposure: float = 0.05
    flat_share: float = 0.5
    suspicious_sharpe: float = 3.0
    gap_share: float = 0.01
    deflated_probability: float = 0.95


@dataclass(frozen=True)
class CheckInput:
    """The input of every check: one backtest with its metrics, evidence and limits."""

    result: BacktestResult
    metrics: Metrics
    evidence: ValidityEvidence = field(default_factory=ValidityEvidence)
    limits: FindingLimits = field(default_factory=FindingLimits)

    @cached_property
    def benchmark(self) -> Floats:
        """Equity per bar of buy and hold."""
        return buy_and_hold(self.result)

    @cached_property
    def shape(self) -> ReturnShape:
        """The moments of the returns that the metrics used."""
        return shape_of(sampled_returns(self.result, self.metrics.sampling)[0])

    @cached_property
    def monthly_gains(self) -> Floats:
        """Money gained per UTC month with bars."""
        return period_gains(self.result, months_of(self.result.bars.ts))

    @cached_property
    def yearly_gains(self) -> Floats:
        """Money gained per UTC year with bars."""
        return period_gains(self.result, months_of(self.result.bars.ts) // 12)


TOGETHER = "All instruments"
"""The name of the pooled account's section."""


@dataclass(frozen=True)
class AccountSection:
    """One account with its figures, findings (gravest first) and monthly table."""

    instrument: str
    """Its name, or :data:`TOGETHER` for the pooled account of several instruments."""
    result: BacktestResult
    metrics: Metrics
    findings: tuple[Finding, ...]
    months: tuple[YearRow, ...]
