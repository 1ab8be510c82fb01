"""From messages on the wire to events in our words, and what the present session has learnt from them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal

from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order, OrderState
from pydantic import ValidationError

from brokers.ibkr.translate import Names, fill_of, number, order_of, status_of
from tradewright.model.broker import BrokerEvent, BrokerEventKind, EventSink, VenueOrder, VenueStatus
from tradewright.model.clock import Clock
from tradewright.model.order import Fill

CLIENT_ID_TAKEN, REJECTED, UNREADABLE = 326, 201, 505
LINK_LOST, LINK_BACK = frozenset({1100, 1300, 2110}), frozenset({1101, 1102})


class Events:
    """The listener of one connection.

    Nothing is concluded here: an error about an order is passed on as an error, whatever the library makes of it; an
    order's state is what ``openOrder``, ``orderStatus`` or ``completedOrder`` say.

    Args:
        mine: this client's orders by their order id in this session, in their newest state.
        refused: set to the venue's text when it turns this client away.
        damage: the last message that could not be read; empty while all could.
    """

    def __init__(self, names: Names, clock: Clock, client_id: int, sink: EventSink) -> None:
        self._names, self._clock, self._client_id, self._sink = names, clock, client_id, sink
        self.refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.link_up, self.damage = True, ""
        self.mine: dict[int, VenueOrder] = {}
        self._orders: dict[int, VenueOrder] = {}
        self._fees: dict[str, Decimal] = {}
        self._rejections: dict[int, str] = {}
        self._listed_open: list[int] = []
        self._listed_completed: list[VenueOrder] = []
        self._listed_fills: list[Fill] = []

    def begin_listing(self) -> None:
        """Forget earlier answers to queries; the next ones are collected."""
        self._listed_open, self._listed_completed, self._listed_fills = [], [], []

    def order_id_of(self, ref: str) -> int | None:
        """Under which order id this session knows a reference of ours; the newest where there are several."""
        return next((order_id for order_id, order in reversed(self.mine.items()) if order.ref == ref), None)

    def open_orders(self, account: str) -> tuple[VenueOrder, ...]:
        """The orders of the last open-orders answer, in their newest state, without those that have ended since."""
        orders = (self._orders[perm_id] for perm_id in dict.fromkeys(self._listed_open))
        ended = (VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.REJECTED)
        return tuple(order for order in orders if order.account == account and order.status not in ended)

    def completed_orders(self, account: str) -> tuple[VenueOrder, ...]:
        """The orders of the last completed-orders answer. One that was rejected in this session says so."""
        return tuple(self._with_rejection(order) for order in self._listed_completed if order.account == account)

    def fills(self, account: str) -> tuple[Fill, ...]:
        """The executions of the last answer, with the fees that are known by now; each execution once."""
        found = {fill.exec_id: fill for fill in self._listed_fills if fill.account == account}
        return tuple(fill.model_copy(update={"fee": self._fees.get(fill.exec_id)}) for fill in found.values())

    def on_open_order(self, order: Order, contract: Contract, state: OrderState) -> None:
        """An order in full: the acknowledgement, when it carries our reference and a permanent id."""
        if order.whatIf:
            return
        said = order_of(self._names, order, contract, state, completed=False)
        known = self._orders.get(said.perm_id)
        said = said.model_copy(update={"filled": known.filled if known else said.filled})
        self._listed_open.append(said.perm_id)
        self._know(said)

    def on_order_status(self, order_id: int, status: str, filled: float, perm_id: int, client_id: int) -> None:
        """The state of an order that may be unknown here."""
        known = self._orders.get(perm_id)
        if known is None and client_id == self._client_id:
            placed = self.mine.get(order_id)
            known = placed if placed is not None and placed.perm_id == 0 else None
        raw = {"orderId": str(order_id), "permId": str(perm_id), "clientId": str(client_id), "status": status}
        if known is None:
            self._emit(BrokerEventKind.ORDER, order_id=order_id, text=status, raw=raw)
            return
        changes = {"perm_id": perm_id, "status": status_of(status), "filled": number(filled)}
        self._know(known.model_copy(update=changes), raw)

    def on_completed_order(self, order: Order, contract: Contract, state: OrderState) -> None:
        """An order that has ended; it comes only in answer to a query."""
        self._listed_completed.append(order_of(self._names, order, contract, state, completed=True))

    def on_execution(self, request: int, contract: Contract, execution: Execution) -> None:
        """A live execution, or one of an answer."""
        try:
            fill = fill_of(self._names, contract, execution, self._fees.get(execution.execId))
        except ValidationError as problem:
            self.on_unreadable([str(execution)], problem)
            return
        if request >= 0:
            self._listed_fills.append(fill)
        else:
            order_id = execution.orderId if execution.clientId == self._client_id else None
            raw = {"execId": execution.execId, "clientId": str(execution.clientId), "orderId": str(execution.orderId)}
            self._emit(BrokerEventKind.FILL, fill=fill, exec_id=fill.exec_id, order_id=order_id, raw=raw)

    def on_commission(self, report: CommissionReport) -> None:
        """What an execution cost; it may come before or after the execution."""
        fee = number(report.commission)
        if self._fees.get(report.execId) == fee:
            return
        self._fees[report.execId] = fee
        self._emit(BrokerEventKind.FEE, exec_id=report.execId, fee=fee, raw={"currency": report.currency})

    def on_error(self, request: int, code: int, text: str) -> None:
        """An error about one of our orders, or a notice. Answers to other requests fail those requests instead."""
        if code == CLIENT_ID_TAKEN and not self.refused.done():
            self.refused.set_result(text)
        if code in LINK_LOST | LINK_BACK:
            self.link_up = code in LINK_BACK
            self._emit(BrokerEventKind.LINK, code=code, text=text, link_up=self.link_up)
        elif request in self.mine:
            if code == REJECTED:
                self._rejections[request] = text
            known = self.mine[request]
            self._emit(BrokerEventKind.ERROR, order=known, order_id=request, code=code, text=text)
        elif request == -1:
            self._emit(BrokerEventKind.ERROR, code=code, text=text)

    def on_unreadable(self, fields: list[str], problem: Exception) -> None:
        """A message that could not be read: whatever is being asked now must fail."""
        self.damage = f"unreadable message {','.join(fields)[:200]!r}: {problem!r}"
        self._emit(BrokerEventKind.ERROR, code=UNREADABLE, text=self.damage)

    def on_closed(self, text: str = "the gateway closed the connection") -> None:
        """The connection has ended."""
        self.link_up = False
        self._emit(BrokerEventKind.LINK, text=text, link_up=False)

    def _know(self, order: VenueOrder, raw: Mapping[str, str] | None = None) -> None:
        """Remember an order's state, and tell of it when it is news."""
        order = self._with_rejection(order)
        if order == self._orders.get(order.perm_id):
            return
        if order.perm_id:
            self._orders[order.perm_id] = order
        if order.client_id == self._client_id and order.order_id:
            self.mine[order.order_id] = order
        self._emit(BrokerEventKind.ORDER, order=order, order_id=order.order_id, text=order.text, raw=dict(raw or {}))

    def _with_rejection(self, order: VenueOrder) -> VenueOrder:
        """The venue lists a rejected order as cancelled; its 201 in this session tells the difference."""
        ids = [order_id for order_id, known in self.mine.items() if known.perm_id == order.perm_id]
        text = self._rejections.get(ids[0], "") if ids and order.perm_id else ""
        ended = order.status in (VenueStatus.CANCELLED, VenueStatus.REJECTED) and not order.filled
        return order.model_copy(update={"status": VenueStatus.REJECTED, "text": text}) if text and ended else order

    def _emit(
        self,
        kind: BrokerEventKind,
        *,
        order: VenueOrder | None = None,
        fill: Fill | None = None,
        exec_id: str = "",
        fee: Decimal | None = None,
        order_id: int | None = None,
        code: int = 0,
        text: str = "",
        link_up: bool = True,
        raw: dict[str, str] | None = None,
    ) -> None:
        self._sink(
            BrokerEvent(
                kind=kind,
                at=self._clock.now(),
                order=order,
                fill=fill,
                exec_id=exec_id,
                fee=fee,
                order_id=order_id,
                code=code,
                text=text,
                link_up=link_up,
                raw=raw or {},
            )
        )
