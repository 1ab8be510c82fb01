"""A change of the limits is a fact: written before the first decision under it, named by the decision, audited."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.execution.counter import Counter
from tests.execution.test_actor import ask, decided, intent, sent
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tests.support.forger import forge
from tradewright.execution.inbox import CommandRefused
from tradewright.execution.provenance import explain
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.limits import LimitChange
from tradewright.model.decision import Verdict
from tradewright.model.mode import Mode
from tradewright.model.tightening import Tightening
from tradewright.model.topic import Topic
from tradewright.policy.gate import rule_set_hash
from tradewright.policy.limits import Limits
from tradewright.policy.tightening import plain_value, tightened, tightened_value

WIDE = Limits(allowlist=frozenset({"AAPL"}), max_order_value=Decimal("0.05"), restricted=frozenset({"MSFT", "BTC"}))


@pytest.fixture
def trader(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


def changes(trader: Counter) -> list[LimitChange]:
    return trader.ledger.limits.changes(ACCOUNT)


def alter(trader: Counter, column: str, old: str, new: str, topic: Topic = Topic.LIMIT_CHANGED) -> None:
    """Edit the newest event of the limits behind the ledger's back."""
    chosen = f"seq = (SELECT MAX(seq) FROM events WHERE topic = '{topic}')"
    forge(trader.world.url, f"UPDATE events SET {column} = REPLACE({column}, '{old}', '{new}') WHERE {chosen}")


def test_the_first_decision_records_all_limits_before_itself(trader: Counter) -> None:
    (made,) = decided(trader, intent(trader))
    (change,) = changes(trader)
    assert (change.rule_set_hash, change.account) == (made.rule_set_hash, ACCOUNT)
    assert set(change.limits) == set(Limits.model_fields)
    assert change.changed["max_order_value"] == (None, change.limits["max_order_value"])
    topics = [event.topic for event in trader.ledger.events.after(change.seq - 1)]
    assert topics[:2] == [Topic.LIMIT_CHANGED, Topic.DECISION_MADE]


def test_the_same_limits_are_recorded_once_also_by_another_process(trader: Counter) -> None:
    decided(trader, intent(trader))
    trader.limits = Limits.model_validate(trader.limits.model_dump())
    decided(trader, intent(trader, signal_id="sig-2", strategy="other"))
    assert len(changes(trader)) == 1


def test_a_change_names_what_has_changed_and_by_whom(trader: Counter) -> None:
    decided(trader, intent(trader))
    before = trader.limits
    trader.limits = before.model_copy(update={"max_order_value": Decimal("0.05"), "allow_short": True})
    (made,) = decided(trader, intent(trader, signal_id="sig-2", strategy="other"))
    _, change = changes(trader)
    assert made.rule_set_hash == change.rule_set_hash == rule_set_hash(trader.limits)
    assert change.changed == {"allow_short": (False, True), "max_order_value": ("0.02", "0.05")}
    assert change.text == "allow_short False -> True, max_order_value 0.02 -> 0.05"
    assert change.actor == "program"
    (walk,) = explain(trader.ledger, made.decision_id)
    assert walk.limits == {made.rule_set_hash: change}


def test_an_order_that_was_approved_under_other_limits_is_not_sent(trader: Counter) -> None:
    decided(trader, intent(trader))
    trader.limits = trader.limits.model_copy(update={"max_order_value": Decimal("0.05")})
    (outcome,) = sent(trader)
    assert [reason.code for reason in outcome.reasons] == ["RULES_CHANGED"]


def test_a_set_of_names_has_one_form(trader: Counter) -> None:
    trader.limits = WIDE
    decided(trader, intent(trader))
    (change,) = changes(trader)
    assert change.limits["restricted"] == ["BTC", "MSFT"]


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [("payload", '"max_order_value":"0.02"', '"max_order_value":"0.50"'), ("actor", "program", "somebody")],
)
def test_an_altered_limit_is_found_by_the_next_decision_and_by_the_audit(
    trader: Counter,
    column: str,
    old: str,
    new: str,
) -> None:
    decided(trader, intent(trader))
    alter(trader, column, old, new)
    with pytest.raises(LedgerTampered, match="the ledger was altered"):
        decided(trader, intent(trader, signal_id="sig-2", strategy="other"))
    with pytest.raises(LedgerTampered):
        trader.ledger.events.verify_chain()


def test_accounts_and_modes_have_limits_of_their_own(trader: Counter) -> None:
    history = trader.ledger.limits
    assert history.newest("other") is None
    assert history.record("other", "a" * 64, {"x": 1}, "ann")
    assert not history.record("other", "a" * 64, {"x": 1}, "ann")
    assert history.record("other", "b" * 64, {"x": 1}, "ann")
    newest = history.newest("other")
    assert newest is not None
    assert (newest.changed, newest.text) == ({}, "rules only")
    trader.ledger.events.mode = Mode.LIVE
    assert history.newest("other") is None


# tightened ----------------------------------------------------------------------------------------------------------


