"""The case before the gate: one order, asked for or already approved, with all that the rules may look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from tradewright.model.approved import ApprovedOrder
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, OrderType, Side, TrailingStopOrder
from tradewright.policy.limits import Limits
from tradewright.policy.snapshot import Snapshot

UNPRICED = frozenset({OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.TRAILING_STOP})
"""Kinds that trade at whatever price the market has."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged. At the gate it comes from an intent; at the sender from an approved order, which knows less.

    Args:
        exit: whether it only reduces a holding. An intent must say so; of an approved order it is computed.
        approved: whether the gate has spoken, so that the quantity is final.
        reference_price, stop, take_profit, confidence: None at the sender, where rules on them do not speak.
    """

    intent_id: str
    terms: OrderTerms
    snapshot: Snapshot
    limits: Limits
    exit: bool
    approved: bool = False
    reference_price: Decimal | None = None
    stop: Decimal | None = None
    take_profit: Decimal | None = None
    confidence: Decimal | None = None

    @classmethod
    def of_intent(cls, intent: Intent, snapshot: Snapshot, limits: Limits) -> Self:
        """The case of an intent, at the gate."""
        return cls(
            intent_id=intent.intent_id,
            terms=intent.terms,
            snapshot=snapshot,
            limits=limits,
            exit=intent.reduce_only,
            reference_price=intent.reference_price,
            stop=intent.stop,
            take_profit=intent.take_profit,
            confidence=Decimal(repr(intent.confidence)),
        )

    @classmethod
    def of_order(cls, order: ApprovedOrder, snapshot: Snapshot, limits: Limits) -> Self:
        """The case of an approved order, at the sender."""
        reducible = reducible_quantity(order.terms.side, snapshot)
        is_exit = reducible is not None and order.terms.quantity <= reducible
        return cls(order.intent_id, order.terms, snapshot, limits, exit=is_exit, approved=True)

    def figures(self) -> Iterator[Decimal]:
        """Every number of the order and of its instrument; the snapshot's own are checked when it is made."""
        trail = self.terms.order if isinstance(self.terms.order, TrailingStopOrder) else None
        distance = (trail.amount, trail.percent) if trail else ()
        prices = (*self.order_prices(), *distance, self.reference_price, self.stop, self.take_profit)
        own = (self.terms.quantity, *prices)
        yield from (value for value in own if value is not None)
        if self.snapshot.instrument:
            yield self.snapshot.instrument.tick_size
            yield self.snapshot.instrument.lot_size
            yield self.snapshot.instrument.multiplier

    def order_prices(self) -> tuple[Decimal, ...]:
        """The prices that the order itself names: its limit or its trigger; none for a market order."""
        return tuple(price for price in (self.terms.limit_price, self.terms.stop_price) if price is not None)

    def prices(self) -> tuple[Decimal, ...]:
        """Every price at which the order may be valued: its own, the deciding bar's, the last."""
        known = (*self.order_prices(), self.reference_price, self.snapshot.market.last_price)
        return tuple(price for price in known if price is not None)

    def unit_value(self) -> Decimal | None:
        """What one unit is worth in account currency, at the dearest of the known prices; None when not known."""
        point, dearest = self.point_value(), max((abs(price) for price in self.prices()), default=Decimal(0))
        return None if point is None or not dearest else point * dearest

    def point_value(self) -> Decimal | None:
        """Account currency per price point of one unit; None when the instrument or its rate is not known."""
        instrument, rate = self.snapshot.instrument, self.fx_rate()
        return None if instrument is None or rate is None else instrument.multiplier * rate

    def fx_rate(self) -> Decimal | None:
        """Account currency per unit of quote currency; None when not known."""
        instrument = self.snapshot.instrument
        if instrument is not None and instrument.currency == self.limits.currency:
            return Decimal(1)
        return self.snapshot.market.fx_rate

    def collar(self) -> Decimal:
        """The price collar of the instrument; the narrow one as long as the instrument is not known."""
        instrument = self.snapshot.instrument
        liquid = instrument is None or instrument.liquid
        return self.limits.collar_liquid if liquid else self.limits.collar_other

    def is_market(self) -> bool:
        """Whether the order has no price of its own."""
        return self.terms.order.kind in UNPRICED


def reducible_quantity(side: Side, snapshot: Snapshot) -> Decimal | None:
    """How many units an order on this side can take off the holding, after the open orders that do so already.

    0 when flat or when the order would add to the holding; None when the holding or the open orders are not known.
    """
    position, open_orders = snapshot.holdings.position, snapshot.holdings.open_orders
    if position is None or open_orders is None:
        return None
    leaving = sum((order.quantity for order in open_orders if order.side is side), Decimal(0))
    return max(Decimal(0), -side.sign * position - leaving)
