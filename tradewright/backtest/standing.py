"""The standing wish: what a strategy wants now, and since which bar, found by replaying it up to the newest close.

A wish has a birthday. As long as it stands its signal keeps its id, so a missed run is made up for by the next one, and
asking every minute does not make a new order every minute.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tradewright.backtest.decisions import decide
from tradewright.backtest.engine import run
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import DataError
from tradewright.model.strategy import Strategy


class StandingWish(NamedTuple):
    """What is wanted.

    Args:
        target: -1 short, 0 flat, 1 long; fractions as the strategy gave them for a wish of the newest bar.
        since: index of the bar on whose close it was decided.
        stop, take_profit: prices; NaN for none, and for a wish that is older than the newest bar.
    """

    target: float
    since: int
    stop: float
    take_profit: float


def standing_wish(strategy: Strategy, bars: Bars, spec: BacktestSpec) -> StandingWish:
    """Replay the strategy over all bars, stops included, and say what it would hold after the next fill.

    Raises:
        DataError: without a bar.
    """
    if len(bars.ts) == 0:
        raise DataError("no bars to decide on", where=strategy.name, remedy="materialize the bars first")
    position = run(strategy, bars, replace(spec, close_at_end=False)).position
    held = float(np.sign(position[-1]))
    target, _, stop, take_profit = decide(strategy, bars, float(position[-1]))
    if not math.isnan(target):
        wanted = target if spec.allow_short else max(target, 0.0)
        if np.sign(wanted) != held:
            return StandingWish(float(np.clip(wanted, -1.0, 1.0)), len(bars.ts) - 1, stop, take_profit)
    return StandingWish(held, _decided(position, spec.bar_delay), math.nan, math.nan)


def _decided(position: Floats, delay: int) -> int:
    """The bar on which the present direction was decided: ``delay`` bars before the fill that began it."""
    signs = np.sign(position)
    changed = np.flatnonzero(np.diff(signs))
    return max(0, int(changed[-1]) + 1 - delay) if len(changed) else 0
