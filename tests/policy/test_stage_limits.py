"""The settings of the rollout stage reach the gate: each of them changes a verdict (H2)."""

from __future__ import annotations

from decimal import Decimal

from conf.compose import compose
from runtime.container import Container
from tests.policy.make import a_snapshot, an_intent, codes
from tradewright.model.decision import Verdict
from tradewright.policy.gate import decide
from tradewright.policy.limits import Limits


def rules(*overrides: str) -> Limits:
    return Container(compose(list(overrides))).limits.model_copy(update={"allowlist": frozenset({"AAPL"})})


def test_manual_approval_asks_a_person_about_every_entry() -> None:
    plain, asking = rules("stage=local"), rules("stage=local", "stage.manual_approval=true")
    seen = a_snapshot({"mode": "sim", "stage": "local"})
    assert decide(an_intent(), seen, plain).verdict is Verdict.APPROVE
    decision = decide(an_intent(), seen, asking)
    assert decision.verdict is Verdict.REVIEW
    assert "MANUAL_APPROVAL" in codes(decision)


def test_the_daily_loss_in_money_stops_entries() -> None:
    own = rules("stage=live_small")
    assert (own.max_daily_loss, own.manual_approval, own.max_order_money) == (50, True, 100)
    for loss, stopped in ((Decimal("49.99"), False), (Decimal(50), True), (None, True)):
        found = codes(decide(an_intent(), a_snapshot({"holdings.loss_today": loss}), own))
        assert ("DAILY_LOSS_MONEY" in found or "LOSS_TODAY_UNKNOWN" in found) is stopped
    assert rules("stage=local").max_daily_loss is None
