"""Whether a venue can hold an order, by the capabilities that it states, and whether all its legs are named."""

from __future__ import annotations

from collections.abc import Mapping

from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import BrokerCapabilities
from tradewright.model.errors import OrderNotAccepted
from tradewright.model.instrument import Instrument
from tradewright.model.order import Leg, OrderTerms


def not_held(capabilities: BrokerCapabilities, order: ApprovedOrder, instrument: Instrument | None) -> str:
    """Why the venue cannot hold the order, by kind, time in force or legs; empty when it can.

    Args:
        instrument: None where the venue does not know it, which is refused elsewhere.
    """
    if order.protective and instrument is not None and instrument.asset_class not in capabilities.groups:
        return f"the venue holds no protective legs for {instrument.asset_class}"
    for terms in order.legs().values():
        if terms.order.kind not in capabilities.kinds:
            return f"the venue holds no {terms.order.kind} orders"
        if terms.tif not in capabilities.tifs:
            return f"the venue holds no {terms.tif} orders"
        if terms.quantity % 1 and not capabilities.fractional:
            return f"the venue holds whole units only, not {terms.quantity}"
    return ""


def demand_all_legs(
    legs: Mapping[Leg, OrderTerms], refs: Mapping[Leg, str], order_ids: Mapping[Leg, int], where: str
) -> None:
    """Demand one reference and one order id of its own for every leg, and at least one protective leg.

    Raises:
        OrderNotAccepted: otherwise; nothing was sent.
    """
    distinct = len(set(refs.values())) == len(set(order_ids.values())) == len(legs)
    if len(legs) < 2 or refs.keys() != legs.keys() or order_ids.keys() != legs.keys() or not distinct:
        raise OrderNotAccepted(
            f"{len(legs)} legs with references {sorted(refs.values())} and ids {sorted(order_ids.values())}",
            where=where,
            remedy="give every leg of a group one reference and one order id of its own",
        )
