"""The broker port: what a venue must do for us, in our words, and what it may tell us."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from tradewright.model.approved import ApprovedOrder
from tradewright.model.base import FrozenModel, Instant, Number
from tradewright.model.order import Fill, OrderType, Position, Side


class VenueStatus(StrEnum):
    """What the venue itself says of an order. Evidence only when it comes from a query or a live event."""

    PENDING = "PENDING"
    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCEL_PENDING = "CANCEL_PENDING"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class VenueOrder(FrozenModel):
    """An order as the venue reports it.

    Args:
        ref: our reference, empty when the order is not ours.
        perm_id: the venue's permanent id; 0 until it is known.
        order_id: the session's id of it; None for completed orders, whose message carries none.
        quantity: in units; 0 where the venue does not tell (completed orders).
    """

    ref: str
    perm_id: int
    order_id: int | None
    client_id: int | None
    account: str
    instrument: str
    side: Side
    order_type: OrderType | str
    quantity: Number
    filled: Number
    status: VenueStatus
    text: str = ""


class BrokerSnapshot(FrozenModel):
    """Everything the venue knows of an account now. It exists only when every query was answered to its end."""

    taken_at: Instant
    open_orders: tuple[VenueOrder, ...]
    completed_orders: tuple[VenueOrder, ...]
    fills: tuple[Fill, ...]
    positions: tuple[Position, ...]


class AccountState(FrozenModel):
    """Money at the venue, in the account's base currency."""

    account: str
    equity: Number
    cash: Number
    currency: str = "USD"


class Quote(FrozenModel):
    """The newest prices of an instrument."""

    instrument: str
    bid: Number | None
    ask: Number | None
    last: Number | None
    time: Instant


class BrokerEventKind(StrEnum):
    """What happened at the venue."""

    ORDER = "ORDER"
    FILL = "FILL"
    FEE = "FEE"
    ERROR = "ERROR"
    LINK = "LINK"


class BrokerEvent(FrozenModel):
    """One message from the venue, kept raw in the ledger before it is applied (S7).

    Args:
        code: the venue's error or notice code.
        exec_id: with ``fee``, which execution a fee belongs to.
        link_up: for ``LINK``: whether the venue is reachable.
    """

    kind: BrokerEventKind
    at: Instant
    order: VenueOrder | None = None
    fill: Fill | None = None
    exec_id: str = ""
    fee: Number | None = None
    order_id: int | None = None
    code: int = 0
    text: str = ""
    link_up: bool = True
    raw: dict[str, str] = Field(default_factory=dict)


EventSink = Callable[[BrokerEvent], None]


class Broker(Protocol):
    """A venue. One sender uses one broker; every method that asks raises ``BrokerError`` rather than guess.

    ``venue`` names it (``sim``, ``ibkr``); ``session`` names the present connection and changes with every connect,
    because order ids mean nothing without it.
    """

    venue: str
    session: str

    async def connect(self, sink: EventSink) -> None:
        """Connect under the fixed client id and deliver every event to ``sink`` from now on.

        Raises:
            BrokerError: when refused, hanging, taken by another client, or any start-up query lacks its end.
        """
        ...

    async def disconnect(self) -> None:
        """Close the link; harmless when there is none."""
        ...

    async def time(self) -> Instant:
        """The venue's clock: the heartbeat and the skew check (R1)."""
        ...

    async def snapshot(self) -> BrokerSnapshot:
        """All open orders, completed orders, executions and positions of the account (R2).

        Raises:
            BrokerError: when any of them did not arrive to its end. A failure is never an empty list.
        """
        ...

    async def account(self) -> AccountState:
        """Equity and cash."""
        ...

    async def quote(self, instrument: str) -> Quote:
        """The newest prices.

        Raises:
            BrokerError: for an instrument the venue does not know, or when no price comes.
        """
        ...

    def next_order_id(self) -> int:
        """Reserve the session's next order id, so that it can be written down before the order is sent (S4)."""
        ...

    def pending_sends(self) -> int:
        """How many messages wait in the library's own queue; the sender demands 0 (S5)."""
        ...

    async def place(self, order: ApprovedOrder, ref: str, order_id: int) -> None:
        """Write the order to the venue once. Returning says nothing about the order; events and queries do.

        Raises:
            NotApproved: when ``order`` is not an ``ApprovedOrder``.
            BrokerError: when the link is down. Even then the order may have gone out.
        """
        ...

    async def cancel(self, ref: str, order_id: int) -> None:
        """Ask for a cancel once. The answer comes as an event or by query."""
        ...

    async def cancel_all(self) -> None:
        """The kill switch's last word: cancel every open order of the account, others' included."""
        ...
