"""The kernel: one pass over the bars does signals, fills, accounting and metrics. One source for runs and sweeps.

Everything here is plain Python that :mod:`tradewright.backtest.compiled` turns into machine code, with the strategy's
``generate_signal`` in the place of the one below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.account import (
    CASH,
    FEES,
    FILLS,
    LIMIT,
    LOTS,
    ORDERS,
    STOP,
    TARGET,
    TRADES,
    WINS,
    WORKING,
    Market,
    Tape,
)
from tradewright.backtest.orders import (
    SHARE,
    WANTED,
    WISH_LIMIT,
    WISH_STOP,
    WISH_TARGET,
    close_out,
    place,
    sized_at_decision,
    work,
)
from tradewright.backtest.spec import Rules
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action

(FINAL_EQUITY, PEAK, WORST, WORST_PEAK, MAX_DRAWDOWN, RETURN_SUM, RETURN_SQUARES, BARS_HELD, ALL_ORDERS, ALL_FILLS,
 ALL_FEES, ALL_TRADES, ALL_WINS) = range(13)  # fmt: skip
SUMMARY_SLOTS = 13

BLOCK_BARS = 64
"""Bars whose drawdown is looked at in one go."""


Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Curves(NamedTuple):
    """Values after each bar's close; empty where nobody asked for them."""

    equity: Floats
    cash: Floats
    position: Floats


class Scratch(NamedTuple):
    """Memory that one thread reuses for one set after the other: the book, and the ring of wishes on their way.

    The ring has a power of two of slots, more than a delay has bars; bar ``b`` uses slot ``b mod slots``.
    """

    book: Floats
    wishes: Matrix
    due: Indices


