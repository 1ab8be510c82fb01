"""Orders and fills as the world sees them, and the state machines of orders and of attempts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tradewright.model.base import FrozenModel, Instant, Name, Number, Positive


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a purchase, -1 for a sale."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """The kinds of order; each has a model of its own with the prices that it needs."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    TRAILING_STOP = "TRAILING_STOP"
    MARKET_ON_OPEN = "MARKET_ON_OPEN"
    MARKET_ON_CLOSE = "MARKET_ON_CLOSE"


FIRST_VERSION_TYPES = {"MKT": OrderType.MARKET, "LMT": OrderType.LIMIT, "STP": OrderType.STOP}
"""How the first version wrote the three kinds that it knew; its ledgers hold these texts."""


class TimeInForce(StrEnum):
    """How long an order lives at the venue."""

    DAY = "DAY"
    """Until the session's close."""
    GTC = "GTC"
    """Until it is cancelled."""
    GTD = "GTD"
    """Until the moment ``good_till``."""
    IOC = "IOC"
    """Fill at once, cancel the rest."""


class MarketOrder(FrozenModel):
    """Trade at once at the best price there is."""

    kind: Literal[OrderType.MARKET] = OrderType.MARKET


class LimitOrder(FrozenModel):
    """Trade at ``limit_price`` or better."""

    kind: Literal[OrderType.LIMIT] = OrderType.LIMIT
    limit_price: Number


class StopOrder(FrozenModel):
    """Become a market order once the market trades through ``stop_price``."""

    kind: Literal[OrderType.STOP] = OrderType.STOP
    stop_price: Number


class StopLimitOrder(FrozenModel):
    """Become a limit order at ``limit_price`` once the market trades through ``stop_price``."""

    kind: Literal[OrderType.STOP_LIMIT] = OrderType.STOP_LIMIT
    stop_price: Number
    limit_price: Number


Percentage = Annotated[Positive, Field(lt=100)]
"""Above 0 and below 100."""


def one_distance(amount: Decimal | None, percent: Decimal | None) -> None:
    """Demand that a trailing stop's distance is given as an amount or in percent, or not at all.

    Raises:
        ValueError: for both.
    """
    if amount is not None and percent is not None:
        raise ValueError("a trailing stop has one distance: an amount, or a percentage")


class TrailingStopOrder(FrozenModel):
    """A stop order whose stop follows the best price since the order became active, and never moves back.

    Args:
        amount: the distance in price units; exactly one of ``amount`` and ``percent`` is given.
        percent: the distance in percent of the best price, above 0 and below 100.
        stop_price: where the stop starts; one distance from the price at activation when None.
    """

    kind: Literal[OrderType.TRAILING_STOP] = OrderType.TRAILING_STOP
    amount: Positive | None = None
    percent: Percentage | None = None
    stop_price: Number | None = None

    @model_validator(mode="after")
    def _one_distance(self) -> Self:
        if (self.amount is None) == (self.percent is None):
            raise ValueError("a trailing stop needs exactly one of amount and percent")
        return self

    def distance(self, price: Decimal) -> Decimal:
        """How far the stop stays from ``price``, in price units; never negative."""
        return self.amount if self.amount is not None else abs(price) * (self.percent or Decimal(0)) / 100

    @property
    def text(self) -> str:
        """In words: ``trailing stop 1.5 behind the best price, from 95``."""
        said = f"{self.amount:f}" if self.amount is not None else f"{self.percent:f} %"
        return f"trailing stop {said} behind the best price" + (
            f", from {self.stop_price:f}" if self.stop_price is not None else ""
        )


class MarketOnOpenOrder(FrozenModel):
    """Trade in the next opening auction."""

    kind: Literal[OrderType.MARKET_ON_OPEN] = OrderType.MARKET_ON_OPEN


class MarketOnCloseOrder(FrozenModel):
    """Trade in the closing auction of the session."""

    kind: Literal[OrderType.MARKET_ON_CLOSE] = OrderType.MARKET_ON_CLOSE


OrderKind = Annotated[
    MarketOrder | LimitOrder | StopOrder | StopLimitOrder | TrailingStopOrder | MarketOnOpenOrder | MarketOnCloseOrder,
    Field(discriminator="kind"),
]
"""The kind of an order with its prices, told apart by ``kind``."""

AUCTIONS = frozenset({OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE})
IMMEDIATE = frozenset({OrderType.MARKET, OrderType.LIMIT})
FLAT_FIELDS = ("order_type", "limit_price", "stop_price")


