"""The account inside the kernel: cash, position, protective exits, and the effect of a fill on them.

Compiled by the kernel, so plain scalar code over one workspace vector, the *account*, whose slots are named here. The
position is kept in whole lots (a float without a fraction), so that closing it leaves exactly zero.

Money is in the account's currency. Of an instrument quoted in another one, a long position that is paid in full costs
its value at the rate of the fill. Any other position is settled by its difference: the amount that it was opened for
stands in ``FOREIGN``, a balance in the quote currency, and what a close leaves of it is exchanged at the rate of then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.sizing import whole_lots
from tradewright.backtest.spec import KernelParameters
from tradewright.fills.costs import FeeTerms, affordable_units, exchanged, fee
from tradewright.fills.slippage import half_spread_bps, slippage_bps, slipped
from tradewright.model.bars import Floats

(CASH, LOTS, ENTRY_PRICE, ENTRY_FEES, ENTRY_BAR, STOP, TAKE_PROFIT, WORKING, LIMIT, EXPIRES, ORDERS, FILLS, FEES,
 TRADES, WINS, FOREIGN, ENTRY_WORTH, TRIGGER, TRAIL, TRAIL_PERCENT, TRAIL_STOP, TIME_STOP,
 CLOSING, ADJUSTED) = range(24)  # fmt: skip
ACCOUNT_SLOTS = 24

REQUESTS = PARTIAL_FILLS = ACTIONS = SLIPPAGE = CONVERSION = FEE_RATES = True
"""Whether the decision answers with order requests, whether orders fill in parts (``fill.volume_share``), whether the
instrument has corporate actions, whether fills slip or are at bid and ask, whether the instrument is quoted in another
currency than the account's, and whether fees are charged in one. Where one of them is not so the compiler puts False,
and all that it alone needs is left out of the machine code: also of the loops that use none of it, which it would crowd
out of the registers."""

(SIGNAL_FILL, LIMIT_FILL, STOP_FILL, TARGET_FILL, END_FILL, STOP_ENTRY_FILL, TRAIL_FILL, TIME_FILL, OPEN_FILL,
 CLOSE_FILL, REST_FILL, SPLIT, CASH_IN_LIEU, DIVIDEND) = range(14)  # fmt: skip
"""The values of ``FillReason``; from ``SPLIT`` on they are corporate actions."""


class BarArrays(NamedTuple):
    """The bars as the kernel reads them; ``volatility`` is empty where no slippage model reads it.

    ``marks`` are the closes in the account's currency. ``rate_open`` and ``rate_close`` are the newest rates known when
    a bar opens and when it closes, in account currency per unit of quote currency; empty where both are the same.
    ``fee_open`` and ``fee_close`` are the same of the currency of the fees.
    ``session_ends`` has for each bar the index of the last bar of its session; empty where no decision can ask for it.
    ``actions`` are the rows of :class:`~tradewright.backtest.corporate.CorporateActions`.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    spread: Floats
    volatility: Floats
    marks: Floats
    rate_open: Floats
    rate_close: Floats
    fee_open: Floats
    fee_close: Floats
    session_ends: Floats
    actions: npt.NDArray[np.float64]


class FillLog(NamedTuple):
    """Where fills and closed trades are written, as far as there is room; counting goes on beyond it."""

    fills: npt.NDArray[Any]
    trades: npt.NDArray[Any]


def rate_at(rates: Floats, i: int) -> float:
    """The rate of bar ``i``; 1 in an account of one currency, which has no rates."""
    return float(rates[i]) if CONVERSION and len(rates) > 0 else 1.0


def fees_at(market: BarArrays, rules: KernelParameters, i: int, late: bool) -> FeeTerms:
    """The fees in the account's currency, at the rate known at the open of bar ``i``, or ``late`` at its close."""
    if FEE_RATES and len(market.fee_open) > 0:
        return exchanged(rules.fees, market.fee_close[i] if late else market.fee_open[i])
    return rules.fees


def half_spread(market: BarArrays, rules: KernelParameters, i: int) -> float:
    """How far bid and ask of bar ``i`` are from its prices, in basis points; 0 in bars of trades."""
    return half_spread_bps(market.spread[i], rules.slippage) if SLIPPAGE and rules.quoted else 0.0


def market_slippage(market: BarArrays, rules: KernelParameters, i: int, units: float) -> float:
    """The slippage of a market or stop order of so many units in bar ``i``, in basis points."""
    if not SLIPPAGE:
        return 0.0
    volatility = market.volatility[i - 1] if 0 < i <= len(market.volatility) else 0.0
    return slippage_bps(volatility, market.spread[i], units, market.volume[i], rules.slippage)


