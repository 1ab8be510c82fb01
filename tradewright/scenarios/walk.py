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

_REGIME_STEPS = 150
"""How long a regime lasts on average."""

_MOST_DEVIATIONS = 8.0
"""Where a step's move is cut off."""

_PULL = 0.7
"""The share of a history's mean return that is taken back, so that levels stay plausible over any length."""

_DECIMALS = 10


class Walk(NamedTuple):
    """A path of prices, one step per bar; all of shape (n,). ``sigma`` is the deviation of a step's log return."""

    opens: Floats
    closes: Floats
    sigma: Floats


def walk(common: Floats, share: float, sigma: Floats, start: float, rng: np.random.Generator) -> Walk:
    """A walk from the price ``start``.

    A trend regime and a volatility regime, drawn apart, last about 150 steps each. A bar opens where the one before
    closed, except after a closed market: where ``sigma`` is larger than usual, so much of the move is a gap.

    Args:
        common: the market's standardised moves at the instrument's own steps; shape (n,).
        share: the share of variance that comes from the market, in [0, 1].
        sigma: standard deviation of each step's log return; shape (n,), all positive.
    """
    own = rng.standard_normal(len(common))
    moves = np.sqrt(share) * common + np.sqrt(1 - share) * own
    trend, loud = (_regimes(len(common), kinds, rng) for kinds in (_TRENDS, _LOUDNESS))
    scale = sigma * loud
    returns = np.clip(moves + trend, -_MOST_DEVIATIONS, _MOST_DEVIATIONS) * scale
    if len(returns):
        returns -= _PULL * returns.mean()
    closes = start * np.exp(np.cumsum(returns))
    gap = 1 - (sigma.min(initial=np.inf) / sigma) ** 2
    opens = np.concatenate([[start], closes[:-1]])[: len(closes)] * np.exp(returns * gap)
    return Walk(opens, closes, scale)


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


def _regimes(count: int, kinds: Floats, rng: np.random.Generator) -> Floats:
    changes = rng.random(count) < 1 / _REGIME_STEPS
    choices = rng.integers(0, len(kinds), count)
    since = np.maximum.accumulate(np.where(changes, np.arange(count), 0))
    drawn: Floats = kinds[choices[since]]
    return drawn


def _rounded(values: Floats, step: float) -> Floats:
    """At least one whole step, and as a short decimal: 0.3 and not 0.30000000000000004."""
    return np.round(np.maximum(np.rint(values / step), 1.0) * step, _DECIMALS)
