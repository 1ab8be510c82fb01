"""From a target to orders, and which of them fill in a bar. Compiled by the kernel (see ``account.py``)."""

from __future__ import annotations

from tradewright.backtest.account import (
    CLOSE_FILL,
    CLOSING,
    EXPIRES,
    LIMIT,
    LIMIT_FILL,
    LOTS,
    OPEN_FILL,
    ORDERS,
    PARTIAL_FILLS,
    REQUESTS,
    REST_FILL,
    SIGNAL_FILL,
    STOP,
    STOP_ENTRY_FILL,
    TAKE_PROFIT,
    TIME_STOP,
    TRAIL,
    TRAIL_PERCENT,
    TRIGGER,
    WORKING,
    BarArrays,
    FillLog,
    fees_at,
    fill_part,
    half_spread,
    is_closing,
    market_slippage,
    rate_at,
    total_cash,
)
from tradewright.backtest.exits import clear_exits, match_exits, start_trail, trail_distance
from tradewright.backtest.sizing import MAX, sized_units, whole_lots
from tradewright.backtest.spec import KernelParameters
from tradewright.fills.costs import FeeTerms
from tradewright.fills.rules import limit_fill, market_fill, stop_fill, stop_limit_fill
from tradewright.fills.slippage import slipped
from tradewright.model.bars import Floats
from tradewright.model.strategy import AT_CLOSE, DAY, NAN, OrderRequest

(WEIGHT, WANTED, TARGET_LIMIT, TARGET_STOP, TARGET_TAKE_PROFIT, TARGET_TRIGGER, TARGET_TRAIL, TARGET_TRAIL_PERCENT,
 TARGET_TIME_STOP, TARGET_GOOD_FOR, TARGET_FILL_AT) = range(11)  # fmt: skip
TARGET_SLOTS = 11
"""A target on its way: the weight asked for, the units it was sized to (NaN: at the fill), and the request's terms; of
those that four numbers do not have, nothing is kept or read where no request is answered with."""


def sized_at_decision(
    request: OrderRequest,
    weight: float,
    equity: float,
    close: float,
    rate: float,
    fees: FeeTerms,
    rules: KernelParameters,
) -> float:
    """The units (>= 0) of a target, sized on the price that it enters at: its limit, its trigger or else the close.

    The risk is the distance to the nearer of its stop and the start of its trailing stop. NaN where the fill decides
    (``max``).
    """
    if rules.sizing.kind == MAX:
        return NAN
    price = entry_price(request.limit, request.stop_entry, close)
    stop = request.stop
    distance = trail_distance(request.trail, request.trail_percent, price)
    if distance == distance and not abs(price - stop) <= distance:
        stop = price - distance if weight > 0.0 else price + distance
    return sized_units(abs(weight), equity, price, stop, rules.multiplier * rate, rules.sizing, fees)


def entry_price(limit: float, trigger: float, otherwise: float) -> float:
    """The price that an entry counts on."""
    if limit == limit:
        return limit
    return trigger if trigger == trigger else otherwise


def is_late(pending: Floats, rules: KernelParameters) -> bool:
    """Whether a target reaches the market at the close of its bar; without delay it cannot do so before."""
    if not REQUESTS:
        return rules.at_close
    fill_at = pending[TARGET_FILL_AT]
    return bool(fill_at == AT_CLOSE or rules.delay == 0 or (fill_at != fill_at and rules.at_close))


def sized_at_fill(
    account: Floats, market: BarArrays, rules: KernelParameters, i: int, weight: float, base: float, late: bool
) -> float:
    """The units (>= 0) of a ``max`` target at the price at which it would fill, impact not counted."""
    side = 1 if weight > 0.0 else -1
    price = slipped(base, side, market_slippage(market, rules, i, 0.0))
    rate = rate_at(market.rate_close if late else market.rate_open, i)
    equity = total_cash(account, rate) + account[LOTS] * rules.lot_size * price * rules.multiplier * rate
    fees = fees_at(market, rules, i, late)
    return sized_units(abs(weight), equity, price, price, rules.multiplier * rate, rules.sizing, fees)


