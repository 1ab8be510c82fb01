"""The reason why a backtest has no fill, as far as the strategy, its bars and its terms tell it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.backtest.sizing import RISK_PER_TRADE
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.formatting import count
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import OrderRequest, Strategy

MOST_BARS = 100_000
"""Bars whose decisions are made again, in plain Python: half a second."""

Mask = npt.NDArray[np.bool_]
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
    if never := [name for name, each in known.items() if not each.any()]:
        verb = "is" if len(never) == 1 else "are"
        return (
            f"{', '.join(never)} {verb} known in none of the {_bars(bars, first, upto)}:"
            " the window is longer than the history, or the bars lack what it reads."
        )
    try:
        actions = replay(strategy, bars, np.zeros(upto), spec.secondary)[first:upto]
    except StrategyError:
        return ""
    wanted: Mask = ~np.isnan(actions[:, 0]) & (actions[:, 0] != 0.0)
    if not wanted.any():
        together = np.logical_and.reduce([*known.values(), np.ones(upto - first, bool)])
        return (
            f"It wanted a position in none of the {_bars(bars, first, upto)};"
            f" all that it reads is known in {int(together.sum()):,} of them."
        )
    allowed: Mask = wanted if spec.allow_short else wanted & (actions[:, 0] > 0.0)
    if not allowed.any():
        return (
            f"It wanted short positions alone, in {count(int(wanted.sum()), 'bar')},"
            " and they are not allowed (backtest.allow_short=false)."
        )
    place = int(np.argmax(allowed))
    day = np.datetime64(int(bars.ts[first + place]), "ns").astype("datetime64[D]")
    if first + place + spec.rules().delay >= len(bars.ts):
        return f"The first position was wanted on {day}, and no later bar is there to fill it."
    wish = f"It wanted a position in {count(int(allowed.sum()), 'bar')}, first on {day}"
    return f"{wish}, and {_not_filled(actions[allowed], spec) if orders else _not_sent(actions[allowed], spec)}."


def _bars(bars: Bars, first: int, upto: int) -> str:
    told = count(upto - first, "bar")
    return told if upto == len(bars.ts) else f"first {told}"


def _column(actions: Floats, name: str) -> Floats:
    """One term of the requests; NaN where four numbers do not have it."""
    place = _NAMES.index(name)
    return actions[:, place] if place < actions.shape[1] else np.full(len(actions), np.nan)


def _not_sent(actions: Floats, spec: BacktestSpec) -> str:
    stops = [_column(actions, name) for name in ("stop", "trail", "trail_percent")]
    if spec.sizing.terms().kind == RISK_PER_TRADE and all(np.isnan(each).all() for each in stops):
        return "names no stop, without which risk_per_trade gives no size"
    return f"the size came to less than one lot ({spec.lot_size:g}) each time: the cash or the share of it is too small"


def _not_filled(actions: Floats, spec: BacktestSpec) -> str:
    prices = [_column(actions, name) for name in ("limit", "stop_entry")]
    if not np.logical_and.reduce([np.isnan(each) for each in prices]).any():
        return "no bar reached the prices of its orders while they worked"
    paid = f"the cash did not cover one lot ({spec.lot_size:g}) with its costs at the price of the fill"
    return paid if spec.volume_share is None else f"{paid}, or the share of a bar's volume was less than one"
