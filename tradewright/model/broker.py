"""The broker port: what a venue must do for us, in our words, and what it may tell us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import Field, field_validator

from tradewright.model.approved import ApprovedOrder
from tradewright.model.base import FrozenModel, Instant, Number
from tradewright.model.instrument import AssetClass
from tradewright.model.order import (
    FIRST_VERSION_TYPES,
    Fill,
    Leg,
    OrderType,
    Position,
    Side,
    TimeInForce,
)

Price = Decimal | None


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
        order_type: the kind, or the venue's own word for a kind that we do not have.
        quantity: in units; 0 where the venue does not tell (completed orders).
        filled: in units; None where the venue does not tell (completed orders): then its executions alone count, and
            nothing is concluded about what is left.
        limit_price, stop_price: the prices as the venue has them now; None where the kind has none or none is told. A
            trailing stop's moves with the market.
        trail, trail_percent: the distance of a trailing stop, in price units or in percent; None where it has none or
            none is told.
        parent_ref: the reference of the entry that a protective leg waits for; empty without one.
        group: the name of the one-cancels-other group; empty without one.
        held_back: whether the venue holds it without working it (an entry whose last leg was never sent).
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
    filled: Number | None
    status: VenueStatus
    text: str = ""
    limit_price: Number | None = None
    stop_price: Number | None = None
    trail: Number | None = Field(default=None, exclude_if=lambda distance: distance is None)
    trail_percent: Number | None = Field(default=None, exclude_if=lambda distance: distance is None)
    parent_ref: str = ""
    group: str = ""
    held_back: bool = False

    @field_validator("order_type", mode="before")
    @classmethod
    def _read_first_version(cls, value: object) -> object:
        return FIRST_VERSION_TYPES.get(value, value) if isinstance(value, str) else value


class BrokerSnapshot(FrozenModel):
    """Everything the venue knows of an account now. It exists only when every query was answered to its end.

    Args:
        since: the session from whose beginning on finished orders and their executions are told; empty for all that
            the venue knows. Only a snapshot of everything is evidence of what the venue does not know.
    """

    taken_at: Instant
    since: str = ""
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
    """The newest prices of an instrument, each with the moment since when it stands.

    A price is None where the venue has none; a time is None where the venue does not tell it.
    """

    instrument: str
    bid: Number | None = None
    ask: Number | None = None
    last: Number | None = None
    bid_time: Instant | None = None
    ask_time: Instant | None = None
    last_time: Instant | None = None

    @classmethod
    def at(cls, time: datetime, instrument: str, *, bid: Price = None, ask: Price = None, last: Price = None) -> Quote:
        """A quote all of whose prices stand since ``time``."""
        return cls(
            instrument=instrument,
            bid=bid,
            ask=ask,
            last=last,
            bid_time=None if bid is None else time,
            ask_time=None if ask is None else time,
            last_time=None if last is None else time,
        )

    @property
    def time(self) -> datetime | None:
        """The oldest moment that matters: of bid and ask where there is either, else of the last trade.

        None when one of these moments is not known, or when there is no price.
        """
        sides = [time for price, time in ((self.bid, self.bid_time), (self.ask, self.ask_time)) if price is not None]
        if not sides and self.last is not None:
            sides = [self.last_time]
        known = [time for time in sides if time is not None]
        return min(known) if known and len(known) == len(sides) else None


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
        fee_currency: the currency of ``fee``; empty while that is not known.
        link_up: for ``LINK``: whether the venue is reachable.
    """

    kind: BrokerEventKind
    at: Instant
    order: VenueOrder | None = None
    fill: Fill | None = None
    exec_id: str = ""
    fee: Number | None = None
    fee_currency: str = ""
    order_id: int | None = None
    code: int = 0
    text: str = ""
    link_up: bool = True
    raw: dict[str, str] = Field(default_factory=dict)


EventSink = Callable[[BrokerEvent], None]


class BrokerCapabilities(FrozenModel):
    """What a venue can hold; anything else is emulated by the live engine, or refused by ``check``.

    Args:
        groups: the asset classes in which an entry and its protective legs can be placed as one group, one cancelling
            the other.
        fractional: whether quantities below one unit are possible where the instrument's lot size allows them.
        cash_quantity: whether a market purchase may be sent as an amount of cash.
        sessions: whether a snapshot can be asked for from a session on; only then ``since`` is given.
    """

    kinds: frozenset[OrderType]
    tifs: frozenset[TimeInForce]
    groups: frozenset[AssetClass] = frozenset()
    fractional: bool = False
    cash_quantity: bool = False
    sessions: bool = False


class Broker(Protocol):
    """A venue. One sender uses one broker; every method that asks raises ``BrokerError`` rather than guess.

    ``venue`` names it (``sim``, ``ibkr``); ``session`` names the present connection and changes with every connect,
    because order ids mean nothing without it.
    """

    venue: str
    session: str
    capabilities: BrokerCapabilities

    async def connect(self, sink: EventSink, *, complete: bool = True) -> None:
        """Connect under the fixed client id and deliver every event to ``sink`` from now on.

        Args:
            complete: False asks for the open orders alone and needs no end of any answer. Such a connection is good
                for cancelling and for nothing else.

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

    async def snapshot(self, since: str = "") -> BrokerSnapshot:
        """All open orders, completed orders, executions and positions of the account (R2).

        Args:
            since: the name of an earlier session, of which the caller knows everything that happened before it began.
                A finished order to which nothing has happened since, its executions and their corrections included,
                may be left out together with its executions; the answer then names the session. A venue that keeps
                no sessions, or does not know this one, tells everything.

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

    async def check(self, order: ApprovedOrder) -> None:
        """Prove that every leg of the order can be written to the venue, and look its contract up.

        To be called before the write-ahead (S4), so that a hopeless order is never in doubt.

        Raises:
            NotApproved: when ``order`` is not an ``ApprovedOrder``.
            OrderNotAccepted: when it cannot be sent: contract, kind, time in force, steps, account, permission.
            BrokerError: when the link is down or the venue does not answer. Nothing has been sent in any case.
        """
        ...

    async def place(self, order: ApprovedOrder, ref: str, order_id: int) -> None:
        """Write the entry to the venue once. Returning says nothing about the order; events and queries do.

        Raises:
            NotApproved: when ``order`` is not an ``ApprovedOrder``.
            BrokerError: when the link is down. Even then the order may have gone out.
        """
        ...

    async def place_group(self, order: ApprovedOrder, refs: Mapping[Leg, str], order_ids: Mapping[Leg, int]) -> None:
        """Write the entry and its protective legs once, as one group in which one protective leg cancels the other.

        Protective legs are inactive until the entry fills. Should the link break between two legs, the venue holds the
        legs that it has without working them; the next snapshot shows them and ``cancel`` ends them.

        Args:
            refs, order_ids: one of each for every leg of ``order.legs()``.

        Raises:
            NotApproved: when ``order`` is not an ``ApprovedOrder``.
            BrokerError: when the link is down. Even then any of the legs may have gone out.
        """
        ...

    async def cancel(self, ref: str, order_id: int) -> None:
        """Ask for a cancel once. The answer comes as an event or by query."""
        ...

    async def cancel_all(self) -> None:
        """Cancel every open order of the account, those of other clients and of persons included.

        Raises:
            BrokerError: without a link.
        """
        ...
