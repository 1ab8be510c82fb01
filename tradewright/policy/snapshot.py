"""The snapshot: all that the gate may read besides the intent and the limits, gathered at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pydantic import Field, model_validator

from tradewright.model.base import Figure, FrozenModel, Instant, Name, Share, Size
from tradewright.model.instrument import Instrument
from tradewright.model.market_context import MarketContext
from tradewright.model.mode import Mode, Stage
from tradewright.model.order import Side
from tradewright.model.ports import ReasoningStatus, Recommendation
from tradewright.policy.decimals import Units, computable
from tradewright.policy.exchange_rate import ExchangeRate


class Market(MarketContext):
    """The market of the instrument: its context and its prices. None is "not known" and never passes.

    Args:
        last_price, previous_close: in the quote currency; the latter of the session before.
        atr: average true range of the deciding timeframe, for intents without a stop (Q-20).
        bars_gap: whether bars are missing where the strategy looked.
        volatility_pause: whether the venue or our own watch has paused the instrument.
    """

    last_price: Figure | None = None
    previous_close: Figure | None = None
    atr: Size | None = None
    bars_gap: bool | None = None
    volatility_pause: bool | None = None

    def context(self) -> MarketContext:
        """The same facts without the prices."""
        return MarketContext.model_validate(self.model_dump(include=set(MarketContext.model_fields)))


class OpenOrder(FrozenModel):
    """An order of ours that may still be filled, or an approved one that waits to be sent."""

    side: Side
    quantity: Units
    """Not filled yet, in units."""


class Holdings(FrozenModel):
    """The account, in its own currency. Exposures count holdings and open orders, but not the order being judged.

    Args:
        equity, cash: now.
        committed_cash: promised to purchases of the account that are approved or working, each at its worst price; the
            purchase being judged is left out. 0 or more.
        position: units of the instrument held, signed.
        open_orders: of the instrument.
        symbol_exposure: signed value in the instrument.
        strategy_exposure: gross value held by the strategy.
        gross_exposure: gross value of everything.
        cluster_exposure: gross value of the instrument and of every holding correlated with it above the limit.
        correlation: largest absolute correlation with a held symbol over 100 bars, 0 without holdings (Q-15).
        daily_drawdown: loss since the session's start as a fraction, 0 or more.
        loss_today: loss since the session's start in money; below zero is a gain. Needed where a limit is set on it.
        traded_today: value filled or open today.
        unvalued: the instruments held or on order whose value is not known: not configured, in another currency without
            a usable rate, or without a recent price. They are the reason when an exposure is not known.
    """

    equity: Figure | None = None
    cash: Figure | None = None
    committed_cash: Size | None = None
    position: Figure | None = None
    open_orders: tuple[OpenOrder, ...] | None = None
    symbol_exposure: Figure | None = None
    strategy_exposure: Size | None = None
    gross_exposure: Size | None = None
    cluster_exposure: Size | None = None
    correlation: Share | None = None
    daily_drawdown: Size | None = None
    loss_today: Figure | None = None
    traded_today: Size | None = None
    unvalued: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)


class RecentOrder(FrozenModel):
    """Another intent or order in the same instrument, for the search for duplicates.

    At the gate: the intents that were approved, by the gate or by a person, and the orders sent. At the sender: the
    orders sent alone.

    Args:
        quantity: units that the gate approved.
        asked: units that the intent asked for; None where an order is compared.
    """

    intent_id: str
    side: Side
    quantity: Units
    asked: Units | None = None
    at: Instant


class Activity(FrozenModel):
    """Orders of the last minutes.

    Args:
        recent: intents or orders in the instrument, at least those within the duplicate window.
        orders_last_second, orders_last_minute: orders sent by the account. At the decision 0: the sender spaces what
            is approved.
        orders_of_intent: orders already made of this intent that are not proven unsent.
    """

    recent: tuple[RecentOrder, ...] | None = None
    orders_last_second: int | None = Field(default=None, ge=0)
    orders_last_minute: int | None = Field(default=None, ge=0)
    orders_of_intent: int | None = Field(default=None, ge=0)


class BrokerState(FrozenModel):
    """The state of the connection with the venue and of the safety switches.

    Args:
        ready: reconciled and READY.
        unknown_attempts: attempts in the instrument in state UNKNOWN.
        frozen: whether the instrument is frozen until a person acknowledges it.
        killed: whether the kill switch of the account or of the strategy is on.
        breaker: why the daily circuit breaker has stopped entries until the next session; empty while it has not.
    """

    ready: bool | None = None
    unknown_attempts: int | None = Field(default=None, ge=0)
    frozen: bool | None = None
    killed: bool | None = None
    breaker: str | None = None


class Reasoning(FrozenModel):
    """The adviser's answer, if there is an adviser (R-RISK-11, R-RISK-15)."""

    status: ReasoningStatus = ReasoningStatus.NOT_APPLICABLE
    recommendation: Recommendation | None = None

    @model_validator(mode="after")
    def _only_good_advice_recommends(self) -> Reasoning:
        if (self.status is ReasoningStatus.OK) != (self.recommendation is not None):
            raise ValueError("a recommendation belongs to status OK, and to no other")
        return self


