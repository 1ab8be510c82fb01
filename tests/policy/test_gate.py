"""The gate as a whole: the worked example, precedence, exits, expiry, determinism, no off switch."""

from __future__ import annotations

import inspect
from datetime import timedelta
from decimal import Context, localcontext
from itertools import product

import pytest

from tests.policy.make import NOW, Changes, a_snapshot, an_exit, an_intent, codes, holding, judge, limits
from tradewright.model.decision import Verdict
from tradewright.model.hashing import canonical_json
from tradewright.policy.gate import PRECEDENCE, RULES, decide, pre_send_check, rule_set_hash
from tradewright.policy.limits import Limits

REJECTING: Changes = {"s.market.data_age_seconds": 31}
REVIEWING: Changes = {"i.confidence": 0.5}
REMARKED: Changes = {"s.holdings.daily_drawdown": 0.02}
GRAVE = {"DATA_STALE": Verdict.REJECT, "LOW_CONFIDENCE": Verdict.REVIEW, "DRAWDOWN_WARNING": Verdict.APPROVE}


def test_the_worked_example_of_the_requirements() -> None:
    """BUY AAPL, confidence 0.71, 0.02 asked: approved, nothing against it, 0.01, and an expiry (R-RISK-02, 03)."""
    decision = decide(an_intent(), a_snapshot(), limits())
    assert decision.verdict is Verdict.APPROVE
    assert [reason for reason in decision.reasons if reason.verdict is not Verdict.APPROVE] == []
    assert (decision.approved_quantity, decision.approved_size_pct) == (5, 0.01)
    assert (decision.decided_at, decision.expires_at) == (NOW, NOW + timedelta(seconds=60))


def test_the_only_advisory_on_the_worked_example_is_the_cap_that_binds() -> None:
    (advisory,) = decide(an_intent(), a_snapshot(), limits()).reasons
    assert (advisory.code, advisory.text) == ("MAX_SIZE", "size of one order: headroom for 5 of 10 units")


@pytest.mark.parametrize("present", list(product((False, True), repeat=3)))
def test_the_gravest_reason_decides_and_all_are_listed(present: tuple[bool, bool, bool]) -> None:
    changes: Changes = {}
    expected = []
    for is_there, (code, grade), change in zip(present, GRAVE.items(), (REJECTING, REVIEWING, REMARKED), strict=True):
        if is_there:
            changes |= change
            expected.append((code, grade))
    decision = judge(changes)
    listed = [(reason.code, reason.verdict) for reason in decision.reasons if reason.code != "MAX_SIZE"]
    assert listed == expected
    assert decision.verdict is next(
        (grade for grade in PRECEDENCE if grade in dict(expected).values()), Verdict.APPROVE
    )
    assert decision.approved_quantity == (0 if present[0] else 5)


def test_several_hits_of_one_grade_are_all_listed() -> None:
    decision = judge({"s.market.market_open": False, "s.broker.killed": True, "s.broker.ready": False} | REVIEWING)
    assert codes(decision)[:4] == ["MARKET_CLOSED", "NOT_READY", "KILLED", "LOW_CONFIDENCE"]


def test_a_review_waits_longer_than_an_approval_lives() -> None:
    assert judge(REVIEWING).expires_at == NOW + timedelta(seconds=600)
    own = {"l.review_ttl_seconds": 90, "l.approval_ttl_seconds": 30}
    assert judge(REVIEWING | own).expires_at == NOW + timedelta(seconds=90)
    assert judge(own).expires_at == NOW + timedelta(seconds=30)


def test_a_review_says_how_much_a_person_would_approve() -> None:
    decision = judge(REVIEWING)
    assert (decision.verdict, decision.approved_quantity) == (Verdict.REVIEW, 5)