def generate_signal(_i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """The place of the strategy's decision; on its own it never wishes anything."""
    return HOLD


def chosen_columns(columns: Matrix, row: Indices) -> tuple[Floats, ...]:
    """The columns of one set as a tuple; compiled for the strategy's number of features."""
    return tuple(columns[index] for index in row)


def chosen_values(row: Floats) -> tuple[float, ...]:
    """The parameters of one set as a tuple; compiled for the strategy's number of parameters."""
    return tuple(row)


def open_account(book: Floats, rules: Rules) -> None:
    """A new account: the cash, and nothing else."""
    book[:] = 0.0
    book[CASH] = rules.cash
    book[STOP] = book[TARGET] = book[LIMIT] = NAN


def trade_bar(book: Floats, tape: Tape, market: Market, rules: Rules, i: int, wish: Floats, due: bool) -> bool:
    """Everything that fills in bar ``i``, in its order in time; True while something rests in the market."""
    if due and not rules.at_close:
        place(book, tape, market, rules, i, wish)
    work(book, tape, market, rules, i)
    if due and rules.at_close and rules.delay > 0:
        place(book, tape, market, rules, i, wish)
    return resting(book)


def resting(book: Floats) -> bool:
    """Whether a working order or a guard needs the next bar to be watched."""
    guarded = book[LOTS] != 0.0 and (book[STOP] == book[STOP] or book[TARGET] == book[TARGET])
    return bool(book[WORKING] != 0.0 or guarded)


def send(scratch: Scratch, book: Floats, rules: Rules, i: int, action: Action, close: Floats) -> None:
    """Size the wish of bar ``i`` and put it on its way: it reaches the market ``delay`` bars later."""
    share = min(max(action[0], -1.0), 1.0)
    slot = (i + rules.delay) & (len(scratch.due) - 1)
    scratch.due[slot] = i + rules.delay
    wish = scratch.wishes[slot]
    wish[SHARE] = share
    equity = book[CASH] + book[LOTS] * (rules.lot_size * rules.multiplier) * close[i]
    wish[WANTED] = sized_at_decision(share, equity, close[i], action[1], action[2], rules)
    wish[WISH_LIMIT], wish[WISH_STOP], wish[WISH_TARGET] = action[1], action[2], action[3]


def next_wish(scratch: Scratch, rules: Rules, i: int) -> int:
    """The first bar after ``i`` that a wish on its way reaches, -1 where none is."""
    for bar in range(i + 1, i + rules.delay + 1):
        if scratch.due[bar & (len(scratch.due) - 1)] == bar:
            return bar
    return -1


def first_wish(features: tuple[Floats, ...], params: tuple[float, ...], start: int, stop: int, position: float) -> int:
    """The first bar in ``[start, stop)`` with a wish while ``position`` is held, ``stop`` where there is none."""
    if start < 0:  # never so; it tells the compiler that no index counts from the end
        return stop
    for i in range(start, stop):
        target = generate_signal(i, features, params, position)[0]
        if target == target:
            return i
    return stop


def mark(summary: Floats, close: Floats, start: int, stop: int, cash: float, worth: float) -> None:
    """Add the bars ``[start, stop)`` to returns and drawdown; the position is worth ``worth`` per price point in all.

    The drawdown is looked at in blocks: where even the lowest equity of a block under the highest peak that it reaches
    is no new depth, no bar of it is. So most bars cost one division, that of their return.
    """
    last = summary[FINAL_EQUITY]
    total = summary[RETURN_SUM]
    squares = summary[RETURN_SQUARES]
    for first in range(start, stop, BLOCK_BARS):
        beyond = min(first + BLOCK_BARS, stop)
        high = low = cash + worth * close[first]
        for i in range(first, beyond):
            equity = cash + worth * close[i]
            change = equity / last - 1.0
            total += change
            squares += change * change
            last = equity
            high = max(high, equity)
            low = min(low, equity)
        if low * summary[WORST_PEAK] < summary[WORST] * max(high, summary[PEAK]):
            deepen(summary, close, first, beyond, cash, worth)
        summary[PEAK] = max(summary[PEAK], high)
    summary[FINAL_EQUITY] = last
    summary[RETURN_SUM] = total
    summary[RETURN_SQUARES] = squares


def deepen(summary: Floats, close: Floats, start: int, stop: int, cash: float, worth: float) -> None:
    """Find the deepest drawdown of a block: ``e`` under ``p`` is deeper than ``w`` under ``v`` where ``e v < w p``."""
    peak = summary[PEAK]
    for i in range(start, stop):
        equity = cash + worth * close[i]
        peak = max(peak, equity)
        if equity * summary[WORST_PEAK] < summary[WORST] * peak:
            summary[WORST] = equity
            summary[WORST_PEAK] = peak


def stretch(book: Floats, rules: Rules, curves: Curves, summary: Floats, close: Floats, start: int, stop: int) -> None:
    """Account for the bars ``[start, stop)``, at whose closes the position was that of the book."""
    lots = book[LOTS]
    cash = book[CASH]
    worth = lots * rules.lot_size * rules.multiplier
    if lots != 0.0 or cash != summary[FINAL_EQUITY]:
        mark(summary, close, start, stop, cash, worth)
        summary[BARS_HELD] += stop - start if lots != 0.0 else 0
    if len(curves.equity) > 0:
        for i in range(start, stop):
            curves.equity[i] = cash + worth * close[i]
            curves.cash[i] = cash
            curves.position[i] = lots * rules.lot_size


def simulate(
    features: tuple[Floats, ...],
    params: tuple[float, ...],
    market: Market,
    rules: Rules,
    scratch: Scratch,
    tape: Tape,
    curves: Curves,
    summary: Floats,
) -> None:
    """Run one parameter set over all bars; the totals go to ``summary``, the rest where there is room for it.

    The bars fall into stretches with one position, from a bar in which something may have filled to the next wish: one
    tight loop looks for the wish, and, only while a position is held, a second one adds up the returns.
    """
    book = scratch.book
    close = market.close
    open_account(book, rules)
    scratch.due[:] = -1
    summary[:] = 0.0
    summary[FINAL_EQUITY] = summary[PEAK] = summary[WORST] = summary[WORST_PEAK] = rules.cash
    bars = len(close)
    ending = bars - 1 if rules.close_at_end else bars
    next_due = -1
    watched = False
    i = 0
    while i < bars:
        if watched or i == next_due:
            watched = trade_bar(book, tape, market, rules, i, scratch.wishes[i & (len(scratch.due) - 1)], i == next_due)
            next_due = next_wish(scratch, rules, i) if i == next_due else next_due
        if i == ending:
            close_out(book, tape, market, rules, i)
            stretch(book, rules, curves, summary, close, i, bars)
            break
        stop = i + 1 if watched else (min(next_due, ending) if next_due > i else ending)
        wish = first_wish(features, params, i, stop, book[LOTS] * rules.lot_size)
        done = min(wish + 1, stop)
        if wish < stop:
            send(
                scratch, book, rules, wish, generate_signal(wish, features, params, book[LOTS] * rules.lot_size), close
            )
            next_due = wish + rules.delay if next_due <= wish else next_due
        if wish < stop and rules.delay == 0:
            stretch(book, rules, curves, summary, close, i, wish)
            place(book, tape, market, rules, wish, scratch.wishes[0])
            watched = resting(book)
            i = wish
        stretch(book, rules, curves, summary, close, i, done)
        i = done
    summary[MAX_DRAWDOWN] = summary[WORST] / summary[WORST_PEAK] - 1.0
    summary[ALL_ORDERS] = book[ORDERS]
    summary[ALL_FILLS] = book[FILLS]
    summary[ALL_FEES] = book[FEES]
    summary[ALL_TRADES] = book[TRADES]
    summary[ALL_WINS] = book[WINS]


def simulate_sets(
    features: tuple[Floats, ...],
    params: tuple[float, ...],
    columns: Matrix,
    which: Indices,
    values: Matrix,
    market: Market,
    rules: Rules,
    scratch: Scratch,
    tape: Tape,
    curves: Curves,
    summaries: Matrix,
) -> None:
    """Run the parameter sets of ``values`` (one row each), one after the other.

    Set ``s`` reads the columns ``columns[which[s, k]]``. Where ``which`` is empty, ``features`` and ``params`` are used
    as they are.
    """
    for s in range(len(summaries)):
        if len(which) > 0:
            features = chosen_columns(columns, which[s])
            params = chosen_values(values[s])
        simulate(features, params, market, rules, scratch, tape, curves, summaries[s])
