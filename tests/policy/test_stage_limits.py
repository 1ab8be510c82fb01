"""The settings of the rollout stage reach the gate: each of them changes a verdict (H2)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from conf.compose import compose
from runtime.container import Container
from tests.policy.make import a_snapshot, an_intent, codes
from tests.support.houses import conf_copy
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


@pytest.mark.parametrize(
    ("stage", "asks"), [("local", False), ("paper", False), ("sandbox", True), ("live_small", True)]
)
def test_each_shipped_stage_asks_a_person_as_its_file_says(stage: str, asks: bool) -> None:
    """C-45; the stage's name in the snapshot decides nothing."""
    own = rules(f"stage={stage}")
    assert own.manual_approval is asks
    for named in ("local", "sandbox", "live_small"):
        seen = a_snapshot({"mode": "paper", "stage": named})
        assert ("MANUAL_APPROVAL" in codes(decide(an_intent(), seen, own))) is asks


def test_a_file_of_one_s_own_decides_and_not_its_name(tmp_path: Path) -> None:
    folder = conf_copy(tmp_path)
    (folder / "stage" / "mine.yaml").write_text(
        "name: sandbox\nmanual_approval: false\nmax_trade_value: 500\nmax_daily_loss: null\n"
    )
    made = Container(compose(["stage=mine"], folder)).limits.model_copy(update={"allowlist": frozenset({"AAPL"})})
    decision = decide(an_intent(), a_snapshot({"stage": "sandbox"}), made)
    assert (decision.verdict, decision.approved_quantity) == (Verdict.APPROVE, Decimal("2"))


@pytest.mark.parametrize("stage", ["sandbox", "live_small"])
def test_a_trade_is_worth_a_hundred_at_the_most(stage: str) -> None:
    """R-ROLL-05, R-ROLL-06, R-RISK-33: at 50 USD a share, two shares."""
    own = rules(f"stage={stage}")
    cheap = {"market.last_price": 50, "market.previous_close": 50}
    decision = decide(an_intent({"reference_price": 50}), a_snapshot(cheap), own)
    assert (decision.verdict, decision.approved_quantity) == (Verdict.REVIEW, Decimal(2))
    assert "STAGE_MONEY" in codes(decision)


def test_in_live_mode_a_person_is_asked_whatever_the_stage_says() -> None:
    decision = decide(an_intent(), a_snapshot({"mode": "live", "stage": "live_small"}), rules("stage=local"))
    assert "LIVE_NEEDS_PERSON" in codes(decision)
