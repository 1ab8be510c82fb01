"""An account against a benchmark: the instruments held, or any other instrument.

Sources: M. C. Jensen, "The Performance of Mutual Funds in the Period 1945-1964", Journal of Finance 23(2), 1968, for
alpha; J. L. Treynor, "How to Rate Management of Investment Funds", Harvard Business Review 43(1), 1965; T. H. Goodwin,
"The Information Ratio", Financial Analysts Journal 54(4), 1998.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import (
    MOST_GROWTH,
    NOISE,
    buy_and_hold,
    capped,
    capped_ratio,
    dispersion_ratio,
    underwater,
)
from tradewright.model.bars import Floats, Times
from tradewright.model.errors import DataError

HELD = "the instruments held"
"""The name of the benchmark where none was named."""


@dataclass(frozen=True)
class Benchmark:
    """The closes of an instrument that accounts are measured against, in its own currency.

    Args:
        ts: starts of its bars, ascending, nanoseconds UTC; the bars are as long as those of the accounts.
        days: the dates of their sessions, where bars are sessions or longer and so meet by date; None where they meet
            by time.
        close: above zero.
    """

    name: str
    ts: Times
    close: Floats
    days: Times | None = None


@dataclass(frozen=True)
class BenchmarkMetrics:
    """The account against its benchmark, from the same returns as the ratios.

    All 0 where the benchmark did not vary, or nothing of the account did, as far as the figure needs it.
    """

    benchmark: str
    benchmark_return: float
    """Of a benchmark fully invested at the first close, without fees, as a fraction."""
    benchmark_drawdown: float
    """Its deepest fall over every bar, as a negative fraction."""
    alpha: float
    """(mean excess return - beta x mean excess return of the benchmark) x periods per year."""
    beta: float
    """Covariance with the benchmark / variance of the benchmark."""
    correlation: float
    tracking_error: float
    """Sample deviation of the returns less the benchmark's x sqrt(periods per year)."""
    information_ratio: float
    """Mean of the returns less the benchmark's / their sample deviation x sqrt(periods per year)."""
    treynor: float
    """Mean excess return x periods per year / beta; 0 without a beta."""
    up_capture: float
    """Mean return / the benchmark's in the periods in which that was above zero; 0 without any."""
    down_capture: float
    """The same where it was below zero."""


def benchmark_equity(result: BacktestResult, benchmark: Benchmark | None) -> tuple[str, Floats]:
    """The name, and the equity per bar of the starting cash in the benchmark, fully invested at the first close.

    A bar of the account has the benchmark's newest close of its own date or before, or, where bars are shorter than a
    session, of a bar that began no later.

    Raises:
        DataError: the account has a bar before the benchmark's first one.
    """
    if benchmark is None:
        return HELD, buy_and_hold(result)
    own, known = (result.bars.ts, benchmark.ts) if benchmark.days is None else (result.days, benchmark.days)
    places = np.searchsorted(known, own, side="right") - 1
    if len(places) and places[0] < 0:
        raise DataError(
            f"{benchmark.name} has no bar at or before the first one of the backtest",
            where="evaluation.benchmark",
            remedy=f"choose a later backtest.start, bring older bars of {benchmark.name}, or say null",
        )
    closes = benchmark.close[places]
    with np.errstate(over="ignore"):
        growth: Floats = closes / closes[0] if len(closes) else closes
    return benchmark.name, result.initial_cash * np.minimum(growth, MOST_GROWTH)


def benchmark_metrics(
    name: str, held: Floats, returns: Floats, market: Floats, periods_per_year: float, idle: float | Floats
) -> BenchmarkMetrics:
    """The figures.

    Args:
        held: the benchmark's equity per bar, the starting cash first.
        returns, market: of the account and of the benchmark, per period.
        idle: what an idle account earns in a period, one number or one for each.
    """
    scale = math.sqrt(periods_per_year)
    own, theirs = _deviation(returns), _deviation(market)
    covariance = float(np.cov(returns, market)[0, 1]) if len(returns) > 1 else 0.0
    gained, offered = returns - idle, market - idle
    moved = _deviation(offered)
    beta = float(np.cov(gained, offered)[0, 1]) / moved**2 if moved > NOISE else 0.0
    mean, passive = (float(each.mean()) if len(each) else 0.0 for each in (gained, offered))
    apart = returns - market
    error = _deviation(apart)
    return BenchmarkMetrics(
        benchmark=name,
        benchmark_return=capped(float(held[-1] / held[0]) - 1.0),
        benchmark_drawdown=float(underwater(held).min()),
        alpha=capped((mean - beta * passive) * periods_per_year),
        beta=capped(beta),
        correlation=max(-1.0, min(1.0, covariance / (own * theirs))) if min(own, theirs) > NOISE else 0.0,
        tracking_error=error * scale if error > NOISE else 0.0,
        information_ratio=capped(dispersion_ratio(float(apart.mean()) if len(apart) else 0.0, error) * scale),
        treynor=capped(mean * periods_per_year / beta) if abs(beta) > NOISE else 0.0,
        up_capture=_capture(returns, market, market > 0.0),
        down_capture=_capture(returns, market, market < 0.0),
    )


def _deviation(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _capture(returns: Floats, market: Floats, taken: np.ndarray) -> float:
    if not taken.any():
        return 0.0
    own, theirs = float(returns[taken].mean()), float(market[taken].mean())
    return math.copysign(1.0, theirs) * capped_ratio(own, abs(theirs))
