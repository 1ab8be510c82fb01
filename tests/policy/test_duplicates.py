"""Control 7 over a whole minute: whatever is asked and however it is cut, no two orders of one size go out."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.make import NOW, a_snapshot, an_intent, codes, limits
from tradewright.model.decision import Verdict
from tradewright.policy.gate import decide
from tradewright.policy.snapshot import RecentOrder

ASKED = st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 20), st.integers(0, 12), st.integers(0, 40))


@settings(max_examples=200)
@given(st.lists(ASKED, max_size=8))
def test_of_what_is_approved_within_a_window_no_two_are_alike(requests: list[tuple[str, int, int, int]]) -> None:
    """Each request: side, quantity asked, units that the caps leave headroom for, seconds after the one before."""
    now, recent, approved = NOW, [], []
    for number, (side, asked, headroom, pause) in enumerate(requests):
        now += timedelta(seconds=pause)
        intent = an_intent({"intent_id": f"asks{number:04d}", "terms.side": side, "terms.quantity": asked})
        seen = a_snapshot({"now": now, "activity.recent": tuple(recent), "holdings.position": 1000})
        decision = decide(
            intent, seen, limits({"max_order_money": 200 * headroom} if headroom else {"restricted": {"AAPL"}})
        )
        if decision.verdict is Verdict.APPROVE:
            size = decision.approved_quantity
            approved.append((side, asked, size, now))
            recent.append(
                RecentOrder(intent_id=intent.intent_id, side=intent.terms.side, quantity=size, asked=asked, at=now)
            )
    for side, asked, size, at in approved:
        window = [row for row in approved if at <= row[3] < at + timedelta(seconds=60) and row[0] == side]
        assert Counter(row[2] for row in window)[size] == 1, "of one size"
        assert Counter(row[1] for row in window)[asked] == 1, "of one quantity asked"


def test_the_first_of_a_minute_never_is_a_duplicate_however_it_is_cut() -> None:
    for headroom in range(1, 11):
        assert "DUPLICATE" not in codes(decide(an_intent(), a_snapshot(), limits({"max_order_money": 200 * headroom})))


def test_the_reason_names_the_other_one_and_its_size() -> None:
    other = RecentOrder(intent_id="other123", side="BUY", quantity=Decimal("7.50"), asked=Decimal(20), at=NOW)  # type: ignore[arg-type]
    decision = decide(an_intent(), a_snapshot({"activity.recent": (other,)}), limits())
    (reason,) = (reason for reason in decision.reasons if reason.code == "DUPLICATE")
    assert reason.text == "intent other123 is for 7.5 of the same, since 2026-01-05T15:00:00+00:00"
    assert (decision.verdict, decision.approved_quantity) == (Verdict.REJECT, 0)
