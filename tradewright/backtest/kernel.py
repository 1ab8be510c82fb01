"""The kernel: one pass over the bars does signals, fills, accounting and metrics. One source for runs and sweeps.

Everything here is plain Python that :mod:`tradewright.backtest.compiled` turns into machine code, with the strategy's
``generate_signal`` in the place of the one below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.account import (
    ACTIONS,
    ADJUSTED,
    CASH,
    FEES,
    FILLS,
    LOTS,
    ORDERS,
    REQUESTS,
    TRADES,
    WINS,
    WORKING,
    BarArrays,
    FillLog,
    fees_at,
    has_foreign,
    rate_at,
    total_cash,
)
from tradewright.backtest.actions import adjust_position, adjust_target
from tradewright.backtest.exits import clear_exits, close_out, is_guarded, is_out_of_time, leave_in_time
from tradewright.backtest.orders import (
    TARGET_FILL_AT,
    TARGET_GOOD_FOR,
    TARGET_LIMIT,
    TARGET_STOP,
    TARGET_TAKE_PROFIT,
    TARGET_TIME_STOP,
    TARGET_TRAIL,
    TARGET_TRAIL_PERCENT,
    TARGET_TRIGGER,
    WANTED,
    WEIGHT,
    apply_target,
    is_late,
    is_unfinished,
    match_resting,
    set_prices,
    sized_at_decision,
    work_on,
)
from tradewright.backtest.spec import KernelParameters
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, OrderRequest

(FINAL_EQUITY, PEAK, WORST, RETURN_SUM, RETURN_SQUARES, BARS_HELD, ALL_ORDERS, ALL_FILLS, ALL_FEES, ALL_TRADES,
 ALL_WINS) = range(11)  # fmt: skip
SUMMARY_SLOTS = 11


Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Workspace(NamedTuple):
    """Memory that one thread reuses for one set after the other: the account, and the ring of targets on their way.

    The ring has a power of two of slots, more than a delay has bars; bar ``b`` uses slot ``b mod slots``.
    """

    account: Floats
    targets: Matrix
    due: Indices


def generate_signal(_i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """The place of the strategy's decision; on its own it never targets anything."""
    return HOLD


def answer_as_request(action: Action | OrderRequest) -> OrderRequest:
    """The answer of a decision as a request; compiled for what the strategy answers with."""
    return OrderRequest(*action)


def chosen_columns(columns: Matrix, row: Indices) -> tuple[Floats, ...]:
    """The columns of one set as a tuple; compiled for the strategy's number of features."""
    return tuple(columns[index] for index in row)


def chosen_values(row: Floats) -> tuple[float, ...]:
    """The parameters of one set as a tuple; compiled for the strategy's number of parameters."""
    return tuple(row)


def open_account(account: Floats, rules: KernelParameters) -> None:
    """A new account: the cash, and nothing else."""
    account[:] = 0.0
    account[CASH] = rules.cash
    set_prices(account, NAN, NAN)
    clear_exits(account)


def trade_bar(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, pending: Floats, due: bool
) -> bool:
    """Everything that fills in bar ``i``, in its order in time; True while something rests in the market.

    Each step stands here once, since a copy of it is compiled for each place.
    """
    late = is_late(pending, rules) if due else rules.at_close
    if late:
        if REQUESTS and not rules.at_close:
            work_at_open(account, log, market, rules, i)
        if resting(account):
            match_resting(account, log, market, rules, i)
    if due:
        apply_target(account, log, market, rules, i, pending)
    elif is_unfinished(account):
        work_on(account, log, market, rules, i)
    if REQUESTS and not rules.at_close and not late and is_out_of_time(account, i):
        leave_in_time(account, log, market, rules, i)
    if not late and resting(account):
        match_resting(account, log, market, rules, i)
    if REQUESTS and rules.at_close and is_out_of_time(account, i):
        leave_in_time(account, log, market, rules, i)
    return resting(account)


def work_at_open(account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int) -> None:
    """What fills at the open of a bar whose target comes at its close."""
    if is_unfinished(account):
        work_on(account, log, market, rules, i)
    if is_out_of_time(account, i):
        leave_in_time(account, log, market, rules, i)


