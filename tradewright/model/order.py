"""Orders and fills as the world sees them, and the state machines of orders and of attempts."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import model_validator

from tradewright.model.base import FrozenModel, Instant, Name, Number, Positive


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a purchase, -1 for a sale."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """How an order may be filled."""

    MARKET = "MKT"
    LIMIT = "LMT"
    STOP = "STP"


class TimeInForce(StrEnum):
    """How long an order lives at the venue."""

    DAY = "DAY"
    GTC = "GTC"


class OrderTerms(FrozenModel):
    """What is to be traded, free of who asked and who allowed."""

    instrument: Name
    side: Side
    quantity: Positive
    order_type: OrderType = OrderType.MARKET
    limit_price: Number | None = None
    stop_price: Number | None = None
    tif: TimeInForce = TimeInForce.DAY

    @model_validator(mode="after")
    def _prices_fit_the_type(self) -> OrderTerms:
        if (self.order_type is OrderType.LIMIT) != (self.limit_price is not None):
            raise ValueError("a limit order needs a limit price, and no other order has one")
        if (self.order_type is OrderType.STOP) != (self.stop_price is not None):
            raise ValueError("a stop order needs a stop price, and no other order has one")
        return self


class AttemptState(StrEnum):
    """Where our sending of an approved order stands (order-protocol). ``UNKNOWN`` is a state, not an error."""

    CLAIMED = "CLAIMED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    ACKED = "ACKED"
    WORKING = "WORKING"
    PARTIAL = "PARTIAL"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    NOT_SENT = "NOT_SENT"
    """By evidence only: two complete broker snapshots, and a person's word where it is not paper."""

    @property
    def terminal(self) -> bool:
        """Whether nothing more can happen to the attempt."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {AttemptState.FILLED, AttemptState.CANCELLED, AttemptState.REJECTED, AttemptState.EXPIRED, AttemptState.NOT_SENT}
)


class OrderState(StrEnum):
    """Where an order stands at the venue (R-EXEC-06, C-23)."""

    NEW = "NEW"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    CANCEL_PENDING = "CANCEL_PENDING"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


ORDER_TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.NEW: frozenset({OrderState.ACCEPTED, OrderState.REJECTED, OrderState.CANCELLED}),
    OrderState.ACCEPTED: frozenset(
        {
            OrderState.PARTIALLY_FILLED,
            OrderState.FILLED,
            OrderState.CANCEL_PENDING,
            OrderState.CANCELLED,
            OrderState.REJECTED,
        }
    ),
    OrderState.PARTIALLY_FILLED: frozenset(
        {OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCEL_PENDING, OrderState.CANCELLED}
    ),
    OrderState.CANCEL_PENDING: frozenset(
        {OrderState.CANCELLED, OrderState.FILLED, OrderState.PARTIALLY_FILLED, OrderState.ACCEPTED}
    ),
    OrderState.FILLED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}
"""The whole table of C-23; the last three states end."""

ORDER_STATE_OF_ATTEMPT: dict[AttemptState, OrderState | None] = {
    AttemptState.CLAIMED: OrderState.NEW,
    AttemptState.SENDING: OrderState.NEW,
    AttemptState.UNKNOWN: OrderState.NEW,
    AttemptState.ACKED: OrderState.ACCEPTED,
    AttemptState.WORKING: OrderState.ACCEPTED,
    AttemptState.PARTIAL: OrderState.PARTIALLY_FILLED,
    AttemptState.CANCEL_REQUESTED: OrderState.CANCEL_PENDING,
    AttemptState.FILLED: OrderState.FILLED,
    AttemptState.CANCELLED: OrderState.CANCELLED,
    AttemptState.EXPIRED: OrderState.CANCELLED,
    AttemptState.REJECTED: OrderState.REJECTED,
    AttemptState.NOT_SENT: None,
}
"""The order's state is computed from the attempt's; ``NOT_SENT`` leaves no order at all."""


class Fill(FrozenModel):
    """One execution, keyed by the venue's execution id.

    Args:
        exec_id: the venue's id of this execution; corrections share its base and differ in the last part.
        ref: our attempt's reference, empty for an order that is not ours.
        fee: in the instrument's currency; None until the venue reports it.
    """

    exec_id: str
    ref: str
    perm_id: int
    instrument: Name
    side: Side
    quantity: Positive
    price: Number
    time: Instant
    account: str
    fee: Number | None = None

    @property
    def base_id(self) -> str:
        """The execution id without the correction number: ``0001.02`` and ``0001.01`` are one execution."""
        head, _, tail = self.exec_id.rpartition(".")
        return head if head and tail.isdigit() else self.exec_id


class Position(FrozenModel):
    """A signed holding; zero is flat."""

    account: str
    instrument: Name
    quantity: Number
    average_price: Number = Decimal(0)
