"""Requests about orders: place, cancel, list, executions, completed orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from brokers.ibkr.gateway import messages
from brokers.ibkr.gateway.faults import Drop, Objection
from brokers.ibkr.gateway.hub import GatewayState, Handler
from brokers.ibkr.gateway.listings import Listing, find
from brokers.ibkr.gateway.place_order import CRYPTO, Placement, Unsupported, read_placement
from brokers.ibkr.gateway.session import Session
from brokers.sim import state as sim
from brokers.sim.state import BookOrder, Execution
from tradewright.model.broker import VenueStatus
from tradewright.model.order import OrderTerms


def place(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """3: a new order, a change of a live one, or a what-if."""
    if hub.faults.drop is Drop.BEFORE_ORDER:
        hub.faults.drop = Drop.NEVER
        session.abort()
        return
    order_id = int(next(fields))
    try:
        placement = read_placement(session.version, order_id, fields)
        listing = find(hub.listings, placement.contract)
        if listing is None:
            raise Unsupported(200, "No security definition has been found for the request")
        account = placement.account or hub.accounts[0]
        if account not in hub.accounts:
            raise Unsupported(321, f"Error validating request: unknown account {account}.")
        if listing.name.sec_type == CRYPTO:
            placement = _crypto(hub, placement, listing, account)
        terms = placement.terms(listing.instrument.symbol, hub.clock.now())
    except Unsupported as refusal:
        session.error(order_id, refusal.code, refusal.text)
        return
    if placement.what_if:
        _preview(hub, session, placement, listing, terms)
        return
    _place(hub, session, placement, terms, account)


def _crypto(hub: GatewayState, placement: Placement, listing: Listing, account: str) -> Placement:
    """An order for crypto, a cash amount turned into the units that it buys at the ask.

    Raises:
        Unsupported: for a form that the venue refuses, and for a sale of more than is held.
    """
    code, text = placement.crypto_refusal()
    if code:
        raise Unsupported(code, text)
    symbol = listing.instrument.symbol
    if placement.cash_amount is not None:
        prices = hub.venue.prices.get(symbol)
        if prices is None or prices.ask is None:
            raise Unsupported(201, "Order rejected - reason:there is no price to size the cash amount by")
        lot = listing.instrument.lot_size
        return placement.of_units(placement.cash_amount / prices.ask // lot * lot)
    held = hub.venue.book(account).holding(symbol).quantity
    if placement.action == "SELL" and Decimal(placement.quantity) > held:
        raise Unsupported(201, "Order rejected - reason:crypto cannot be sold short")
    return placement


def _place(hub: GatewayState, session: Session, placement: Placement, terms: OrderTerms, account: str) -> None:
    known = _known(hub, session, placement.order_id)
    objection = hub.faults.objections.popleft() if hub.faults.objections else None
    if objection and not objection.taken:
        _object(hub, session, placement, terms, account, objection)
        return
    if known is not None and not known.live:
        session.error(placement.order_id, 103, "Duplicate order id")
        return
    if hub.faults.drop is Drop.AFTER_ORDER:
        hub.faults.drop = Drop.NEVER
        session.abort()
    if known is not None:
        code, text = hub.venue.replace(known.perm_id, terms)
        if code:
            session.error(placement.order_id, code, text)
        return
    parent = _known(hub, session, placement.parent_id) if placement.parent_id else None
    if placement.parent_id and parent is None:
        session.error(placement.order_id, 10006, "Missing parent order.")
        return
    belongs = sim.Placement(
        parent=parent.perm_id if parent is not None else 0,
        group=placement.oca_group,
        oca_type=placement.oca_type,
        held=not placement.transmit,
    )
    order = hub.venue.place(terms, account, placement.ref, placement.order_id, session.client_id, belongs)
    if order.status is VenueStatus.REJECTED:
        session.error(placement.order_id, order.code, order.text)
    if objection:
        session.error(placement.order_id, objection.code, objection.text)


def _object(
    hub: GatewayState, session: Session, placement: Placement, terms: OrderTerms, account: str, objection: Objection
) -> None:
    """Answer with an error; a 201 also leaves a rejected order behind."""
    session.error(placement.order_id, objection.code, objection.text)
    if objection.code == 201:
        hub.venue.refuse(terms, account, placement.ref, placement.order_id, session.client_id, objection.text)


def _preview(hub: GatewayState, session: Session, placement: Placement, listing: Listing, terms: OrderTerms) -> None:
    """Answer a what-if with the margin that the order would need."""
    now = hub.clock.now()
    order = BookOrder(
        perm_id=0,
        order_id=placement.order_id,
        client_id=session.client_id,
        account=placement.account,
        ref=placement.ref,
        terms=terms,
        status=VenueStatus.WORKING,
        placed_at=now,
        changed_at=now,
    )
    known = hub.venue.prices.get(terms.instrument)
    value = terms.quantity * (known.newest or 0) * listing.instrument.multiplier if known else 0
    change = round(value / 4, 2)
    margin: messages.Message = [0, 0, 0, change, change, 0, change, change, 0]
    session.send(messages.open_order(session.version, listing, order, "PreSubmitted", margin))


def _known(hub: GatewayState, session: Session, order_id: int) -> BookOrder | None:
    """The newest order that this client gave this id."""
    mine = (session.client_id, order_id)
    orders = [order for order in hub.venue.state.orders.values() if (order.client_id, order.order_id) == mine]
    return orders[-1] if orders else None


def cancel(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """4: cancel one order of this client."""
    next(fields)
    order_id = int(next(fields))
    order = _known(hub, session, order_id)
    if order is None:
        session.error(order_id, 10147, f"OrderId {order_id} that needs to be cancelled is not found.")
    elif not order.live:
        state = messages.status_name(order)
        text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {state}."
        session.error(order_id, 10148, text)
    else:
        hub.venue.cancel(order.perm_id)
        session.error(order_id, 202, "Order Canceled - reason:")


def cancel_all(hub: GatewayState, _session: Session, _fields: Iterator[str]) -> None:
    """58: cancel every live order of every client; each owner is told."""
    for order in hub.venue.live_orders():
        hub.venue.cancel(order.perm_id)
        owner = hub.sessions.get(order.client_id)
        if owner is not None:
            owner.error(order.order_id, 202, "Order Canceled - reason:")


def open_orders(hub: GatewayState, session: Session, _fields: Iterator[str]) -> None:
    """5: the live orders of this client."""
    _send_open(hub, session, lambda order: order.client_id == session.client_id)


def all_open_orders(hub: GatewayState, session: Session, _fields: Iterator[str]) -> None:
    """16: the live orders of everybody."""
    _send_open(hub, session, lambda _order: True)


def _send_open(hub: GatewayState, session: Session, wanted: Callable[[BookOrder], bool]) -> None:
    for order in hub.venue.live_orders():
        if wanted(order) and order.ref not in hub.faults.hidden:
            hub.report_order(session, order)
    session.send([53, 1])


def bind_manual_orders(_hub: GatewayState, _session: Session, _fields: Iterator[str]) -> None:
    """15: client 0 hears of manual orders, which it does here in any case."""


def executions(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """7: today's executions that pass the filter, each with its cost."""
    next(fields)
    request = int(next(fields))
    wanted = [next(fields) for _ in range(7)]
    for execution in hub.venue.state.executions:
        if hub.today(execution) and execution.order.ref not in hub.faults.hidden and _passes(hub, execution, wanted):
            hub.report_execution(session, request, execution)
    session.send([55, 1, request])


