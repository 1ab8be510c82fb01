"""The kinds of order and the venue's texts for them."""

from __future__ import annotations

from tradewright.model.order import OrderType

WIRE_TYPES = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
    OrderType.TRAILING_STOP: "TRAIL",
    OrderType.MARKET_ON_OPEN: "MKT",
    OrderType.MARKET_ON_CLOSE: "MOC",
}
"""The text of each kind; a market order with the time in force OPG is one on the open."""
