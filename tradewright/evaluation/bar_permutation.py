"""Bars in another order: the same moves, whose order carries nothing.

Source: T. Masters, "Permutation and Randomization Tests for Trading System Development", 2018.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Bars, Floats, Times


def can_be_permuted(bars: Bars) -> bool:
    """Whether there are two bars to change places, and every price is above zero, so that moves are ratios."""
    return len(bars.ts) > 1 and all((prices > 0.0).all() for prices in (bars.open, bars.high, bars.low, bars.close))


def permuted_bars(bars: Bars, days: Times, seed: int | tuple[int, ...]) -> Bars:
    """The bars with their moves in random order; times stay, and so do the first open and, but for rounding, the last
    close.

    A bar's shape is its high, low and close as multiples of its open; it stays together with the bar's volume and
    spread, and changes places with the shapes of other bars. The gap of a bar is its open as a multiple of the close
    before it; gaps change places among themselves, those at the beginning of a session apart from those within one.
    Series of equal length and sessions are permuted alike by the same seed.

    Args:
        bars: that :func:`can_be_permuted`.
        days: the date of each bar's session, ascending.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(bars.ts))
    gaps = bars.open[1:] / bars.close[:-1]
    begins = np.diff(days) != 0
    for kind in (begins, ~begins):
        gaps[kind] = random.permutation(gaps[kind])
    high, low, close = ((prices / bars.open)[order] for prices in (bars.high, bars.low, bars.close))
    opens = _opens(bars.open[0], gaps, close)
    return Bars(bars.ts, opens, opens * high, opens * low, opens * close, bars.volume[order], bars.spread[order])


def _opens(first: float, gaps: Floats, close: Floats) -> Floats:
    """Each open: the one before it times its bar's move and the gap; added up as logarithms."""
    steps: npt.NDArray[np.float64] = np.log(gaps) + np.log(close[:-1])
    opens: Floats = first * np.exp(np.concatenate(([0.0], np.cumsum(steps))))
    return opens
