"""A seeded random walk with regimes, and the bars around it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.instrument import Instrument

_TRENDS = np.array([0.05, 0.0, -0.05])
"""Drift of the regimes, in standard deviations of a step: up, none, down."""

_LOUDNESS = np.array([0.75, 1.0, 1.5])
"""Volatility of the regimes, as multiples of the usual one."""

_REGIME_DAYS, _REGIME_MINUTES = 40, 150
"""The length of a regime: days on average, minutes exactly."""

_MEMORY = 0.997
"""The share of its distance from the usual level that a price keeps from day to day; levels stay plausible."""

_MOST_DEVIATIONS = 8.0
"""The largest move of a step, in deviations."""


class DailyPath(NamedTuple):
    """One value per calendar day: the log price relative to the usual level at its end, and its volatility."""

    level: Floats
    loudness: Floats


class Walk(NamedTuple):
    """A path of prices, one step per bar; all of shape (n,). ``sigma`` is the deviation of a step's log return."""

    opens: Floats
    closes: Floats
    sigma: Floats


def daily_path(moves: Floats, uniform: Floats, sigma: float) -> DailyPath:
    """The path of days from their standardised moves, shape (n,), and uniform draws, shape (n, 4).

    A trend and a loudness regime, drawn apart, last 40 days each on average. More draws with the same beginning give
    a path with the same beginning. ``sigma`` is the usual deviation of a day's log return.
    """
    trend, loudness = _regime(uniform[:, :2], _TRENDS), _regime(uniform[:, 2:], _LOUDNESS)
    returns = np.clip(moves + trend, -_MOST_DEVIATIONS, _MOST_DEVIATIONS) * sigma * loudness
    level, last = np.empty(len(returns)), 0.0
    for day, step in enumerate(returns.tolist()):
        last = _MEMORY * last + step
        level[day] = last
    return DailyPath(level, loudness)


def bridge(start: float, end: float, gap: float, moves: Floats, sigma: float, rng: np.random.Generator) -> Walk:
    """A walk of minutes that leads from the price ``start`` to ``end``.

    Args:
        gap: the share of the way that the first bar's open takes at once; 0 where trading never stopped.
        moves: standardised moves, shape (n,), n > 0; a drift that changes every 150 minutes is added.
        sigma: deviation of a minute's log return.
    """
    count = len(moves)
    drift = np.repeat(rng.choice(_TRENDS, -(-count // _REGIME_MINUTES)), _REGIME_MINUTES)[:count]
    returns = np.clip(moves + drift, -_MOST_DEVIATIONS, _MOST_DEVIATIONS) * sigma
    way = np.log(end / start)
    returns += (way * (1 - gap) - returns.sum()) / count
    first = start * np.exp(way * gap)
    closes = first * np.exp(np.cumsum(returns))
    return Walk(np.concatenate([[first], closes[:-1]]), closes, np.full(count, sigma))


def bars_around(ts: Times, path: Walk, volume: float, instrument: Instrument, rng: np.random.Generator) -> Bars:
    """Bars on the instrument's ticks and lots that open and close as ``path`` does.

    High and low lie beyond open and close by half a step's deviation on average; volume is lognormal around ``volume``
    units and grows with the move; the spread is lognormal around the instrument's own.
    """
    tick, lot, count = float(instrument.tick_size), float(instrument.lot_size), len(ts)
    wicks = np.abs(rng.standard_normal((2, count))) * path.sigma / 2
    moves = np.minimum(np.abs(np.log(path.closes / path.opens)) / path.sigma, 4.0)
    units = volume * np.exp(0.6 * rng.standard_normal(count) + 0.25 * moves)
    spreads = instrument.default_spread_bps * np.exp(0.2 * rng.standard_normal(count))
    opens, closes = _rounded(path.opens, tick), _rounded(path.closes, tick)
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    highs = np.maximum(_rounded(top * np.exp(wicks[0]), tick), top)
    lows = np.minimum(_rounded(bottom * np.exp(-wicks[1]), tick), bottom)
    return Bars(ts, opens, highs, lows, closes, _rounded(units, lot), spreads)


def _regime(uniform: Floats, kinds: Floats) -> Floats:
    changes, choices = uniform[:, 0] < 1 / _REGIME_DAYS, (uniform[:, 1] * len(kinds)).astype(np.int64)
    since = np.maximum.accumulate(np.where(changes, np.arange(len(uniform)), 0))
    drawn: Floats = kinds[choices[since]]
    return drawn


def _rounded(values: Floats, step: float) -> Floats:
    """At least one whole step, and the number nearest to its decimal: 0.3 and not 0.30000000000000004."""
    per_unit = round(1 / step)
    if per_unit > 1 and abs(per_unit * step - 1) < 1e-12:
        return np.maximum(np.rint(values * per_unit), 1.0) / per_unit
    return np.maximum(np.rint(values / step), 1.0) * step
