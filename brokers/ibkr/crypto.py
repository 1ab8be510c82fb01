"""The venue's own rules for cryptocurrencies, as its answers state them (errors 10289, 10293, 201).

A market purchase names an amount of cash and no quantity, so what it buys is not what was approved; nothing here sends
one. It goes out as a limit order in the approved quantity, immediate or cancel, a little above the ask.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from tradewright.model.errors import OrderNotAccepted
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import LimitOrder, MarketOrder, OrderKind, OrderTerms, Side, TimeInForce

ROOM = Decimal("0.0025")
"""How far above the ask the limit of a purchase may lie, as a fraction; the venue refuses one further away (202)."""
MINUTES = "Minutes"
"""The venue's longest life of a limit order in crypto: five minutes."""


def needs_ask(terms: OrderTerms, instrument: Instrument) -> bool:
    """Whether the form of an order depends on the present ask: for a market purchase of crypto."""
    is_purchase = terms.side is Side.BUY and isinstance(terms.order, MarketOrder)
    return is_purchase and instrument.asset_class is AssetClass.CRYPTO


def ceiling(ask: Decimal, tick_size: Decimal) -> Decimal:
    """The limit of a market purchase: at most ``ROOM`` above the ask, on a tick, never below the ask."""
    highest = ask * (1 + ROOM)
    return max(ask, (highest / tick_size).to_integral_value(ROUND_FLOOR) * tick_size)


def crypto_order(terms: OrderTerms, limit: Decimal | None) -> tuple[OrderKind, str]:
    """The kind and the time in force under which an order goes out. Neither lets it live longer than was approved.

    Market orders are immediate or cancel; a limit order of the day lives five minutes.

    Args:
        limit: see :func:`ceiling`; None where no ask is known.

    Raises:
        OrderNotAccepted: for every other kind and time in force, and for a market purchase without a limit.
    """
    order = terms.order
    if isinstance(order, MarketOrder):
        if terms.side is Side.SELL:
            return order, TimeInForce.IOC.value
        if limit is None:
            raise _refused("a market purchase needs the present ask, and there is none", "give a limit price")
        return LimitOrder(limit_price=limit), TimeInForce.IOC.value
    if not isinstance(order, LimitOrder):
        raise _refused(f"the venue holds no {order.kind} order in crypto", "a market or a limit order")
    if terms.tif not in (TimeInForce.DAY, TimeInForce.IOC):
        raise _refused(f"the venue takes no {terms.tif} order in crypto", "time in force DAY (five minutes) or IOC")
    return order, MINUTES if terms.tif is TimeInForce.DAY else TimeInForce.IOC.value


def _refused(what: str, remedy: str) -> OrderNotAccepted:
    return OrderNotAccepted(f"{what}; nothing was sent", where="broker ibkr", remedy=remedy)
