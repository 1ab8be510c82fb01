"""What must be known: a missing input is a REJECT with its own code, never a pass."""

from __future__ import annotations

from operator import attrgetter

from tradewright.model.decision import Verdict
from tradewright.policy.case import Case
from tradewright.policy.rule import Rule


def _missing(code: str, path: str, *, binds_exits: bool = False) -> Rule:
    value = attrgetter(path)

    def hit(case: Case) -> str:
        return f"{path} is not known" if value(case.snapshot) is None else ""

    return Rule(code, Verdict.REJECT, "P2", path, hit, binds_exits=binds_exits)


def _fx_rate(case: Case) -> str:
    instrument = case.snapshot.instrument
    if instrument is None or case.fx_rate() is not None:
        return ""
    return f"no rate from {instrument.currency} to {case.limits.currency}"


def _order_value(case: Case) -> str:
    known = case.unit_value() is not None
    return "" if known else "the value of a unit is not known: it takes the instrument, a rate and a price beside zero"


def _stop_distance(case: Case) -> str:
    known = case.stop is not None or case.snapshot.market.atr is not None
    return "" if known else "the intent has no stop and the ATR is not known, so the loss at the stop is not known"


UNKNOWN_RULES: tuple[Rule, ...] = (
    _missing("INSTRUMENT_UNKNOWN", "instrument", binds_exits=True),
    _missing("MARKET_OPEN_UNKNOWN", "market.market_open", binds_exits=True),
    _missing("DATA_AGE_UNKNOWN", "market.data_age_seconds"),
    _missing("EVENT_BLACKOUT_UNKNOWN", "market.event_blackout_active"),
    _missing("LIQUIDITY_UNKNOWN", "market.liquidity_score"),
    _missing("LAST_PRICE_UNKNOWN", "market.last_price"),
    _missing("PREVIOUS_CLOSE_UNKNOWN", "market.previous_close"),
    _missing("BARS_GAP_UNKNOWN", "market.bars_gap"),
    _missing("VOLATILITY_PAUSE_UNKNOWN", "market.volatility_pause"),
    Rule("FX_RATE_UNKNOWN", Verdict.REJECT, "R-PORT-17", "market.fx rate, currencies", _fx_rate),
    Rule("ORDER_VALUE_UNKNOWN", Verdict.REJECT, "control 3", "instrument, prices, fx rate", _order_value),
    Rule("STOP_DISTANCE_UNKNOWN", Verdict.REJECT, "Q-20", "stop, market.atr", _stop_distance, at_send=False),
    _missing("EQUITY_UNKNOWN", "holdings.equity"),
    _missing("CASH_UNKNOWN", "holdings.cash"),
    _missing("POSITION_UNKNOWN", "holdings.position", binds_exits=True),
    _missing("OPEN_ORDERS_UNKNOWN", "holdings.open_orders", binds_exits=True),
    _missing("SYMBOL_EXPOSURE_UNKNOWN", "holdings.symbol_exposure"),
    _missing("STRATEGY_EXPOSURE_UNKNOWN", "holdings.strategy_exposure"),
    _missing("GROSS_EXPOSURE_UNKNOWN", "holdings.gross_exposure"),
    _missing("CLUSTER_EXPOSURE_UNKNOWN", "holdings.cluster_exposure"),
    _missing("CORRELATION_UNKNOWN", "holdings.correlation"),
    _missing("DAILY_DRAWDOWN_UNKNOWN", "holdings.daily_drawdown"),
    _missing("TRADED_TODAY_UNKNOWN", "holdings.traded_today"),
    _missing("RECENT_ORDERS_UNKNOWN", "activity.recent", binds_exits=True),
    _missing("ORDERS_LAST_SECOND_UNKNOWN", "activity.orders_last_second", binds_exits=True),
    _missing("ORDERS_LAST_MINUTE_UNKNOWN", "activity.orders_last_minute", binds_exits=True),
    _missing("ORDERS_OF_INTENT_UNKNOWN", "activity.orders_of_intent", binds_exits=True),
    _missing("BROKER_READY_UNKNOWN", "broker.ready", binds_exits=True),
    _missing("ATTEMPTS_UNKNOWN", "broker.unknown_attempts", binds_exits=True),
    _missing("FROZEN_UNKNOWN", "broker.frozen", binds_exits=True),
    _missing("KILL_FLAG_UNKNOWN", "broker.killed"),
    _missing("CHECKS_UNKNOWN", "checks"),
)
"""In the order in which their reasons are listed."""
