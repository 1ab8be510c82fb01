"""What a simulated venue remembers: orders, executions, accounts."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from tradewright.model.base import FrozenModel, Instant, Number
from tradewright.model.broker import VenueStatus
from tradewright.model.order import OrderTerms, Position

ENDED = frozenset({VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.REJECTED})


class BookOrder(FrozenModel):
    """An order in the venue's book; every change makes a new one under the same permanent id.

    Args:
        order_id: the client's id of it; 0 for an order that was entered by hand.
        filled: units executed so far, at ``average_price`` on average (0 when nothing was).
        code: the venue's code of a refusal, 0 otherwise.
        triggered: whether a stop order has become a market order.
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

    @property
    def remaining(self) -> Decimal:
        """Units still to be executed."""
        return self.terms.quantity - self.filled

    @property
    def live(self) -> bool:
        """Whether something may still happen to it."""
        return self.status not in ENDED


class Execution(FrozenModel):
    """One execution as the venue books it.

    Args:
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


class VenueState(FrozenModel):
    """Everything that must survive a restart of the venue.

    Args:
        seed: makes permanent and execution ids of different venues differ.
        next_order_id: for each client, the lowest order id that was never used.
    """

    seed: int
    sequence: int = 0
    connections: int = 0
    accounts: dict[str, AccountBook]
    orders: dict[int, BookOrder] = Field(default_factory=dict)
    executions: tuple[Execution, ...] = ()
    next_order_id: dict[int, int] = Field(default_factory=dict)
