"""What the account earned, how unevenly, and how bad its worst days were."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewright.evaluation.ratio import CAP, NOISE, capped, capped_ratio, dispersion_ratio
from tradewright.evaluation.sampling import Sampling
from tradewright.model.bars import Floats

MIN_DAILY_SAMPLES = 20
"""Below this many daily returns the returns per bar are used instead, and the result says so (Q-30)."""


@dataclass(frozen=True)
class GrowthFigures:
    """The account from start to end, in money and as fractions."""

    initial_cash: float
    final_equity: float
    net_profit: float
    total_return: float
    cagr: float
    """Compound annual growth rate over calendar years of 365.25 days; 0 if no time elapsed, -1 if nothing is left."""
    ruined: bool
    """Whether equity stood at or below zero at any bar's close."""


@dataclass(frozen=True)
class RatioFigures:
    """Annualised return against risk, from the returns of one sampling."""

    returns_sampling: Sampling
    """The sampling that the returns come from; ``bar`` in place of a daily one that had too few points (Q-30)."""
    periods: int
    periods_per_year: float
    volatility: float
    """Sample standard deviation of the returns x sqrt(periods per year)."""
    sharpe: float
    """Mean excess return / sample standard deviation x sqrt(periods per year); 0 if nothing varied."""
    sortino: float
    """Mean excess return / root mean square of the negative excess returns (0 for the others), annualised alike."""
    sortino_seed: float
    """The source's own form: mean of the positive returns / sample deviation of the negative ones, annualised alike."""


@dataclass(frozen=True)
class TailFigures:
    """The worst and the best of one day (R-MET-07)."""

    tail_sampling: Sampling
    """``session`` (daily returns), or ``bar`` where there were too few days."""
    tail_loss_5: float
    """The 5th percentile of the returns, between neighbours by linear interpolation."""
    tail_mean_1: float
    """The mean of the worst 1 % of the returns, of at least one."""
    best_period: float
    worst_period: float


def growth_figures(per_bar: Floats, years: float) -> GrowthFigures:
    """From the starting cash and the equity of every bar."""
    start, final = float(per_bar[0]), float(per_bar[-1])
    return GrowthFigures(
        initial_cash=start,
        final_equity=final,
        net_profit=final - start,
        total_return=final / start - 1.0,
        cagr=annual_growth(final / start, years),
        ruined=bool(per_bar.min() <= 0),
    )


def annual_growth(growth: float, years: float) -> float:
    """``growth ** (1 / years) - 1``, capped at 1e6; -1 for a growth at or below zero, 0 if no time elapsed."""
    if growth <= 0:
        return -1.0
    if years <= 0:
        return 0.0
    exponent = math.log(growth) / years
    return CAP if exponent >= math.log1p(CAP) else math.expm1(exponent)


def ratio_figures(returns: Floats, sampling: Sampling, periods_per_year: float, risk_free: float) -> RatioFigures:
    """From simple returns per period; ``risk_free`` is a yearly rate, compounded down to the period."""
    scale = math.sqrt(periods_per_year)
    deviation = sample_deviation(returns)
    excess = returns - ((1.0 + risk_free) ** (1.0 / periods_per_year) - 1.0)
    mean = float(excess.mean()) if len(returns) else 0.0
    return RatioFigures(
        returns_sampling=sampling,
        periods=len(returns),
        periods_per_year=periods_per_year,
        volatility=0.0 if deviation <= NOISE else deviation * scale,
        sharpe=capped(dispersion_ratio(mean, deviation) * scale),
        sortino=_sortino(excess, mean, deviation, scale),
        sortino_seed=_sortino_seed(returns, scale),
    )


def sample_deviation(values: Floats) -> float:
    """The standard deviation with n - 1; 0 for fewer than two values."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _sortino(excess: Floats, mean: float, deviation: float, scale: float) -> float:
    if deviation <= NOISE:
        return 0.0
    downside = math.sqrt(float(np.square(np.minimum(excess, 0.0)).mean()))
    return capped(capped_ratio(mean, downside) * scale)


def _sortino_seed(returns: Floats, scale: float) -> float:
    positive = returns[returns > 0]
    if len(positive) == 0:
        return 0.0
    return capped(dispersion_ratio(float(positive.mean()), sample_deviation(returns[returns < 0])) * scale)


def tail_figures(returns: Floats, sampling: Sampling) -> TailFigures:
    """From simple returns per period; all 0 without returns."""
    if len(returns) == 0:
        return TailFigures(sampling, 0.0, 0.0, 0.0, 0.0)
    worst = max(1, len(returns) // 100)
    return TailFigures(
        tail_sampling=sampling,
        tail_loss_5=float(np.percentile(returns, 5)),
        tail_mean_1=float(np.partition(returns, worst - 1)[:worst].mean()),
        best_period=float(returns.max()),
        worst_period=float(returns.min()),
    )
