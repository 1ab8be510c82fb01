"""Whether a venue can hold an order, by the capabilities that it states."""

from __future__ import annotations

from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import BrokerCapabilities


def not_held(capabilities: BrokerCapabilities, order: ApprovedOrder) -> str:
    """Why the venue cannot hold the order, by kind, time in force or legs; empty when it can."""
    if order.protective and not capabilities.groups:
        return "the venue holds no groups of orders"
    for terms in order.legs().values():
        if terms.order.kind not in capabilities.kinds:
            return f"the venue holds no {terms.order.kind} orders"
        if terms.tif not in capabilities.tifs:
            return f"the venue holds no {terms.tif} orders"
        if terms.quantity % 1 and not capabilities.fractional:
            return f"the venue holds whole units only, not {terms.quantity}"
    return ""
