"""The input of the checks of a backtest: the account with its figures, the evidence on it, and the limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import months_of, period_gains
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.metrics import Metrics
from tradewright.evaluation.significance import ReturnShape, cautious, shape_of
from tradewright.evaluation.skill import ActiveReturns, active_returns
from tradewright.model.bars import Floats


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
    track_record_confidence: float = 0.95
    trades_per_parameter: int = 10
    """Ten events for each estimated parameter: P. Peduzzi and others, "A simulation study of the number of events per
    variable in logistic regression analysis", Journal of Clinical Epidemiology 49(12), 1996."""
    regime_share: float = 0.9
    sensitive_share: float = 0.5
    market_share: float = 0.01
    large_market_share: float = 0.1


@dataclass(frozen=True)
class CheckInput:
    """The input of every check: one backtest with its metrics, evidence and limits."""

    result: BacktestResult
    metrics: Metrics
    evidence: ValidityEvidence = field(default_factory=ValidityEvidence)
    limits: FindingLimits = field(default_factory=FindingLimits)

    @cached_property
    def active(self) -> ActiveReturns:
        """What the rules added to holding."""
        return active_returns(self.result, self.metrics.days_per_year)

    @cached_property
    def shape(self) -> ReturnShape:
        """The moments of the active returns."""
        return cautious(shape_of(self.active.returns))

    @cached_property
    def monthly_gains(self) -> Floats:
        """Money gained per month with bars."""
        return period_gains(self.result, months_of(self.result))

    @cached_property
    def yearly_gains(self) -> Floats:
        """Money gained per year with bars."""
        return period_gains(self.result, months_of(self.result) // 12)
