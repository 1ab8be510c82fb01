"""The panel kernel of an allocation: one pass over the bars, in which target weights become fills.

Compiled by :mod:`tradewright.backtest.compiled` with the strategy's ``allocate`` in the place of the one below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewright.backtest.account import ACTIONS, LOTS, ORDERS, SIGNAL_FILL, FillLog, execute
from tradewright.backtest.kernel import Indices, Matrix
from tradewright.backtest.panel.actions import acts_in, adjust_member, in_new_units
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
    free_money,
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
from tradewright.fills.rules import market_fill
from tradewright.model.bars import Floats
from tradewright.model.strategy import NAN

FAULT_KIND, FAULT_BAR, FAULT_INSTRUMENT, FAULT_VALUE = range(4)
SOUND, NOT_A_NUMBER, NO_SHORTS, UNAVAILABLE, ABOVE_WEIGHT, ABOVE_GROSS = range(6)
"""The refusals of a target weight; the first one found ends the run."""

WEIGHT_TOLERANCE = 1e-9
"""By how much rounding may take weights beyond a cap."""


class Weights(NamedTuple):
    """Memory of the decisions: the present and the target weights, and the targets on their way in signed lots.

    ``wanted`` is a ring with a power of two of rows, more than a delay has bars; row ``b mod rows`` arrives in bar
    ``due``. ``current`` has what has arrived and waits for a bar of its instrument; NaN is no order.
    """

    present: Floats
    target: Floats
    wanted: Matrix
    due: Indices
    current: Floats
    fault: Floats


def allocate(
    _i: int, _features: tuple[Matrix, ...], _params: tuple[float, ...], _weights: Floats, _out: Floats
) -> bool:
    """The place of the strategy's allocation; on its own it never asks for anything."""
    return False


def simulate_allocation(
    features: tuple[Matrix, ...],
    params: tuple[float, ...],
    decides: Flags,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    caps: Caps,
    life: Life,
    book: Book,
    weights: Weights,
    log: FillLog,
    curves: Curves,
) -> None:
    """Run an allocation over all bars; it is asked at the close of those that ``decides`` marks.

    The order of events in a bar: the price of borrowed units, corporate actions, sales in the order of the instruments,
    purchases in that order, positions of instruments that end, the mark, the margin guard, the decision.
    """
    open_book(book, rules)
    weights.due[:] = -1
    weights.current[:] = NAN
    weights.fault[:] = 0.0
    last = len(decides) - 1
    waiting = False
    acted = 0
    for i in range(len(decides)):
        pay_for_shorts(book, market, rules, caps, i)
        while ACTIONS and acts_in(market, acted, i):
            adjust_member(book, log, market, terms, rules, i, acted)
            adjust_weights(weights, int(market.actions[acted, 1]), market.actions[acted, 2])
            acted += 1
        row = i & (len(weights.due) - 1)
        if weights.due[row] == i:
            for n in range(len(weights.current)):
                weights.current[n] = weights.wanted[row, n]
            waiting = True
        if waiting:
            waiting = fill_targets(book, log, market, terms, rules, weights.current, i)
        if life.ending[i] > 0:
            close_ended(book, log, market, terms, rules, life, i)
        equity = mark(book, market, curves, i)
        if i < book.pool[POOL_CLOSING]:
            continue
        if margin_called(book, market, rules, caps, i):
            flatten(weights, rules, i)
        elif decides[i] and i < last and equity > 0.0:
            decide(features, params, market, terms, rules, caps, life, book, weights, equity, i)
            if weights.fault[FAULT_KIND] != SOUND:
                return


def adjust_weights(weights: Weights, n: int, ratio: float) -> None:
    """The targets of an instrument that are on their way or wait for a bar, in new units."""
    weights.current[n] = in_new_units(weights.current[n], ratio)
    for row in range(len(weights.due)):
        if weights.due[row] >= 0:
            weights.wanted[row, n] = in_new_units(weights.wanted[row, n], ratio)


def flatten(weights: Weights, rules: KernelParameters, i: int) -> None:
    """Put a target of nothing on its way for every instrument, and take back all that was before it."""
    weights.due[:] = -1
    weights.current[:] = NAN
    row = (i + rules.delay) & (len(weights.due) - 1)
    weights.due[row] = i + rules.delay
    weights.wanted[row, :] = 0.0


