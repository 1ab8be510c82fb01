"""The order being judged with everything that the rules may read, and the form of a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Self

from tradewright.model.approved import ApprovedOrder
from tradewright.model.decision import Reason, Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, OrderType, Side, TrailingStopOrder
from tradewright.policy.exchange_rate import ExchangeRate
from tradewright.policy.limits import Limits
from tradewright.policy.snapshot import Snapshot, implausible_inputs, without_implausible

UNPRICED = frozenset({OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.TRAILING_STOP})
"""Kinds that trade at whatever price the market has."""


@dataclass(frozen=True, slots=True)
class OrderContext:
    """One order, asked for or already approved. The gate makes it of an intent, the sender of an approved order.

    Args:
        snapshot: without the figures that cannot be computed with, which count as not known.
        implausible: those figures, by their paths.
        exit: whether the order only reduces a holding. An intent declares it; of an approved order it is computed.
        approved: whether the quantity is final, because the gate has decided.
        leg_prices: of its protective legs at the venue, the amount of a trailing stop included.
        reference_price, stop, take_profit, trail, confidence: None at the sender, where the rules on them do not apply.
    """

    intent_id: str
    terms: OrderTerms
    snapshot: Snapshot
    limits: Limits
    exit: bool
    approved: bool = False
    leg_prices: tuple[Decimal, ...] = ()
    reference_price: Decimal | None = None
    stop: Decimal | None = None
    take_profit: Decimal | None = None
    trail: TrailingStopOrder | None = None
    confidence: Decimal | None = None
    implausible: dict[str, Decimal] = field(default_factory=dict)

    @classmethod
    def of_intent(cls, intent: Intent, snapshot: Snapshot, limits: Limits) -> Self:
        """The context of an intent, at the gate."""
        return cls(
            intent_id=intent.intent_id,
            terms=intent.terms,
            snapshot=without_implausible(snapshot),
            limits=limits,
            exit=intent.reduce_only,
            leg_prices=_known(intent.stop, intent.take_profit, intent.trail) if intent.protective_orders else (),
            reference_price=intent.reference_price,
            stop=intent.stop,
            take_profit=intent.take_profit,
            trail=intent.trailing_stop,
            confidence=Decimal(repr(intent.confidence)),
            implausible=implausible_inputs(snapshot),
        )

    @classmethod
    def of_order(cls, order: ApprovedOrder, snapshot: Snapshot, limits: Limits) -> Self:
        """The context of an approved order, at the sender."""
        wrong, snapshot = implausible_inputs(snapshot), without_implausible(snapshot)
        reducible = reducible_quantity(order.terms.side, snapshot)
        is_exit = reducible is not None and order.terms.quantity <= reducible
        prices = [price for leg in order.protective for price in (leg.terms.stop_price, leg.terms.limit_price)]
        prices += [leg.terms.order.amount for leg in order.protective if isinstance(leg.terms.order, TrailingStopOrder)]
        return cls(
            order.intent_id,
            order.terms,
            snapshot,
            limits,
            exit=is_exit,
            approved=True,
            leg_prices=_known(*prices),
            implausible=wrong,
        )

    def order_figures(self) -> Iterator[Decimal]:
        """Every number of the order and of its instrument."""
        own_trail = self.terms.order if isinstance(self.terms.order, TrailingStopOrder) else None
        distances = [each for trail in (own_trail, self.trail) if trail for each in (trail.amount, trail.percent)]
        prices = (*self.order_prices(), *distances, self.reference_price, self.stop, self.take_profit)
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
        """Account currency per unit at the highest of the known prices; None when it is not known or zero."""
        point, highest = self.point_value(), max((abs(price) for price in self.prices()), default=Decimal(0))
        return None if point is None or not highest else point * highest

    def point_value(self) -> Decimal | None:
        """Account currency per price point of one unit; None when the instrument or its rate is not known."""
        instrument, rate = self.snapshot.instrument, self.fx_rate()
        return None if instrument is None or rate is None else instrument.multiplier * rate

    def fx_rate(self) -> Decimal | None:
        """Account currency per unit of quote currency; None when not known or older than its bound."""
        instrument = self.snapshot.instrument
        if instrument is not None and instrument.currency == self.limits.currency:
            return Decimal(1)
        rate = None if instrument is None else self.rate(instrument.currency)
        return None if rate is None else rate.usable(self.limits.max_rate_age_seconds)

    def rate(self, currency: str) -> ExchangeRate | None:
        """What the snapshot tells about the rate from a currency to the account's; None where it tells nothing."""
        return next((rate for rate in self.rates() if rate.source == currency), None)

    def rates(self) -> tuple[ExchangeRate, ...]:
        """The rates of the snapshot into the account's currency, usable or not."""
        return tuple(rate for rate in self.snapshot.rates if rate.target == self.limits.currency)

    def collar(self) -> Decimal:
        """The price collar of the instrument as a fraction; the narrow one while the instrument is not known."""
        instrument = self.snapshot.instrument
        liquid = instrument is None or instrument.liquid
        return self.limits.collar_liquid if liquid else self.limits.collar_other

    def far_end(self) -> Decimal:
        """The factor from the highest known price to the worst price: the end of the collar for a market order."""
        return 1 + self.collar() if self.is_market() else Decimal(1)

    def is_market(self) -> bool:
        """Whether the order has no price of its own."""
        return self.terms.order.kind in UNPRICED


def _known(*prices: Decimal | None) -> tuple[Decimal, ...]:
    return tuple(price for price in prices if price is not None)


def reducible_quantity(side: Side, snapshot: Snapshot) -> Decimal | None:
    """How many units an order on this side can take off the holding, after the open orders that do so already.

    0 when flat or when the order would add to the holding; None when the holding or the open orders are not known.
    """
    position, open_orders = snapshot.holdings.position, snapshot.holdings.open_orders
    if position is None or open_orders is None:
        return None
    leaving = sum((order.quantity for order in open_orders if order.side is side), Decimal(0))
    return max(Decimal(0), -side.sign * position - leaving)


Predicate = Callable[[OrderContext], str]
"""Returns the finding with its figures as text, or the empty text where the rule does not apply. An input that is not
known is for the rules of ``missing_inputs``: other predicates return the empty text for it."""


class Rule(NamedTuple):
    """A rule and where it applies.

    Args:
        code: carried by its reasons.
        verdict: of a finding; ``APPROVE`` makes the rule an advisory, which stops nothing.
        source: the requirement or control that asks for it.
        inputs: read by the predicate, in words.
        applies_to_exits: whether reduce-only orders must pass it too (Q-19); where not, a finding is listed as waived.
        pre_send: whether the sender evaluates it again (R-RISK-39).
    """

    code: str
    verdict: Verdict
    source: str
    inputs: str
    predicate: Predicate
    applies_to_exits: bool = False
    pre_send: bool = True

    def evaluate(self, context: OrderContext) -> Reason | None:
        """The reason that this rule gives, or None without a finding."""
        text = self.predicate(context)
        if not text:
            return None
        if context.exit and not self.applies_to_exits and self.verdict is not Verdict.APPROVE:
            return Reason(code=self.code, verdict=Verdict.APPROVE, text=f"waived for a reduce-only order: {text}")
        return Reason(code=self.code, verdict=self.verdict, text=text)