def apply_target(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, pending: Floats
) -> None:
    """Turn a target that reaches the market in bar ``i`` into orders.

    It cancels what is still working. What reduces the position is a market order, filled first; what enters or adds is
    a second order, at market or working at its prices. The position's exits become the target's; a target in the
    direction already held keeps those that it does not name, and a trailing stop never moves back.
    """
    weight = pending[WEIGHT] if rules.allow_short or pending[WEIGHT] > 0.0 else 0.0
    late = is_late(pending, rules)
    base = market_fill(market.open[i], market.close[i], late)
    reason = SIGNAL_FILL
    if late != rules.at_close:
        reason = CLOSE_FILL if late else OPEN_FILL
    account[WORKING] = account[CLOSING] = 0.0
    held = account[LOTS]
    if held * weight <= 0.0:
        if held != 0.0:
            account[ORDERS] += 1.0
            rest = fill_part(account, log, market, rules, i, -1 if held > 0.0 else 1, abs(held), base, reason, NAN)
            account[CLOSING] = 1.0 if rest > 0.0 else 0.0
        clear_exits(account)
    if weight == 0.0 or (account[LOTS] * weight < 0.0 and not is_closing(account)):
        return
    name_exits(account, pending)
    limit, trigger = pending[TARGET_LIMIT], pending[TARGET_TRIGGER] if REQUESTS else NAN
    side = 1 if weight > 0.0 else -1
    units = pending[WANTED]
    if units != units:
        entry = entry_price(limit, trigger, slipped(base, side, half_spread(market, rules, i)))
        units = sized_at_fill(account, market, rules, i, weight, entry, late)
    wanted = whole_lots(units, rules.lot_size)
    more = wanted if is_closing(account) else wanted - abs(account[LOTS])
    if more != 0.0 and wanted != 0.0:  # a target that rounds to no lot at all is not traded
        account[ORDERS] += 1.0
        if more < 0.0 or (limit != limit and trigger != trigger):
            set_prices(account, NAN, NAN)
            work_at_market(account, log, market, rules, i, side * more, base, reason)
        else:
            account[WORKING] = side * more
            set_prices(account, limit, trigger)
            good_for = pending[TARGET_GOOD_FOR] if REQUESTS else NAN
            account[EXPIRES] = last_bar_of(good_for, market, rules, i + (1 if late else 0))
    if REQUESTS and late and not is_closing(account):
        start_trail(account, market, rules, i, base)


def set_prices(account: Floats, limit: float, trigger: float) -> None:
    """The prices of what is working."""
    account[LIMIT] = limit
    if REQUESTS:
        account[TRIGGER] = trigger


def is_at_market(account: Floats) -> bool:
    """Whether what is working is (the rest of) a market order."""
    priced = account[LIMIT] == account[LIMIT] or (REQUESTS and account[TRIGGER] == account[TRIGGER])
    return bool(account[WORKING] != 0.0 and not priced)


def is_unfinished(account: Floats) -> bool:
    """Whether the volumes of former bars left something of a market order."""
    return PARTIAL_FILLS and (is_closing(account) or is_at_market(account))


def work_at_market(
    account: Floats,
    log: FillLog,
    market: BarArrays,
    rules: KernelParameters,
    i: int,
    lots: float,
    base: float,
    reason: int,
) -> None:
    """Fill ``lots`` (signed) at the middle price ``base`` as far as the bar's volume goes; the rest is working.

    It waits for a close.
    """
    if is_closing(account):
        account[WORKING] = lots
        return
    side = 1 if lots > 0.0 else -1
    rest = fill_part(account, log, market, rules, i, side, abs(lots), base, reason, NAN)
    if PARTIAL_FILLS:
        account[WORKING] = side * rest


