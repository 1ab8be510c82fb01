"""What an account earned in each regime of its market: falling or rising, calm or turbulent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import Sampling, last_of_run
from tradewright.evaluation.skill import market_returns, session_groups
from tradewright.model.bars import Floats

LOOKBACK = 60
"""Periods by whose market a period's regime is told; all before it, so that a trader could have known."""
LEAST_PERIODS = 250
"""Fewer periods with a known regime are concentrated by nature."""

TRENDS = ("falling", "without a trend", "rising")
VOLATILITIES = ("calm", "as volatile as usual", "volatile")


class RegimeGain(NamedTuple):
    """The money gained in one tercile of the periods.

    Args:
        regime: how the market had been in the ``LOOKBACK`` periods before.
        gain: in the account's currency.
        total: the gain of all periods with a known regime.
    """

    regime: str
    gain: float
    total: float


class MarketPeriods(NamedTuple):
    """The periods of an account: sessions, or bars where there are too few sessions.

    Args:
        gains: money per period.
        marks: the market's value at the end of each period.
    """

    gains: Floats
    marks: Floats
    sampling: Sampling


def market_periods(result: BacktestResult) -> MarketPeriods:
    """The periods of an account with at least one bar."""
    _starts, sampling = session_groups(result.days)
    ends = last_of_run(result.days) if sampling is Sampling.SESSION else np.arange(len(result.days))
    return MarketPeriods(np.diff(result.equity[ends], prepend=result.initial_cash), result.held_marks[ends], sampling)


def regime_gains(periods: MarketPeriods) -> Iterator[tuple[RegimeGain, ...]]:
    """The gains by trend and by volatility, each in terciles from the lowest to the highest.

    The trend is the market's return over the ``LOOKBACK`` periods before a period, the volatility the deviation of its
    returns over them. Nothing for fewer than ``LEAST_PERIODS`` with both, or where a market value is not positive.
    """
    gains, marks, _sampling = periods
    if len(marks) < LOOKBACK + 1 + LEAST_PERIODS or not (marks > 0.0).all():
        return
    returns = market_returns(marks)[1:-1]
    before = np.lib.stride_tricks.sliding_window_view(returns, LOOKBACK)
    trend = marks[LOOKBACK:-1] / marks[: -LOOKBACK - 1] - 1.0
    for names, known in ((TRENDS, trend), (VOLATILITIES, before.std(axis=1))):
        yield _terciles(names, known, gains[LOOKBACK + 1 :])


def _terciles(names: tuple[str, ...], known: Floats, gains: Floats) -> tuple[RegimeGain, ...]:
    """The periods in three parts of equal number by their rank, the earlier of equals lower."""
    rank: npt.NDArray[np.intp] = np.argsort(np.argsort(known, kind="stable"), kind="stable")
    sums = np.bincount(rank * len(names) // len(known), weights=gains, minlength=len(names)).tolist()
    return tuple(RegimeGain(name, gain, float(gains.sum())) for name, gain in zip(names, sums, strict=True))