def _passes(hub: GatewayState, execution: Execution, wanted: list[str]) -> bool:
    """Client 0 and empty texts mean all; times, exchanges and sides are compared as the wire writes them."""
    client_id, account, since, symbol, sec_type, exchange, side = wanted
    listing = hub.listing(execution.order.terms.instrument)
    pairs = (
        (client_id if client_id != "0" else "", str(execution.order.client_id)),
        (account, execution.order.account),
        (symbol, listing.name.symbol),
        (sec_type, listing.name.sec_type),
        (exchange, listing.primary_exchange),
        (side, execution.order.terms.side.value),
    )
    known_time = messages.zoned(execution.time).replace("-", " ")
    return all(given in ("", known) for given, known in pairs) and since.replace("-", " ") <= known_time


def completed_orders(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """99: today's orders that have ended; ``api only`` leaves those out that were entered by hand."""
    api_only = next(fields) in ("1", "true")
    for order in hub.venue.state.orders.values():
        if order.live or not hub.today(order) or order.ref in hub.faults.hidden or (api_only and not order.order_id):
            continue
        status = hub.rejected_as if order.status is VenueStatus.REJECTED else messages.status_name(order)
        listing = hub.listing(order.terms.instrument)
        session.send(messages.completed_order(session.version, listing, order, status))
    session.send([102])


def next_ids(hub: GatewayState, session: Session, _fields: Iterator[str]) -> None:
    """8: the next order id."""
    session.send([9, 1, hub.venue.state.next_order_id.get(session.client_id, 1)])


HANDLERS: dict[int, Handler] = {
    3: place,
    4: cancel,
    5: open_orders,
    7: executions,
    8: next_ids,
    15: bind_manual_orders,
    16: all_open_orders,
    58: cancel_all,
    99: completed_orders,
}
