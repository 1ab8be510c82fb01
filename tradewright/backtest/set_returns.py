"""The returns of some of a sweep's parameter sets, period by period, beside those of holding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.backtest.account import FILLS, FillLog
from tradewright.backtest.engine import workspace_of
from tradewright.backtest.kernel import (
    ALL_FEES,
    ALL_FILLS,
    ALL_ORDERS,
    ALL_TRADES,
    ALL_WINS,
    SUMMARY_SLOTS,
    Matrix,
)
from tradewright.backtest.result import FILL, TRADE
from tradewright.backtest.strategy_errors import located_errors
from tradewright.backtest.sweep import PreparedSweep
from tradewright.model.bars import Floats, Times
from tradewright.model.strategy import Strategy

ROOM = 1 << 10
"""Fills that there is room for at first; a set with more is made once again with enough."""

COUNTED = [ALL_TRADES, ALL_WINS, ALL_ORDERS, ALL_FILLS, ALL_FEES]
"""The slots of a run's summary that count what was done."""


class SetReturns(NamedTuple):
    """The returns of sets.

    Args:
        returns: periods x sets: the sum of the returns of a period's bars, as fractions.
        exposures: by set the mean exposure at the closes from the first decided bar on, as a fraction of equity.
    """

    returns: Matrix
    exposures: Floats


def set_returns(
    strategies: Sequence[Strategy], prepared: PreparedSweep, rows: Sequence[int], groups: Times, *, threads: int = 1
) -> SetReturns:
    """The returns of the sets in ``rows``, the same whatever the number of threads.

    Args:
        groups: the first bar of each period, ascending from 0.
    """
    found = SetReturns(np.empty((len(groups), len(rows))), np.empty(len(rows)))
    with located_errors(strategies[0]), ThreadPoolExecutor(threads) as pool:
        for place, (sums, exposure) in enumerate(pool.map(lambda row: _of_set(prepared, row, groups), rows)):
            found.returns[:, place], found.exposures[place] = sums, exposure
    return found


def _of_set(prepared: PreparedSweep, row: int, groups: Times) -> tuple[Floats, float]:
    (fills, _counts), sums = fills_of_set(prepared, row), np.empty(len(groups))
    market, rules = prepared.market, prepared.rules
    exposure = _added_up(
        fills["bar"],
        fills["cash"],
        fills["position"] * rules.multiplier,
        fills["foreign"],
        market.marks,
        market.rate_close,
        rules.cash,
        rules.first_bar,
        groups,
        sums,
    )
    return sums, exposure


def fills_of_set(prepared: PreparedSweep, row: int) -> tuple[npt.NDArray[np.void], Floats]:
    """The fills and adjustments of one set, and its counts: closed trades, won ones, orders, fills, and fees."""
    room = ROOM
    while True:
        log = FillLog(np.empty(room, FILL), np.empty(0, TRADE))
        summary = np.empty((1, SUMMARY_SLOTS))
        workspace = workspace_of(prepared.rules)
        prepared.run(slice(row, row + 1), workspace, log, summary)
        made = int(workspace.account[FILLS])
        if made <= room:
            return log.fills[:made], summary[0, COUNTED]
        room = made


@njit(cache=True, nogil=True, error_model="numpy")
def _added_up(
    bars: Times,
    cash: Floats,
    worth: Floats,
    foreign: Floats,
    marks: Floats,
    rates: Floats,
    start: float,
    first: int,
    groups: Times,
    sums: Floats,
) -> float:
    """Fill ``sums`` with the returns of each period; the mean exposure from bar ``first`` on, until which none is held.

    As ``drawn``, ``returns_of`` and ``exposure_series`` would, in one pass: an equity at or below zero earns nothing.
    """
    last = start
    held, money, owed = 0.0, start, 0.0
    exposure, fill, period = 0.0, 0, 0
    sums[:] = 0.0
    for i in range(len(marks)):
        while fill < len(bars) and bars[fill] == i:
            held, money, owed = worth[fill], cash[fill], foreign[fill]
            fill += 1
        if period + 1 < len(groups) and groups[period + 1] == i:
            period += 1
        value = held * marks[i]
        equity = money + value + (owed * rates[i] if owed != 0.0 else 0.0)
        if last > 0.0:
            sums[period] += min(max(equity / last - 1.0, -1e6), 1e6)
        if held != 0.0 and equity > 0.0:
            exposure += min(max(value / equity, -1e6), 1e6)
        last = equity
    return exposure / (len(marks) - first) if len(marks) > first else 0.0


def even_sample(count: int, most: int) -> Iterator[int]:
    """At most ``most`` of ``count`` places, evenly spread, the first among them."""
    taken = min(count, most)
    return (place * count // taken for place in range(taken))