def total_cash(account: Floats, rate: float) -> float:
    """The cash with the balance in the quote currency, at a rate."""
    cash: float = account[CASH]
    return cash + account[FOREIGN] * rate if has_foreign(account) else cash


def has_foreign(account: Floats) -> bool:
    """Whether there is a balance in the quote currency."""
    return bool(CONVERSION and account[FOREIGN] != 0.0)


def coverable_lots(
    account: Floats,
    side: int,
    lots: float,
    unit_value: float,
    cash: float,
    maker: bool,
    fees: FeeTerms,
    rules: KernelParameters,
) -> float:
    """``lots`` reduced to what the account may trade (D16); all of them with ``allow_overdraft``.

    A purchase may not cost more than there is cash, a short sale (with its fee) not more than the equity, and a sale
    whose fee eats more than cash and proceeds is not made. All money is at the rates of the fill, ``fees`` too.
    """
    held = account[LOTS]
    if rules.allow_overdraft:
        return lots
    if side < 0 and held > 0.0:
        units = lots * rules.lot_size
        kept = cash + units * unit_value - fee(units, abs(units * unit_value), maker, fees)
        return lots if kept >= 0.0 else 0.0
    money = cash if side > 0 else cash + 2.0 * held * rules.lot_size * unit_value
    units = lots * rules.lot_size
    if unit_value > 0.0 and units * unit_value + fee(units, units * unit_value, maker, fees) <= money:
        return lots
    most = whole_lots(affordable_units(money, unit_value, maker, fees), rules.lot_size)
    units = most * rules.lot_size
    if most > 0.0 and units * unit_value + fee(units, units * unit_value, maker, fees) > money:
        most -= 1.0
    return min(lots, most)


def fills_at_close(reason: int, rules: KernelParameters) -> bool:
    """Whether a fill of this cause happens at the bar's close."""
    return reason in (END_FILL, CLOSE_FILL) or (reason in (SIGNAL_FILL, TIME_FILL, REST_FILL) and rules.at_close)


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
    worst: float,
) -> None:
    """Fill an order of ``lots`` at the rule price ``base`` in bar ``i``, as far as the account can cover it.

    An order never crosses zero. Market and stop orders slip and take; limits do not slip, and make unless they are
    filled at the open; a stop-limit order that its stop fills slips to its limit, ``worst``, at most (NaN: no limit).
    In bars of quotes the ``base`` of a market order is a middle price, that of all others a price of the side they
    trade on; the recorded slippage is counted from the middle. What fills at the close is exchanged at the rate known
    then, everything else at the rate known at the open, since the moment of a fill inside the bar is not known.
    """
    late = fills_at_close(reason, rules)
    rate, fees = rate_at(market.rate_close if late else market.rate_open, i), fees_at(market, rules, i, late)
    resting = reason in (LIMIT_FILL, TARGET_FILL)
    half = half_spread(market, rules, i)
    maker = resting and base != slipped(market.open[i], side, half)
    bps = 0.0 if resting else market_slippage(market, rules, i, lots * rules.lot_size)
    if reason in (SIGNAL_FILL, END_FILL, TIME_FILL, OPEN_FILL, CLOSE_FILL, REST_FILL):
        base = slipped(base, side, half)
    price = slipped(base, side, bps)
    if side * price > side * worst:
        price = worst
        bps = side * (price / base - 1.0) * 1e4
    cash, unit_value = total_cash(account, rate), price * rules.multiplier * rate
    lots = coverable_lots(account, side, lots, unit_value, cash, maker, fees, rules)
    if lots <= 0.0:
        return
    units = lots * rules.lot_size
    value = units * price * rules.multiplier
    cost = fee(units, abs(value * rate), maker, fees)
    is_long = account[LOTS] > 0.0 or (account[LOTS] == 0.0 and side > 0)
    if not CONVERSION or len(market.rate_open) == 0 or (is_long and rules.paid_in_full):
        account[CASH] -= side * value * rate + cost
    else:
        settle_difference(account, side, lots, value, cost, rate)
    account[FEES] += cost
    if account[LOTS] * side < 0.0:
        close_part(account, log, i, lots, price, rate, cost, is_long, rules)
    else:
        open_part(account, i, lots, price, rate, cost)
    account[LOTS] += side * lots
    row = int(account[FILLS])
    account[FILLS] += 1.0
    if row < len(log.fills):
        position = account[LOTS] * rules.lot_size
        told = bps if resting else bps + half
        record_fill(log.fills, row, i, side, units, price, cost, told, reason, account, position, rate)


def is_closing(account: Floats) -> bool:
    """Whether the volumes of former bars left something of a close."""
    return bool(PARTIAL_FILLS and account[CLOSING] != 0.0)