class OrderTerms(FrozenModel):
    """What is to be traded, independent of who asked for it and who allowed it.

    The flat form of the first version (``order_type``, ``limit_price``, ``stop_price``) is read, never written.

    Args:
        quantity: in units.
        order: the kind of order, with its prices.
        good_till: when a GTD order ends; None for every other time in force.
    """

    instrument: Name
    side: Side
    quantity: Positive
    order: OrderKind = MarketOrder()
    tif: TimeInForce = TimeInForce.DAY
    good_till: Instant | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_first_version(cls, values: object) -> object:
        if not isinstance(values, Mapping) or not any(name in values for name in FLAT_FIELDS):
            return values
        if "order" in values:
            raise ValueError(f"an order has either an order or {', '.join(FLAT_FIELDS)}")
        rest = {name: value for name, value in values.items() if name not in FLAT_FIELDS}
        prices = {name: values[name] for name in FLAT_FIELDS[1:] if values.get(name) is not None}
        kind = values.get("order_type", OrderType.MARKET)
        return rest | {"order": {"kind": FIRST_VERSION_TYPES.get(kind, kind), **prices}}

    @model_validator(mode="after")
    def _life_fits_the_kind(self) -> Self:
        if (self.tif is TimeInForce.GTD) != (self.good_till is not None):
            raise ValueError("a GTD order needs good_till, and no other order has one")
        if self.tif is TimeInForce.IOC and self.order.kind not in IMMEDIATE:
            raise ValueError(f"a {self.order.kind} order cannot be IOC: it does not trade at once")
        if self.order.kind in AUCTIONS and self.tif is not TimeInForce.DAY:
            raise ValueError(f"a {self.order.kind} order lives for one auction: its time in force is DAY")
        return self

    @property
    def limit_price(self) -> Decimal | None:
        """The limit of a limit or stop-limit order; None for the other kinds."""
        return self.order.limit_price if isinstance(self.order, LimitOrder | StopLimitOrder) else None

    @property
    def stop_price(self) -> Decimal | None:
        """The trigger of a stop, stop-limit or trailing stop (where that starts); None for the other kinds."""
        if isinstance(self.order, StopOrder | StopLimitOrder | TrailingStopOrder):
            return self.order.stop_price
        return None

    @property
    def text(self) -> str:
        """The kind with its prices, in words: ``limit 98, stop 97`` of a stop-limit order."""
        if isinstance(self.order, TrailingStopOrder):
            return self.order.text
        prices = (("limit", self.limit_price), ("stop", self.stop_price))
        told = ", ".join(f"{name} {price:f}" for name, price in prices if price is not None)
        return told or self.order.kind.replace("_", " ").lower()

    def hashed(self) -> dict[str, object]:
        """The form that hashes cover: that of the first version for orders which it could express.

        An approval that was hashed by the first version therefore still has its hash.
        """
        first_version = {kind: text for text, kind in FIRST_VERSION_TYPES.items()}
        known_tif = self.tif in (TimeInForce.DAY, TimeInForce.GTC)
        if self.order.kind not in first_version or not known_tif:
            return self.model_dump()
        prices = {"limit_price": self.limit_price, "stop_price": self.stop_price}
        rest = self.model_dump(exclude={"order", "good_till"})
        return rest | {"order_type": first_version[self.order.kind], **prices}


class Leg(StrEnum):
    """The part that an order plays in a group; the value is the last part of its reference."""

    ENTRY = ""
    STOP_LOSS = "sl"
    TAKE_PROFIT = "tp"

    def reference(self, ref: str) -> str:
        """The leg's reference: ``<intent>.<attempt>`` for the entry, ``<intent>.<attempt>.<leg>`` for the others."""
        return f"{ref}.{self.value}" if self.value else ref


PROTECTIVE_KINDS = {
    Leg.STOP_LOSS: frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP}),
    Leg.TAKE_PROFIT: frozenset({OrderType.LIMIT}),
}


class ProtectiveLeg(FrozenModel):
    """An order that closes what the entry of its group opens; one of a group's protective legs cancels the other."""

    leg: Leg
    terms: OrderTerms

    @model_validator(mode="after")
    def _kind_protects(self) -> Self:
        if self.leg is Leg.ENTRY:
            raise ValueError("the entry is no protective leg")
        if self.terms.order.kind not in PROTECTIVE_KINDS[self.leg]:
            raise ValueError(f"a {self.terms.order.kind} order is no {self.leg.name.lower().replace('_', ' ')}")
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
    """By evidence only: two complete broker snapshots, and a person's confirmation where it is not paper."""

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
        fee: None until the venue reports it; negative for a rebate.
        fee_currency: the currency of ``fee``; empty while that is not known.
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
    fee_currency: str = ""

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
