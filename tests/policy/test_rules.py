"""Every rule at its boundary: what just passes and what just does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.policy.make import NOW, Changes, codes, judge
from tradewright.model.decision import Verdict
from tradewright.policy.rules_reference import catalogue

SELL = {"i.terms.side": "SELL", "s.holdings.position": 10, "s.holdings.symbol_exposure": 2000}
LIMIT = {"i.terms.order_type": "LMT"}
NEGATIVE = {"s.instrument.negative_prices": True}
ADVICE = "s.reasoning"
UNCUT = {"l.max_size_pct": 1, "l.max_order_value": 1}
LOSS = {"l.max_daily_loss": 50}
TIGHTENED = {"seq": 7, "name": "max_gross", "value": "0.4", "base": "0.5", "actor": "ann", "reason": "too hot"}
UNSPREAD = {"s.market.spread_bps": None}
REAL = {"s.mode": "live", "s.stage": "live_small"}


def recent(seconds: float, **other: Any) -> Changes:
    """One other order of the same thing, so many seconds ago; of the 10 asked here the caps leave 5."""
    order = {"intent_id": "other123", "side": "BUY", "quantity": 10, "at": NOW - timedelta(seconds=seconds)}
    return {"s.activity.recent": (order | other,)}


def open_orders(count: int, side: str = "BUY", quantity: float = 1) -> Changes:
    return {"s.holdings.open_orders": ({"side": side, "quantity": quantity},) * count}


def check(**result: Any) -> Changes:
    return {"s.checks": ({"name": "bars", "passed": True, "age_seconds": 60} | result,)}


def euros(**rate: Any) -> Changes:
    known = {"source": "EUR", "target": "USD", "rate": 1.25, "age_seconds": 60, "origin": "EURUSD 1m"}
    return {"s.rates": (known | rate,)}


BOUNDARIES: list[tuple[str, Changes, Changes]] = [
    # rules on market and account
    ("MARKET_CLOSED", {}, {"s.market.market_open": False}),
    ("DATA_STALE", {"s.market.data_age_seconds": 30}, {"s.market.data_age_seconds": 30.001}),
    (
        "DATA_STALE",
        {"s.market.bars_only_seconds": 60, "s.market.data_age_seconds": 90},
        {"s.market.bars_only_seconds": 60, "s.market.data_age_seconds": 90.001},
    ),
    ("NOT_ALLOWLISTED", {}, {"l.allowlist": {"MSFT"}}),
    ("NOT_ALLOWLISTED", {}, {"l.allowlist": set()}),
    ("RESTRICTED", {"l.restricted": {"MSFT"}}, {"l.restricted": {"AAPL"}}),
    ("SHORT_NOT_ALLOWED", SELL, SELL | {"s.holdings.position": 9}),
    ("SHORT_NOT_ALLOWED", SELL | open_orders(1), SELL | open_orders(1, "SELL")),
    (
        "SHORT_NOT_ALLOWED",
        SELL | {"s.holdings.position": 0, "l.allow_short": True, "s.instrument.shortable": True},
        SELL | {"s.holdings.position": 0, "l.allow_short": True},
    ),
    ("SHORT_NOT_ALLOWED", SELL, SELL | {"s.holdings.position": 0, "s.instrument.shortable": True}),
    ("DAILY_DRAWDOWN", {"s.holdings.daily_drawdown": 0.0299}, {"s.holdings.daily_drawdown": 0.03}),
    ("DAILY_LOSS_MONEY", LOSS | {"s.holdings.loss_today": 49.99}, LOSS | {"s.holdings.loss_today": 50}),
    ("DAILY_LOSS_MONEY", {"s.holdings.loss_today": 10**6}, LOSS | {"s.holdings.loss_today": 10**6}),
    ("DAILY_LOSS_MONEY", LOSS | {"s.holdings.loss_today": -(10**6)}, LOSS | {"s.holdings.loss_today": 51}),
    ("LOSS_TODAY_UNKNOWN", {"s.holdings.loss_today": None}, LOSS | {"s.holdings.loss_today": None}),
    ("INPUT_NOT_PLAUSIBLE", {"s.holdings.equity": 10**18}, {"s.holdings.equity": 10**18 + 1}),
    ("INPUT_NOT_PLAUSIBLE", {"s.holdings.cash": "1." + "1" * 27}, {"s.holdings.cash": "1." + "1" * 28}),
    ("INPUT_NOT_PLAUSIBLE", euros(rate="1e-12"), euros(rate="1e-13")),
    ("FX_RATE_STALE", euros(age_seconds=345_600), euros(age_seconds=345_601)),
    ("CONVERTED", {}, euros()),
    ("INPUT_NOT_PLAUSIBLE", check(), check(age_seconds="1e19")),
    ("INPUT_NOT_PLAUSIBLE", open_orders(1), open_orders(1, quantity=1e19)),
    ("INPUT_NOT_PLAUSIBLE", recent(60), recent(60, quantity=1e19)),
    ("EVENT_BLACKOUT", {}, {"s.market.event_blackout_active": True}),
    ("ILLIQUID", {"s.market.liquidity_score": 0.7}, {"s.market.liquidity_score": 0.6999}),
    ("SPREAD_STRESS", {"s.market.spread_bps": 50}, {"s.market.spread_bps": 50.001}),
    ("SPREAD_STRESS", {"l.max_spread_bps": 5, "s.market.spread_bps": 5}, {"l.max_spread_bps": 0.5}),
    ("SPREAD_UNKNOWN", UNSPREAD, UNSPREAD | {"s.stage": "sandbox"}),
    ("SPREAD_UNKNOWN", REAL, REAL | UNSPREAD),
    ("SPREAD_UNKNOWN", {"s.mode": "live"}, {"s.mode": "live"} | UNSPREAD),
    ("BARS_GAP", {}, {"s.market.bars_gap": True}),
    ("VOLATILITY_PAUSE", {}, {"s.market.volatility_pause": True}),
    ("CHECK_MISSING", check(), {"s.checks": ()}),
    ("CHECK_MISSING", check(), check(passed=None)),
    ("CHECK_MISSING", check(), check(age_seconds=None)),
    ("CHECK_FAILED", check(), check(passed=False)),
    ("CHECK_OTHER_DATA", check(), check(other_data=True)),
    ("CHECK_OTHER_RULES", check(), check(other_rules=True)),
    ("CHECK_STALE", check(age_seconds=3600), check(age_seconds=3600.1)),
    # rules on the order
    ("FIGURES_UNREADABLE", {"i.terms.quantity": 10**18}, {"i.terms.quantity": 10**18 + 1}),
    ("FIGURES_UNREADABLE", {}, {"i.reference_price": "1e-13"}),
    ("FIGURES_UNREADABLE", {}, {"i.stop": "199." + "9" * 26}),
    ("FIGURES_UNREADABLE", {"i.stop": "199." + "9" * 25}, {"s.instrument.tick_size": "1e-13"}),
    ("FIGURES_UNREADABLE", {}, {"s.instrument.lot_size": "1e19"}),
    ("FIGURES_UNREADABLE", {}, {"s.instrument.multiplier": "1e19"}),
    ("FIGURES_UNREADABLE", {}, {"i.take_profit": "1e19"}),
    ("FIGURES_UNREADABLE", {}, LIMIT | {"i.terms.limit_price": "1e-13"}),
    ("OTHER_INSTRUMENT", {}, {"s.instrument.symbol": "MSFT"}),
    ("PRICE_NOT_POSITIVE", {}, {"s.market.last_price": 0}),
    ("PRICE_NOT_POSITIVE", {}, {"i.reference_price": -200}),
    (
        "PRICE_NOT_POSITIVE",
        NEGATIVE | LIMIT | {"i.terms.limit_price": -199},
        LIMIT | {"i.terms.limit_price": -199},
    ),
    ("OFF_TICK", LIMIT | {"i.terms.limit_price": 199.99}, LIMIT | {"i.terms.limit_price": 199.995}),
    ("OFF_TICK", {}, {"i.terms.order_type": "STP", "i.terms.stop_price": 200.001}),
    ("GUARD_ON_WRONG_SIDE", {"i.stop": 199.99}, {"i.stop": 200}),
    ("GUARD_ON_WRONG_SIDE", {"i.take_profit": 200.01}, {"i.take_profit": 200}),
    ("GUARD_ON_WRONG_SIDE", SELL | {"i.stop": 200.01}, SELL | {"i.stop": 200}),
    ("GUARD_ON_WRONG_SIDE", SELL | {"i.take_profit": 199.99}, SELL | {"i.take_profit": 200}),
    ("OUTSIDE_COLLAR", {"s.market.previous_close": 194.175}, {"s.market.previous_close": 194.17}),
    ("OUTSIDE_COLLAR", {"i.reference_price": 206}, {"i.reference_price": 206.01}),
    ("OUTSIDE_COLLAR", {"i.reference_price": 194}, {"i.reference_price": 193.99}),
    ("OUTSIDE_COLLAR", {"s.instrument.liquid": False, "i.reference_price": 220}, {"i.reference_price": 220}),
    ("OUTSIDE_COLLAR", {}, {"s.instrument.liquid": False, "i.reference_price": 220.01}),
    ("OUTSIDE_COLLAR", LIMIT | {"i.terms.limit_price": 206}, LIMIT | {"i.terms.limit_price": 206.01}),
    ("OUTSIDE_COLLAR", {}, {"i.terms.order_type": "STP", "i.terms.stop_price": 206.01}),
    ("OUTSIDE_COLLAR", {"s.market.last_price": 206}, {"s.market.last_price": 206.01}),
    ("DUPLICATE", recent(60), recent(59.999)),
    ("DUPLICATE", recent(1, side="SELL"), recent(1)),
    ("DUPLICATE", recent(1, quantity=11), recent(0)),
    ("DUPLICATE", recent(1, quantity=4), recent(1, quantity=5)),
    ("DUPLICATE", recent(1, quantity=4, asked=9), recent(1, quantity=4, asked=10)),
    ("DUPLICATE", UNCUT | recent(1, quantity=9), UNCUT | recent(1, quantity=10)),
    ("DUPLICATE", recent(1, quantity=4), {"l.max_size_pct": 0.006} | recent(1, quantity=4)),
    ("DUPLICATE", {"s.holdings.cash": 0} | recent(1), {"s.holdings.cash": 200} | recent(1)),
    ("DUPLICATE", recent(1, intent_id="abcd1234"), recent(-1)),
    ("RATE_PER_SECOND", {}, {"s.activity.orders_last_second": 1}),
    ("RATE_PER_MINUTE", {"s.activity.orders_last_minute": 19}, {"s.activity.orders_last_minute": 20}),
    ("OPEN_ORDERS", open_orders(4), open_orders(5)),
    ("OPEN_ORDERS", open_orders(5, "SELL", 0.1), open_orders(6)),
    ("FAN_OUT", {}, {"s.activity.orders_of_intent": 1}),
    ("NOT_READY", {}, {"s.broker.ready": False}),
    ("UNKNOWN_ATTEMPT", {}, {"s.broker.unknown_attempts": 1}),
    ("FROZEN", {}, {"s.broker.frozen": True}),
    ("KILLED", {}, {"s.broker.killed": True}),
    ("BREAKER_TRIPPED", {}, {"s.broker.breaker": "max_daily_loss: a loss of 51 reached 50"}),
    # review rules
    ("LOW_CONFIDENCE", {"i.confidence": 0.6}, {"i.confidence": 0.5999}),
    (
        "ADVISER_CAUTION",
        {ADVICE: {"status": "OK", "recommendation": "ALLOW"}},
        {ADVICE: {"status": "OK", "recommendation": "ALLOW_WITH_CAUTION"}},
    ),
    (
        "ADVISER_BLOCK",
        {ADVICE: {"status": "OK", "recommendation": "ALLOW_WITH_CAUTION"}},
        {ADVICE: {"status": "OK", "recommendation": "BLOCK"}},
    ),
    ("ADVISER_FAILED", {ADVICE: {"status": "FAILED"}}, {ADVICE: {"status": "FAILED"}, "s.stage": "sandbox"}),
    ("ADVISER_FAILED", REAL, REAL | {ADVICE: {"status": "FAILED"}}),
    ("CORRELATED", {"s.holdings.correlation": 0.35}, {"s.holdings.correlation": 0.3501}),
    ("LIVE_NEEDS_PERSON", {"s.stage": "live_small"}, {"s.mode": "live"}),
    ("MANUAL_APPROVAL", {}, {"l.manual_approval": True}),
    ("MANUAL_APPROVAL", {}, {"l.manual_approval": True, "s.mode": "sim", "s.stage": "local"}),
    # advisories
    ("DRAWDOWN_WARNING", {"s.holdings.daily_drawdown": 0.0199}, {"s.holdings.daily_drawdown": 0.02}),
    ("DRAWDOWN_WARNING", {"s.holdings.daily_drawdown": 0.03}, {"s.holdings.daily_drawdown": 0.0299}),
    ("DATA_AGE_RELAXED", {}, {"s.market.bars_only_seconds": 60}),
    ("SPREAD_NOT_WATCHED", REAL | UNSPREAD, UNSPREAD),
    ("SPREAD_NOT_WATCHED", {}, UNSPREAD | {"s.mode": "sim", "s.stage": "local"}),
    ("LIMITS_TIGHTENED", {}, {"l.tightened": (TIGHTENED,)}),
    ("ADVISER_FAILURE_IGNORED", REAL | {ADVICE: {"status": "FAILED"}}, {ADVICE: {"status": "FAILED"}}),
]

MISSING: list[tuple[str, str]] = [
    ("INSTRUMENT_UNKNOWN", "s.instrument"),
    ("MARKET_OPEN_UNKNOWN", "s.market.market_open"),
    ("DATA_AGE_UNKNOWN", "s.market.data_age_seconds"),
    ("EVENT_BLACKOUT_UNKNOWN", "s.market.event_blackout_active"),
    ("LIQUIDITY_UNKNOWN", "s.market.liquidity_score"),
    ("LAST_PRICE_UNKNOWN", "s.market.last_price"),
    ("PREVIOUS_CLOSE_UNKNOWN", "s.market.previous_close"),
    ("BARS_GAP_UNKNOWN", "s.market.bars_gap"),
    ("VOLATILITY_PAUSE_UNKNOWN", "s.market.volatility_pause"),
    ("STOP_DISTANCE_UNKNOWN", "s.market.atr"),
    ("EQUITY_UNKNOWN", "s.holdings.equity"),
    ("CASH_UNKNOWN", "s.holdings.cash"),
    ("COMMITTED_CASH_UNKNOWN", "s.holdings.committed_cash"),
    ("POSITION_UNKNOWN", "s.holdings.position"),
    ("OPEN_ORDERS_UNKNOWN", "s.holdings.open_orders"),
    ("SYMBOL_EXPOSURE_UNKNOWN", "s.holdings.symbol_exposure"),
    ("STRATEGY_EXPOSURE_UNKNOWN", "s.holdings.strategy_exposure"),
    ("GROSS_EXPOSURE_UNKNOWN", "s.holdings.gross_exposure"),
    ("CLUSTER_EXPOSURE_UNKNOWN", "s.holdings.cluster_exposure"),
    ("CORRELATION_UNKNOWN", "s.holdings.correlation"),
    ("DAILY_DRAWDOWN_UNKNOWN", "s.holdings.daily_drawdown"),
    ("TRADED_TODAY_UNKNOWN", "s.holdings.traded_today"),
    ("RECENT_ORDERS_UNKNOWN", "s.activity.recent"),
    ("ORDERS_LAST_SECOND_UNKNOWN", "s.activity.orders_last_second"),
    ("ORDERS_LAST_MINUTE_UNKNOWN", "s.activity.orders_last_minute"),
    ("ORDERS_OF_INTENT_UNKNOWN", "s.activity.orders_of_intent"),
    ("BROKER_READY_UNKNOWN", "s.broker.ready"),
    ("ATTEMPTS_UNKNOWN", "s.broker.unknown_attempts"),
    ("FROZEN_UNKNOWN", "s.broker.frozen"),
    ("KILL_FLAG_UNKNOWN", "s.broker.killed"),
    ("BREAKER_UNKNOWN", "s.broker.breaker"),
    ("CHECKS_UNKNOWN", "s.checks"),
]

ELSEWHERE = {"FX_RATE_UNKNOWN", "ORDER_VALUE_UNKNOWN", "OFF_LOT"}
"""Rules whose tests need more than a change to the worked example: below, and in test_pre_send_check.py."""

EFFECTS = {entry.code: entry.effect for entry in catalogue()}
VERDICTS = {"REJECT": Verdict.REJECT, "REVIEW": Verdict.REVIEW, "advisory": Verdict.APPROVE}


@pytest.mark.parametrize(("code", "passes", "hits"), BOUNDARIES)
def test_a_rule_is_hit_beyond_its_boundary_and_not_at_it(code: str, passes: Changes, hits: Changes) -> None:
    assert code not in codes(judge(passes))
    decision = judge(hits)
    reason = next(reason for reason in decision.reasons if reason.code == code)
    assert reason.verdict is VERDICTS[EFFECTS[code]]
    assert reason.text
    assert decision.verdict is Verdict.REJECT or reason.verdict is not Verdict.REJECT


@pytest.mark.parametrize(("code", "path"), MISSING)
def test_what_is_not_known_is_refused_by_its_own_name(code: str, path: str) -> None:
    decision = judge({path: None})
    assert code in codes(decision)
    assert decision.verdict is Verdict.REJECT
    assert decision.approved_quantity == 0


def test_a_stop_makes_the_atr_unnecessary() -> None:
    assert judge({"s.market.atr": None, "i.stop": 190}).verdict is Verdict.APPROVE


def test_another_currency_needs_a_rate() -> None:
    assert "FX_RATE_UNKNOWN" in codes(judge({"s.instrument.currency": "EUR"}))
    decision = judge({"s.instrument.currency": "EUR"} | euros())
    assert (decision.verdict, decision.approved_quantity) == (Verdict.APPROVE, 4)


def test_an_order_without_value_is_refused() -> None:
    worthless = NEGATIVE | {"i.reference_price": 0, "s.market.last_price": 0, "s.market.previous_close": 0}
    assert codes(judge(worthless)) == ["ORDER_VALUE_UNKNOWN"]
    assert "ORDER_VALUE_UNKNOWN" in codes(judge({"s.instrument.currency": "EUR"}))


def test_unreadable_figures_stop_all_computing() -> None:
    assert codes(judge({"i.terms.quantity": "1e300", "s.broker.killed": True})) == ["FIGURES_UNREADABLE"]


def test_every_rule_has_a_boundary_here() -> None:
    asked = {entry.code for entry in catalogue() if not entry.effect.startswith("caps")}
    of_rules = {code for code in asked if not code.startswith(("NEAR_", "QUANTITY_", "ROUNDED_"))}
    of_rules -= {"PAYLOAD_CHANGED", "APPROVAL_EXPIRED", "RULES_CHANGED"}
    assert of_rules == {row[0] for row in BOUNDARIES} | {row[0] for row in MISSING} | ELSEWHERE


def test_reasons_give_the_figures() -> None:
    texts = {reason.code: reason.text for reason in judge({"s.market.data_age_seconds": 31.5}).reasons}
    assert texts["DATA_STALE"] == "the data is 31.5 s old; at most 30 s are allowed"
