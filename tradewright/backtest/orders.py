"""From a target to orders, and which of them fill in a bar. Compiled by the kernel (see ``account.py``)."""

from __future__ import annotations

from tradewright.backtest.account import (
    END_FILL,
    EXPIRES,
    LIMIT,
    LIMIT_FILL,
    LOTS,
    ORDERS,
    SIGNAL_FILL,
    STOP,
    STOP_FILL,
    TAKE_PROFIT,
    TARGET_FILL,
    WORKING,
    BarArrays,
    FillLog,
    execute,
    half_spread,
    rate_at,
    total_cash,
)
from tradewright.backtest.sizing import MAX, sized_units, whole_lots
from tradewright.backtest.spec import KernelParameters
from tradewright.fills.rules import limit_fill, market_fill, stop_fill
from tradewright.fills.slippage import slippage_bps, slipped
from tradewright.model.bars import Floats
from tradewright.model.strategy import NAN

WEIGHT, WANTED, TARGET_LIMIT, TARGET_STOP, TARGET_TAKE_PROFIT = range(5)
TARGET_SLOTS = 5
"""A target on its way: the weight asked for, the units it was sized to (NaN: at the fill), and its prices."""


def sized_at_decision(
    weight: float, equity: float, close: float, limit: float, stop: float, rate: float, rules: KernelParameters
) -> float:
    """The units (>= 0) of a target, sized on the close or on the entry limit; NaN where the fill decides (``max``)."""
    if rules.sizing.kind == MAX:
        return NAN
    price = limit if limit == limit else close
    return sized_units(abs(weight), equity, price, stop, rules.multiplier * rate, rules.sizing, rules.fees)


def sized_at_fill(
    account: Floats, market: BarArrays, rules: KernelParameters, i: int, weight: float, base: float
) -> float:
    """The units (>= 0) of a ``max`` target at the price at which it would fill, impact not counted."""
    side = 1 if weight > 0.0 else -1
    volatility = market.volatility[i - 1] if 0 < i <= len(market.volatility) else 0.0
    bps = slippage_bps(volatility, market.spread[i], 0.0, market.volume[i], rules.slippage)
    price = slipped(base, side, bps)
    rate = rate_at(market.rate_close if rules.at_close else market.rate_open, i)
    equity = total_cash(account, rate) + account[LOTS] * rules.lot_size * price * rules.multiplier * rate
    return sized_units(abs(weight), equity, price, price, rules.multiplier * rate, rules.sizing, rules.fees)


def apply_target(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, pending: Floats
) -> None:
    """Turn a target that reaches the market in bar ``i`` into orders.

    It cancels what is still working. What reduces the position is a market order, filled first; what enters or adds is
    a second order, at market or working at its limit. The position's stop and take-profit become the target's; a
    target in the direction already held keeps the one that it does not name.
    """
    weight = pending[WEIGHT] if rules.allow_short or pending[WEIGHT] > 0.0 else 0.0
    base = market_fill(market.open[i], market.close[i], rules.at_close)
    account[WORKING] = 0.0
    held = account[LOTS]
    if held * weight <= 0.0:
        if held != 0.0:
            account[ORDERS] += 1.0
            execute(account, log, market, rules, i, -1 if held > 0.0 else 1, abs(held), base, SIGNAL_FILL)
        account[STOP] = account[TAKE_PROFIT] = NAN
    if weight == 0.0 or account[LOTS] * weight < 0.0:
        return
    account[STOP] = pending[TARGET_STOP] if pending[TARGET_STOP] == pending[TARGET_STOP] else account[STOP]
    account[TAKE_PROFIT] = (
        pending[TARGET_TAKE_PROFIT]
        if pending[TARGET_TAKE_PROFIT] == pending[TARGET_TAKE_PROFIT]
        else account[TAKE_PROFIT]
    )
    limit = pending[TARGET_LIMIT]
    units = pending[WANTED]
    if units != units:
        entry = limit if limit == limit else slipped(base, 1 if weight > 0.0 else -1, half_spread(market, rules, i))
        units = sized_at_fill(account, market, rules, i, weight, entry)
    adjust(account, log, market, rules, i, 1 if weight > 0.0 else -1, whole_lots(units, rules.lot_size), base, limit)


def adjust(
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    i: int,
    side: int,
    wanted: float,
    base: float,
    limit: float,
) -> None:
    """Bring a flat or like-sided position to ``wanted`` lots: sell down at market, or enter at market or limit.

    A target that rounds to no lot at all is not traded; flat is asked for by a weight of 0.
    """
    more = wanted - abs(account[LOTS])
    if more == 0.0 or wanted == 0.0:
        return
    account[ORDERS] += 1.0
    if more < 0.0 or limit != limit:
        execute(account, log, market, rules, i, side if more > 0.0 else -side, abs(more), base, SIGNAL_FILL)
        return
    account[WORKING] = side * more
    account[LIMIT] = limit
    account[EXPIRES] = i + rules.timeout - (0 if rules.at_close else 1)


def match_resting(account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int) -> None:
    """Match the resting orders of bar ``i``: the entry limit first, then the protective exits of the position.

    A limit filled inside the bar leaves the rest of the bar to the stop alone: whether the high came before the entry
    is unknown, so the target must wait for the next bar. In bars of quotes an order meets the prices of its own side: a
    purchase those of the ask, a sale those of the bid.
    """
    start = market.open[i]
    half = half_spread(market, rules, i)
    inside = False
    if account[WORKING] != 0.0:
        side = 1 if account[WORKING] > 0.0 else -1
        opened, high, low = (
            slipped(start, side, half),
            slipped(market.high[i], side, half),
            slipped(market.low[i], side, half),
        )
        price = limit_fill(side, account[LIMIT], opened, high, low, rules.marketable)
        if price == price:
            execute(account, log, market, rules, i, side, abs(account[WORKING]), price, LIMIT_FILL)
            inside = price != opened
            start = price / (1.0 + side * half / 1e4) if inside else start
        if price == price or i >= account[EXPIRES]:
            account[WORKING] = 0.0
    if account[LOTS] != 0.0:
        match_protective(account, log, market, rules, i, start, inside)


def match_protective(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, start: float, inside: bool
) -> None:
    """Close the position where its stop, or else its take-profit, is reached in what is left of bar ``i``.

    ``start`` is the bar's price at which that begins, in quotes a middle one.
    """
    held = account[LOTS]
    side = -1 if held > 0.0 else 1
    half = half_spread(market, rules, i)
    begun, high, low = (
        slipped(start, side, half),
        slipped(market.high[i], side, half),
        slipped(market.low[i], side, half),
    )
    reason = STOP_FILL
    price = stop_fill(side, account[STOP], begun, high, low)
    if price != price and not inside:
        reason = TARGET_FILL
        price = limit_fill(side, account[TAKE_PROFIT], begun, high, low, rules.marketable)
    if price == price:
        account[ORDERS] += 1.0
        account[WORKING] = 0.0
        execute(account, log, market, rules, i, side, abs(held), price, reason)


def close_out(account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int) -> None:
    """Close what is open at the close of the last bar (``close_at_end``)."""
    held = account[LOTS]
    if held != 0.0:
        account[ORDERS] += 1.0
        execute(account, log, market, rules, i, -1 if held > 0.0 else 1, abs(held), market.close[i], END_FILL)
