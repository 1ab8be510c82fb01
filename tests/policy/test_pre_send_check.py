"""What the sender asks again: the state changed between approval and send (R-RISK-39, control 18)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.policy.make import NOW, Changes, a_snapshot, an_exit, an_intent, holding, limits
from tests.policy.test_rules import BOUNDARIES, EFFECTS, MISSING
from tradewright.model.approved import ApprovedOrder
from tradewright.model.decision import Verdict
from tradewright.model.intent import Intent
from tradewright.policy.approval import approve
from tradewright.policy.gate import decide, pre_send_check
from tradewright.policy.rules_reference import catalogue
from tradewright.policy.snapshot import Snapshot

AGAIN = {entry.code for entry in catalogue() if entry.pre_send}


def approved(intent: Intent | None = None, seen: Snapshot | None = None, rules: Changes | None = None) -> ApprovedOrder:
    intent = intent or an_intent()
    return approve(intent, decide(intent, seen or a_snapshot(), limits(rules)), "DU1")


def found(order: ApprovedOrder, changes: Changes | None = None, rules: Changes | None = None) -> list[str]:
    return [reason.code for reason in pre_send_check(order, a_snapshot(changes), limits(rules))]


def test_an_unchanged_world_lets_the_order_go() -> None:
    assert pre_send_check(approved(), a_snapshot(), limits()) == ()


def of_the_snapshot(changes: Changes) -> Changes:
    return {path[2:]: value for path, value in changes.items() if path.startswith("s.")}


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (code, of_the_snapshot(hits))
        for code, _, hits in BOUNDARIES
        if all(path.startswith("s.") for path in hits) and EFFECTS[code] == "REJECT" and code != "DUPLICATE"
    ],
)
def test_every_hard_rule_is_asked_again(code: str, changes: Changes) -> None:
    reasons = pre_send_check(approved(), a_snapshot(changes), limits())
    assert code in [reason.code for reason in reasons]
    assert {reason.verdict for reason in reasons} == {Verdict.REJECT}


@pytest.mark.parametrize(("code", "path"), MISSING)
def test_what_is_no_longer_known_stops_the_order(code: str, path: str) -> None:
    assert (code in found(approved(), {path[2:]: None})) is (code in AGAIN)
    assert code in AGAIN or code == "STOP_DISTANCE_UNKNOWN"


def test_reviews_and_remarks_are_not_asked_again() -> None:
    stage = {"stage": "live_small", "mode": "live", "holdings.correlation": 1, "holdings.daily_drawdown": 0.025}
    assert found(approved(), stage) == []
    assert found(approved(), {"reasoning": {"status": "OK", "recommendation": "BLOCK"}}) == []


def test_the_duplicate_of_an_order_is_another_order_of_its_quantity() -> None:
    other = {"intent_id": "other123", "side": "BUY", "quantity": 5, "at": NOW - timedelta(seconds=59)}
    assert found(approved(), {"activity.recent": (other,)}) == ["DUPLICATE"]
    assert found(approved(), {"activity.recent": (other | {"quantity": 10},)}) == []


def test_a_lot_size_that_changed_is_noticed() -> None:
    assert found(approved(), {"instrument.lot_size": 2}) == ["OFF_LOT"]


def test_exits_must_be_whole_lots_too() -> None:
    order = approved(an_exit(), holding(10))
    changed = holding(10, {"instrument.lot_size": 3})
    assert [reason.code for reason in pre_send_check(order, changed, limits())] == ["OFF_LOT"]


def test_unreadable_figures_stop_all_computing() -> None:
    assert found(approved(), {"instrument.lot_size": "1e-13", "broker.killed": True}) == ["FIGURES_UNREADABLE"]


@pytest.mark.parametrize(
    ("code", "passes", "stops"),
    [
        ("MAX_SIZE", {"market.last_price": 201.99}, {"market.last_price": 202.01}),
        ("MAX_SIZE", {"holdings.equity": 99_010}, {"holdings.equity": 99_000}),
        ("MAX_POSITION", {"holdings.symbol_exposure": 9009}, {"holdings.symbol_exposure": 9010}),
        ("MAX_STRATEGY", {"holdings.strategy_exposure": 49_009}, {"holdings.strategy_exposure": 49_010}),
        ("MAX_GROSS", {"holdings.gross_exposure": 49_009}, {"holdings.gross_exposure": 49_010}),
        ("CORRELATION_CAP", {"holdings.cluster_exposure": 9009}, {"holdings.cluster_exposure": 9010}),
        ("MAX_DAILY_NOTIONAL", {"holdings.traded_today": 49_009}, {"holdings.traded_today": 49_010}),
        ("CASH", {"holdings.cash": 991}, {"holdings.cash": 990}),
    ],
)
def test_caps_are_asked_again_with_one_percent_of_drift(code: str, passes: Changes, stops: Changes) -> None:
    """The order is worth 1000; a headroom of 990.09 is within 1 % of that, 990 is not."""
    assert found(approved(), passes) == []
    assert code in found(approved(), stops)


def test_the_order_value_is_asked_again() -> None:
    rules = {"max_size_pct": 1, "max_order_value": 0.0103, "recheck_drift": 0}
    order = approved(rules=rules)
    assert order.terms.quantity == 5
    assert found(order, rules=rules) == []
    assert found(order, {"market.last_price": 200.01}, rules) == ["MAX_ORDER_VALUE"]


def test_the_loss_at_the_stop_is_not_asked_again_because_the_stop_is_not_part_of_the_order() -> None:
    assert found(approved(), {"market.atr": 10_000}) == []


def test_an_approval_ends() -> None:
    assert found(approved(), {"now": NOW + timedelta(seconds=59.999)}) == []
    assert found(approved(), {"now": NOW + timedelta(seconds=60)}) == ["APPROVAL_EXPIRED"]


def test_other_rules_void_an_approval() -> None:
    assert found(approved(), rules={"max_gross": 0.49}) == ["RULES_CHANGED"]


def test_an_altered_order_is_not_sent() -> None:
    order = approved()
    object.__setattr__(order, "account", "U999")
    assert found(order) == ["PAYLOAD_CHANGED"]


def test_an_exit_is_known_by_the_figures() -> None:
    """Sent while the kill switch is on, as long as it still only reduces."""
    order = approved(an_exit(), holding(10))
    killed = {"broker.killed": True, "checks": None, "holdings.daily_drawdown": 0.9}
    assert pre_send_check(order, holding(10, killed), limits()) == ()
    shrunk = [reason.code for reason in pre_send_check(order, holding(9, killed), limits())]
    assert {"KILLED", "CHECKS_UNKNOWN", "DAILY_DRAWDOWN", "SHORT_NOT_ALLOWED"} <= set(shrunk)
    leaving = {"holdings.open_orders": ({"side": "SELL", "quantity": 1},)}
    assert "SHORT_NOT_ALLOWED" in [reason.code for reason in pre_send_check(order, holding(10, leaving), limits())]
    assert "MARKET_CLOSED" in [
        r.code for r in pre_send_check(order, holding(10, {"market.market_open": False}), limits())
    ]
