"""Several strategies side by side: their daily returns, how these move together, and weights that are suggested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import DAY_NS, Sampling, returns_of, sample_indices
from tradewright.model.bars import Floats, Times
from tradewright.model.errors import ConfigError

LEAST_DAYS = 20
"""Days that all strategies share, without which nothing is said of how they move together."""

_STEPS, _RATIOS, _SWEEPS = 2_000, 60, 500


class Weighting(StrEnum):
    """How weights are suggested; every way of it is long only, and its weights add up to 1."""

    EQUAL = "equal"
    INVERSE_VOLATILITY = "inverse_volatility"
    MIN_VARIANCE = "min_variance"
    MAX_SHARPE = "max_sharpe"
    EQUAL_RISK = "equal_risk"


class DailyReturns(NamedTuple):
    """Returns of several strategies on the days that all of them have.

    Args:
        names: of the strategies.
        days: since 1970, ascending; shape (days,).
        values: simple returns; shape (days, strategies).
    """

    names: tuple[str, ...]
    days: Times
    values: Floats


def daily_equity(result: BacktestResult) -> tuple[Times, Floats]:
    """The UTC days of an account, in days since 1970, and its equity at the end of each."""
    ts = result.bars.ts
    last = sample_indices(ts, Sampling.CALENDAR_DAY)
    return ts[last] // DAY_NS, result.equity[last]


def common_returns(curves: Mapping[str, tuple[Times, Floats]]) -> DailyReturns:
    """The returns between the days that all curves have; none of a day that one of them lacks.

    Args:
        curves: days and equity by strategy, as :func:`daily_equity`.
    """
    names, shared = tuple(curves), np.empty(0, np.int64)
    for place, (days, _) in enumerate(curves.values()):
        shared = days if place == 0 else np.intersect1d(shared, days)
    rows = [returns_of(equity[np.searchsorted(days, shared)]) for days, equity in curves.values()]
    values = np.column_stack(rows) if rows else np.empty((0, 0))
    return DailyReturns(names, shared[1:], values)


def correlation(returns: DailyReturns) -> Floats:
    """Pearson's correlation of each pair; shape (strategies, strategies), symmetric, 1 on the diagonal.

    A strategy whose returns do not vary has 0 with every other one. So have all with fewer than :data:`LEAST_DAYS`.
    """
    count = len(returns.names)
    found = np.eye(count)
    if len(returns.values) < LEAST_DAYS:
        return found
    moves = returns.values - returns.values.mean(axis=0)
    size = np.sqrt((moves**2).sum(axis=0))
    scaled = np.divide(moves, size, out=np.zeros_like(moves), where=size > 0.0)
    found = np.clip(np.asarray(scaled.T @ scaled, np.float64), -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return found


def suggested_weights(returns: DailyReturns, way: Weighting, most: Sequence[float] | float = 1.0) -> Floats:
    """Weights of strategies: a suggestion, which nothing trades by. Shape (strategies,), each from 0 to its ``most``.

    Equal, inverse volatility, the least variance and the greatest Sharpe ratio of the sample (Markowitz 1952), equal
    risk contributions (Maillard, Roncalli and Teiletche 2010). Nothing is shrunk: of few days the second two fit noise.
    Without a strategy there are none. Where returns do not vary, or with fewer than :data:`LEAST_DAYS`, the weights are
    equal; without a positive mean the greatest ratio is that of the least variance.

    Args:
        most: the risk budget, the greatest weight of each or of all. What a cap cuts is shared by the others.

    Raises:
        ConfigError: caps that are not above 0 or add up to less than 1.
    """
    count = len(returns.names)
    if count == 0:
        return np.empty(0)
    caps = np.minimum(np.broadcast_to(np.asarray(most, dtype=np.float64), (count,)), 1.0)
    if not (caps > 0.0).all() or caps.sum() < 1.0 - 1e-12:
        what = f"the caps of {count} strategies add up to {caps.sum():g}"
        raise ConfigError(what, where="weights", remedy="each is above 0, and together they are 1 or more")
    deviation = returns.values.std(axis=0, ddof=1) if len(returns.values) >= LEAST_DAYS else np.zeros(count)
    if way is Weighting.EQUAL or not (deviation > 0.0).all():
        return _capped(np.full(count, 1.0 / count), caps)
    covariance = np.atleast_2d(np.cov(returns.values, rowvar=False))
    match way:
        case Weighting.INVERSE_VOLATILITY:
            return _capped(1.0 / deviation / (1.0 / deviation).sum(), caps)
        case Weighting.MIN_VARIANCE:
            return _least(lambda w: covariance @ w, covariance, caps)
        case Weighting.EQUAL_RISK:
            return _capped(_equal_risk(covariance), caps)
    return _greatest_ratio(returns.values.mean(axis=0), covariance, caps)


def risk_contributions(returns: DailyReturns, weights: Floats) -> Floats:
    """The share of the variance of a mixture that comes from each strategy; they add up to 1, or are 0 without any."""
    covariance = np.atleast_2d(np.cov(returns.values, rowvar=False))
    parts = weights * (covariance @ weights)
    total = parts.sum()
    return parts / total if total > 0.0 else np.zeros(len(weights))


def _capped(weights: Floats, caps: Floats) -> Floats:
    """Weights under their caps: what is cut is shared by the others in proportion to what they have."""
    found, free = weights.copy(), np.ones(len(weights), bool)
    for _ in range(len(weights)):
        over = free & (found > caps)
        if not over.any():
            break
        free &= ~over
        found[~free] = caps[~free]
        rest, held = 1.0 - found[~free].sum(), weights[free].sum()
        found[free] = weights[free] * (rest / held) if held > 0.0 else rest / max(int(free.sum()), 1)
    return found


def _projected(point: Floats, caps: Floats) -> Floats:
    """The nearest weights that add up to 1 within 0 and their caps, by bisection of the shift."""
    low, high = float((point - caps).min()), float(point.max())
    for _ in range(60):
        middle = (low + high) / 2
        if np.clip(point - middle, 0.0, caps).sum() > 1.0:
            low = middle
        else:
            high = middle
    found: Floats = np.clip(point - high, 0.0, caps)
    return found / float(found.sum())


def _least(gradient: Callable[[Floats], Floats], covariance: Floats, caps: Floats) -> Floats:
    """The weights at the least of a convex function, by accelerated projected gradients (Beck and Teboulle 2009)."""
    step = 1.0 / float(np.linalg.eigvalsh(covariance)[-1])
    found = ahead = _projected(np.full(len(caps), 1.0 / len(caps)), caps)
    pace = 1.0
    for _ in range(_STEPS):
        new = _projected(ahead - step * gradient(ahead), caps)
        quicker = (1.0 + np.sqrt(1.0 + 4.0 * pace * pace)) / 2.0
        ahead = new + (pace - 1.0) / quicker * (new - found)
        if np.abs(new - found).max() < 1e-12:
            return new
        found, pace = new, quicker
    return found


def _greatest_ratio(mean: Floats, covariance: Floats, caps: Floats) -> Floats:
    """The weights of the greatest mean per deviation, by Dinkelbach's sequence of convex problems."""
    found = _least(lambda w: covariance @ w, covariance, caps)
    best = found
    if not (mean > 0.0).any():
        return best
    start = _projected(np.where(mean > 0.0, mean / np.sqrt(np.diag(covariance)), -1.0), caps)

    def ratio(weights: Floats) -> float:
        return float(mean @ weights) / float(np.sqrt(weights @ covariance @ weights))

    found = start if ratio(start) > ratio(best) else best
    for _ in range(_RATIOS):
        if (reached := ratio(found)) <= 0.0:
            return found
        scale = float(mean @ found) / float(found @ covariance @ found)  # of mean'w - scale / 2 * w'Cw
        new = _least(lambda w, scale=scale: covariance @ w - mean / scale, covariance, caps)  # type: ignore[misc]
        if ratio(new) <= reached + 1e-14:
            return found
        found = new
    return found


def _equal_risk(covariance: Floats) -> Floats:
    """Weights of equal risk contributions, by cyclical coordinate descent (Griveau-Billion, Richard and Roncalli)."""
    count = len(covariance)
    found: Floats = 1.0 / np.sqrt(np.diag(covariance))
    for _ in range(_SWEEPS):
        before = found.copy()
        for place in range(count):
            others = float(covariance[place] @ found) - covariance[place, place] * found[place]
            root = np.sqrt(others * others + 4.0 * covariance[place, place] / count)
            found[place] = (root - others) / (2.0 * covariance[place, place])
        if np.abs(found - before).max() <= 1e-14 * np.abs(found).max():
            break
    return found / float(found.sum())
