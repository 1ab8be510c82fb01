"""The panel kernel of decisions by instrument that compete for one cash.

Compiled by :mod:`tradewright.backtest.compiled` with the strategy's ``generate_signal`` in the place of the one below.
"""

from __future__ import annotations

from typing import NamedTuple

from tradewright.backtest.account import ACTIONS, LOTS, WORKING, FillLog, fees_at
from tradewright.backtest.actions import adjust_target
from tradewright.backtest.kernel import Indices, Matrix, chosen_columns, resting
from tradewright.backtest.orders import (
    TARGET_LIMIT,
    TARGET_SLOTS,
    TARGET_STOP,
    TARGET_TAKE_PROFIT,
    WANTED,
    WEIGHT,
    apply_target,
    match_resting,
    sized_at_decision,
)
from tradewright.backtest.panel.actions import acts_in, adjust_member
from tradewright.backtest.panel.book import (
    POOL_CASH,
    POOL_CLOSING,
    Book,
    Caps,
    Curves,
    Flags,
    Life,
    PanelMarket,
    PanelTerms,
    bars_of,
    close_ended,
    entry_money,
    has_bar,
    lend,
    margin_called,
    mark,
    open_book,
    pay_for_shorts,
    rules_of,
    settle,
)
from tradewright.backtest.sizing import whole_lots
from tradewright.backtest.spec import KernelParameters
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, OrderRequest


class Desk(NamedTuple):
    """Memory of the decisions, by instrument.

    ``targets`` is a ring with a power of two of rows, more than a delay has bars; a target arrives in bar ``due``.
    ``current`` is the newest that arrived, and ``ready`` whether it still waits for a bar. ``own`` counts the bars of
    the instrument itself, which its features are indexed by; ``matched`` is the bar in which its resting orders were
    looked at.
    """

    targets: Matrix
    due: Indices
    current: Matrix
    ready: Flags
    own: Indices
    matched: Indices


