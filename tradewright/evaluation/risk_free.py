"""What an idle account earns in each period of the returns."""

from __future__ import annotations

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import DAY_NS, Sampling, per_period, sample_indices
from tradewright.model.bars import Floats, Times
from tradewright.model.risk_free import RiskFree


def idle_returns(
    risk_free: RiskFree, result: BacktestResult, used: Sampling, periods_per_year: float
) -> float | Floats:
    """The return of an idle account per period: one number for a fixed rate, else one for each return.

    A period takes the rate that was known when it began: at the start of its first bar, of a calendar day at 00:00 UTC.

    Args:
        used: the sampling of the returns.

    Raises:
        DataError: as :meth:`tradewright.model.risk_free.RiskFreeRates.at`.
    """
    if isinstance(risk_free, float | int):
        return per_period(risk_free, periods_per_year)
    found: Floats = (1.0 + risk_free.at(_begins(result, used))) ** (1.0 / periods_per_year) - 1.0
    return found


def mean_rate(risk_free: RiskFree, result: BacktestResult) -> float:
    """The yearly rate over all bars on average; 0 without a bar."""
    if isinstance(risk_free, float | int):
        return risk_free
    ts = result.bars.ts
    return float(risk_free.at(ts).mean()) if len(ts) else 0.0


def _begins(result: BacktestResult, used: Sampling) -> Times:
    """When each period of the returns begins, nanoseconds UTC."""
    ts, days = result.bars.ts, result.days
    if len(ts) == 0:
        return ts
    if used is Sampling.CALENDAR_DAY:
        midnights: Times = np.maximum(np.arange(days[0], days[-1] + 1) * DAY_NS, ts[0])
        return midnights
    ends = sample_indices(ts, used, days)
    begins: Times = ts[np.concatenate(([0], ends[:-1] + 1))]
    return begins
