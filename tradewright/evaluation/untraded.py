"""The reason why a backtest has no fill, as far as the strategy, its bars and its terms tell it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tradewright.backtest.sizing import FIXED_UNITS, RISK_PER_TRADE
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.formatting import count
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import OrderRequest, Strategy

MOST_BARS = 100_000
"""Bars whose decisions are made again, in plain Python: half a second."""

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
_NAMES = OrderRequest._fields


def reason_untraded(strategy: Strategy, bars: Bars, spec: BacktestSpec, orders: int) -> str:
    """The cause in one sentence, for a backtest without a fill; empty where it is not known.

    That is so without a bar, and for a decision that fails as plain Python (compiled, a division by zero is infinite).

    With nothing held, each decision depends on its bar alone, so the decisions of the run are made again: of the first
    :data:`MOST_BARS`, where there are more.

    Args:
        orders: how many were sent.
    """
    from tradewright.backtest.decisions import feature_values, replay  # loads the compiler

    first, upto = spec.first_bar, min(len(bars.ts), spec.first_bar + MOST_BARS)
    if upto <= first:
        return ""
    known = {name: ~np.isnan(values[first:upto]) for name, values in feature_values(strategy, bars, spec.secondary)}
    try:
        actions = replay(strategy, bars, np.zeros(upto), spec.secondary)[first:upto]
    except StrategyError:
        return ""
    wanted: Mask = ~np.isnan(actions[:, 0]) & (actions[:, 0] != 0.0)
    if not wanted.any():
        return _not_wanted(known, bars, first, upto)
    allowed: Mask = wanted if spec.allow_short else wanted & (actions[:, 0] > 0.0)
    among = "" if upto == len(bars.ts) else f" of the {_bars(bars, first, upto)}"
    if not allowed.any():
        return (
            f"It wanted short positions alone, in {count(int(wanted.sum()), 'bar')}{among},"
            " and they are not allowed (backtest.allow_short=false)."
        )
    places = first + np.flatnonzero(allowed)
    day = np.datetime64(int(bars.ts[places[0]]), "ns").astype("datetime64[D]")
    if places[0] + spec.rules().delay >= len(bars.ts):
        return f"The first position was wanted on {day}, and no later bar is there to fill it."
    wish = f"It wanted a position in {count(len(places), 'bar')}{among}, first on {day}"
    if orders == 0:
        return f"{wish}, and {_not_sent(actions[allowed], spec)}."
    return f"{wish}, and {_not_filled(actions[allowed], places, bars, spec, is_whole=not among)}."


def _not_wanted(known: Mapping[str, Mask], bars: Bars, first: int, upto: int) -> str:
    """Why no position was wanted, as far as what the strategy reads tells it."""
    if never := [name for name, each in known.items() if not each.any()]:
        verb = "is" if len(never) == 1 else "are"
        return (
            f"{', '.join(never)} {verb} known in none of the {_bars(bars, first, upto)}:"
            " the window is longer than the history, or the bars lack what it reads."
        )
    together = np.logical_and.reduce([*known.values(), np.ones(upto - first, bool)])
    return (
        f"It wanted a position in none of the {_bars(bars, first, upto)};"
        f" all that it reads is known in {int(together.sum()):,} of them."
    )


def _bars(bars: Bars, first: int, upto: int) -> str:
    told = count(upto - first, "bar")
    return told if upto == len(bars.ts) else f"first {told}"


def _column(actions: Floats, name: str) -> Floats:
    """One term of the requests; NaN where four numbers do not have it."""
    place = _NAMES.index(name)
    return actions[:, place] if place < actions.shape[1] else np.full(len(actions), np.nan)


def _not_sent(actions: Floats, spec: BacktestSpec) -> str:
    stops = [_column(actions, name) for name in ("stop", "trail", "trail_percent")]
    kind, small = spec.sizing.terms().kind, f"the size came to less than one lot ({spec.lot_size:g}) each time"
    if kind == FIXED_UNITS:
        return f"{small}: the units of the sizing are too few"
    if kind != RISK_PER_TRADE:
        return f"{small}: the cash or the share of it is too small"
    if all(np.isnan(each).all() for each in stops):
        return "names no stop, without which risk_per_trade gives no size"
    return f"{small}: the stop is missing, at the price of the entry, or too far off for the cash and the risk"


def _not_filled(actions: Floats, places: Places, bars: Bars, spec: BacktestSpec, *, is_whole: bool) -> str:
    """Why orders were not filled: the causes that are possible, where prices and bars do not settle it.

    Args:
        actions: those that were asked for.
        places: their bars.
        is_whole: whether all bars were looked at, and so all orders are among them.
    """
    paid = f"the cash did not cover one lot ({spec.lot_size:g}) with its costs at the price of the fill"
    paid += "" if spec.volume_share is None else ", or the share of a bar's volume was less than one"
    priced = ~np.isnan(_column(actions, "limit")) | ~np.isnan(_column(actions, "stop_entry"))
    if is_whole and not priced.any():
        return paid
    missed = "no bar reached the prices of its orders while they worked"
    if is_whole and priced.all() and not _reached(actions, places + spec.rules().delay, bars).any():
        return missed
    return f"either {missed}, or {paid}"


def _reached(actions: Floats, starts: Places, bars: Bars) -> Mask:
    """Whether any bar from its start on came to the price of each order, however long it worked."""
    late = starts >= len(bars.ts)
    starts = np.minimum(starts, len(bars.ts) - 1)
    highest = np.maximum.accumulate(bars.high[::-1])[::-1][starts]
    lowest = np.minimum.accumulate(bars.low[::-1])[::-1][starts]
    limit, trigger, buys = _column(actions, "limit"), _column(actions, "stop_entry"), actions[:, 0] > 0.0
    at_limit = np.where(buys, lowest <= limit, highest >= limit) | np.isnan(limit)
    triggered = np.where(buys, highest >= trigger, lowest <= trigger) | np.isnan(trigger)
    found: Mask = at_limit & triggered & ~late
    return found
