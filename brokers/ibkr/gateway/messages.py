"""What the gateway says: the fields of each message, in the order of its server version."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from brokers.ibkr.gateway.listings import Listing
from brokers.ibkr.gateway.wire import UNSET_DOUBLE, UNSET_INTEGER
from brokers.ibkr.order_types import WIRE_TYPES, wire_prices, wire_tif
from brokers.sim.matching import Prices
from brokers.sim.state import BookOrder, Execution
from tradewright.model.broker import VenueStatus
from tradewright.model.order import AUCTIONS, OrderType, Position, Side, TrailingStopOrder

Message = list[object]
ORDER_TYPES = "LMT,MKT,MOC,OPG,STP,STPLMT,TRAIL"
NO_GROUP = 3
"""The group type that the venue tells of an order without a group."""
TRIGGERED_KINDS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
BID, ASK, LAST, LAST_TIME = 1, 2, 4, 45

STATUS_NAMES = {
    VenueStatus.PENDING: "PendingSubmit",
    VenueStatus.WORKING: "Submitted",
    VenueStatus.FILLED: "Filled",
    VenueStatus.CANCEL_PENDING: "PendingCancel",
    VenueStatus.CANCELLED: "Cancelled",
    VenueStatus.REJECTED: "Inactive",
}


def status_name(order: BookOrder) -> str:
    """The wire's word for an order's state.

    ``PreSubmitted`` is an order that the venue holds until something happens: a stop before its trigger, an order for
    an auction, a child before its parent's fill.
    """
    waiting = order.terms.order.kind in TRIGGERED_KINDS and not order.triggered
    resting = waiting or order.terms.order.kind in AUCTIONS or (order.placement.parent and not order.filled)
    return "PreSubmitted" if resting and order.status is VenueStatus.WORKING else STATUS_NAMES[order.status]


def price_text(value: Decimal | None) -> object:
    """A price that may be absent."""
    return UNSET_DOUBLE if value is None else round(value, 8)


def error(version: int, request: int, code: int, text: str) -> Message:
    """4: an error or a notice."""
    return [4, 2, request, code, text, *([""] if version >= 166 else [])]


def perm_id_of(order: BookOrder) -> int:
    """The permanent id that the wire tells: an order that was not transmitted has none yet."""
    return 0 if order.placement.held else order.perm_id


def order_status(order: BookOrder, status: str, parent_id: int = 0) -> Message:
    """3: the state of an order; ``parent_id`` is the order id of its parent."""
    return [
        3,
        order.order_id,
        status,
        order.filled,
        order.remaining,
        round(order.average_price, 8),
        perm_id_of(order),
        parent_id,
        order.last_price,
        order.client_id,
        "",
        0,
    ]


def execution_details(version: int, request: int, listing: Listing, execution: Execution) -> Message:
    """11: one execution; ``request`` is -1 when nobody asked."""
    order = execution.order
    return [
        11,
        request,
        order.order_id,
        *listing.fields(listing.primary_exchange),
        execution.exec_id,
        zoned(execution.time),
        order.account,
        listing.primary_exchange,
        "BOT" if order.terms.side is Side.BUY else "SLD",
        execution.quantity,
        execution.price,
        order.perm_id,
        order.client_id,
        0,
        execution.cum_quantity,
        round(execution.average_price, 8),
        order.ref,
        "",
        "",
        "",
        2,
        *([0] if version >= 178 else []),
    ]


def commission_report(execution: Execution, currency: str) -> Message:
    """59: what an execution cost, and the profit that it realized."""
    return [59, 1, execution.exec_id, execution.fee, currency, price_text(execution.realized), UNSET_DOUBLE, ""]


def position(listing: Listing, held: Position) -> Message:
    """61: a holding; its cost is per unit, multiplier included."""
    cost = round(held.average_price * listing.instrument.multiplier, 8)
    return [61, 3, held.account, *listing.fields(listing.primary_exchange), held.quantity, cost]


def portfolio_value(listing: Listing, held: Position, price: Decimal) -> Message:
    """7: a holding with its market value."""
    multiplier = listing.instrument.multiplier
    fields = listing.fields(listing.primary_exchange)
    gain = (price - held.average_price) * held.quantity * multiplier
    cost = round(held.average_price * multiplier, 8)
    value = price * held.quantity * multiplier
    return [7, 8, *fields, held.quantity, price, value, cost, round(gain, 8), 0, held.account]


def ticks(request: str, prices: Prices) -> list[Message]:
    """1 and 46: bid, ask, last and when the last was; a side without a price is left out."""
    sides = ((BID, prices.bid), (ASK, prices.ask), (LAST, prices.last))
    found: list[Message] = [[1, 6, request, tick, price, 100, 0] for tick, price in sides if price is not None]
    if prices.last is not None:
        found.append([46, 6, request, LAST_TIME, int(prices.time.timestamp())])
    return found


def contract_details(version: int, request: int, listing: Listing) -> Message:
    """10: everything about a contract."""
    name, instrument = listing.name, listing.instrument
    head: Message = [10, *([8] if version < 164 else []), request]
    lot = instrument.lot_size
    sizes: Message = [lot] if version == 163 else [lot, lot, lot] if version >= 164 else []
    return [
        *head,
        *[name.symbol, name.sec_type, name.expiry, "0", "", name.exchange, name.currency, name.local_symbol],
        *[name.symbol, name.symbol, listing.con_id, instrument.tick_size],
        *([1] if version < 164 else []),
        *[
            name.multiplier,
            "LMT,MKT,MOC,OPG,STP,STPLMT,TRAIL",
            f"SMART,{listing.primary_exchange}",
            1,
            0,
            instrument.symbol,
        ],
        *[listing.primary_exchange, name.expiry[:6], "", "", "", "UTC", "", "", "", 0, 0],
        *[1, "", "", "26", "", "COMMON" if name.sec_type == "STK" else ""],
        *sizes,
    ]


def open_order(
    version: int,
    listing: Listing,
    order: BookOrder,
    status: str,
    margin: Message | None = None,
    parent_id: int = 0,
) -> Message:
    """5: an order in full; ``margin`` turns it into the answer to a what-if."""
    oca, trail_stop, trail_percent = order.placement.oca_type or NO_GROUP, *_trailing(order)
    return [
        5,
        order.order_id,
        *_order_head(listing, order),
        order.ref,
        order.client_id,
        perm_id_of(order),
        *[0, 0, 0, ""],
        *_allocation(version),
        *["", _good_till(order), "", "", "", 0, "", -1, 0, "", "", "", "", "", "", 0, 0, 0, ""],
        *[oca, 0, 0, "", parent_id, 0],
        *["", 0, "None", "", 0, "", "", "", "?", 0, 0, ""],
        *[0, 0, trail_stop, trail_percent, "", "", ""],
        *[0, 0, 0, "", "", "", "", 0, "", "IB", 0, 0, "", 0],
        margin is not None,
        status,
        *(margin or [UNSET_DOUBLE] * 9),
        *["", "", "", "", "", 0, 0, 0],
        *["None", UNSET_DOUBLE, trail_stop or UNSET_DOUBLE, *[UNSET_DOUBLE] * 4, 0, "", "", "", 0, 0, 0, 0, 0],
        *([UNSET_INTEGER] if version >= 158 else []),
        *([UNSET_INTEGER] if version >= 160 else []),
        *([0] if version >= 162 else []),
        *_peg_fields(version),
    ]


def completed_order(version: int, listing: Listing, order: BookOrder, status: str) -> Message:
    """101: an order that has ended. It carries neither the order id nor the client id, and no total quantity."""
    filled = order.status is VenueStatus.FILLED
    oca, trail_stop, trail_percent = order.placement.oca_type or NO_GROUP, *_trailing(order)
    reason = f"Filled Size: {order.filled}" if filled else order.text or "Cancelled by Trader"
    return [
        101,
        *_order_head(listing, order, total=Decimal(0) if order.filled else None),
        order.ref,
        order.perm_id,
        *[0, 0, 0, ""],
        *_allocation(version)[1:],
        *["", _good_till(order), "", "", "", 0, "", -1, "", "", "", "", "", "", 0, 0, "", oca, 0],
        *["", 0, "None", "", 0, 0, 0, ""],
        *[0, 0, trail_stop, trail_percent, ""],
        *[0, 0, 0, "", "", "", "", "", "IB", 0, 0, "", 0],
        status,
        *[0, 0, 0],
        *[trail_stop or UNSET_DOUBLE, UNSET_DOUBLE, 0, 0, 0, ""],
        order.filled,
        *[0, 0, "", 0, 0, order.placement.parent],
        zoned(order.changed_at),
        reason,
        *_peg_fields(version),
    ]


def zoned(time: datetime) -> str:
    """A moment as the wire writes it, in UTC and saying so."""
    return time.strftime("%Y%m%d %H:%M:%S UTC")


def _order_head(listing: Listing, order: BookOrder, total: Decimal | None = None) -> Message:
    """From the contract to the origin: what open and completed orders share."""
    terms, prices = order.terms, wire_prices(order.terms.order)
    quantity = terms.quantity if total is None else total
    return [
        *listing.fields(right="?"),
        *[terms.side.value, quantity, WIRE_TYPES[terms.order.kind], prices.limit or 0, prices.aux or 0],
        *[wire_tif(terms), order.placement.group, order.account, "", 0],
    ]


def _trailing(order: BookOrder) -> tuple[object, object]:
    """Where a trailing stop stands and its percentage; empty for the other kinds."""
    if not isinstance(order.terms.order, TrailingStopOrder):
        return "", ""
    stop = order.stop if order.stop is not None else order.terms.order.stop_price
    percent = order.terms.order.percent
    return "" if stop is None else stop, "" if percent is None else percent


def _good_till(order: BookOrder) -> str:
    return "" if order.terms.good_till is None else zoned(order.terms.good_till)


def _allocation(version: int) -> Message:
    """The deprecated shares allocation and the adviser fields."""
    return ["", "", "", "", *([""] if version < 177 else [])]


def _peg_fields(version: int) -> Message:
    return [UNSET_INTEGER, UNSET_INTEGER, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE] if version >= 170 else []