def fill_targets(
    book: Book,
    log: FillLog,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    current: Floats,
    i: int,
) -> bool:
    """Fill what has arrived, sales first; True while an order waits for a bar of its instrument."""
    waiting = False
    for n in range(len(current)):
        held = book.accounts[n, LOTS]
        if current[n] == held:
            current[n] = NAN
        if held != 0.0 and current[n] == current[n] and has_bar(market, i, n):
            fewer = abs(held) if held * current[n] <= 0.0 else abs(held) - abs(current[n])
            if fewer > 0.0:
                side = -1 if held > 0.0 else 1
                trade(book, log, market, terms, rules, i, n, side, fewer, book.pool[POOL_CASH])
    for n in range(len(current)):
        if current[n] != current[n]:
            continue
        if not has_bar(market, i, n):
            waiting = True
            continue
        held = book.accounts[n, LOTS]
        if held * current[n] >= 0.0 and abs(current[n]) > abs(held):
            money = free_money(book, market, rules, i, n)
            side = 1 if current[n] > 0.0 else -1
            trade(book, log, market, terms, rules, i, n, side, abs(current[n]) - abs(held), money)
        current[n] = NAN
    return waiting


def trade(
    book: Book,
    log: FillLog,
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    i: int,
    n: int,
    side: int,
    lots: float,
    money: float,
) -> None:
    """One market order of an instrument, which may use so much money."""
    lend(book, n, money)
    account = book.accounts[n]
    account[ORDERS] += 1.0
    base = market_fill(market.open[i, n], market.close[i, n], rules.at_close)
    execute(account, log, bars_of(market, n), rules_of(rules, terms, n), i, side, lots, base, SIGNAL_FILL, NAN)
    settle(book, log, terms, n, money)


def decide(
    features: tuple[Matrix, ...],
    params: tuple[float, ...],
    market: PanelMarket,
    terms: PanelTerms,
    rules: KernelParameters,
    caps: Caps,
    life: Life,
    book: Book,
    weights: Weights,
    equity: float,
    i: int,
) -> None:
    """Ask for target weights at the close of bar ``i``, and put them on their way in whole lots of each instrument.

    They are fractions of the equity without the cash buffer.
    """
    present, target = weights.present, weights.target
    for n in range(len(present)):
        present[n] = book.holding[n] * market.marks[i, n] / equity
        target[n] = 0.0
    if not allocate(i, features, params, present, target):
        return
    if not are_sound(weights, rules, caps, life, i):
        return
    row = (i + rules.delay) & (len(weights.due) - 1)
    weights.due[row] = i + rules.delay
    for n in range(len(target)):
        alive = life.first[n] <= i < life.closing[n]
        worth = market.marks[i, n] * terms.multiplier[n]
        units = abs(target[n]) * (1.0 - caps.cash_buffer) * equity / worth if worth > 0.0 else 0.0
        lots = whole_lots(units, terms.lot_size[n])
        weights.wanted[row, n] = (lots if target[n] > 0.0 else -lots) if alive else NAN


def are_sound(weights: Weights, rules: KernelParameters, caps: Caps, life: Life, i: int) -> bool:
    """Whether target weights are admitted; what is wrong with the first that is not goes to ``fault``."""
    gross = 0.0
    for n in range(len(weights.target)):
        weight = weights.target[n]
        kind = SOUND
        if not np.isfinite(weight):
            kind = NOT_A_NUMBER
        elif weight < 0.0 and not rules.allow_short:
            kind = NO_SHORTS
        elif weight != 0.0 and not life.first[n] <= i <= life.closing[n]:
            kind = UNAVAILABLE
        elif abs(weight) > caps.max_weight + WEIGHT_TOLERANCE:
            kind = ABOVE_WEIGHT
        gross += abs(weight)
        if kind == SOUND and gross > caps.max_gross + WEIGHT_TOLERANCE and n == len(weights.target) - 1:
            kind = ABOVE_GROSS
            weight = gross
        if kind != SOUND:
            weights.fault[FAULT_KIND] = kind
            weights.fault[FAULT_BAR] = i
            weights.fault[FAULT_INSTRUMENT] = n
            weights.fault[FAULT_VALUE] = weight
            return False
    return True