def resting(account: Floats) -> bool:
    """Whether a working order or an exit can fill in the next bar."""
    return bool(account[WORKING] != 0.0 or is_guarded(account))


def submit_target(
    workspace: Workspace, account: Floats, rules: KernelParameters, i: int, request: OrderRequest, market: BarArrays
) -> None:
    """Size the target of bar ``i`` and put it on its way: it reaches the market ``delay`` bars later."""
    weight = min(max(request.target, -1.0), 1.0)
    slot = (i + rules.delay) & (len(workspace.due) - 1)
    workspace.due[slot] = i + rules.delay
    pending = workspace.targets[slot]
    pending[WEIGHT] = weight
    rate = rate_at(market.rate_close, i)
    equity = total_cash(account, rate) + account[LOTS] * (rules.lot_size * rules.multiplier) * market.marks[i]
    pending[WANTED] = sized_at_decision(
        request, weight, equity, market.close[i], rate, fees_at(market, rules, i, True), rules
    )
    pending[TARGET_LIMIT] = request.limit
    pending[TARGET_STOP] = request.stop
    pending[TARGET_TAKE_PROFIT] = request.take_profit
    if not REQUESTS:
        return
    pending[TARGET_TRIGGER] = request.stop_entry
    pending[TARGET_TRAIL] = request.trail
    pending[TARGET_TRAIL_PERCENT] = request.trail_percent
    pending[TARGET_TIME_STOP] = request.time_stop
    pending[TARGET_GOOD_FOR] = request.good_for
    pending[TARGET_FILL_AT] = request.fill_at


def next_target(workspace: Workspace, rules: KernelParameters, i: int) -> int:
    """The first bar after ``i`` that a target on its way reaches, -1 where none is."""
    for bar in range(i + 1, i + rules.delay + 1):
        if workspace.due[bar & (len(workspace.due) - 1)] == bar:
            return bar
    return -1


def first_target(
    features: tuple[Floats, ...], params: tuple[float, ...], start: int, stop: int, position: float
) -> int:
    """The first bar in ``[start, stop)`` with a target while ``position`` is held, ``stop`` where there is none."""
    for i in range(start, stop):
        target = generate_signal(i, features, params, position)[0]
        if target == target:
            return i
    return stop


