"""The standing wish: what a strategy wants now, and since which bar, found by replaying it up to the newest close.

A wish has a birthday. As long as it stands its signal keeps its id, so a missed run is made up for by the next one, and
asking every minute does not make a new order every minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tradewright.backtest.decisions import replay
from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import DataError
from tradewright.model.strategy import Strategy

_EXITS = (FillReason.STOP, FillReason.TAKE_PROFIT)


class StandingWish(NamedTuple):
    """What is wanted.

    Args:
        target: in [-1, 1] as the strategy gave it; 0 is flat.
        since: index of the bar on whose close it was decided, in which a stop or take-profit ended the position, or in
            which a limit was reached; 0 for a strategy that never wished for anything.
        stop, take_profit: prices as the strategy gave them with the wish; NaN for none.
    """

    target: float
    since: int
    stop: float = math.nan
    take_profit: float = math.nan


def standing_wish(strategy: Strategy, bars: Bars, spec: BacktestSpec) -> StandingWish:
    """Replay the strategy over all bars, stops included, and say what it wants after the newest close.

    Decisions reach the market at the next open here, whatever ``spec`` says of delay and fill: waiting for longer is a
    caution of backtests, and nothing that live trading does. A wish for the direction that stands already does not
    renew it. A wish with a limit closes what is held the other way at once, and stands for itself once its limit is
    reached: live orders are market orders.

    Raises:
        DataError: without a bar.
    """
    if len(bars.ts) == 0:
        raise DataError("no bars to decide on", where=strategy.name, remedy="materialize the bars first")
    result = run(strategy, bars, replace(spec, bar_delay=1, fill_market="next_open", close_at_end=False))
    standing = StandingWish(0.0, 0)
    for wish in _wishes(replay(strategy, bars, result.position), result, allow_short=spec.allow_short):
        if np.sign(wish.target) != np.sign(standing.target):
            standing = wish
    return standing


def _wishes(actions: Floats, result: BacktestResult, *, allow_short: bool) -> Iterator[StandingWish]:
    """Everything that changed the strategy's mind, oldest first: decisions, and fills that nobody decided."""
    fills = [(int(fill["bar"]), FillReason(fill["reason"]), float(fill["side"])) for fill in result.fills]
    undecided: dict[int, list[StandingWish]] = {}
    for bar, reason, side in fills:
        if reason is FillReason.LIMIT or reason in _EXITS:
            target = side if reason is FillReason.LIMIT else 0.0
            undecided.setdefault(bar, []).append(StandingWish(target, bar))
    for bar in sorted({*undecided, *np.flatnonzero(~np.isnan(actions[:, 0])).tolist()}):
        yield from undecided.get(bar, ())
        target, limit, stop, take_profit = actions[bar].tolist()
        if math.isnan(target):
            continue
        wanted = float(np.clip(target, -1.0 if allow_short else 0.0, 1.0))
        if math.isnan(limit):
            yield StandingWish(wanted, bar, stop, take_profit)
        elif wanted * result.position[bar] <= 0:
            yield StandingWish(0.0, bar)
