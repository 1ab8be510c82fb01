"""The snapshot: everything that the gate may look at, besides the intent and the limits."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, model_validator

from tradewright.model.base import FrozenModel, Instant, Name
from tradewright.model.instrument import Instrument
from tradewright.model.mode import Mode, Stage
from tradewright.model.order import Side
from tradewright.model.reasoner import ReasoningStatus, Recommendation
from tradewright.policy.figure import Figure, Share, Size, Units


class Market(FrozenModel):
    """The market of the instrument. None is "not known" and never passes.

    Args:
        data_age_seconds: since the newest quote, tick or heartbeat; since the end of the newest bar where bars are all
            there is.
        bars_only_seconds: the length of a bar where bars are the only source, else 0; relaxes the age limit (C-22).
        event_blackout_active: whether an event window is open now.
        liquidity_score: D17, 0 (none) to 1.
        last_price, previous_close: in the quote currency; the latter of the session before.
        atr: average true range of the deciding timeframe, for intents without a stop (Q-20).
        bars_gap: whether bars are missing where the strategy looked.
        volatility_pause: whether the venue or our own watch has paused the instrument.
        fx_rate: account currency per unit of quote currency; not needed where both are the same.
    """

    data_age_seconds: Size | None = None
    bars_only_seconds: Size = Decimal(0)
    market_open: bool | None = None
    event_blackout_active: bool | None = None
    liquidity_score: Share | None = None
    last_price: Figure | None = None
    previous_close: Figure | None = None
    atr: Size | None = None
    bars_gap: bool | None = None
    volatility_pause: bool | None = None
    fx_rate: Units | None = None


class OpenOrder(FrozenModel):
    """An order of ours that may still be filled, or an approved one that waits to be sent."""

    side: Side
    quantity: Units
    """What is left of it, in units."""


class Holdings(FrozenModel):
    """The account, in its own currency. Exposures count holdings and open orders, but not the order being judged.

    Args:
        equity, cash: now.
        position: units of the instrument held, signed.
        open_orders: of the instrument.
        symbol_exposure: signed value in the instrument.
        strategy_exposure: gross value held by the strategy.
        gross_exposure: gross value of everything.
        cluster_exposure: gross value of the instrument and of every holding correlated with it above the limit.
        correlation: largest absolute correlation with a held symbol over 100 bars, 0 without holdings (Q-15).
        daily_drawdown: loss since the session's start as a fraction, 0 or more.
        traded_today: value filled or open today.
    """

    equity: Figure | None = None
    cash: Figure | None = None
    position: Figure | None = None
    open_orders: tuple[OpenOrder, ...] | None = None
    symbol_exposure: Figure | None = None
    strategy_exposure: Size | None = None
    gross_exposure: Size | None = None
    cluster_exposure: Size | None = None
    correlation: Share | None = None
    daily_drawdown: Size | None = None
    traded_today: Size | None = None


class RecentOrder(FrozenModel):
    """Another intent or order in the same instrument, for the search for duplicates.

    The gate is given the intents that it, or a person after it, let go ahead, and the orders sent; the sender the
    orders sent alone.

    Args:
        quantity: what the gate left of it; that is what goes out.
        asked: what the intent asked for; None where an order is compared.
    """

    intent_id: str
    side: Side
    quantity: Units
    asked: Units | None = None
    at: Instant


class Activity(FrozenModel):
    """What has been sent lately.

    Args:
        recent: intents or orders in the instrument, at least those within the duplicate window.
        orders_last_second, orders_last_minute: orders sent by the account.
        orders_of_intent: orders already made of this intent that are not proven unsent.
    """

    recent: tuple[RecentOrder, ...] | None = None
    orders_last_second: int | None = Field(default=None, ge=0)
    orders_last_minute: int | None = Field(default=None, ge=0)
    orders_of_intent: int | None = Field(default=None, ge=0)


class BrokerState(FrozenModel):
    """How we stand with the venue.

    Args:
        ready: reconciled and READY.
        unknown_attempts: attempts in the instrument whose fate is not known.
        frozen: whether the instrument is frozen until a person looks.
        killed: whether the kill switch of the account or of the strategy is on.
    """

    ready: bool | None = None
    unknown_attempts: int | None = Field(default=None, ge=0)
    frozen: bool | None = None
    killed: bool | None = None


class Reasoning(FrozenModel):
    """What the adviser said, if there is one (R-RISK-11, R-RISK-15)."""

    status: ReasoningStatus = ReasoningStatus.NOT_APPLICABLE
    recommendation: Recommendation | None = None

    @model_validator(mode="after")
    def _only_good_advice_recommends(self) -> Reasoning:
        if (self.status is ReasoningStatus.OK) != (self.recommendation is not None):
            raise ValueError("a recommendation belongs to status OK, and to no other")
        return self


class InputCheck(FrozenModel):
    """The latest result of one check of one input: passed, failed, or None for "never ran"."""

    name: str
    passed: bool | None = None
    age_seconds: Size | None = None


class Snapshot(FrozenModel):
    """What was known at one moment about one instrument, one strategy and the account. All else follows from it.

    ``checks`` holds one entry for every check of every input of the intent; None or none at all is "not known".
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

    @property
    def symbol(self) -> Name | None:
        """Whose snapshot it is."""
        return self.instrument.symbol if self.instrument else None