WORST_FOR_ENTRIES: Changes = {
    "market.data_age_seconds": None,
    "market.event_blackout_active": True,
    "market.liquidity_score": 0,
    "market.last_price": None,
    "market.previous_close": 1,
    "market.atr": None,
    "market.bars_gap": True,
    "market.volatility_pause": True,
    "holdings.equity": None,
    "holdings.cash": -1,
    "holdings.gross_exposure": 10**9,
    "holdings.correlation": 1,
    "holdings.daily_drawdown": 0.5,
    "holdings.traded_today": 10**9,
    "broker.killed": True,
    "checks": None,
    "mode": "live",
    "stage": "live_small",
}


def test_an_exit_passes_all_that_limits_risk_and_says_what_was_waived() -> None:
    decision = decide(an_exit({"confidence": 0}), holding(10, WORST_FOR_ENTRIES), Limits())
    assert (decision.verdict, decision.approved_quantity) == (Verdict.APPROVE, 10)
    assert {"KILLED", "DAILY_DRAWDOWN", "CHECKS_UNKNOWN", "NOT_ALLOWLISTED", "LOW_CONFIDENCE"} <= set(codes(decision))
    assert all(reason.text.startswith("waived for a reduce-only order: ") for reason in decision.reasons)
    assert decision.approved_size_pct == 0


def test_an_exit_passes_a_days_loss_and_needs_no_person() -> None:
    rules = limits({"max_daily_loss": 50, "manual_approval": True})
    for loss in (50, None):
        decision = decide(an_exit(), holding(10, {"holdings.loss_today": loss}), rules)
        assert (decision.verdict, decision.approved_quantity) == (Verdict.APPROVE, 10)


def test_an_exit_passes_although_money_figures_are_implausible_but_not_without_its_holding() -> None:
    wild = {"holdings.equity": "1e40", "holdings.cash": "1e40", "market.last_price": "1e40"}
    assert decide(an_exit(), holding(10, wild), limits()).approved_quantity == 10
    decision = decide(an_exit(), holding(10, {"holdings.position": "1e40"}), limits())
    assert (decision.verdict, codes(decision)[0]) == (Verdict.REJECT, "POSITION_UNKNOWN")


def test_an_exit_is_possible_when_nothing_is_left() -> None:
    decision = decide(an_exit(), holding(10, {"holdings.equity": 0}), limits())
    assert (decision.verdict, decision.approved_quantity, decision.approved_size_pct) == (Verdict.APPROVE, 10, 0)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("MARKET_CLOSED", {"market.market_open": False}),
        ("MARKET_OPEN_UNKNOWN", {"market.market_open": None}),
        ("NOT_READY", {"broker.ready": False}),
        ("UNKNOWN_ATTEMPT", {"broker.unknown_attempts": 1}),
        ("FROZEN", {"broker.frozen": True}),
        ("FAN_OUT", {"activity.orders_of_intent": 1}),
        ("RATE_PER_SECOND", {"activity.orders_last_second": 1}),
        ("RATE_PER_MINUTE", {"activity.orders_last_minute": 20}),
        ("POSITION_UNKNOWN", {"holdings.position": None}),
        ("OPEN_ORDERS_UNKNOWN", {"holdings.open_orders": None}),
        ("INSTRUMENT_UNKNOWN", {"instrument": None}),
        ("OTHER_INSTRUMENT", {"instrument.symbol": "MSFT"}),
        ("PRICE_NOT_POSITIVE", {"market.last_price": -1}),
        ("RECENT_ORDERS_UNKNOWN", {"activity.recent": None}),
        ("ORDERS_LAST_SECOND_UNKNOWN", {"activity.orders_last_second": None}),
        ("ORDERS_LAST_MINUTE_UNKNOWN", {"activity.orders_last_minute": None}),
        ("ORDERS_OF_INTENT_UNKNOWN", {"activity.orders_of_intent": None}),
        ("BROKER_READY_UNKNOWN", {"broker.ready": None}),
        ("ATTEMPTS_UNKNOWN", {"broker.unknown_attempts": None}),
        ("FROZEN_UNKNOWN", {"broker.frozen": None}),
        ("FIGURES_UNREADABLE", {"instrument.lot_size": "1e-13"}),
        ("DUPLICATE", {"activity.recent": ({"intent_id": "b", "side": "SELL", "quantity": 10, "at": NOW},)}),
        ("OPEN_ORDERS", {"holdings.open_orders": ({"side": "SELL", "quantity": 1},) * 5}),
        ("HOLDING", {"holdings.position": 0}),
        ("HOLDING", {"holdings.position": -10}),
    ],
)
def test_an_exit_must_pass_what_could_make_it_more_than_an_exit(code: str, changes: Changes) -> None:
    decision = decide(an_exit(), holding(10, changes), limits())
    assert (code, Verdict.REJECT) in [(reason.code, reason.verdict) for reason in decision.reasons]
    assert decision.verdict is Verdict.REJECT


