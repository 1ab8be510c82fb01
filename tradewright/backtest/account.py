"""The account inside the kernel: cash, position, protective exits, and the effect of a fill on them.

Compiled by the kernel, so plain scalar code over one workspace vector, the *account*, whose slots are named here. The
position is kept in whole lots (a float without a fraction), so that closing it leaves exactly zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

from tradewright.backtest.sizing import whole_lots
from tradewright.backtest.spec import KernelParameters
from tradewright.fills.costs import affordable_units, fee
from tradewright.fills.slippage import slippage_bps, slipped
from tradewright.model.bars import Floats

(CASH, LOTS, ENTRY_PRICE, ENTRY_FEES, ENTRY_BAR, STOP, TAKE_PROFIT, WORKING, LIMIT, EXPIRES, ORDERS, FILLS, FEES,
 TRADES, WINS) = range(15)  # fmt: skip
ACCOUNT_SLOTS = 15

SIGNAL_FILL, LIMIT_FILL, STOP_FILL, TARGET_FILL, END_FILL = range(5)
"""The values of ``FillReason``."""


class BarArrays(NamedTuple):
    """The bars as the kernel reads them; ``volatility`` is empty where no slippage model reads it."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    spread: Floats
    volatility: Floats


class FillLog(NamedTuple):
    """Where fills and closed trades are written, as far as there is room; counting goes on beyond it."""

    fills: npt.NDArray[Any]
    trades: npt.NDArray[Any]


def coverable_lots(
    account: Floats, side: int, lots: float, price: float, maker: bool, rules: KernelParameters
) -> float:
    """``lots`` reduced to what the account may trade (D16); all of them with ``allow_overdraft``.

    A purchase may not cost more than there is cash, a short sale (with its fee) not more than the equity, and a sale
    whose fee eats more than cash and proceeds is not made.
    """
    unit_value = price * rules.multiplier
    held = account[LOTS]
    if rules.allow_overdraft:
        return lots
    if side < 0 and held > 0.0:
        units = lots * rules.lot_size
        kept = account[CASH] + units * unit_value - fee(units, abs(units * unit_value), maker, rules.fees)
        return lots if kept >= 0.0 else 0.0
    money = account[CASH] if side > 0 else account[CASH] + 2.0 * held * rules.lot_size * unit_value
    units = lots * rules.lot_size
    if unit_value > 0.0 and units * unit_value + fee(units, units * unit_value, maker, rules.fees) <= money:
        return lots
    most = whole_lots(affordable_units(money, unit_value, maker, rules.fees), rules.lot_size)
    units = most * rules.lot_size
    if most > 0.0 and units * unit_value + fee(units, units * unit_value, maker, rules.fees) > money:
        most -= 1.0
    return min(lots, most)


def execute(
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    i: int,
    side: int,
    lots: float,
    base: float,
    reason: int,
) -> None:
    """Fill an order of ``lots`` at the rule price ``base`` in bar ``i``, as far as the account can cover it.

    An order never crosses zero. Market and stop orders slip and take; limits do not slip, and make unless they are
    filled at the open.
    """
    resting = reason in (LIMIT_FILL, TARGET_FILL)
    maker = resting and base != market.open[i]
    bps = 0.0
    if not resting:
        volatility = market.volatility[i - 1] if 0 < i <= len(market.volatility) else 0.0
        bps = slippage_bps(volatility, market.spread[i], lots * rules.lot_size, market.volume[i], rules.slippage)
    price = slipped(base, side, bps)
    lots = coverable_lots(account, side, lots, price, maker, rules)
    if lots <= 0.0:
        return
    units = lots * rules.lot_size
    cost = fee(units, abs(units * price * rules.multiplier), maker, rules.fees)
    account[CASH] -= side * units * price * rules.multiplier + cost
    account[FEES] += cost
    if account[LOTS] * side < 0.0:
        close_part(account, log, i, lots, price, cost, rules)
    else:
        open_part(account, i, lots, price, cost)
    account[LOTS] += side * lots
    row = int(account[FILLS])
    account[FILLS] += 1.0
    if row < len(log.fills):
        position = account[LOTS] * rules.lot_size
        record_fill(log.fills, row, i, side, units, price, cost, bps, reason, account[CASH], position)


def record_fill(
    fills: npt.NDArray[Any],
    row: int,
    i: int,
    side: int,
    units: float,
    price: float,
    cost: float,
    bps: float,
    reason: int,
    cash: float,
    position: float,
) -> None:
    """Write a fill, and the account after it."""
    fills[row].bar = i
    fills[row].side = side
    fills[row].quantity = units
    fills[row].price = price
    fills[row].fee = cost
    fills[row].slippage_bps = bps
    fills[row].reason = reason
    fills[row].cash = cash
    fills[row].position = position


def open_part(account: Floats, i: int, lots: float, price: float, cost: float) -> None:
    """Open a position, or add to one at the average price."""
    held = abs(account[LOTS])
    account[ENTRY_FEES] += cost
    if held == 0.0:
        account[ENTRY_BAR] = i
        account[ENTRY_PRICE] = price
    else:
        account[ENTRY_PRICE] = (held * account[ENTRY_PRICE] + lots * price) / (held + lots)


def close_part(
    account: Floats, log: FillLog, i: int, lots: float, price: float, cost: float, rules: KernelParameters
) -> None:
    """Close ``lots`` of the position: a trade of that part, with its share of the entry's fees."""
    held = account[LOTS]
    direction = 1 if held > 0.0 else -1
    entry_fee = account[ENTRY_FEES] if lots == abs(held) else account[ENTRY_FEES] * (lots / abs(held))
    units = lots * rules.lot_size
    profit = direction * units * rules.multiplier * (price - account[ENTRY_PRICE]) - entry_fee - cost
    row = int(account[TRADES])
    if row < len(log.trades):
        log.trades[row].entry_bar = int(account[ENTRY_BAR])
        log.trades[row].exit_bar = i
        log.trades[row].direction = direction
        log.trades[row].quantity = units
        log.trades[row].entry_price = account[ENTRY_PRICE]
        log.trades[row].exit_price = price
        log.trades[row].entry_fee = entry_fee
        log.trades[row].exit_fee = cost
        log.trades[row].profit = profit
    account[TRADES] += 1.0
    account[WINS] += 1.0 if profit > 0.0 else 0.0
    account[ENTRY_FEES] = account[ENTRY_FEES] - entry_fee if lots < abs(held) else 0.0
