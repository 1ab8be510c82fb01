"""Kinds of order and times in force in the venue's texts, both ways."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from tradewright.model.order import (
    LimitOrder,
    MarketOnOpenOrder,
    OrderKind,
    OrderTerms,
    OrderType,
    StopLimitOrder,
    StopOrder,
    TrailingStopOrder,
)

ON_OPEN = "OPG"
"""The time in force that makes a market order one on the open."""

WIRE_TYPES = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
    OrderType.TRAILING_STOP: "TRAIL",
    OrderType.MARKET_ON_OPEN: "MKT",
    OrderType.MARKET_ON_CLOSE: "MOC",
}
KINDS = {text: kind for kind, text in WIRE_TYPES.items() if kind is not OrderType.MARKET_ON_OPEN}
OCA_CANCEL, OCA_REDUCE = 1, 2
"""Of a one-cancels-other group: cancel the others on a fill, or reduce them by it; both with overfill protection."""


class WirePrices(NamedTuple):
    """The price fields of an order form; None where the form leaves one unset."""

    limit: Decimal | None = None
    aux: Decimal | None = None
    """The trigger of a stop, or the amount of a trailing stop."""
    trail_stop: Decimal | None = None
    trail_percent: Decimal | None = None


def wire_prices(order: OrderKind) -> WirePrices:
    """Which price goes into which field."""
    match order:
        case LimitOrder():
            return WirePrices(limit=order.limit_price)
        case StopOrder():
            return WirePrices(aux=order.stop_price)
        case StopLimitOrder():
            return WirePrices(limit=order.limit_price, aux=order.stop_price)
        case TrailingStopOrder():
            return WirePrices(aux=order.amount, trail_stop=order.stop_price, trail_percent=order.percent)
    return WirePrices()


def wire_tif(terms: OrderTerms) -> str:
    """The time in force as the form writes it."""
    return ON_OPEN if isinstance(terms.order, MarketOnOpenOrder) else terms.tif.value


def kind_of(word: str, tif: str) -> OrderType | str:
    """Our kind of the venue's order type; the venue's own word for a kind that we do not have."""
    kind = KINDS.get(word)
    if kind is None:
        return word
    return OrderType.MARKET_ON_OPEN if kind is OrderType.MARKET and tif == ON_OPEN else kind
