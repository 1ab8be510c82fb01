"""When and at what price an order fills: the engine's rules for fills, for every kind of order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from tradewright.fills.rules import limit_fill, market_fill, stop_fill, stop_limit_fill, trailed
from tradewright.model.order import (
    LimitOrder,
    MarketOnCloseOrder,
    MarketOnOpenOrder,
    MarketOrder,
    OrderTerms,
    Side,
    StopLimitOrder,
    StopOrder,
    TrailingStopOrder,
)


class Prices(NamedTuple):
    """The newest prices of an instrument; None where there is none."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    time: datetime

    @property
    def newest(self) -> Decimal | None:
        """The price at which a holding is valued: the last trade, else the middle of the quote."""
        if self.last is not None or self.bid is None or self.ask is None:
            return self.last
        return (self.bid + self.ask) / 2

    def against(self, side: Side) -> Decimal | None:
        """The price at which an order of that side trades at once."""
        return self.ask if side is Side.BUY else self.bid


class PriceBar(NamedTuple):
    """One complete bar: when it starts and ends, and its four prices.

    Args:
        half_spread: of a bar of quotes, whose prices are middle ones: how far bid and ask are from them, as a fraction.
    """

    start: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    half_spread: Decimal = Decimal(0)

    def seen_by(self, side: Side) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Open, high, low and close of the ask to what buys, of the bid to what sells."""
        prices = self.open, self.high, self.low, self.close
        if not self.half_spread:
            return prices
        opened, high, low, close = (price * (1 + side.sign * self.half_spread) for price in prices)
        return opened, high, low, close

    def middle_of(self, price: Decimal, side: Side) -> Decimal:
        """The middle price at which an order of a side meets ``price``."""
        return price / (1 + side.sign * self.half_spread) if self.half_spread else price


class Match(NamedTuple):
    """The effect of a bar on an order.

    Args:
        price: where it fills; None when it does not.
        triggered: whether its stop has been reached by now.
        stop: where a trailing stop stands after the bar; None for the other kinds.
    """

    price: Decimal | None
    triggered: bool = False
    stop: Decimal | None = None


def match(terms: OrderTerms, triggered: bool, stop: Decimal | None, bar: Sequence[Decimal]) -> Match:
    """The effect of a bar (open, high, low, close) on an order; a quote is a bar of one price.

    The rules are the engine's own, so that a simulated order and a backtested one agree. The path inside a bar is not
    known, so the worse one is taken: a stop-limit order whose trigger lies beyond its limit does not fill in the bar
    that triggers it, and a trailing stop moves at the open, and else only after the bar that it has survived. Orders
    for an auction fill in no bar; the venue executes them.

    Args:
        triggered: whether the stop was reached before.
        stop: where a trailing stop stands; None before its first bar.
    """
    order, side = terms.order, terms.side.sign
    match order:
        case MarketOrder():
            return Match(_market(bar))
        case LimitOrder():
            return Match(_limit(side, order.limit_price, bar))
        case StopOrder():
            price = _market(bar) if triggered else _stop(side, order.stop_price, bar)
            return Match(price, triggered or price is not None)
        case StopLimitOrder():
            return _stop_limit(order, side, triggered, bar)
        case TrailingStopOrder():
            return _trailing(order, side, triggered, stop, bar)
        case MarketOnOpenOrder() | MarketOnCloseOrder():
            return Match(None)


def _stop_limit(order: StopLimitOrder, side: int, triggered: bool, bar: Sequence[Decimal]) -> Match:
    if triggered:
        return Match(_limit(side, order.limit_price, bar), True)
    opened, high, low, _ = (float(price) for price in bar)
    stop, limit = float(order.stop_price), float(order.limit_price)
    price = _exact(stop_limit_fill(side, stop, limit, opened, high, low))
    return Match(price, _stop(side, order.stop_price, bar) is not None)


def _trailing(
    order: TrailingStopOrder, side: int, triggered: bool, stop: Decimal | None, bar: Sequence[Decimal]
) -> Match:
    """A sale's stop follows the highest price, a purchase's the lowest; it never moves back.

    It starts at the nearer of where it was placed and one distance from the first price, as of a stop and a trailing
    stop the nearer one counts in the engine.
    """
    if triggered:
        return Match(_market(bar), True, stop)
    start = stop if stop is not None else order.stop_price
    stop = trailed(side, Decimal("NaN") if start is None else start, bar[0], order.distance(bar[0]))
    price = _stop(side, stop, bar)
    if price is not None:
        return Match(price, True, stop)
    best = bar[2] if side > 0 else bar[1]
    return Match(None, False, trailed(side, stop, best, order.distance(best)))


def _market(bar: Sequence[Decimal]) -> Decimal | None:
    return _exact(market_fill(float(bar[0]), float(bar[3]), at_close=False))


def _limit(side: int, limit: Decimal, bar: Sequence[Decimal]) -> Decimal | None:
    opened, high, low, _ = (float(price) for price in bar)
    return _exact(limit_fill(side, float(limit), opened, high, low, marketable=True))


def _stop(side: int, stop: Decimal, bar: Sequence[Decimal]) -> Decimal | None:
    opened, high, low, _ = (float(price) for price in bar)
    return _exact(stop_fill(side, float(stop), opened, high, low))


def _exact(price: float) -> Decimal | None:
    return None if math.isnan(price) else Decimal(repr(price))