def scan_in_position(
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
    """:func:`first_target` and :func:`mark_to_market` in one loop: the bar of the target, itself marked."""
    last = summary[FINAL_EQUITY]
    total = squares = 0.0
    high = low = cash + worth * close[start]
    decided = stop
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
            decided = i
            break
    summary[FINAL_EQUITY] = last
    summary[RETURN_SUM] += total
    summary[RETURN_SQUARES] += squares
    done = min(decided + 1, stop)
    summary[BARS_HELD] += done - start
    update_drawdown(summary, close, start, done, cash, worth, high, low)
    return decided


def mark_to_market(summary: Floats, account: Floats, rules: KernelParameters, market: BarArrays, i: int) -> None:
    """Add bar ``i``, at whose close the position was that of the account, to returns and drawdown."""
    cash = total_cash(account, rate_at(market.rate_close, i))
    worth = account[LOTS] * rules.lot_size * rules.multiplier
    equity = cash + worth * market.marks[i]
    change = equity / summary[FINAL_EQUITY] - 1.0
    summary[FINAL_EQUITY] = equity
    summary[RETURN_SUM] += change
    summary[RETURN_SQUARES] += change * change
    summary[BARS_HELD] += 1.0 if worth != 0.0 else 0.0
    update_drawdown(summary, market.marks, i, i + 1, cash, worth, equity, equity)


def update_drawdown(
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
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    workspace: Workspace,
    i: int,
    ending: bool,
) -> bool:
    """Fill at the close of bar ``i``: at the end of the run, or a target without delay. As :func:`trade_bar`."""
    if ending:
        close_out(account, log, market, rules, i)
        return False
    action = generate_signal(i, features, params, account[LOTS] * rules.lot_size)
    if action[0] == action[0]:
        submit_target(workspace, account, rules, i, answer_as_request(action), market)
        apply_target(account, log, market, rules, i, workspace.targets[0])
    return resting(account)


def take_action(
    workspace: Workspace, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, row: int
) -> bool:
    """The corporate action of bar ``i``, of position, orders and targets on their way. As :func:`trade_bar`."""
    ratio = market.actions[row, 1]
    adjust_position(workspace.account, log, market, rules, i, ratio, market.actions[row, 2])
    for slot in range(len(workspace.due)):
        if ratio != 1.0 and workspace.due[slot] >= i:
            adjust_target(workspace.targets[slot], ratio)
    return resting(workspace.account)


def next_action(market: BarArrays, row: int, first: int) -> int:
    """The first row of actions from ``row`` on that lies in bar ``first`` or later."""
    while row < len(market.actions) and market.actions[row, 0] < first:
        row += 1
    return row


def simulate(
    features: tuple[Floats, ...],
    params: tuple[float, ...],
    market: BarArrays,
    rules: KernelParameters,
    workspace: Workspace,
    log: FillLog,
    summary: Floats,
) -> None:
    """Run one parameter set from ``first_bar`` on; the totals go to ``summary``, the rest where there is room for it.

    The bars fall into stretches with one position, from a bar in which something may have filled to the next target:
    one tight loop looks for the target, and, only while a position is held, a second one adds up the returns. With a
    balance in another currency each bar is a stretch, since it has a rate of its own.
    """
    account = workspace.account
    open_account(account, rules)
    workspace.due[:] = -1
    summary[:] = 0.0
    summary[FINAL_EQUITY] = summary[PEAK] = rules.cash
    summary[WORST] = 1.0
    bars = len(market.close)
    ending = bars - 1 if rules.close_at_end else bars
    next_due = -1
    watched = False
    i = rules.first_bar
    action = next_action(market, 0, i) if ACTIONS else 0
    while i < bars:
        if ACTIONS and action < len(market.actions) and market.actions[action, 0] == i:
            watched = take_action(workspace, log, market, rules, i, action)
            action += 1
        if watched or i == next_due:
            watched = trade_bar(
                account, log, market, rules, i, workspace.targets[i & (len(workspace.due) - 1)], i == next_due
            )
            next_due = next_target(workspace, rules, i) if i == next_due else next_due
        if i == ending or rules.delay == 0:
            watched = at_the_close(features, params, account, log, market, rules, workspace, i, i == ending)
            mark_to_market(summary, account, rules, market, i)
            i += 1
            continue
        single = watched or has_foreign(account)
        stop = i + 1 if single else (min(next_due, ending) if next_due > i else ending)
        if ACTIONS and action < len(market.actions):
            stop = min(stop, int(market.actions[action, 0]))
        position = account[LOTS] * rules.lot_size
        if position != 0.0:
            cash = total_cash(account, rate_at(market.rate_close, i))
            decided = scan_in_position(
                features, params, i, stop, position, cash, position * rules.multiplier, market.marks, summary
            )
        else:
            decided = first_target(features, params, i, stop, position)
            if account[CASH] != summary[FINAL_EQUITY]:
                mark_to_market(summary, account, rules, market, i)
        if decided < stop:
            request = answer_as_request(generate_signal(decided, features, params, position))
            submit_target(workspace, account, rules, decided, request, market)
            next_due = decided + rules.delay if next_due <= decided else next_due
        i = min(decided + 1, stop)
    summary[ALL_ORDERS] = account[ORDERS]
    summary[ALL_FILLS] = account[FILLS] - account[ADJUSTED]
    summary[ALL_FEES] = account[FEES]
    summary[ALL_TRADES] = account[TRADES]
    summary[ALL_WINS] = account[WINS]


def simulate_sets(
    features: tuple[Floats, ...],
    params: tuple[float, ...],
    columns: Matrix,
    which: Indices,
    values: Matrix,
    market: BarArrays,
    rules: KernelParameters,
    workspace: Workspace,
    log: FillLog,
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
        simulate(features, params, market, rules, workspace, log, summaries[s])