def fill_part(
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    i: int,
    side: int,
    lots: float,
    base: float,
    reason: int,
    worst: float,
) -> float:
    """:func:`execute` as far as the bar's volume goes (``fill.volume_share``); the lots that are left to work on.

    What the account cannot cover is not left. A bar of unknown volume fills everything, one without volume nothing.
    """
    if PARTIAL_FILLS and rules.volume_share > 0.0 and market.volume[i] >= 0.0:
        return fill_share(account, log, market, rules, i, side, lots, base, reason, worst)
    execute(account, log, market, rules, i, side, lots, base, reason, worst)
    return 0.0


def fill_share(
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    i: int,
    side: int,
    lots: float,
    base: float,
    reason: int,
    worst: float,
) -> float:
    """:func:`fill_part` of a bar whose volume is known."""
    most = min(lots, whole_lots(rules.volume_share * market.volume[i], rules.lot_size))
    before = account[LOTS]
    if most > 0.0:
        execute(account, log, market, rules, i, side, most, base, reason, worst)
    return lots - most if abs(account[LOTS] - before) == most else 0.0


def settle_difference(account: Floats, side: int, lots: float, value: float, cost: float, rate: float) -> None:
    """Book a fill of ``value`` in the quote currency: what a close settles is exchanged, what is open stays there."""
    held = account[LOTS]
    account[CASH] -= cost
    if held * side >= 0.0:
        account[FOREIGN] -= side * value
        return
    settled = account[FOREIGN] if lots == abs(held) else account[FOREIGN] * (lots / abs(held))
    account[CASH] += (settled - side * value) * rate
    account[FOREIGN] -= settled


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
    account: Floats,
    position: float,
    rate: float,
) -> None:
    """Write a fill, and the account after it."""
    fills[row].bar = i
    fills[row].side = side
    fills[row].quantity = units
    fills[row].price = price
    fills[row].fee = cost
    fills[row].slippage_bps = bps
    fills[row].reason = reason
    fills[row].cash = account[CASH]
    fills[row].position = position
    fills[row].foreign = account[FOREIGN]
    fills[row].rate = rate


def open_part(account: Floats, i: int, lots: float, price: float, rate: float, cost: float) -> None:
    """Open a position, or add to one at the average price, in the quote and in the account's currency."""
    held = abs(account[LOTS])
    account[ENTRY_FEES] += cost
    if held == 0.0:
        account[ENTRY_BAR] = i
        account[ENTRY_PRICE] = price
        account[ENTRY_WORTH] = price * rate
        return
    account[ENTRY_PRICE] = (held * account[ENTRY_PRICE] + lots * price) / (held + lots)
    account[ENTRY_WORTH] = (held * account[ENTRY_WORTH] + lots * (price * rate)) / (held + lots)


def close_part(
    account: Floats,
    log: FillLog,
    i: int,
    lots: float,
    price: float,
    rate: float,
    cost: float,
    is_long: bool,
    rules: KernelParameters,
) -> None:
    """Close ``lots`` of the position: a trade of that part, with its share of the entry's fees.

    What was paid in full is compared with its cost at the rates of the entry, a difference is worth the rate of now.
    """
    held = account[LOTS]
    direction = 1 if held > 0.0 else -1
    entry_fee = account[ENTRY_FEES] if lots == abs(held) else account[ENTRY_FEES] * (lots / abs(held))
    units = lots * rules.lot_size
    entry = account[ENTRY_WORTH] if is_long and rules.paid_in_full else account[ENTRY_PRICE] * rate
    profit = direction * units * rules.multiplier * (price * rate - entry) - entry_fee - cost
    row = int(account[TRADES])
    if row < len(log.trades):
        record_trade(log.trades, row, account, i, direction, units, entry, price, rate, entry_fee, cost, profit)
    account[TRADES] += 1.0
    account[WINS] += 1.0 if profit > 0.0 else 0.0
    account[ENTRY_FEES] = account[ENTRY_FEES] - entry_fee if lots < abs(held) else 0.0


def record_trade(
    trades: npt.NDArray[Any],
    row: int,
    account: Floats,
    i: int,
    direction: int,
    units: float,
    entry: float,
    price: float,
    rate: float,
    entry_fee: float,
    cost: float,
    profit: float,
) -> None:
    """Write a closed trade; ``entry`` is its price in the account's currency."""
    trades[row].entry_bar = int(account[ENTRY_BAR])
    trades[row].exit_bar = i
    trades[row].direction = direction
    trades[row].quantity = units
    trades[row].entry_price = account[ENTRY_PRICE]
    trades[row].exit_price = price
    trades[row].entry_fee = entry_fee
    trades[row].exit_fee = cost
    trades[row].entry_rate = entry / account[ENTRY_PRICE] if account[ENTRY_PRICE] != 0.0 else rate
    trades[row].exit_rate = rate
    trades[row].profit = profit