def work_on(account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int) -> None:
    """Fill what the volumes of former bars left of market orders: a close first, then what enters or reduces."""
    base = market_fill(market.open[i], market.close[i], rules.at_close)
    if is_closing(account):
        held = account[LOTS]
        rest = fill_part(account, log, market, rules, i, -1 if held > 0.0 else 1, abs(held), base, REST_FILL, NAN)
        account[CLOSING] = 1.0 if rest > 0.0 else 0.0
        if rest == 0.0 and account[LOTS] != 0.0:  # the account cannot cover the close, so nothing can follow it
            account[WORKING] = 0.0
    if is_at_market(account):
        work_at_market(account, log, market, rules, i, account[WORKING], base, REST_FILL)


def name_exits(account: Floats, pending: Floats) -> None:
    """The exits that a target names take the place of those that the position has."""
    if pending[TARGET_STOP] == pending[TARGET_STOP]:
        account[STOP] = pending[TARGET_STOP]
    if pending[TARGET_TAKE_PROFIT] == pending[TARGET_TAKE_PROFIT]:
        account[TAKE_PROFIT] = pending[TARGET_TAKE_PROFIT]
    if not REQUESTS:
        return
    if pending[TARGET_TRAIL] == pending[TARGET_TRAIL] or pending[TARGET_TRAIL_PERCENT] == pending[TARGET_TRAIL_PERCENT]:
        account[TRAIL], account[TRAIL_PERCENT] = pending[TARGET_TRAIL], pending[TARGET_TRAIL_PERCENT]
    if pending[TARGET_TIME_STOP] == pending[TARGET_TIME_STOP]:
        account[TIME_STOP] = pending[TARGET_TIME_STOP]


def last_bar_of(good_for: float, market: BarArrays, rules: KernelParameters, first: int) -> float:
    """The last bar in which an entry works whose first one is ``first``; infinite for one without an end."""
    if REQUESTS and good_for == DAY:
        return float(market.session_ends[min(first, len(market.session_ends) - 1)])
    return first + (good_for if good_for == good_for else float(rules.timeout)) - 1.0


def match_resting(account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int) -> None:
    """Match the resting orders of bar ``i``: the entry first, then the exits of the position.

    An entry filled inside the bar leaves the rest of the bar to the stop alone: whether the high came before the entry
    is unknown, so the target must wait for the next bar. In bars of quotes an order meets the prices of its own side: a
    purchase those of the ask, a sale those of the bid.
    """
    start = market.open[i]
    half = half_spread(market, rules, i)
    inside = False
    if is_closing(account):
        account[WORKING] = account[WORKING] if i < account[EXPIRES] or is_at_market(account) else 0.0
        return
    if account[WORKING] != 0.0 and not is_at_market(account):
        side = 1 if account[WORKING] > 0.0 else -1
        opened, high, low = (
            slipped(start, side, half),
            slipped(market.high[i], side, half),
            slipped(market.low[i], side, half),
        )
        limit, trigger = account[LIMIT], account[TRIGGER] if REQUESTS else NAN
        reason = LIMIT_FILL if trigger != trigger else STOP_ENTRY_FILL
        if trigger != trigger:
            price = limit_fill(side, limit, opened, high, low, rules.marketable)
        elif limit != limit:
            price = stop_fill(side, trigger, opened, high, low)
        else:
            price = stop_limit_fill(side, trigger, limit, opened, high, low)
            reached = stop_fill(side, trigger, opened, high, low)
            set_prices(account, limit, trigger if reached != reached else NAN)
        if price == price:
            worst = limit if reason == STOP_ENTRY_FILL else NAN
            lots = abs(account[WORKING])
            account[WORKING] = side * fill_part(account, log, market, rules, i, side, lots, price, reason, worst)
            set_prices(account, limit, NAN)
            inside = price != opened
            start = price / (1.0 + side * half / 1e4) if inside else start
        if i >= account[EXPIRES] and not is_at_market(account):
            account[WORKING] = 0.0
    if account[LOTS] != 0.0:
        match_exits(account, log, market, rules, i, start, inside)
