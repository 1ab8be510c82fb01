"""A change of the limits is a fact: written before the first decision under it, named by the decision, audited."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.execution.counter import Counter
from tests.execution.test_actor import decided, intent, sent
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tradewright.execution.explain import explain
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.limits import LimitChange
from tradewright.model.mode import Mode
from tradewright.model.topic import Topic
from tradewright.policy.gate import rule_set_hash
from tradewright.policy.limits import Limits

WIDE = Limits(allowlist=frozenset({"AAPL"}), max_order_value=Decimal("0.05"), restricted=frozenset({"MSFT", "BTC"}))


@pytest.fixture
def trader(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


def changes(trader: Counter) -> list[LimitChange]:
    return trader.ledger.limits.changes(ACCOUNT)


def alter(trader: Counter, column: str, old: str, new: str) -> None:
    """Edit the newest event of the limits behind the ledger's back."""
    path = str(make_url(trader.world.url).database)
    with closing(sqlite3.connect(path)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        chosen = "seq = (SELECT MAX(seq) FROM events WHERE topic = 'limit.changed')"
        db.execute(f"UPDATE events SET {column} = REPLACE({column}, ?, ?) WHERE {chosen}", (old, new))
        db.commit()


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
