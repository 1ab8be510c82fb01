"""From a wish to orders, and which of them fill in a bar. Compiled by the kernel (see ``account.py``)."""

from __future__ import annotations

from tradewright.backtest.account import (
    CASH,
    END_FILL,
    EXPIRES,
    LIMIT,
    LIMIT_FILL,
    LOTS,
    ORDERS,
    SIGNAL_FILL,
    STOP,
    STOP_FILL,
    TARGET,
    TARGET_FILL,
    WORKING,
    Market,
    Tape,
    execute,
)
from tradewright.backtest.sizing import MAX, sized_units, whole_lots
from tradewright.backtest.spec import Rules
from tradewright.fills.rules import limit_fill, market_fill, stop_fill
from tradewright.fills.slippage import slippage_bps, slipped
from tradewright.model.bars import Floats
from tradewright.model.strategy import NAN

SHARE, WANTED, WISH_LIMIT, WISH_STOP, WISH_TARGET = range(5)
WISH_SLOTS = 5
"""A wish on its way: the share asked for, the units it was sized to (NaN: at the fill), and its prices."""


def sized_at_decision(share: float, equity: float, close: float, limit: float, stop: float, rules: Rules) -> float:
    """The units (>= 0) of a wish, sized on the close or on the entry limit; NaN where the fill decides (``max``)."""
    if rules.sizing.kind == MAX:
        return NAN
    price = limit if limit == limit else close
    return sized_units(abs(share), equity, price, stop, rules.multiplier, rules.sizing, rules.fees)


def sized_at_fill(book: Floats, market: Market, rules: Rules, i: int, share: float, base: float) -> float:
    """The units (>= 0) of a ``max`` wish at the price at which it would fill, impact not counted."""
    side = 1 if share > 0.0 else -1
    volatility = market.volatility[i - 1] if 0 < i <= len(market.volatility) else 0.0
    bps = slippage_bps(volatility, market.spread[i], 0.0, market.volume[i], rules.slippage)
    price = slipped(base, side, bps)
    equity = book[CASH] + book[LOTS] * rules.lot_size * price * rules.multiplier
    return sized_units(abs(share), equity, price, price, rules.multiplier, rules.sizing, rules.fees)


def place(book: Floats, tape: Tape, market: Market, rules: Rules, i: int, wish: Floats) -> None:
    """Turn a wish that reaches the market in bar ``i`` into orders.

    It cancels what is still working. What reduces the position is a market order, filled first; what enters or adds is
    a second order, at market or working at its limit. The position's guards become the wish's; a wish in the direction
    already held keeps a guard that it does not name.
    """
    share = wish[SHARE] if rules.allow_short or wish[SHARE] > 0.0 else 0.0
    base = market_fill(market.open[i], market.close[i], rules.at_close)
    book[WORKING] = 0.0
    held = book[LOTS]
    if held * share <= 0.0:
        if held != 0.0:
            book[ORDERS] += 1.0
            execute(book, tape, market, rules, i, -1 if held > 0.0 else 1, abs(held), base, SIGNAL_FILL)
        book[STOP] = book[TARGET] = NAN
    if share == 0.0 or book[LOTS] * share < 0.0:
        return
    book[STOP] = wish[WISH_STOP] if wish[WISH_STOP] == wish[WISH_STOP] else book[STOP]
    book[TARGET] = wish[WISH_TARGET] if wish[WISH_TARGET] == wish[WISH_TARGET] else book[TARGET]
    limit = wish[WISH_LIMIT]
    units = wish[WANTED]
    if units != units:
        units = sized_at_fill(book, market, rules, i, share, limit if limit == limit else base)
    adjust(book, tape, market, rules, i, 1 if share > 0.0 else -1, whole_lots(units, rules.lot_size), base, limit)


def adjust(
    book: Floats, tape: Tape, market: Market, rules: Rules, i: int, side: int, wanted: float, base: float, limit: float
) -> None:
    """Bring a flat or like-sided position to ``wanted`` lots: sell down at market, or enter at market or limit.

    A wish that rounds to no lot at all is not traded; flat is asked for by a share of 0.
    """
    more = wanted - abs(book[LOTS])
    if more == 0.0 or wanted == 0.0:
        return
    book[ORDERS] += 1.0
    if more < 0.0 or limit != limit:
        execute(book, tape, market, rules, i, side if more > 0.0 else -side, abs(more), base, SIGNAL_FILL)
        return
    book[WORKING] = side * more
    book[LIMIT] = limit
    book[EXPIRES] = i + rules.timeout - (0 if rules.at_close else 1)


def work(book: Floats, tape: Tape, market: Market, rules: Rules, i: int) -> None:
    """What rests in the market during bar ``i``: the entry limit first, then the guards of the position.

    A limit filled inside the bar leaves the rest of the bar to the stop alone: whether the high came before the entry
    is unknown, so the target must wait for the next bar.
    """
    start = market.open[i]
    inside = False
    if book[WORKING] != 0.0:
        side = 1 if book[WORKING] > 0.0 else -1
        price = limit_fill(side, book[LIMIT], start, market.high[i], market.low[i], rules.marketable)
        if price == price:
            execute(book, tape, market, rules, i, side, abs(book[WORKING]), price, LIMIT_FILL)
            inside = price != start
            start = price
        if price == price or i >= book[EXPIRES]:
            book[WORKING] = 0.0
    if book[LOTS] != 0.0:
        guard(book, tape, market, rules, i, start, inside)


def guard(book: Floats, tape: Tape, market: Market, rules: Rules, i: int, start: float, inside: bool) -> None:
    """Close the position where its stop, or else its take-profit, is reached in what is left of bar ``i``."""
    held = book[LOTS]
    side = -1 if held > 0.0 else 1
    reason = STOP_FILL
    price = stop_fill(side, book[STOP], start, market.high[i], market.low[i])
    if price != price and not inside:
        reason = TARGET_FILL
        price = limit_fill(side, book[TARGET], start, market.high[i], market.low[i], rules.marketable)
    if price == price:
        book[ORDERS] += 1.0
        book[WORKING] = 0.0
        execute(book, tape, market, rules, i, side, abs(held), price, reason)


def close_out(book: Floats, tape: Tape, market: Market, rules: Rules, i: int) -> None:
    """Close what is open at the close of the last bar (``close_at_end``)."""
    held = book[LOTS]
    if held != 0.0:
        book[ORDERS] += 1.0
        execute(book, tape, market, rules, i, -1 if held > 0.0 else 1, abs(held), market.close[i], END_FILL)
