"""The order book of the simulated venue: accounts, orders and executions. It knows no prices and matches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from brokers.sim.changes import Changes
from brokers.sim.commission import Commission, FeeRate
from brokers.sim.holdings import book_execution
from brokers.sim.state import AccountBook, BookOrder, Execution, VenueState
from brokers.sim.storage import VenueCopy, VenueFile
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError, TradewrightError
from tradewright.model.instrument import Instrument

Listener = Callable[[BookOrder, Execution | None], None]
"""Told of every change of an order, with the execution that caused it, if one did."""

WHERE = "simulated venue"
CANCEL_OTHERS = 1
ZERO = Decimal(0)


class OrderBook:
    """Accounts, orders and executions, each change written down before a client is told of it.

    A child order is inactive until its parent fills; then as many units of all children together can trade as the
    parent has filled. A parent that ends unfilled ends its children; one that ends partly filled leaves them with its
    filled quantity (to be confirmed on a paper account).
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        state: VenueState,
        clock: Clock,
        commission: Commission,
        storage: VenueFile | VenueCopy | None = None,
        fee_rate: FeeRate | None = None,
    ) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.clock = clock
        self._commission, self._storage, self._fee_rate = commission, storage, fee_rate
        self._clients: dict[int, Listener] = {}
        self._listeners: list[Listener] = []
        self._changes = Changes(state, storage)
        self._untold: list[tuple[BookOrder, Execution | None]] | None = None

    @property
    def state(self) -> VenueState:
        """Everything that the venue remembers."""
        return self._changes.state

    @state.setter
    def state(self, state: VenueState) -> None:
        self._changes = Changes(state, self._storage)

    def subscribe(self, listener: Listener) -> None:
        """Tell ``listener`` of every change of every order from now on."""
        self._listeners.append(listener)

    def reserve_order_id(self, client_id: int) -> int:
        """The next order id of a client; it is never given again."""
        order_id = self.state.next_order_id.get(client_id, 1)
        self._changes.order_id(client_id, order_id + 1)
        self._changes.commit()
        return order_id

    def reset_order_ids(self, lowest: int) -> None:
        """Forget which order ids were used, for every client."""
        for client_id in self.state.next_order_id:
            self._changes.order_id(client_id, lowest)
        self._changes.commit()

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of that name.

        Raises:
            BrokerError: when the venue does not trade it.
        """
        if symbol not in self.instruments:
            known = ", ".join(sorted(self.instruments))
            raise BrokerError(f"unknown instrument {symbol!r}", where=WHERE, remedy=f"it trades {known}")
        return self.instruments[symbol]

    def book(self, account: str) -> AccountBook:
        """The account of that name.

        Raises:
            BrokerError: when the venue has no such account.
        """
        if account not in self.state.accounts:
            known = ", ".join(sorted(self.state.accounts))
            raise BrokerError(f"unknown account {account!r}", where=WHERE, remedy=f"it has {known}")
        return self.state.accounts[account]

    def recall(self) -> None:
        """Have every order that ever was, those that ended long ago included, in ``state`` from now on.

        Raises:
            BrokerError: when their file cannot be read.
        """
        self._changes.recall()

    def live_orders(self) -> list[BookOrder]:
        """Orders to which something may still happen, oldest first."""
        return self._changes.live()

    def cancel(self, perm_id: int, text: str = "") -> BookOrder:
        """End a live order and what depends on it; an order that has ended stays as it is."""
        order = self.state.orders[perm_id]
        if not order.live:
            return order
        order = self._change(order, status=VenueStatus.CANCELLED, text=text)
        for child in self._children(perm_id):
            left = order.filled - self._closed(perm_id)
            if left <= 0:
                self.cancel(child.perm_id, "the parent order was cancelled")
            elif child.remaining > left:
                self._shrink(child, child.filled + left)
        return order

    def execute(
        self, perm_id: int, quantity: Decimal, price: Decimal, rested: bool = False, at: datetime | None = None
    ) -> Execution:
        """Execute ``quantity`` units of an order at ``price``, whatever its state: the venue's word is final.

        Args:
            rested: whether it pays the fee of an order that rested.
            at: when; now when None.
        """
        at = at or self.clock.now()
        order = _filled(self.state.orders[perm_id], quantity, price, at)
        instrument = self.instrument(order.terms.instrument)
        rate = Decimal(1) if self._fee_rate is None else self._fee_rate(at)
        whole = self._commission(instrument, order.filled, order.average_price / rate, rested)
        grown = max(ZERO, whole - order.fees)
        fee = grown if self._fee_rate is None else round(grown * rate, 6)
        order = order.model_copy(update={"fees": order.fees + grown, "connection": self.state.connections})
        signed = quantity * order.terms.side.sign
        book, realized = book_execution(
            self.book(order.account), instrument.symbol, signed, price, instrument.multiplier, fee
        )
        execution = Execution(
            exec_id=self._changes.next_exec_id(),
            order=order,
            quantity=quantity,
            price=price,
            time=at,
            cum_quantity=order.filled,
            average_price=order.average_price,
            fee=fee,
            realized=realized,
        )
        self._changes.account(book)
        self._changes.execution(execution)
        self._save(order, execution)
        self._reduce_others(order, quantity)
        return execution

    def fee_problem(self) -> str:
        """The reason why a fee could not be booked now, for want of an exchange rate; empty where it could."""
        try:
            if self._fee_rate is not None:
                self._fee_rate(self.clock.now())
        except TradewrightError as error:
            return str(error)
        return ""

    def correct(self, exec_id: str, price: Decimal) -> Execution:
        """Correct the price of an execution: the same base id, the next correction number, the cash put right."""
        self.recall()
        old = next(item for item in self.state.executions if item.exec_id == exec_id)
        base, _, number = exec_id.rpartition(".")
        new = old.model_copy(update={"exec_id": f"{base}.{int(number) + 1:02d}", "price": price})
        order, book = old.order, self.book(old.order.account)
        signed = old.quantity * order.terms.side.sign * self.instrument(order.terms.instrument).multiplier
        self._changes.account(book.model_copy(update={"cash": book.cash - signed * (price - old.price)}))
        self._changes.execution(new)
        present = self.state.orders[order.perm_id]
        self._changes.order(present.model_copy(update={"connection": self.state.connections}))
        self._tell(order, new)
        return new

    def shift_position(self, account: str, symbol: str, by: Decimal) -> None:
        """Change a holding without an order, as a corporate action or a mistake would."""
        book = self.book(account)
        held = book.holding(self.instrument(symbol).symbol)
        moved = held.model_copy(update={"quantity": held.quantity + by})
        self._changes.account(book.model_copy(update={"holdings": {**book.holdings, symbol: moved}}))
        self._changes.commit()

    def _children(self, perm_id: int) -> list[BookOrder]:
        return [order for order in self.live_orders() if order.placement.parent == perm_id]

    def _closed(self, parent: int) -> Decimal:
        """Units that the children of an order have closed."""
        return sum((item.filled for item in self._changes.children(parent)), ZERO)

    def _workable(self, order: BookOrder) -> Decimal:
        """How many units may trade now; 0 for a held order and for a child whose parent has not filled."""
        if not order.live or order.placement.held:
            return ZERO
        parent = order.placement.parent
        if not parent:
            return order.remaining
        return min(order.remaining, self.state.orders[parent].filled - self._closed(parent))

    def _reduce_others(self, order: BookOrder, quantity: Decimal) -> None:
        """One cancels the other: the rest of its group ends, or shrinks by what was filled."""
        if not order.placement.group:
            return
        mine = (order.account, order.placement.group)
        others = [item for item in self.live_orders() if (item.account, item.placement.group) == mine]
        for other in others:
            if other.perm_id == order.perm_id:
                continue
            if order.placement.oca_type == CANCEL_OTHERS or other.remaining <= quantity:
                self.cancel(other.perm_id, f"order {order.perm_id} of its group was filled")
            else:
                self._shrink(other, other.terms.quantity - quantity)

    def _shrink(self, order: BookOrder, quantity: Decimal) -> None:
        self._change(order, terms=order.terms.model_copy(update={"quantity": quantity}))

    def _change(self, order: BookOrder, **changes: object) -> BookOrder:
        moment = {"changed_at": self.clock.now(), "connection": self.state.connections}
        changed = order.model_copy(update={**moment, **changes})
        self._save(changed)
        return changed

    def _save(self, order: BookOrder, execution: Execution | None = None) -> None:
        self._changes.order(order)
        self._tell(order, execution)

    def _tell(self, order: BookOrder, execution: Execution | None) -> None:
        """Write down what has changed, then tell of it."""
        if self._untold is not None:
            self._untold.append((order, execution))
            return
        self._changes.commit()
        self._announce(order, execution)

    @contextmanager
    def _as_one_change(self) -> Iterator[None]:
        """Write everything that happens inside as one change at its end, then tell of it; nothing told, nothing
        written."""
        self._untold = []
        try:
            yield
        finally:
            happened, self._untold = self._untold, None
        if happened:
            self._changes.commit()
        for order, execution in happened:
            self._announce(order, execution)

    def _announce(self, order: BookOrder, execution: Execution | None) -> None:
        own = self._clients.get(order.client_id)
        for listener in [*self._listeners, *([own] if own else [])]:
            listener(order, execution)


def _filled(order: BookOrder, quantity: Decimal, price: Decimal, at: datetime) -> BookOrder:
    """The order after one more execution."""
    filled = order.filled + quantity
    status = VenueStatus.FILLED if filled >= order.terms.quantity else VenueStatus.WORKING
    average = (order.average_price * order.filled + price * quantity) / filled
    changes = {"filled": filled, "average_price": average, "last_price": price, "status": status, "changed_at": at}
    return order.model_copy(update=changes)
