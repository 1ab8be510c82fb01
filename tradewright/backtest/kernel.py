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

(FINAL_EQUITY, PEAK, WORST, RETURN_SUM, RETURN_SQUARES, BARS_HELD, ALL_ORDERS, ALL_FILLS, ALL_FEES, ALL_TRADES,
 ALL_WINS) = range(11)  # fmt: skip
SUMMARY_SLOTS = 11


Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


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
    if rules.at_close and resting(book):
        work(book, tape, market, rules, i)
    if due:
        place(book, tape, market, rules, i, wish)
    if not rules.at_close and resting(book):
        work(book, tape, market, rules, i)
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
    for i in range(start, stop):
        target = generate_signal(i, features, params, position)[0]
        if target == target:
            return i
    return stop


def ride(
    features: tuple[Floats, ...],
    params: tuple[float, ...],
    start: int,
    stop: int,
    position: float,
    cash: float,
    worth: float,
    close: Floats,
    summary: Floats,
) -> int:
    """:func:`first_wish` and :func:`mark` in one loop: the bar of the wish, itself marked, or ``stop``."""
    last = summary[FINAL_EQUITY]
    total = squares = 0.0
    high = low = cash + worth * close[start]
    wish = stop
    for i in range(start, stop):
        equity = cash + worth * close[i]
        change = equity / last - 1.0
        total += change
        squares += change * change
        last = equity
        high = max(high, equity)
        low = min(low, equity)
        target = generate_signal(i, features, params, position)[0]
        if target == target:
            wish = i
            break
    summary[FINAL_EQUITY] = last
    summary[RETURN_SUM] += total
    summary[RETURN_SQUARES] += squares
    done = min(wish + 1, stop)
    summary[BARS_HELD] += done - start
    descend(summary, close, start, done, cash, worth, high, low)
    return wish


def mark(summary: Floats, book: Floats, rules: Rules, close: Floats, i: int) -> None:
    """Add bar ``i``, at whose close the position was that of the book, to returns and drawdown."""
    cash = book[CASH]
    worth = book[LOTS] * rules.lot_size * rules.multiplier
    equity = cash + worth * close[i]
    change = equity / summary[FINAL_EQUITY] - 1.0
    summary[FINAL_EQUITY] = equity
    summary[RETURN_SUM] += change
    summary[RETURN_SQUARES] += change * change
    summary[BARS_HELD] += 1.0 if worth != 0.0 else 0.0
    descend(summary, close, i, i + 1, cash, worth, equity, equity)


def descend(
    summary: Floats, close: Floats, start: int, stop: int, cash: float, worth: float, high: float, low: float
) -> None:
    """Add the bars ``[start, stop)``, whose equity stayed within ``low`` and ``high``, to the deepest drawdown.

    Only where they rise above the peak, and fall deep enough under it, are they looked at one by one.
    """
    peak = summary[PEAK]
    worst = summary[WORST]
    if high <= peak:
        summary[WORST] = min(worst, low / peak)
        return
    if low < worst * high:
        for i in range(start, stop):
            equity = cash + worth * close[i]
            peak = max(peak, equity)
            worst = min(worst, equity / peak)
        summary[WORST] = worst
    summary[PEAK] = high


def at_the_close(
    features: tuple[Floats, ...],
    params: tuple[float, ...],
    book: Floats,
    tape: Tape,
    market: Market,
    rules: Rules,
    scratch: Scratch,
    i: int,
    ending: bool,
) -> bool:
    """What fills at the very close of bar ``i``: the end of the run, or a wish without delay; as :func:`trade_bar`."""
    if ending:
        close_out(book, tape, market, rules, i)
        return False
    action = generate_signal(i, features, params, book[LOTS] * rules.lot_size)
    if action[0] == action[0]:
        send(scratch, book, rules, i, action, market.close)
        place(book, tape, market, rules, i, scratch.wishes[0])
    return resting(book)


def simulate(
    features: tuple[Floats, ...],
    params: tuple[float, ...],
    market: Market,
    rules: Rules,
    scratch: Scratch,
    tape: Tape,
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
    summary[FINAL_EQUITY] = summary[PEAK] = rules.cash
    summary[WORST] = 1.0
    bars = len(close)
    ending = bars - 1 if rules.close_at_end else bars
    next_due = -1
    watched = False
    i = 0
    while i < bars:
        if watched or i == next_due:
            watched = trade_bar(book, tape, market, rules, i, scratch.wishes[i & (len(scratch.due) - 1)], i == next_due)
            next_due = next_wish(scratch, rules, i) if i == next_due else next_due
        if i == ending or rules.delay == 0:
            watched = at_the_close(features, params, book, tape, market, rules, scratch, i, i == ending)
            mark(summary, book, rules, close, i)
            i += 1
            continue
        stop = i + 1 if watched else (min(next_due, ending) if next_due > i else ending)
        position = book[LOTS] * rules.lot_size
        if position != 0.0:
            wish = ride(features, params, i, stop, position, book[CASH], position * rules.multiplier, close, summary)
        else:
            wish = first_wish(features, params, i, stop, position)
            if book[CASH] != summary[FINAL_EQUITY]:
                mark(summary, book, rules, close, i)
        if wish < stop:
            send(scratch, book, rules, wish, generate_signal(wish, features, params, position), close)
            next_due = wish + rules.delay if next_due <= wish else next_due
        i = min(wish + 1, stop)
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
        simulate(features, params, market, rules, scratch, tape, summaries[s])