def tighten(trader: Counter, name: str, text: str) -> Tightening:
    """A person makes a limit tighter than the one in force."""
    history, configured = trader.ledger.limits, trader.limits
    value = tightened_value(tightened(configured, history.tightenings(ACCOUNT)), name, text)
    return history.tighten(ACCOUNT, name, value, plain_value(configured, name), "ann", "too hot")


def test_a_tightened_limit_is_in_force_for_the_next_decision_which_names_its_event(trader: Counter) -> None:
    made = tighten(trader, "max_size_pct", "0.004")
    (decision,) = decided(trader, intent(trader))
    (told,) = [reason.text for reason in decision.reasons if reason.code == "LIMITS_TIGHTENED"]
    assert told == f"max_size_pct 0.004 by ann (event {made.seq}): too hot"
    assert decision.approved_quantity == 4, "0.4 % of 100,000 at a price of 100"
    in_force = tightened(trader.limits, [made])
    assert decision.rule_set_hash == rule_set_hash(in_force) != rule_set_hash(trader.limits)
    (change,) = changes(trader)
    assert (change.limits["max_size_pct"], change.seq > made.seq) == ("0.004", True)
    (outcome,) = sent(trader)
    assert outcome.reasons == ()
    assert trader.ledger.executions.position(ACCOUNT, "AAPL") == 4
    assert trader.ledger.events.verify_chain() == trader.ledger.events.last_seq()


def test_an_order_that_was_approved_before_is_not_sent_and_its_intent_is_decided_again(trader: Counter) -> None:
    decided(trader, intent(trader))
    tighten(trader, "max_size_pct", "0.004")
    (outcome,) = sent(trader)
    assert [reason.code for reason in outcome.reasons] == ["RULES_CHANGED", "MAX_SIZE"]
    (again,) = decided(trader, intent(trader))
    assert again.approved_quantity == 4
    _, change = changes(trader)
    assert change.text == "max_size_pct 0.01 -> 0.004"


def test_a_configuration_with_another_value_is_in_force_again(trader: Counter) -> None:
    tighten(trader, "max_size_pct", "0.004")
    trader.limits = trader.limits.model_copy(update={"max_size_pct": Decimal("0.008")})
    (decision,) = decided(trader, intent(trader))
    assert decision.approved_quantity == 8
    assert "LIMITS_TIGHTENED" not in [reason.code for reason in decision.reasons]


def test_the_newest_tightening_of_a_limit_counts_and_others_stay(trader: Counter) -> None:
    tighten(trader, "max_size_pct", "0.008")
    tighten(trader, "restricted", "MSFT")
    tighten(trader, "restricted", "GOOG")
    tighten(trader, "max_size_pct", "0.002")
    found = {one.name: one.value for one in trader.ledger.limits.tightenings(ACCOUNT)}
    assert found == {"restricted": ("GOOG", "MSFT"), "max_size_pct": "0.002"}
    assert trader.gatherer().in_force(ACCOUNT).limits.restricted == {"GOOG", "MSFT"}
    assert trader.gatherer().in_force("other").limits == trader.limits
    trader.ledger.events.mode = Mode.LIVE
    assert trader.ledger.limits.tightenings(ACCOUNT) == []


def test_a_holding_is_closed_under_tightened_limits(trader: Counter) -> None:
    decided(trader, intent(trader))
    sent(trader)
    for name, text in (("max_size_pct", "0.0001"), ("max_gross", "0.0001"), ("manual_approval", "true")):
        tighten(trader, name, text)
    (decision,) = ask(trader, lambda decider: decider.flatten("ann", "calm", "k1"))
    assert decision.verdict is Verdict.APPROVE
    (outcome,) = sent(trader)
    assert outcome.reasons == ()
    assert trader.ledger.executions.position(ACCOUNT, "AAPL") == 0


@pytest.mark.parametrize(("old", "new"), [('"0.004"', '"0.009"'), ('"max_size_pct"', '"max_strategy"')])
def test_an_altered_tightening_stops_the_decision_and_the_send(trader: Counter, old: str, new: str) -> None:
    tighten(trader, "max_size_pct", "0.004")
    decided(trader, intent(trader))
    alter(trader, "payload", old, new, Topic.LIMIT_TIGHTENED)
    with pytest.raises(LedgerTampered, match="the ledger was altered"):
        decided(trader, intent(trader, signal_id="sig-2", strategy="other"))
    with pytest.raises(CommandRefused, match="the ledger was altered"):
        sent(trader)
    assert trader.world.venue.state["placed"] == []


def test_a_removed_tightening_under_which_something_was_decided_is_missed(trader: Counter) -> None:
    tighten(trader, "max_size_pct", "0.004")
    decided(trader, intent(trader))
    forge(trader.world.url, f"DELETE FROM events WHERE topic = '{Topic.LIMIT_TIGHTENED}'")
    with pytest.raises(LedgerTampered, match=r"recorded was 'limit\.tightened'"):
        decided(trader, intent(trader, signal_id="sig-2", strategy="other"))
