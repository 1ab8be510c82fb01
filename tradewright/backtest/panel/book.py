"""The shared account inside the panel kernel: one cash, one position per instrument.

Every position has an account vector of its own (:mod:`tradewright.backtest.account`), so that fills, fees, protective
exits and trades are booked by the very functions of the one-instrument kernel. Its cash is lent for the length of one
call and taken back: :func:`lend` and :func:`settle`.

The money that an order may use: a sale of a long position and the purchase that covers a short one may use all the
cash; an order that enters may use what :func:`free_money` or :func:`entry_money` leaves, so that nothing is bought on
credit and the shorts are covered in full.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.account import (
    ACTIONS,
    CASH,
    FEES,
    FILLS,
    LIMIT,
    LOTS,
    ORDERS,
    TRADES,
    TRIGGER,
    WINS,
    WORKING,
    BarArrays,
    FillLog,
)
from tradewright.backtest.exits import clear_exits, close_out
from tradewright.backtest.kernel import Indices, Matrix
from tradewright.backtest.spec import KernelParameters
from tradewright.fills.slippage import SlippageTerms
from tradewright.model.bars import Floats
from tradewright.model.strategy import NAN

(POOL_CASH, POOL_ORDERS, POOL_FILLS, POOL_FEES, POOL_TRADES, POOL_WINS, POOL_EQUITY, POOL_BORROWED,
 POOL_MARGIN_CALLS, POOL_FIRST_CALL, POOL_CLOSING) = range(11)  # fmt: skip
POOL_SLOTS = 11
"""The shared cash, the totals, the equity at the newest close, what was paid for borrowed units, and how often the
margin guard closed everything, for the first time in bar ``POOL_FIRST_CALL``; until bar ``POOL_CLOSING`` it does."""

Flags = npt.NDArray[np.bool_]


class PanelMarket(NamedTuple):
    """The bars of all instruments, shape (bars, instruments), in rows of those that overlap in time.

    Prices are NaN where an instrument has no bar. ``marks`` holds the newest close instead, and 0 before the first.
    ``volatility`` has no rows where no slippage model reads it; ``nothing`` never has any. ``fee_open`` and
    ``fee_close`` are the rates of the currency of the fees, without rows where that is the account's. ``elapsed`` are
    the years since the bar before. ``actions`` are the corporate actions in the order of time: bar, instrument, new
    units per old one, dividend per old unit. Where there are any, ``before`` holds the marks of the bar before in the
    units of each bar; otherwise it has no rows.
    """

    open: Matrix
    high: Matrix
    low: Matrix
    close: Matrix
    volume: Matrix
    spread: Matrix
    volatility: Matrix
    marks: Matrix
    nothing: Matrix
    fee_open: Matrix
    fee_close: Matrix
    elapsed: Floats
    actions: Matrix
    before: Matrix


class PanelTerms(NamedTuple):
    """The terms that differ between instruments, one value each; ``unit`` is lot size x multiplier."""

    lot_size: Floats
    multiplier: Floats
    unit: Floats
    spread_share: Floats
    default_spread: Floats
    quoted: Flags


class Caps(NamedTuple):
    """Limits of the account: fractions of the equity, and the yearly rate of borrowed units (``SharedAccount``)."""

    max_weight: float
    max_gross: float
    cash_buffer: float
    borrow_rate: float
    margin: float


class Life(NamedTuple):
    """By instrument the first bar, and the bar at whose close its position is closed for good; the number of bars where
    it is not. ``ending`` counts those closings by bar."""

    first: Indices
    closing: Indices
    ending: Indices


class Book(NamedTuple):
    """The account while a run goes on.

    ``accounts`` has one account vector per instrument, ``holding`` the money that each position gains per price point,
    ``orders`` how many orders each instrument had.
    ``fill_of`` and ``trade_of`` say which instrument a row of the log belongs to.
    """

    pool: Floats
    accounts: Matrix
    holding: Floats
    orders: Floats
    fill_of: Indices
    trade_of: Indices


class Curves(NamedTuple):
    """The account at the close of each bar."""

    equity: Floats
    cash: Floats


def open_book(book: Book, rules: KernelParameters) -> None:
    """A new account: the cash, and nothing else."""
    book.pool[:] = 0.0
    book.pool[POOL_CASH] = book.pool[POOL_EQUITY] = rules.cash
    book.accounts[:, :] = 0.0
    book.accounts[:, LIMIT] = NAN
    book.accounts[:, TRIGGER] = NAN
    for n in range(len(book.holding)):
        clear_exits(book.accounts[n])
    book.holding[:] = 0.0
    book.orders[:] = 0.0


def has_bar(market: PanelMarket, i: int, n: int) -> bool:
    """Whether an instrument has a bar ``i``, in which it can trade."""
    price = market.open[i, n]
    return bool(price == price)


def bars_of(market: PanelMarket, n: int) -> BarArrays:
    """The bars of one instrument as the one-instrument kernel reads them."""
    return BarArrays(
        market.open[:, n],
        market.high[:, n],
        market.low[:, n],
        market.close[:, n],
        market.volume[:, n],
        market.spread[:, n],
        market.volatility[:, n],
        market.marks[:, n],
        market.nothing[:, n],
        market.nothing[:, n],
        market.fee_open[:, n],
        market.fee_close[:, n],
        market.nothing[:, n],
        market.nothing,
    )


def rules_of(rules: KernelParameters, terms: PanelTerms, n: int) -> KernelParameters:
    """The rules with the terms of one instrument."""
    slippage = SlippageTerms(
        rules.slippage.base,
        rules.slippage.vol,
        terms.spread_share[n],
        rules.slippage.impact,
        terms.default_spread[n],
    )
    return KernelParameters(
        rules.cash,
        rules.fees,
        slippage,
        rules.sizing,
        rules.at_close,
        rules.marketable,
        rules.delay,
        rules.timeout,
        rules.allow_short,
        rules.allow_overdraft,
        rules.close_at_end,
        rules.first_bar,
        terms.lot_size[n],
        terms.multiplier[n],
        rules.paid_in_full,
        terms.quoted[n],
        rules.volume_share,
    )


def value_of(holding: Floats, marks: Floats) -> float:
    """The value of all positions at one price each, in four sums, since one would wait for itself."""
    first = second = third = fourth = 0.0
    whole = len(holding) - len(holding) % 4
    for n in range(0, whole, 4):
        first += holding[n] * marks[n]
        second += holding[n + 1] * marks[n + 1]
        third += holding[n + 2] * marks[n + 2]
        fourth += holding[n + 3] * marks[n + 3]
    for n in range(whole, len(holding)):
        first += holding[n] * marks[n]
    return (first + second) + (third + fourth)


def short_value(holding: Floats, marks: Floats, other_than: int) -> float:
    """The value (>= 0) of the short positions, that of one instrument left out; -1 leaves out none."""
    total = 0.0
    for n in range(len(holding)):
        if n != other_than and holding[n] < 0.0:
            total -= holding[n] * marks[n]
    return total


def gross_value(holding: Floats, marks: Floats) -> float:
    """The value of long and short positions together."""
    total = 0.0
    for n in range(len(holding)):
        total += abs(holding[n] * marks[n])
    return total


def free_money(book: Book, market: PanelMarket, rules: KernelParameters, i: int, n: int) -> float:
    """The money that an order entering ``n`` may use in bar ``i`` without credit, at the newest marks.

    That is the cash less twice the value of all other shorts: what their sale brought in, and as much again.
    """
    money: float = book.pool[POOL_CASH]
    marks = market.before[i] if ACTIONS else market.marks[i - 1]
    others = short_value(book.holding, marks, n) if rules.allow_short else 0.0
    return max(money - 2.0 * others, 0.0) if others > 0.0 else money


def entry_money(book: Book, market: PanelMarket, rules: KernelParameters, caps: Caps, i: int, n: int) -> float:
    """The money that a decision entering ``n`` may use: what is free less the buffer, and no more than the caps leave.

    The coverage of a short sale takes twice its own short off itself (``coverable_lots``), so that is added to what a
    cap leaves.
    """
    money, equity = free_money(book, market, rules, i, n), book.pool[POOL_EQUITY]
    marks = market.before[i] if ACTIONS else market.marks[i - 1]
    if caps.cash_buffer > 0.0:
        money -= caps.cash_buffer * equity
    own = book.holding[n] * marks[n]
    back = -2.0 * own if own < 0.0 else 0.0
    if caps.max_weight < 1.0:
        money = min(money, caps.max_weight * equity - abs(own) + back)
    if caps.max_gross < 1.0:
        money = min(money, caps.max_gross * equity - gross_value(book.holding, marks) + back)
    return money if money == book.pool[POOL_CASH] else max(money, 0.0)


def lend(book: Book, n: int, money: float) -> None:
    """Write the money that its next order may use, and the totals so far, into the account vector of an instrument."""
    account = book.accounts[n]
    account[CASH] = money
    account[ORDERS] = book.pool[POOL_ORDERS]
    account[FILLS] = book.pool[POOL_FILLS]
    account[FEES] = book.pool[POOL_FEES]
    account[TRADES] = book.pool[POOL_TRADES]
    account[WINS] = book.pool[POOL_WINS]


def settle(book: Book, log: FillLog, terms: PanelTerms, n: int, money: float) -> None:
    """Take back what is left of the ``money`` that was lent, and note whose the new fills and trades are."""
    pool, account = book.pool, book.accounts[n]
    kept = pool[POOL_CASH] - money
    for row in range(int(pool[POOL_FILLS]), min(int(account[FILLS]), len(log.fills))):
        book.fill_of[row] = n
        if kept != 0.0:
            log.fills[row].cash += kept
    for row in range(int(pool[POOL_TRADES]), min(int(account[TRADES]), len(log.trades))):
        book.trade_of[row] = n
    pool[POOL_CASH] = account[CASH] + kept if kept != 0.0 else account[CASH]
    book.orders[n] += account[ORDERS] - pool[POOL_ORDERS]
    pool[POOL_ORDERS] = account[ORDERS]
    pool[POOL_FILLS] = account[FILLS]
    pool[POOL_FEES] = account[FEES]
    pool[POOL_TRADES] = account[TRADES]
    pool[POOL_WINS] = account[WINS]
    book.holding[n] = account[LOTS] * terms.unit[n]


def pay_for_shorts(book: Book, market: PanelMarket, rules: KernelParameters, caps: Caps, i: int) -> None:
    """Charge the time since the bar before for the units that are sold short, on their value at its close."""
    if i == 0 or not rules.allow_short or caps.borrow_rate == 0.0:
        return
    cost = short_value(book.holding, market.marks[i - 1], -1) * caps.borrow_rate * market.elapsed[i]
    book.pool[POOL_CASH] -= cost
    book.pool[POOL_BORROWED] += cost


def close_ended(
    book: Book, log: FillLog, market: PanelMarket, terms: PanelTerms, rules: KernelParameters, life: Life, i: int
) -> None:
    """Close, at the close of bar ``i``, the positions of the instruments for which it is the last one."""
    for n in range(len(life.closing)):
        if life.closing[n] == i:
            money = book.pool[POOL_CASH]
            lend(book, n, money)
            account = book.accounts[n]
            account[WORKING] = 0.0
            close_out(account, log, bars_of(market, n), rules_of(rules, terms, n), i)
            settle(book, log, terms, n, money)


def mark(book: Book, market: PanelMarket, curves: Curves, i: int) -> float:
    """The equity at the close of bar ``i``, noted."""
    cash: float = book.pool[POOL_CASH]
    equity = cash + value_of(book.holding, market.marks[i])
    book.pool[POOL_EQUITY] = equity
    curves.equity[i] = equity
    curves.cash[i] = cash
    return equity


def margin_called(book: Book, market: PanelMarket, rules: KernelParameters, caps: Caps, i: int) -> bool:
    """Whether shorts are held and the equity is less than the guarded fraction of all positions."""
    if not rules.allow_short or short_value(book.holding, market.marks[i], -1) == 0.0:
        return False
    pool = book.pool
    if pool[POOL_EQUITY] >= caps.margin * gross_value(book.holding, market.marks[i]):
        return False
    if pool[POOL_MARGIN_CALLS] == 0.0:
        pool[POOL_FIRST_CALL] = i
    pool[POOL_MARGIN_CALLS] += 1.0
    pool[POOL_CLOSING] = i + rules.delay
    return True
