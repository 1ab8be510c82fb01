"""The state of a simulated venue: orders, executions, accounts, and one change of them as a journal records it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from tradewright.model.base import FrozenModel, Instant, Number
from tradewright.model.broker import VenueStatus
from tradewright.model.order import OrderTerms, Position

ENDED = frozenset({VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.REJECTED})


class Placement(FrozenModel):
    """How an order belongs to others when it arrives.

    Args:
        parent: permanent id of the order that must fill first; 0 without one.
        group: name of the one-cancels-other group; empty without one.
        oca_type: with ``group``: 1 cancels the others on the first fill, 2 and 3 reduce them by what was filled.
        held: whether it waits to be transmitted; the transmission of a child transmits its parent and its siblings.
    """

    parent: int = 0
    group: str = ""
    oca_type: int = 0
    held: bool = False


class BookOrder(FrozenModel):
    """An order at the venue; every change makes a new value under the same permanent id.

    Args:
        order_id: the client's id of it; 0 for an order that was entered by hand.
        filled: units executed so far, at ``average_price`` on average (0 when nothing was).
        code: the venue's code of a refusal, 0 otherwise.
        triggered: whether its stop has been reached.
        stop: where a trailing stop stands now; None before it has seen a price, and for the other kinds.
        fees: charged so far, in their own currency.
        placement: how it belongs to other orders.
        connection: the number of the venue's newest connection when it last changed, or one of its executions was
            corrected; None in a file that does not tell it yet.
    """

    perm_id: int
    order_id: int
    client_id: int
    account: str
    ref: str
    terms: OrderTerms
    status: VenueStatus
    placed_at: Instant
    changed_at: Instant
    filled: Number = Decimal(0)
    average_price: Number = Decimal(0)
    last_price: Number = Decimal(0)
    code: int = 0
    text: str = ""
    triggered: bool = False
    stop: Number | None = None
    fees: Number = Decimal(0)
    placement: Placement = Placement()
    connection: int | None = None

    @property
    def remaining(self) -> Decimal:
        """Units still to be executed."""
        return self.terms.quantity - self.filled

    @property
    def live(self) -> bool:
        """Whether something may still happen to it."""
        return self.status not in ENDED


class Execution(FrozenModel):
    """One execution as the venue records it.

    Args:
        order: the order after it.
        cum_quantity: units of the order executed up to and with this one, at ``average_price`` on average.
        realized: profit realized by it after its fee; None when it only opened.
    """

    exec_id: str
    order: BookOrder
    quantity: Number
    price: Number
    time: Instant
    cum_quantity: Number
    average_price: Number
    fee: Number
    realized: Number | None = None


class EndedOrder(FrozenModel):
    """An order that ended, with its executions."""

    order: BookOrder
    executions: tuple[Execution, ...]


class AccountBook(FrozenModel):
    """Cash and holdings of one account, in one currency."""

    account: str
    cash: Number
    currency: str = "USD"
    holdings: dict[str, Position] = Field(default_factory=dict)

    def holding(self, instrument: str) -> Position:
        """The holding of an instrument; flat when there is none."""
        return self.holdings.get(instrument) or Position(
            account=self.account, instrument=instrument, quantity=Decimal(0)
        )


class Change(FrozenModel):
    """The changes of one step: new values of what it touched, and the executions that it added."""

    sequence: int | None = None
    connections: int | None = None
    accounts: tuple[AccountBook, ...] = ()
    orders: tuple[BookOrder, ...] = ()
    executions: tuple[Execution, ...] = ()
    next_order_id: dict[int, int] = Field(default_factory=dict)
    bars_until: dict[str, Instant] = Field(default_factory=dict)


class VenueState(BaseModel):
    """Everything that must survive a restart of the venue. Changed in place, one ``Change`` at a time.

    Args:
        seed: makes permanent and execution ids of different venues differ.
        next_order_id: for each client, the lowest order id that was never used.
        bars_until: for each instrument, the end of the last bar that its orders have met.
        ended_bytes: so many bytes of the file of ended orders belong to this state.
        ended_before: every order in that file ended before the connection of this number.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    seed: int
    sequence: int = 0
    connections: int = 0
    accounts: dict[str, AccountBook]
    orders: dict[int, BookOrder] = Field(default_factory=dict)
    executions: list[Execution] = Field(default_factory=list)
    next_order_id: dict[int, int] = Field(default_factory=dict)
    bars_until: dict[str, Instant] = Field(default_factory=dict)
    ended_bytes: int = 0
    ended_before: int = 0

    def apply(self, change: Change) -> None:
        """Take a change in, at a cost that depends on the change alone."""
        self.sequence = self.sequence if change.sequence is None else change.sequence
        self.connections = self.connections if change.connections is None else change.connections
        self.accounts.update((book.account, book) for book in change.accounts)
        self.orders.update((order.perm_id, order) for order in change.orders)
        self.executions.extend(change.executions)
        self.next_order_id.update(change.next_order_id)
        self.bars_until.update(change.bars_until)

    def date_orders(self) -> None:
        """Let orders of a file that does not tell when they changed have changed just now, at the next connection."""
        for perm_id, order in self.orders.items():
            if order.connection is None:
                self.orders[perm_id] = order.model_copy(update={"connection": self.connections + 1})

    def recall(self, ended: Sequence[EndedOrder]) -> None:
        """Take ended orders of long ago in again, in memory; one that has changed since stays as it is."""
        known = {execution.exec_id for execution in self.executions}
        old = [execution for line in ended for execution in line.executions if execution.exec_id not in known]
        self.orders = {line.order.perm_id: line.order for line in ended} | self.orders
        self.executions = old + self.executions