class InputCheck(FrozenModel):
    """The latest result of one check of one input: passed, failed, or None for "never ran".

    Args:
        other_data: whether it judged other data than what is stored now.
        other_rules: whether it judged by other rules of quality than those in force.
        findings: the reasons of a failure, as text.
    """

    name: str
    passed: bool | None = None
    age_seconds: Size | None = None
    other_data: bool = False
    other_rules: bool = False
    findings: str = ""


class Snapshot(FrozenModel):
    """The state at one moment of one instrument, one strategy and the account.

    ``checks`` holds one entry for every check of every input of the intent; None or none at all is "not known".
    ``rates`` holds one entry for every other currency that the values needed: of the instrument, of what is held, on
    order or was traded today, and of the venue's money.
    """

    now: Instant
    mode: Mode
    stage: Stage
    instrument: Instrument | None = None
    market: Market = Market()
    holdings: Holdings = Holdings()
    activity: Activity = Activity()
    broker: BrokerState = BrokerState()
    reasoning: Reasoning = Reasoning()
    checks: tuple[InputCheck, ...] | None = None
    rates: tuple[ExchangeRate, ...] = Field(default=(), exclude_if=lambda rates: not rates)

    @property
    def symbol(self) -> Name | None:
        """The symbol of the instrument; None when the instrument is not known."""
        return self.instrument.symbol if self.instrument else None


def implausible_inputs(snapshot: Snapshot) -> dict[str, Decimal]:
    """The figures of a snapshot that cannot be computed with, by their paths (``holdings.equity``)."""
    return {path: value for path, value in _figures(snapshot) if not computable(value)}


def without_implausible(snapshot: Snapshot) -> Snapshot:
    """The snapshot with each figure that cannot be computed with replaced by "not known".

    A list with such a figure is not known as a whole. The length of a bar becomes 0, which relaxes no age limit.
    """
    wrong = implausible_inputs(snapshot)
    changes: dict[str, dict[str, object]] = {}
    for path in wrong:
        part, _, name = path.partition(".")
        changes.setdefault(part, {})[name] = Decimal(0) if name == "bars_only_seconds" else None
    if "rates" in changes:
        rates = tuple(rate.without_implausible() for rate in snapshot.rates)
        snapshot = snapshot.model_copy(update={"rates": rates})
    if "checks" in changes:
        checks = snapshot.checks or ()
        aged = tuple(c.model_copy(update={"age_seconds": None}) if _is_wrong(c.age_seconds) else c for c in checks)
        return _updated(snapshot.model_copy(update={"checks": aged}), changes)
    return _updated(snapshot, changes)


def _updated(snapshot: Snapshot, changes: dict[str, dict[str, object]]) -> Snapshot:
    parts = {
        part: getattr(snapshot, part).model_copy(update=update)
        for part, update in changes.items()
        if part not in ("checks", "rates")
    }
    return snapshot.model_copy(update=parts)


def _is_wrong(value: Decimal | None) -> bool:
    return value is not None and not computable(value)


def _figures(snapshot: Snapshot) -> Iterator[tuple[str, Decimal]]:
    for part in ("market", "holdings"):
        for name, value in getattr(snapshot, part):
            if isinstance(value, Decimal):
                yield f"{part}.{name}", value
    for order in snapshot.holdings.open_orders or ():
        yield "holdings.open_orders", order.quantity
    for recent in snapshot.activity.recent or ():
        yield from (("activity.recent", size) for size in (recent.quantity, recent.asked) if size is not None)
    for check in snapshot.checks or ():
        if check.age_seconds is not None:
            yield "checks.age_seconds", check.age_seconds
    for rate in snapshot.rates:
        yield from ((f"rates.{name}", value) for name, value in rate.figures())
