"""The listener of one connection to IBKR: messages and error codes become events, and what this session has learnt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal

from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order, OrderState
from pydantic import ValidationError

from brokers.ibkr.conversions import SymbolMap, fill_of, order_of, status_of
from brokers.ibkr.error_codes import CLIENT_ID_TAKEN, LINK_BACK, LINK_LOST, REJECTED, REMEDIES, UNREADABLE
from brokers.ibkr.numbers import optional, quantity
from tradewright.model.broker import BrokerEvent, BrokerEventKind, EventSink, VenueOrder, VenueStatus
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError
from tradewright.model.order import Fill

ENDED = frozenset({VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.REJECTED})
CANCELLED_UNSENT = frozenset({"Cancelled", "ApiCancelled"})
_Key = tuple[int, int, int]
BY_HAND: _Key = (0, 0, 0)
"""The key of an order that was entered by hand and not transmitted; several orders share it."""


def _key(order: VenueOrder) -> _Key:
    """The permanent id, or client and order id of an order that has none yet."""
    return (order.perm_id, 0, 0) if order.perm_id else (0, order.client_id or 0, order.order_id or 0)


class Listener:
    """The listener of one connection.

    Nothing is concluded here: an error about an order is passed on as an error, whatever the library makes of it; an
    order's state is what ``openOrder``, ``orderStatus`` or ``completedOrder`` say.

    Args:
        mine: this client's orders by their order id in this session, in their newest state.
        refused: set to the venue's text when it turns this client away.
        damage: the last message that could not be read; empty while all could.
    """

    def __init__(self, names: SymbolMap, clock: Clock, client_id: int, sink: EventSink) -> None:
        self._names, self._clock, self._client_id, self._sink = names, clock, client_id, sink
        self.refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.link_up, self.damage = True, ""
        self.mine: dict[int, VenueOrder] = {}
        self._orders: dict[_Key, VenueOrder] = {}
        self._parents: dict[_Key, int] = {}
        self._fees: dict[str, tuple[Decimal, str]] = {}
        self._rejections: dict[int, str] = {}
        self._listed_open: list[VenueOrder] = []
        self._listed_completed: list[VenueOrder] = []
        self._listed_fills: list[Fill] = []

    def begin_listing(self) -> None:
        """Forget earlier answers to queries; the next ones are collected."""
        self._listed_open, self._listed_completed, self._listed_fills = [], [], []

    def order_id_of(self, ref: str) -> int | None:
        """Under which order id this session knows a reference of ours; the newest where there are several."""
        return next((order_id for order_id, order in reversed(self.mine.items()) if order.ref == ref), None)

    def open_orders(self, account: str) -> tuple[VenueOrder, ...]:
        """The orders of the last open-orders answer, in their newest state, without those that have ended since.

        An order without a permanent id was never transmitted; it is told by its client and order id, and an order that
        has none of these (entered by hand and not transmitted) as it was listed.
        """
        newest = {_key(item): self._orders.get(_key(item), item) for item in self._listed_open if _key(item) != BY_HAND}
        orders = [*newest.values(), *(item for item in self._listed_open if _key(item) == BY_HAND)]
        return tuple(self._with_parent(item) for item in orders if item.account == account and item.status not in ENDED)

    def _with_parent(self, order: VenueOrder) -> VenueOrder:
        """The order with its parent's reference, where this session knows the parent."""
        parent_id = self._parents.get(_key(order), 0)
        refs = [item.ref for item in self._orders.values() if parent_id and item.order_id == parent_id]
        return order.model_copy(update={"parent_ref": refs[0]}) if refs else order

    def completed_orders(self, account: str) -> tuple[VenueOrder, ...]:
        """The orders of the last completed-orders answer. One that was rejected in this session says so."""
        return tuple(self._with_rejection(order) for order in self._listed_completed if order.account == account)

    def fills(self, account: str) -> tuple[Fill, ...]:
        """The executions of the last answer, with the fees that are known by now; each execution once."""
        found = {fill.exec_id: fill for fill in self._listed_fills if fill.account == account}
        return tuple(self._with_fee(fill) for fill in found.values())

    def _with_fee(self, fill: Fill) -> Fill:
        fee, currency = self._fees.get(fill.exec_id, (None, ""))
        return fill.model_copy(update={"fee": fee, "fee_currency": currency})

    def on_open_order(self, order: Order, contract: Contract, state: OrderState) -> None:
        """An order in full: the acknowledgement, when it carries our reference and a permanent id."""
        if order.whatIf:
            return
        said = order_of(self._names, order, contract, state, completed=False)
        known = self._orders.get(_key(said))
        said = said.model_copy(update={"filled": known.filled if known else said.filled})
        self._parents[_key(said)] = order.parentId
        self._listed_open.append(said)
        self._know(self._with_parent(said))

    def on_order_status(self, order_id: int, status: str, filled: float, perm_id: int, client_id: int) -> None:
        """The state of an order that may be unknown here."""
        known = self._orders.get((perm_id, 0, 0)) if perm_id else self._orders.get((0, client_id, order_id))
        if known is None and client_id == self._client_id:
            placed = self.mine.get(order_id)
            known = placed if placed is not None and placed.perm_id == 0 else None
        raw = {"orderId": str(order_id), "permId": str(perm_id), "clientId": str(client_id), "status": status}
        if known is None:
            self._emit(BrokerEventKind.ORDER, order_id=order_id, text=status, raw=raw)
            return
        state = status_of(status) if perm_id else VenueStatus.PENDING
        state = VenueStatus.CANCELLED if not perm_id and status in CANCELLED_UNSENT else state
        changes = {"perm_id": perm_id, "status": state, "filled": quantity(filled, f"status of order {order_id}")}
        self._know(known.model_copy(update=changes), raw)

    def on_completed_order(self, order: Order, contract: Contract, state: OrderState) -> None:
        """An order that has ended; it comes only in answer to a query."""
        self._listed_completed.append(order_of(self._names, order, contract, state, completed=True))

    def on_execution(self, request: int, contract: Contract, execution: Execution) -> None:
        """A live execution, or one of an answer."""
        try:
            fill = self._with_fee(fill_of(self._names, contract, execution))
        except (ValidationError, BrokerError) as problem:
            self.on_unreadable([str(execution)], problem)
            return
        if request >= 0:
            self._listed_fills.append(fill)
        else:
            order_id = execution.orderId if execution.clientId == self._client_id else None
            raw = {"execId": execution.execId, "clientId": str(execution.clientId), "orderId": str(execution.orderId)}
            self._emit(BrokerEventKind.FILL, fill=fill, exec_id=fill.exec_id, order_id=order_id, raw=raw)

    def on_commission(self, report: CommissionReport) -> None:
        """The commission of an execution; it may come before or after the execution, and be unknown at first."""
        fee = optional(report.commission)
        if fee is None or self._fees.get(report.execId) == (fee, report.currency):
            return
        self._fees[report.execId] = (fee, report.currency)
        raw = {"currency": report.currency}
        self._emit(BrokerEventKind.FEE, exec_id=report.execId, fee=fee, fee_currency=report.currency, raw=raw)

    def on_error(self, request: int, code: int, text: str) -> None:
        """An error about one of our orders, or a notice. Answers to other requests fail those requests instead."""
        if code == CLIENT_ID_TAKEN and not self.refused.done():
            self.refused.set_result(text)
        if code in LINK_LOST | LINK_BACK:
            self.link_up = code in LINK_BACK
            remedy = REMEDIES.get(code, "")
            told = f"{text} ({remedy})" if remedy else text
            self._emit(BrokerEventKind.LINK, code=code, text=told, link_up=self.link_up)
        elif request in self.mine:
            if code == REJECTED:
                self._rejections[request] = text
            known = self.mine[request]
            self._emit(BrokerEventKind.ERROR, order=known, order_id=request, code=code, text=text)
        elif request == -1:
            self._emit(BrokerEventKind.ERROR, code=code, text=text)

    def on_notice(self, code: int, text: str) -> None:
        """A finding of our own about the connection."""
        self._emit(BrokerEventKind.ERROR, code=code, text=text)

    def on_unreadable(self, fields: list[str], problem: BaseException | None) -> None:
        """A message that could not be read or handled: the query under way, or the next one, must fail."""
        self.damage = f"unreadable message {','.join(fields)[:200]!r}: {problem!r}"
        self._emit(BrokerEventKind.ERROR, code=UNREADABLE, text=self.damage)

    def on_closed(self, text: str = "the gateway closed the connection") -> None:
        """The connection has ended."""
        self.link_up = False
        self._emit(BrokerEventKind.LINK, text=text, link_up=False)

    def _know(self, order: VenueOrder, raw: Mapping[str, str] | None = None) -> None:
        """Remember an order's state, and tell of it when it is news."""
        order = self._with_rejection(order)
        if order == self._orders.get(_key(order)):
            return
        if order.perm_id:
            self._orders.pop((0, order.client_id or 0, order.order_id or 0), None)
        if _key(order) != BY_HAND:
            self._orders[_key(order)] = order
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
        fee_currency: str = "",
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
                fee_currency=fee_currency,
                order_id=order_id,
                code=code,
                text=text,
                link_up=link_up,
                raw=raw or {},
            )
        )