def test_an_exit_between_two_ticks_is_refused() -> None:
    between = {"terms.order_type": "LMT", "terms.limit_price": 199.995}
    decision = decide(an_exit(between), holding(10), limits())
    assert (decision.verdict, codes(decision)) == (Verdict.REJECT, ["OFF_TICK"])


def test_a_restricted_instrument_is_not_even_left() -> None:
    decision = decide(an_exit(), holding(10), limits({"restricted": {"AAPL"}}))
    assert (decision.verdict, codes(decision)) == (Verdict.REJECT, ["RESTRICTED"])


def test_an_exit_is_never_larger_than_the_holding_less_what_already_leaves_it() -> None:
    assert decide(an_exit(), holding(7), limits()).approved_quantity == 7
    leaving = {"holdings.open_orders": ({"side": "SELL", "quantity": 3}, {"side": "BUY", "quantity": 1})}
    assert decide(an_exit(), holding(7, leaving), limits()).approved_quantity == 4
    cover = an_intent({"reduce_only": True})
    assert decide(cover, holding(-4), limits()).approved_quantity == 4


def test_the_kill_switch_stops_entries_that_do_not_claim_to_reduce() -> None:
    sale = an_intent({"terms.side": "SELL"})
    assert decide(sale, holding(10, {"broker.killed": True}), limits()).verdict is Verdict.REJECT


def test_same_inputs_give_the_same_bytes_whatever_the_callers_arithmetic() -> None:
    first = canonical_json(decide(an_intent({"stop": "187.77"}), a_snapshot(), limits()))
    with localcontext(Context(prec=3)):
        again = decide(an_intent({"stop": "187.77"}), a_snapshot(), limits())
    assert canonical_json(again) == first


def test_a_decision_is_bound_to_all_that_was_seen() -> None:
    base = judge()
    other_intent, other_snapshot, other_limits = (
        judge({"i.confidence": 0.72}),
        judge({"s.holdings.cash": 75_001}),
        judge({"l.max_gross": 0.49}),
    )
    assert len({d.decision_id for d in (base, other_intent, other_snapshot, other_limits)}) == 4
    assert other_snapshot.snapshot_hash != base.snapshot_hash == other_intent.snapshot_hash
    assert other_limits.rule_set_hash != base.rule_set_hash == other_snapshot.rule_set_hash
    assert rule_set_hash(limits()) == base.rule_set_hash


def test_nothing_but_the_three_inputs_can_change_the_verdict() -> None:
    assert list(inspect.signature(decide).parameters) == ["intent", "snapshot", "limits"]
    assert list(inspect.signature(pre_send_check).parameters) == ["order", "snapshot", "limits"]


def test_no_limit_is_a_switch() -> None:
    """One boolean permits, one tightens; whatever the limits, all rules are evaluated and a closed market rejects."""
    booleans = [name for name, info in Limits.model_fields.items() if info.annotation is bool]
    assert booleans == ["allow_short", "manual_approval"]
    generous = {
        "allow_short": True,
        "max_data_age_seconds": 3600,
        "max_daily_drawdown": 0.2,
        "min_liquidity": 0.1,
        "max_gross": 4,
    }
    for code, broken in {"MARKET_CLOSED": {"market.market_open": False}, "KILLED": {"broker.killed": True}}.items():
        assert code in codes(decide(an_intent(), a_snapshot(broken), limits(generous)))
    assert len({rule.code for rule in RULES}) == len(RULES)
