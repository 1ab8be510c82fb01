"""The broker port on the simulated venue, for SIM mode."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from brokers.capabilities import demand_all_legs, not_held
from brokers.reference import checked_reference
from brokers.sim.admission import currency_refusal, form_refusal
from brokers.sim.state import BookOrder, Execution, Placement
from brokers.sim.venue import Venue
from tradewright.model.approved import ApprovedOrder
from tradewright.model.base import Instant
from tradewright.model.broker import (
    AccountState,
    BrokerCapabilities,
    BrokerEvent,
    BrokerEventKind,
    BrokerSnapshot,
    EventSink,
    Quote,
    VenueOrder,
)
from tradewright.model.errors import BrokerError, OrderNotAccepted
from tradewright.model.instrument import AssetClass
from tradewright.model.order import Fill, Leg, OrderTerms, OrderType, TimeInForce, TrailingStopOrder
from tradewright.policy.approval import verify

WHERE = "simulated venue"
TWO_LEGS, REDUCE = 2, 2
"""From three legs on the protective ones form a group, in which a fill of one reduces the other."""


class SimBroker:
    """A client of a simulated venue. The venue outlives it, and takes one client per id.

    Args:
        market: the venue; its owner moves its prices.
        account: which of its accounts we trade.
        client_id: fixed, as at a real venue.
    """

    venue = "sim"
    capabilities = BrokerCapabilities(
        kinds=frozenset(OrderType),
        tifs=frozenset(TimeInForce),
        groups=frozenset(AssetClass),
        fractional=True,
        sessions=True,
    )

    def __init__(self, market: Venue, account: str, client_id: int = 21) -> None:
        self.market, self.session = market, ""
        self._account, self._client_id = account, client_id
        self._sink: EventSink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._prefix = f"sim-{client_id}-"
        self._reserved: set[int] = set()

    async def connect(self, sink: EventSink, *, complete: bool = True) -> None:  # noqa: ARG002
        """Attach to the venue, whose answers are always complete.

        Raises:
            BrokerError: when it has no such account, or another client uses the id.
        """
        await self.disconnect()
        self.session = f"{self._prefix}{self.market.attach(self._client_id, self._on_change)}"
        try:
            self.market.book(self._account)
        except BrokerError:
            self.market.detach(self._client_id)
            raise
        self._sink, self._loop = sink, asyncio.get_running_loop()
        self._reserved = set()

    async def disconnect(self) -> None:
        """Detach; harmless when not attached."""
        if self._sink is not None:
            self.market.detach(self._client_id)
        self._sink = None

    async def time(self) -> Instant:
        """The venue's clock.

        Raises:
            BrokerError: without a connection.
        """
        self._demand_link()
        return self.market.clock.now()

    async def snapshot(self, since: str = "") -> BrokerSnapshot:
        """Everything of the account since the venue began, after resting orders have met the bars that came in.

        Args:
            since: a session of this client; orders that ended before its connection and did not change since are left
                out. Counted by connections, not by a clock, which may be set back.

        Raises:
            BrokerError: without a connection, or when ended orders cannot be read.
        """
        self._demand_link()
        if self.market.bars_since is not None:
            self.market.catch_up()
        heard = self.market.heard_until(since.removeprefix(self._prefix)) if since.startswith(self._prefix) else 0
        if heard < self.market.state.ended_before:
            self.market.recall()
        orders = self.market.state.orders
        mine = [order for order in orders.values() if order.account == self._account and _is_told(order, heard)]
        told = {order.perm_id for order in mine}
        executions = [item for item in self.market.state.executions if item.order.perm_id in told]
        book = self.market.book(self._account)
        held = book.holdings.values()
        return BrokerSnapshot(
            taken_at=self.market.clock.now(),
            since=since if heard else "",
            open_orders=tuple(_venue_order(order, orders) for order in mine if order.live),
            completed_orders=tuple(_venue_order(order, orders) for order in mine if not order.live),
            fills=tuple(_fill(item, book.currency) for item in executions),
            positions=tuple(position for position in held if position.quantity),
        )

    async def account(self) -> AccountState:
        """Equity and cash.

        Raises:
            BrokerError: without a connection.
        """
        self._demand_link()
        book = self.market.book(self._account)
        equity = self.market.equity(self._account)
        return AccountState(account=self._account, equity=equity, cash=book.cash, currency=book.currency)

    async def quote(self, instrument: str) -> Quote:
        """The newest prices.

        Raises:
            BrokerError: for an unknown instrument, or before it had a price.
        """
        self._demand_link()
        self.market.instrument(instrument)
        prices = self.market.prices.get(instrument)
        if prices is None:
            raise BrokerError(f"no price of {instrument} yet", where=WHERE, remedy="give the venue a bar or a quote")
        return Quote.at(prices.time, instrument, bid=prices.bid, ask=prices.ask, last=prices.last)

    def next_order_id(self) -> int:
        """Reserve the next order id, which no session before has had.

        Raises:
            BrokerError: without a connection.
        """
        self._demand_link()
        order_id = self.market.reserve_order_id(self._client_id)
        self._reserved.add(order_id)
        return order_id

    def pending_sends(self) -> int:
        """Nothing ever waits."""
        return 0

    async def check(self, order: ApprovedOrder) -> None:
        """Prove that the order can be placed; see the port.

        Raises:
            NotApproved: when ``order`` is not an approved order, or was altered.
            OrderNotAccepted: when it cannot be placed.
            BrokerError: without a connection.
        """
        order = verify(order)
        self._demand_link()
        known = self.market.instruments.get(order.terms.instrument)
        problem = not_held(self.capabilities, order, known) or self._account_problem(order)
        problem = problem or self._currency_problem(order.terms) or self.market.fee_problem()
        for terms in order.legs().values():
            problem = problem or self._form_problem(terms)
        if problem:
            raise OrderNotAccepted(f"{problem}; nothing was sent", where=WHERE)

    def _form_problem(self, terms: OrderTerms) -> str:
        known = self.market.instruments.get(terms.instrument)
        return f"unknown instrument {terms.instrument!r}" if known is None else form_refusal(known, terms)[1]

    def _currency_problem(self, terms: OrderTerms) -> str:
        known = self.market.instruments.get(terms.instrument)
        return "" if known is None else currency_refusal(known, terms, self.market.book(self._account))[1]

    def _account_problem(self, order: ApprovedOrder) -> str:
        if order.account == self._account:
            return ""
        return f"the order is for {order.account}, the connection for {self._account}"

    async def place(self, order: ApprovedOrder, ref: str, order_id: int) -> None:
        """Hand the entry to the venue once; see the port.

        Raises:
            NotApproved: when ``order`` is not an approved order, or was altered.
            BrokerError: when it must not go out, or without a connection.
        """
        order = verify(order)
        self._demand_sendable(order, {Leg.ENTRY: ref}, {Leg.ENTRY: order_id})
        self._reserved.remove(order_id)
        self.market.place(order.terms, order.account, ref, order_id, self._client_id)

    async def place_group(self, order: ApprovedOrder, refs: Mapping[Leg, str], order_ids: Mapping[Leg, int]) -> None:
        """Hand every leg to the venue, which works none of them before it has the last; see the port.

        Raises:
            NotApproved: when ``order`` is not an approved order, or was altered.
            BrokerError: when it must not go out, or without a connection.
        """
        order = verify(order)
        legs = order.legs()
        demand_all_legs(legs, refs, order_ids, WHERE)
        self._demand_sendable(order, refs, order_ids)
        last, parent = list(legs)[-1], 0
        for leg, terms in legs.items():
            self._reserved.remove(order_ids[leg])
            group = refs[Leg.ENTRY] if leg is not Leg.ENTRY and len(legs) > TWO_LEGS else ""
            placement = Placement(parent=parent, group=group, oca_type=REDUCE if group else 0, held=leg is not last)
            placed = self.market.place(terms, order.account, refs[leg], order_ids[leg], self._client_id, placement)
            parent = parent or placed.perm_id

    def _demand_sendable(self, order: ApprovedOrder, refs: Mapping[Leg, str], order_ids: Mapping[Leg, int]) -> None:
        self._demand_link()
        for ref in refs.values():
            checked_reference(ref, WHERE)
        if problem := self._account_problem(order):
            raise BrokerError(problem, where=WHERE)
        for order_id in order_ids.values():
            if order_id not in self._reserved:
                text = f"order id {order_id} was not reserved in session {self.session}, or was used"
                raise BrokerError(text, where=WHERE)

    async def cancel(self, ref: str, order_id: int) -> None:
        """Cancel the order at once; one that has ended stays as it is, and an error event says so.

        Raises:
            BrokerError: for a reference that the venue does not know, or without a connection.
        """
        self._demand_link()
        orders = self._named(ref)
        if not orders and self.market.state.ended_before:
            self.market.recall()
            orders = self._named(ref)
        if not orders:
            raise BrokerError(f"no order {ref} is known; nothing was cancelled", where=WHERE, remedy="take a snapshot")
        order = orders[-1]
        if order.live:
            self.market.cancel(order.perm_id)
        else:
            text = f"order {ref} cannot be cancelled, state: {order.status}"
            self._emit(
                BrokerEventKind.ERROR,
                order=_venue_order(order, self.market.state.orders),
                order_id=order_id,
                code=10148,
                text=text,
            )

    def _named(self, ref: str) -> list[BookOrder]:
        return [order for order in self.market.state.orders.values() if order.ref == ref]

    async def cancel_all(self) -> None:
        """Cancel every live order of every client.

        Raises:
            BrokerError: without a connection.
        """
        self._demand_link()
        for order in self.market.live_orders():
            self.market.cancel(order.perm_id)

    def _on_change(self, order: BookOrder, execution: Execution | None) -> None:
        said = _venue_order(order, self.market.state.orders)
        if order.code and execution is None:
            self._emit(BrokerEventKind.ERROR, order=said, order_id=order.order_id, code=order.code, text=order.text)
        if execution is not None:
            fill = _fill(execution, self.market.book(order.account).currency)
            unpaid = fill.model_copy(update={"fee": None, "fee_currency": ""})
            self._emit(BrokerEventKind.FILL, fill=unpaid, exec_id=fill.exec_id, order_id=order.order_id)
            self._emit(BrokerEventKind.FEE, exec_id=fill.exec_id, fee=fill.fee, fee_currency=fill.fee_currency)
        self._emit(BrokerEventKind.ORDER, order=said, order_id=order.order_id, text=order.text)

    def _emit(self, kind: BrokerEventKind, **details: object) -> None:
        """Deliver an event after the caller has finished, as a wire would."""
        if self._sink is not None and self._loop is not None and not self._loop.is_closed():
            event = BrokerEvent.model_validate({"kind": kind, "at": self.market.clock.now(), **details})
            self._loop.call_soon_threadsafe(self._sink, event)

    def _demand_link(self) -> None:
        if self._sink is None:
            raise BrokerError("there is no connection", where=WHERE, remedy="connect first")


def _is_told(order: BookOrder, heard: int) -> bool:
    """Whether a client that knows everything before a connection must hear of an order."""
    return order.live or order.connection is None or order.connection >= heard


def _venue_order(order: BookOrder, orders: Mapping[int, BookOrder]) -> VenueOrder:
    parent, kind = orders.get(order.placement.parent), order.terms.order
    return VenueOrder(
        ref=order.ref,
        perm_id=order.perm_id,
        order_id=order.order_id,
        client_id=order.client_id,
        account=order.account,
        instrument=order.terms.instrument,
        side=order.terms.side,
        order_type=order.terms.order.kind,
        quantity=order.terms.quantity,
        filled=order.filled,
        status=order.status,
        text=order.text,
        limit_price=order.terms.limit_price,
        stop_price=order.stop if order.stop is not None else order.terms.stop_price,
        trail=kind.amount if isinstance(kind, TrailingStopOrder) else None,
        trail_percent=kind.percent if isinstance(kind, TrailingStopOrder) else None,
        parent_ref=parent.ref if parent is not None else "",
        group=order.placement.group,
        held_back=order.placement.held,
    )


def _fill(execution: Execution, currency: str) -> Fill:
    order = execution.order
    return Fill(
        exec_id=execution.exec_id,
        ref=order.ref,
        perm_id=order.perm_id,
        instrument=order.terms.instrument,
        side=order.terms.side,
        quantity=execution.quantity,
        price=execution.price,
        time=execution.time,
        account=order.account,
        fee=execution.fee,
        fee_currency=currency,
    )