def generate_signal(_i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """The place of the strategy's decision; on its own it never targets anything."""
    return HOLD


def simulate_decisions(
    columns: Matrix,
    which: Indices,
    params: tuple[float, ...],
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    caps: Caps,
    life: Life,
    book: Book,
    desk: Desk,
    log: FillLog,
    curves: Curves,
) -> None:
    """Run one decision per instrument and bar over all bars. Instrument ``n`` reads ``columns[which[n, k]]``.

    The order of events in a bar is that of the one-instrument kernel, and within each step that of the instruments:
    the price of borrowed units; corporate actions; targets that arrived, sales before purchases; resting orders (before
    the targets where those fill at the close), entries before exits, since the moment of a fill inside a bar is not
    known and what an exit brings in must not pay for an entry of the same bar; positions of instruments that end; the
    mark; the margin guard; the decisions.
    """
    open_book(book, rules)
    desk.due[:, :] = -1
    desk.ready[:] = False
    desk.own[:] = -1
    desk.matched[:] = -1
    acted = 0
    for i in range(len(curves.equity)):
        pay_for_shorts(book, market, rules, caps, i)
        while ACTIONS and acts_in(market, acted, i):
            adjust_member(book, log, market, terms, rules, i, acted)
            adjust_targets(desk, i, int(market.actions[acted, 1]), market.actions[acted, 2])
            acted += 1
        if rules.at_close:
            match_all(book, log, market, terms, rules, caps, desk, i)
        if arrived(desk, i):
            apply_all(book, log, market, terms, rules, caps, desk, i)
        if not rules.at_close:
            match_all(book, log, market, terms, rules, caps, desk, i)
        if life.ending[i] > 0:
            close_ended(book, log, market, terms, rules, life, i)
        equity = mark(book, market, curves, i)
        called = i >= book.pool[POOL_CLOSING] and margin_called(book, market, rules, caps, i)
        if called:
            close_everything(book, desk, rules, i)
        decides = i >= book.pool[POOL_CLOSING]
        for n in range(len(desk.own)):
            if has_bar(market, i, n):
                desk.own[n] += 1
                if decides and i < life.closing[n]:
                    own, position = desk.own[n], book.accounts[n, LOTS] * terms.lot_size[n]
                    action = generate_signal(own, chosen_columns(columns, which[n]), params, position)
                    if action[0] == action[0]:
                        submit(desk, market, rules_of(rules, terms, n), i, n, action, equity)


def adjust_targets(desk: Desk, i: int, n: int, ratio: float) -> None:
    """The targets of an instrument that have not become orders, in new units."""
    for row in range(len(desk.due)):
        if desk.due[row, n] >= i and ratio != 1.0:
            adjust_target(desk.targets[row, n], ratio)
    if desk.ready[n] and ratio != 1.0:
        adjust_target(desk.current[n], ratio)


def arrived(desk: Desk, i: int) -> bool:
    """Take over the targets that are due in bar ``i``; whether any target waits for a fill."""
    row = i & (len(desk.due) - 1)
    found = False
    for n in range(len(desk.ready)):
        if desk.due[row, n] == i:
            for slot in range(TARGET_SLOTS):
                desk.current[n, slot] = desk.targets[row, n, slot]
            desk.ready[n] = True
        found = found or desk.ready[n]
    return found


def submit(
    desk: Desk, market: PanelMarket, rules: KernelParameters, i: int, n: int, action: Action, equity: float
) -> None:
    """Size a target on the equity of the whole account and put it on its way."""
    weight = min(max(action[0], -1.0), 1.0)
    row = (i + rules.delay) & (len(desk.due) - 1)
    desk.due[row, n] = i + rules.delay
    request = OrderRequest(action[0], action[1], action[2], action[3], NAN, NAN, NAN, NAN, NAN, NAN)
    desk.targets[row, n, :] = NAN
    desk.targets[row, n, WEIGHT] = weight
    fees = fees_at(bars_of(market, n), rules, i, True)
    desk.targets[row, n, WANTED] = sized_at_decision(request, weight, equity, market.close[i, n], 1.0, fees, rules)
    desk.targets[row, n, TARGET_LIMIT] = action[1]
    desk.targets[row, n, TARGET_STOP] = action[2]
    desk.targets[row, n, TARGET_TAKE_PROFIT] = action[3]


def close_everything(book: Book, desk: Desk, rules: KernelParameters, i: int) -> None:
    """Put a target of nothing on its way for every instrument, and take back all that was before it."""
    desk.due[:, :] = -1
    desk.ready[:] = False
    row = (i + rules.delay) & (len(desk.due) - 1)
    for n in range(len(desk.ready)):
        book.accounts[n, WORKING] = 0.0
        desk.due[row, n] = i + rules.delay
        desk.targets[row, n, :] = NAN
        desk.targets[row, n, WEIGHT] = 0.0


def apply_all(
    book: Book,
    log: FillLog,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    caps: Caps,
    desk: Desk,
    i: int,
) -> None:
    """Turn the targets that wait into orders: first those that sell or cover, then those that enter."""
    for n in range(len(desk.ready)):
        if desk.ready[n] and has_bar(market, i, n) and book.accounts[n, LOTS] != 0.0:
            reduce_one(book, log, market, terms, rules, desk, i, n)
    for n in range(len(desk.ready)):
        if desk.ready[n] and has_bar(market, i, n):
            apply_one(book, log, market, terms, rules, desk, i, n, entry_money(book, market, rules, caps, i, n))
            desk.ready[n] = False


def reduce_one(
    book: Book,
    log: FillLog,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    desk: Desk,
    i: int,
    n: int,
) -> None:
    """The part of a target that makes a position smaller: all of it where the target is flat or on the other side."""
    held, weight, wanted = book.accounts[n, LOTS], desk.current[n, WEIGHT], desk.current[n, WANTED]
    weight = weight if rules.allow_short or weight > 0.0 else 0.0
    if held * weight <= 0.0:
        desk.current[n, WEIGHT] = 0.0
        apply_one(book, log, market, terms, rules, desk, i, n, book.pool[POOL_CASH])
        desk.current[n, WEIGHT] = weight
        desk.ready[n] = weight != 0.0 and book.accounts[n, LOTS] == 0.0
    elif wanted == wanted and whole_lots(wanted, terms.lot_size[n]) < abs(held):
        apply_one(book, log, market, terms, rules, desk, i, n, book.pool[POOL_CASH])
        desk.ready[n] = False


def apply_one(
    book: Book,
    log: FillLog,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    desk: Desk,
    i: int,
    n: int,
    money: float,
) -> None:
    """The target of one instrument becomes orders, which may use so much money."""
    lend(book, n, money)
    account = book.accounts[n]
    apply_target(account, log, bars_of(market, n), rules_of(rules, terms, n), i, desk.current[n])
    settle(book, log, terms, n, money)


def match_all(
    book: Book,
    log: FillLog,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    caps: Caps,
    desk: Desk,
    i: int,
) -> None:
    """Match what rests in the market: instruments with a working entry first."""
    for n in range(len(desk.matched)):
        if book.accounts[n, WORKING] != 0.0 and has_bar(market, i, n):
            desk.matched[n] = i
            match_one(book, log, market, terms, rules, i, n, entry_money(book, market, rules, caps, i, n))
    for n in range(len(desk.matched)):
        if desk.matched[n] != i and resting(book.accounts[n]) and has_bar(market, i, n):
            match_one(book, log, market, terms, rules, i, n, book.pool[POOL_CASH])


def match_one(
    book: Book,
    log: FillLog,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    i: int,
    n: int,
    money: float,
) -> None:
    """Match the resting orders of one instrument, which may use so much money."""
    lend(book, n, money)
    account = book.accounts[n]
    match_resting(account, log, bars_of(market, n), rules_of(rules, terms, n), i)
    settle(book, log, terms, n, money)
