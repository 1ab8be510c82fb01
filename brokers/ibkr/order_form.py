"""An approved order as the venue's form: explicit in everything, exact in every number."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from ib_async.order import Order

from brokers.ibkr.order_types import WIRE_TYPES
from brokers.reference import checked_reference
from tradewright.model.approved import ApprovedOrder
from tradewright.model.errors import OrderNotAccepted
from tradewright.model.hashing import decimal_text
from tradewright.model.instrument import Instrument


def order_form(order: ApprovedOrder, instrument: Instrument, ref: str, order_id: int) -> Order:
    """The form of an approved order. Numbers are written as plain decimal text, so that none is rounded on its way.

    Raises:
        OrderNotAccepted: for a reference, a price or a quantity that must not go out; nothing was sent.
    """
    terms = order.terms
    checked_reference(ref, "broker ibkr")
    if not instrument.on_lot(terms.quantity):
        raise _misfit("quantity", terms.quantity, instrument.lot_size, instrument.symbol)
    prices = {}
    for field, price in (("lmtPrice", terms.limit_price), ("auxPrice", terms.stop_price)):
        if price is not None:
            if not instrument.on_tick(price) or (price <= 0 and not instrument.negative_prices):
                raise _misfit("price", price, instrument.tick_size, instrument.symbol)
            prices[field] = _exact(price)
    form: dict[str, Any] = {
        "orderId": order_id,
        "action": terms.side.value,
        "totalQuantity": _exact(terms.quantity),
        "orderType": WIRE_TYPES[terms.order.kind],
        "tif": terms.tif.value,
        "account": order.account,
        "orderRef": ref,
        "outsideRth": False,
        "transmit": True,
        **prices,
    }
    return Order(**form)


def _exact(value: Decimal) -> str:
    """The plain text of a number that a float carries exactly.

    Raises:
        OrderNotAccepted: when the venue, which reads floats, would see another number.
    """
    text = decimal_text(value)
    if not math.isfinite(float(text)) or Decimal(repr(float(text))) != value:
        raise OrderNotAccepted(f"{text} has more digits than the venue can read", where="broker ibkr")
    return text


def _misfit(what: str, value: Decimal, step: Decimal, symbol: str) -> OrderNotAccepted:
    return OrderNotAccepted(
        f"{what} {value} is not a positive whole number of steps of {step}", where=f"order for {symbol}, not sent"
    )
