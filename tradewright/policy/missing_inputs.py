"""Inputs that must be known: a missing or implausible input is a REJECT with its own code, never a pass."""

from __future__ import annotations

from operator import attrgetter

from tradewright.model.decision import Verdict
from tradewright.policy.exchange_rate import ExchangeRate
from tradewright.policy.order_context import OrderContext, Rule
from tradewright.policy.review_rules import for_real


def _missing(code: str, path: str, *, applies_to_exits: bool = False) -> Rule:
    value = attrgetter(path)

    def predicate(context: OrderContext) -> str:
        if value(context.snapshot) is not None:
            return ""
        unvalued = context.snapshot.holdings.unvalued if path.startswith("holdings.") else ()
        reason = f": no value is known of {', '.join(unvalued)}, held or on order" if unvalued else ""
        return f"{path} is not known{reason}"

    return Rule(code, Verdict.REJECT, "P2", path, predicate, applies_to_exits=applies_to_exits)


def _event_blackout(context: OrderContext) -> str:
    market = context.snapshot.market
    if market.event_blackout_active is not None:
        return ""
    return f"market.event_blackout_active is not known{f': {market.event}' if market.event else ''}"


def _implausible(context: OrderContext) -> str:
    wrong = (f"{path} {value:.3e}" for path, value in context.implausible.items())
    return f"not computable, so not known: {', '.join(wrong)}" if context.implausible else ""


def _loss_today(context: OrderContext) -> str:
    needed = context.limits.max_daily_loss is not None
    return "holdings.loss_today is not known" if needed and context.snapshot.holdings.loss_today is None else ""


def _fx_rate(context: OrderContext) -> str:
    """Of the order's own currency, and of every other one that a value of the account needs."""
    instrument, rates, account = context.snapshot.instrument, list(context.rates()), context.limits.currency
    own = account if instrument is None else instrument.currency
    if own != account and context.rate(own) is None:
        rates.append(ExchangeRate(source=own, target=account))
    return "; ".join(filter(None, (rate.why_unknown() for rate in rates)))


def _spread(context: OrderContext) -> str:
    known = context.snapshot.market.spread_bps is not None
    return "" if known or not for_real(context.snapshot) else "market.spread_bps is not known"


def _order_value(context: OrderContext) -> str:
    known = context.unit_value() is not None
    return "" if known else "the value of a unit is not known: it takes the instrument, a rate and a price beside zero"


def _stop_distance(context: OrderContext) -> str:
    stops = context.stop, context.trail, context.snapshot.market.atr
    known = any(each is not None for each in stops)
    return "" if known else "the intent has no stop and the ATR is not known, so the loss at the stop is not known"


MISSING_INPUT_RULES: tuple[Rule, ...] = (
    Rule("INPUT_NOT_PLAUSIBLE", Verdict.REJECT, "P2, L3", "every figure of the snapshot", _implausible),
    _missing("INSTRUMENT_UNKNOWN", "instrument", applies_to_exits=True),
    _missing("MARKET_OPEN_UNKNOWN", "market.market_open", applies_to_exits=True),
    _missing("DATA_AGE_UNKNOWN", "market.data_age_seconds"),
    Rule("EVENT_BLACKOUT_UNKNOWN", Verdict.REJECT, "P2", "market.event_blackout_active", _event_blackout),
    _missing("LIQUIDITY_UNKNOWN", "market.liquidity_score"),
    Rule("SPREAD_UNKNOWN", Verdict.REJECT, "R-RISK-30, P2", "market.spread_bps, mode, stage", _spread),
    _missing("LAST_PRICE_UNKNOWN", "market.last_price"),
    _missing("PREVIOUS_CLOSE_UNKNOWN", "market.previous_close"),
    _missing("BARS_GAP_UNKNOWN", "market.bars_gap"),
    _missing("VOLATILITY_PAUSE_UNKNOWN", "market.volatility_pause"),
    Rule("FX_RATE_UNKNOWN", Verdict.REJECT, "R-PORT-17", "rates, currencies", _fx_rate),
    Rule("ORDER_VALUE_UNKNOWN", Verdict.REJECT, "control 3", "instrument, prices, fx rate", _order_value),
    Rule(
        "STOP_DISTANCE_UNKNOWN",
        Verdict.REJECT,
        "Q-20",
        "stop, trailing stop, market.atr",
        _stop_distance,
        pre_send=False,
    ),
    _missing("EQUITY_UNKNOWN", "holdings.equity"),
    _missing("CASH_UNKNOWN", "holdings.cash"),
    _missing("COMMITTED_CASH_UNKNOWN", "holdings.committed_cash"),
    _missing("POSITION_UNKNOWN", "holdings.position", applies_to_exits=True),
    _missing("OPEN_ORDERS_UNKNOWN", "holdings.open_orders", applies_to_exits=True),
    _missing("SYMBOL_EXPOSURE_UNKNOWN", "holdings.symbol_exposure"),
    _missing("STRATEGY_EXPOSURE_UNKNOWN", "holdings.strategy_exposure"),
    _missing("GROSS_EXPOSURE_UNKNOWN", "holdings.gross_exposure"),
    _missing("CLUSTER_EXPOSURE_UNKNOWN", "holdings.cluster_exposure"),
    _missing("CORRELATION_UNKNOWN", "holdings.correlation"),
    _missing("DAILY_DRAWDOWN_UNKNOWN", "holdings.daily_drawdown"),
    Rule("LOSS_TODAY_UNKNOWN", Verdict.REJECT, "R-RISK-33", "loss of the day where it has a limit", _loss_today),
    _missing("TRADED_TODAY_UNKNOWN", "holdings.traded_today"),
    _missing("RECENT_ORDERS_UNKNOWN", "activity.recent", applies_to_exits=True),
    _missing("ORDERS_LAST_SECOND_UNKNOWN", "activity.orders_last_second", applies_to_exits=True),
    _missing("ORDERS_LAST_MINUTE_UNKNOWN", "activity.orders_last_minute", applies_to_exits=True),
    _missing("ORDERS_OF_INTENT_UNKNOWN", "activity.orders_of_intent", applies_to_exits=True),
    _missing("BROKER_READY_UNKNOWN", "broker.ready", applies_to_exits=True),
    _missing("ATTEMPTS_UNKNOWN", "broker.unknown_attempts", applies_to_exits=True),
    _missing("FROZEN_UNKNOWN", "broker.frozen", applies_to_exits=True),
    _missing("KILL_FLAG_UNKNOWN", "broker.killed"),
    _missing("BREAKER_UNKNOWN", "broker.breaker"),
    _missing("CHECKS_UNKNOWN", "checks"),
)
"""In the order in which their reasons are listed."""
