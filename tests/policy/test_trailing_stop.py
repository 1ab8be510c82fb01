"""A trailing stop bounds the risk of an entry as a stop does: the rules that need a stop know it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.policy.make import a_snapshot, an_intent, codes, judge, limits
from tests.support.extent import runs
from tradewright.model.approved import approval_hash
from tradewright.model.decision import Verdict
from tradewright.model.errors import NotApproved
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.model.order import Leg, LimitOrder, StopOrder, TrailingStopOrder
from tradewright.policy.approval import approve, restore
from tradewright.policy.gate import decide, pre_send_check

ROOM: dict[str, Any] = {
    "i.terms.quantity": 9,
    "s.market.atr": Decimal("0.01"),
    "l.max_size_pct": 1,
    "l.max_order_value": 1,
    "l.allow_short": True,
    "s.instrument.shortable": True,
}
"""Only the loss at the stop can cap it."""
AT_VENUE = {"i.protective_orders": True}


def test_a_trailing_stop_is_a_known_distance() -> None:
    unknown = {"s.market.atr": None}
    assert "STOP_DISTANCE_UNKNOWN" in codes(judge(unknown))
    for trail in ({"i.trail": 3}, {"i.trail_percent": 1.5}):
        assert "STOP_DISTANCE_UNKNOWN" not in codes(judge(unknown | trail))


@pytest.mark.parametrize(
    ("trail", "distance"),
    [
        ({"i.trail": 100}, 100),
        ({"i.trail_percent": 50}, 100),  # of the reference price, 200
        ({"i.trail": 50, "i.stop": 100}, 100),  # both: from the stop, where the order starts
        ({"i.trail": 150, "i.stop": 100}, 100),
    ],
)
def test_the_loss_at_the_trailing_stop_caps_the_quantity(trail: dict[str, Any], distance: int) -> None:
    """Risk per trade 0.5 % of 100,000: so many units of which each loses the distance."""
    assert judge(ROOM).approved_quantity == 9, "the other caps leave more"
    risk = limits().risk_per_trade * 100_000
    decision = judge(ROOM | trail)
    assert decision.approved_quantity == risk // distance
    assert "RISK_PER_TRADE" in codes(decision)


@settings(max_examples=runs(40, 400))
@given(st.integers(1, 19_999), st.integers(1, 19_999), st.sampled_from(["BUY", "SELL"]))
def test_an_amount_is_capped_as_the_stop_at_that_distance_and_a_wider_one_no_less(
    narrow: int, wide: int, side: str
) -> None:
    sign = 1 if side == "BUY" else -1
    base = ROOM | {"i.terms.side": side, "i.terms.quantity": 1000, "l.max_position": 1}
    narrow, wide = sorted((narrow, wide))
    near, far = Decimal(narrow) / 100, Decimal(wide) / 100
    fixed, trailed = judge(base | {"i.stop": 200 - sign * near}), judge(base | {"i.trail": near})
    assert trailed.approved_quantity == fixed.approved_quantity
    assert judge(base | {"i.trail": far}).approved_quantity <= trailed.approved_quantity


def test_a_distance_that_no_price_can_reach_guards_nothing() -> None:
    for trail in ({"i.trail": 200}, {"i.trail": 200, "i.stop": 190}):
        assert "GUARD_ON_WRONG_SIDE" in codes(judge(trail))
    assert "GUARD_ON_WRONG_SIDE" not in codes(judge({"i.trail": 199}))
    assert "GUARD_ON_WRONG_SIDE" in codes(judge({"i.trail": 3, "i.stop": 201})), "the start is above the price"


def test_the_amount_is_a_whole_number_of_ticks_where_the_venue_holds_it() -> None:
    assert "OFF_TICK" in codes(judge(AT_VENUE | {"i.trail": Decimal("3.001")}))
    assert "OFF_TICK" not in codes(judge(AT_VENUE | {"i.trail": Decimal("3.01")}))
    assert "OFF_TICK" not in codes(judge({"i.trail": Decimal("3.001")})), "the strategy's bars watch any distance"
    own = {"i.terms.order": {"kind": "TRAILING_STOP", "amount": "3.001"}, "i.terms.tif": "GTC"}
    assert "OFF_TICK" in codes(judge(own)), "a person's own order"


@pytest.mark.parametrize("name", ["i.trail", "i.trail_percent"])
def test_a_figure_that_nothing_can_be_computed_with_is_refused(name: str) -> None:
    assert codes(judge({name: Decimal("1E-45")})) == ["FIGURES_UNREADABLE"]


@pytest.mark.parametrize(
    "wrong", [{"trail": 0}, {"trail": -1}, {"trail_percent": 100}, {"trail": 1, "trail_percent": 1}]
)
def test_an_intent_has_one_distance_that_is_one(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        an_intent(wrong)


def approved(**changes: Any):  # type: ignore[no-untyped-def]
    intent = an_intent({"protective_orders": True, **changes})
    decision = decide(intent, a_snapshot(), limits())
    assert decision.verdict is Verdict.APPROVE, decision.reasons
    return approve(intent, decision, "DU1")


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ({"trail": 3}, TrailingStopOrder(amount=Decimal(3))),
        ({"trail_percent": 2}, TrailingStopOrder(percent=Decimal(2))),
        ({"trail": 3, "stop": 195}, TrailingStopOrder(amount=Decimal(3), stop_price=Decimal(195))),
        ({"stop": 195}, StopOrder(stop_price=Decimal(195))),
    ],
)
def test_the_stop_loss_leg_trails(asked: dict[str, Any], order: object) -> None:
    made = approved(**asked, take_profit=220)
    legs = made.legs()
    assert [(leg, terms.order) for leg, terms in legs.items()][1:] == [
        (Leg.STOP_LOSS, order),
        (Leg.TAKE_PROFIT, LimitOrder(limit_price=Decimal(220))),
    ]
    assert {(terms.quantity, terms.side, terms.tif.value) for leg, terms in legs.items() if leg} == {
        (made.terms.quantity, "SELL", "GTC")
    }


def test_no_leg_without_the_venue_and_none_of_an_exit() -> None:
    intent = an_intent({"trail": 3})
    assert approve(intent, decide(intent, a_snapshot(), limits()), "DU1").protective == ()


def test_the_approval_covers_the_distance() -> None:
    made = approved(trail=3)
    (leg,) = made.protective
    looser = leg.model_copy(
        update={"terms": leg.terms.model_copy(update={"order": TrailingStopOrder(amount=Decimal(30))})}
    )
    fields = {name: getattr(made, name) for name in made.__slots__}
    with pytest.raises(NotApproved, match="hash differs"):
        restore(**fields | {"protective": (looser,)})


def test_the_sender_checks_the_distance_again() -> None:
    made = approved(trail=3)
    coarse = {"instrument": a_snapshot().instrument.model_dump() | {"tick_size": 2}}  # type: ignore[union-attr]
    assert "OFF_TICK" in [reason.code for reason in pre_send_check(made, a_snapshot(coarse), limits())]
    assert pre_send_check(made, a_snapshot(), limits()) == ()


def test_intents_of_before_keep_their_recorded_form_and_their_hash() -> None:
    """Neither the event chain nor a decision's id changes for an intent without a trailing stop."""
    intent = an_intent({"stop": 195})
    recorded = intent.model_dump(mode="json")
    assert not {"trail", "trail_percent"} & recorded.keys()
    assert content_hash(Intent.model_validate(recorded)) == content_hash(intent)
    hashed = approval_hash("i", "d", "s", "a", intent.terms, intent.decided_at, "r")
    assert hashed == approval_hash("i", "d", "s", "a", Intent.model_validate(recorded).terms, intent.decided_at, "r")
    assert content_hash(an_intent({"trail": 3})) != content_hash(an_intent({"trail": 4}))
