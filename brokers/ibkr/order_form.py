"""An approved order as the venue's form: explicit in everything, exact in every number."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple

from ib_async.order import Order

from brokers.ibkr.crypto import crypto_order
from brokers.ibkr.order_types import OCA_REDUCE, WIRE_TYPES, wire_prices, wire_tif
from brokers.reference import checked_reference
from tradewright.model.approved import ApprovedOrder
from tradewright.model.errors import OrderNotAccepted
from tradewright.model.hashing import decimal_text
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import OrderTerms, TrailingStopOrder


class GroupForm(NamedTuple):
    """How a form belongs to others.

    Args:
        parent_id: order id of the entry; 0 for the entry itself and for a single order.
        oca_group: name of the one-cancels-other group; empty without one.
        transmit: whether the venue may work it on arrival; the last form of a group transmits all of them.
    """

    parent_id: int = 0
    oca_group: str = ""
    transmit: bool = True


SINGLE = GroupForm()


def order_form(
    order: ApprovedOrder, instrument: Instrument, ref: str, order_id: int, ceiling: Decimal | None = None
) -> Order:
    """The form of an approved order's entry, sent alone; see :func:`leg_form`.

    Raises:
        OrderNotAccepted: for a reference, a price or a quantity that must not go out; nothing was sent.
    """
    return leg_form(order.terms, order.account, instrument, ref, order_id, ceiling=ceiling)


def leg_form(
    terms: OrderTerms,
    account: str,
    instrument: Instrument,
    ref: str,
    order_id: int,
    group: GroupForm = SINGLE,
    ceiling: Decimal | None = None,
) -> Order:
    """The form of one leg. Numbers are written as plain decimal text, so that none is rounded on its way.

    Args:
        ceiling: the limit under which a market purchase of crypto goes out (``brokers.ibkr.crypto``).

    Raises:
        OrderNotAccepted: for a reference, a price or a quantity that must not go out; nothing was sent.
    """
    checked_reference(ref, "broker ibkr")
    if not instrument.on_lot(terms.quantity):
        raise _misfit("quantity", terms.quantity, instrument.lot_size, instrument.symbol)
    for price in (terms.limit_price, terms.stop_price):
        if price is not None and (not instrument.on_tick(price) or (price <= 0 and not instrument.negative_prices)):
            raise _misfit("price", price, instrument.tick_size, instrument.symbol)
    amount = terms.order.amount if isinstance(terms.order, TrailingStopOrder) else None
    if amount is not None and not instrument.on_tick(amount):
        raise _misfit("trailing amount", amount, instrument.tick_size, instrument.symbol)
    order, tif = terms.order, wire_tif(terms)
    if instrument.asset_class is AssetClass.CRYPTO:
        order, tif = crypto_order(terms, ceiling)
    limit, aux, trail_stop, trail_percent = wire_prices(order)
    prices = {"lmtPrice": limit, "auxPrice": aux, "trailStopPrice": trail_stop, "trailingPercent": trail_percent}
    form: dict[str, Any] = {
        "orderId": order_id,
        "action": terms.side.value,
        "totalQuantity": _exact(terms.quantity),
        "orderType": WIRE_TYPES[order.kind],
        "tif": tif,
        "goodTillDate": f"{terms.good_till:%Y%m%d %H:%M:%S} UTC" if terms.good_till else "",
        "account": account,
        "orderRef": ref,
        "outsideRth": False,
        "transmit": group.transmit,
        "parentId": group.parent_id,
        "ocaGroup": group.oca_group,
        "ocaType": OCA_REDUCE if group.oca_group else 0,
        **{field: _exact(value) for field, value in prices.items() if value is not None},
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
