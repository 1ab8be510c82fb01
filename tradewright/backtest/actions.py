"""Corporate actions inside the kernel: splits and cash dividends of an open position, resting orders and targets.

Compiled by the kernel (see ``account.py``). An action happens before the first trade of its bar: those who held at the
close before it get it, and orders of the bar itself do not.
"""

from __future__ import annotations

from tradewright.backtest.account import (
    ADJUSTED,
    CASH,
    CASH_IN_LIEU,
    DIVIDEND,
    ENTRY_PRICE,
    ENTRY_WORTH,
    FILLS,
    LIMIT,
    LOTS,
    REQUESTS,
    SPLIT,
    STOP,
    TAKE_PROFIT,
    TRAIL,
    TRAIL_STOP,
    TRIGGER,
    WORKING,
    BarArrays,
    FillLog,
    close_part,
    rate_at,
    record_fill,
    settle_difference,
)
from tradewright.backtest.exits import clear_exits
from tradewright.backtest.orders import (
    TARGET_LIMIT,
    TARGET_STOP,
    TARGET_TAKE_PROFIT,
    TARGET_TRAIL,
    TARGET_TRIGGER,
    WANTED,
)
from tradewright.backtest.sizing import whole_lots
from tradewright.backtest.spec import KernelParameters
from tradewright.model.bars import Floats


def adjust_position(
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    i: int,
    ratio: float,
    dividend: float,
) -> None:
    """Pay ``dividend`` per unit, then make ``ratio`` units of each, of what is held and of what rests in the market."""
    held = account[LOTS]
    if held != 0.0 and dividend != 0.0:
        account[CASH] += held * rules.lot_size * rules.multiplier * dividend * rate_at(market.rate_open, i)
        note(account, log, market, rules, i, -1 if held > 0.0 else 1, abs(held), dividend, DIVIDEND)
    if ratio == 1.0:
        return
    if held != 0.0:
        split_position(account, log, market, rules, i, ratio)
    side = 1.0 if account[WORKING] > 0.0 else -1.0
    account[WORKING] = side * whole_lots(abs(account[WORKING]) * ratio, 1.0)
    account[LIMIT] /= ratio
    account[STOP] /= ratio
    account[TAKE_PROFIT] /= ratio
    if REQUESTS:
        account[TRIGGER] /= ratio
        account[TRAIL] /= ratio
        account[TRAIL_STOP] /= ratio


def split_position(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, ratio: float
) -> None:
    """The new units of a position; what is no whole lot of them is settled in cash at the opening price, free of costs.

    That part is a closed trade. A position of less than one new lot ends so.
    """
    held = account[LOTS]
    sign = 1.0 if held > 0.0 else -1.0
    lots = abs(held) * ratio
    whole = whole_lots(lots, 1.0)
    account[LOTS] = sign * lots
    account[ENTRY_PRICE] /= ratio
    account[ENTRY_WORTH] /= ratio
    note(account, log, market, rules, i, 1 if sign * (ratio - 1.0) > 0.0 else -1, abs(lots - abs(held)), 0.0, SPLIT)
    fraction = lots - whole
    if fraction > 0.0 and fraction * rules.lot_size > 1e-9:
        settle_fraction(account, log, market, rules, i, fraction)
        account[LOTS] = sign * whole
        note(account, log, market, rules, i, -1 if held > 0.0 else 1, fraction, market.open[i], CASH_IN_LIEU)
    account[LOTS] = sign * whole
    if whole == 0.0:
        clear_exits(account)


def settle_fraction(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, lots: float
) -> None:
    """Close a part of the position at the opening price without costs."""
    held, rate, price = account[LOTS], rate_at(market.rate_open, i), market.open[i]
    side = -1 if held > 0.0 else 1
    value = lots * rules.lot_size * price * rules.multiplier
    is_long = held > 0.0
    if len(market.rate_open) == 0 or (is_long and rules.paid_in_full):
        account[CASH] -= side * value * rate
    else:
        settle_difference(account, side, lots, value, 0.0, rate)
    close_part(account, log, i, lots, price, rate, 0.0, is_long, rules)


def note(
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    i: int,
    side: int,
    lots: float,
    price: float,
    reason: int,
) -> None:
    """Write an adjustment as a row of the log of fills; ``side * quantity * price`` is what it cost, as of a fill."""
    row = int(account[FILLS])
    account[FILLS] += 1.0
    account[ADJUSTED] += 1.0
    if row < len(log.fills):
        units, position, rate = lots * rules.lot_size, account[LOTS] * rules.lot_size, rate_at(market.rate_open, i)
        record_fill(log.fills, row, i, side, units, price, 0.0, 0.0, reason, account, position, rate)


def adjust_target(target: Floats, ratio: float) -> None:
    """A target on its way, in new units and prices."""
    target[WANTED] *= ratio
    target[TARGET_LIMIT] /= ratio
    target[TARGET_STOP] /= ratio
    target[TARGET_TAKE_PROFIT] /= ratio
    if REQUESTS:
        target[TARGET_TRIGGER] /= ratio
        target[TARGET_TRAIL] /= ratio
