"""A strategy's decisions as plain Python, bar by bar, and the target in force after the newest close."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tradewright.backtest.code import answers_with_requests
from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import (
    action_of,
    features_of,
    limited_action,
    located_errors,
    strategy_error,
)
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import DataError
from tradewright.model.secondary import SecondarySeries
from tradewright.model.strategy import Action, OrderRequest, Strategy


def decide(
    strategy: Strategy, bars: Bars, position: float, secondary: SecondarySeries | None = None
) -> Action | OrderRequest:
    """The action of the strategy at the close of the last bar, without later bars; ``position`` in signed units.

    A request where the strategy answers with requests, else the four numbers.

    Args:
        secondary: the bars of other timeframes and instruments that it reads.

    Raises:
        IndexError: without a bar.
        DataError: a series that it reads is not among ``secondary``.
        StrategyError: the strategy's own code failed, or it asks for what no signal carries.
    """
    if len(bars.ts) == 0:
        raise IndexError("there is no bar to decide on")
    features = columns(features_of(strategy), bars, secondary)
    last = len(bars.ts) - 1
    with located_errors(strategy), np.errstate(all="ignore"):
        action = strategy.generate_signal(last, features, strategy.parameters(), position)
        found = OrderRequest(*map(float, limited_action(strategy, action, last)))
    refuse_orders(strategy, np.array([found]), last)
    return found if isinstance(action, OrderRequest) else (found.target, found.limit, found.stop, found.take_profit)


def feature_values(
    strategy: Strategy, bars: Bars, secondary: SecondarySeries | None = None
) -> list[tuple[str, Floats]]:
    """What the strategy reads, in its order: each feature by name and arguments, as ``ema(12)``, with its column."""
    features = features_of(strategy)
    return list(zip((each.label for each in features), columns(features, bars, secondary), strict=True))


def replay(strategy: Strategy, bars: Bars, positions: Floats, secondary: SecondarySeries | None = None) -> Floats:
    """The action of every bar, given the position held at its close.

    Shape (bars, 4), an :data:`Action` per row; (bars, 10), an :class:`OrderRequest` per row, of a strategy that answers
    with requests.
    """
    features = columns(features_of(strategy), bars, secondary)
    parameters = strategy.parameters()
    requests = answers_with_requests(strategy.generate_signal)
    actions = np.empty((len(bars.ts), len(OrderRequest._fields) if requests else 4))
    with located_errors(strategy), np.errstate(all="ignore"):
        for i, position in enumerate(positions):
            actions[i] = action_of(strategy, strategy.generate_signal(i, features, parameters, float(position)), i)
    return actions


BACKTESTED_ALONE = {
    "stop_entry": "a stop entry",
    "time_stop": "a time stop",
    "fill_at": "a fill at the open or at the close",
}
"""What a request may ask for and no signal carries, with its name."""


def refuse_orders(strategy: Strategy, actions: Floats, first: int = 0) -> None:
    """Refuse the actions of successive bars, the first of which is ``first``, that ask for more than signals carry.

    Raises:
        StrategyError: naming the strategy, the bar and the kind of order.
    """
    for name, kind in BACKTESTED_ALONE.items() if actions.shape[1] > 4 else ():
        asked = ~np.isnan(actions[:, 0]) & ~np.isnan(actions[:, OrderRequest._fields.index(name)])
        if asked.any():
            bar = first + int(np.argmax(asked))
            raise strategy_error(
                strategy,
                f"it asks for {kind} ({name}) in bar {bar}, which backtests have and signals do not carry",
                "to trade it, let it ask for limit, stop, trail and take_profit alone, and decide its other exits "
                "itself; "
                "to study it, keep its file out of a conf/strategy from which signals are made",
            )


_EXITS = (FillReason.STOP, FillReason.TRAILING_STOP, FillReason.TAKE_PROFIT)


class CurrentTarget(NamedTuple):
    """The target in force after the newest bar.

    Args:
        target: in [-1, 1] as the strategy gave it; 0 is flat.
        since: index of the bar on whose close it was decided, in which a stop, trailing stop or take-profit ended the
            position, or in which a limit was reached; 0 for a strategy that never set a target.
        stop, take_profit: prices as the strategy gave them with the target; NaN for none.
        trail, trail_percent: the distance of its trailing stop, in price units or in percent; NaN for none.
    """

    target: float
    since: int
    stop: float = math.nan
    take_profit: float = math.nan
    trail: float = math.nan
    trail_percent: float = math.nan


def current_target(strategy: Strategy, bars: Bars, spec: BacktestSpec) -> CurrentTarget:
    """Replay the strategy over all bars, stops included, and return the target in force after the newest close.

    Decisions reach the market at the next open here, and fill whole, whatever ``spec`` says of delay, fill and share of
    the volume: waiting for longer is a caution of backtests, and nothing that live trading does. A target for the
    direction that stands already does not renew it. A target with a limit closes what is held the other way at once,
    and stands for itself, with its exits, once its limit is reached: live orders are market orders.

    Raises:
        DataError: without a bar.
        StrategyError: the strategy asks for what no signal carries.
    """
    return target_changes(strategy, bars, spec)[-1]


def target_changes(strategy: Strategy, bars: Bars, spec: BacktestSpec) -> list[CurrentTarget]:
    """Every target that was in force one after the other, oldest first, as :func:`current_target` defines it.

    The first is flat since bar 0. The one in force after the close of bar ``i`` is the last with ``since <= i``.

    Raises:
        DataError: without a bar.
        StrategyError: the strategy asks for what no signal carries.
    """
    if len(bars.ts) == 0:
        raise DataError("no bars to decide on", where=strategy.name, remedy="materialize the bars first")
    live = replace(spec, bar_delay=1, fill_market="next_open", volume_share=None, close_at_end=False)
    result = run(strategy, bars, live)
    found = [CurrentTarget(0.0, 0)]
    actions = replay(strategy, bars, result.position, spec.secondary)
    refuse_orders(strategy, actions)
    for change in _changes(actions, result, allow_short=spec.allow_short):
        if np.sign(change.target) != np.sign(found[-1].target):
            found.append(change)
    return found


def _changes(actions: Floats, result: BacktestResult, *, allow_short: bool) -> Iterator[CurrentTarget]:
    """Every change of the target, oldest first: decisions, and fills of resting orders (limits and exits)."""
    undecided: dict[int, list[tuple[FillReason, float]]] = {}
    for fill in result.fills:
        reason = FillReason(fill["reason"])
        if reason is FillReason.LIMIT or reason in _EXITS:
            undecided.setdefault(int(fill["bar"]), []).append((reason, float(fill["side"])))
    resting = CurrentTarget(0.0, 0)
    for bar in sorted({*undecided, *np.flatnonzero(~np.isnan(actions[:, 0])).tolist()}):
        for reason, side in undecided.get(bar, ()):
            is_entry = reason is FillReason.LIMIT
            yield resting._replace(target=side, since=bar) if is_entry else CurrentTarget(0.0, bar)
        request = OrderRequest(*actions[bar].tolist())
        if math.isnan(request.target):
            continue
        wanted = float(np.clip(request.target, -1.0 if allow_short else 0.0, 1.0))
        exits = request.stop, request.take_profit, request.trail, request.trail_percent
        if math.isnan(request.limit):
            yield CurrentTarget(wanted, bar, *exits)
            continue
        resting = CurrentTarget(wanted, bar, *exits)
        if wanted * result.position[bar] <= 0:
            yield CurrentTarget(0.0, bar)
