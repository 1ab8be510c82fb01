"""Bad requests of the money side: each is refused with a code, what, where and what to do, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.execution.counter import Counter
from tests.execution.test_actor import asked, decided, intent
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tradewright.execution import operator_actions
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.idempotency import IdempotencyKeys
from tradewright.model.command import CommandKind
from tradewright.model.decision import Verdict
from tradewright.model.errors import TradewrightError


@pytest.fixture
def trader(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


def ask(trader: Counter, kind: CommandKind, key: str = "", **payload: object) -> object:
    return asked(trader, lambda inbox: inbox.ask(kind, "ann", "test", payload, key))


def two_actors(trader: Counter) -> None:
    trader.ledger.leases.acquire(ACCOUNT, "another sender", 3600)
    asked(trader, lambda inbox: replace(inbox, patience=1.0).send("ann", "test"))


def acknowledged_twice(trader: Counter) -> None:
    trader.ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "test")
    assert ask(trader, CommandKind.ACKNOWLEDGE, instrument="AAPL") == 1
    ask(trader, CommandKind.ACKNOWLEDGE, instrument="AAPL")


def another_payload(trader: Counter) -> None:
    trader.ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "test")
    assert ask(trader, CommandKind.ACKNOWLEDGE, "k", instrument="AAPL") == 1
    ask(trader, CommandKind.ACKNOWLEDGE, "k", instrument="MSFT")


def yes_to_what_was_shown_before_it_changed(trader: Counter) -> None:
    """The gate decides the intent again while the person still looks at the first decision."""
    (shown,) = decided(trader, intent(trader, confidence=0.2))
    assert shown.verdict is Verdict.REVIEW
    changed = shown.model_copy(update={"decision_id": "later", "approved_quantity": shown.approved_quantity - 1})
    trader.ledger.decisions.record_decision(changed)
    seen = operator_actions.shown_hash(shown)
    operator_actions.approve(trader.ledger, "later", ACCOUNT, "ann", "ok", 60, shown=seen)


def yes_after_a_no(trader: Counter) -> None:
    (made,) = decided(trader, intent(trader, confidence=0.2))
    operator_actions.reject(trader.ledger, made.decision_id, "bob", "no")
    operator_actions.approve(trader.ledger, made.decision_id, ACCOUNT, "ann", "yes", 60)


def yes_too_late(trader: Counter) -> None:
    (made,) = decided(trader, intent(trader, confidence=0.2))
    trader.clock.advance(float(trader.limits.review_ttl_seconds))
    operator_actions.approve(trader.ledger, made.decision_id, ACCOUNT, "ann", "yes", 60)


def yes_against_the_gate(trader: Counter) -> None:
    trader.ledger.kill_switches.stop("everything", "ann", "test")
    (made,) = decided(trader, intent(trader))
    operator_actions.approve(trader.ledger, made.decision_id, ACCOUNT, "ann", "yes", 60)


# case -> what is asked for, the code, part of what, the place
REFUSALS: dict[str, tuple[Callable[[Counter], object], str, str, str]] = {
    "two actors on one account": (two_actors, "COMMAND_PENDING", "another sender", "command "),
    "cancel of an unknown order": (
        lambda it: ask(it, CommandKind.CANCEL, ref="nothing.1"), "ORDER_UNKNOWN_HERE", "no such attempt", "nothing.1",
    ),
    "settlement of an unknown order": (
        lambda it: ask(it, CommandKind.SETTLE, ref="nothing.1", state="CANCELLED", fills=[]),
        "ORDER_UNKNOWN_HERE", "no such attempt", "nothing.1",
    ),
    "confirmation of an unknown order": (
        lambda it: ask(it, CommandKind.CONFIRM_NOT_SENT, ref="nothing.1"),
        "ORDER_UNKNOWN_HERE", "no such attempt", "nothing.1",
    ),
    "the same key with another payload": (
        another_payload, "IDEMPOTENCY_CONFLICT", "used for another command", "idempotency key k",
    ),
    "a freeze acknowledged twice": (
        acknowledged_twice, "NOTHING_TO_ACKNOWLEDGE", "nothing freezes AAPL", f"account {ACCOUNT}",
    ),
    "a yes to a decision that has changed": (
        yes_to_what_was_shown_before_it_changed, "LEDGER_ERROR", "is not the one on record", "decision later",
    ),
    "an unknown decision": (
        lambda it: operator_actions.approve(it.ledger, "nothing", ACCOUNT, "ann", "yes", 60),
        "DECISION_UNKNOWN", "no such decision", "decision nothing",
    ),
    "a yes after a no": (yes_after_a_no, "ALREADY_ANSWERED", "rejected it already", "decision "),
    "a yes that comes too late": (yes_too_late, "DECISION_EXPIRED", "expired", "decision "),
    "a yes against the gate": (yes_against_the_gate, "REJECTED_BY_GATE", "cannot overrule", "decision "),
    "a position of an unknown instrument": (
        lambda it: ask(it, CommandKind.ADOPT_POSITION, instrument="APPL"),
        "INSTRUMENT_UNKNOWN", "there is no instrument 'APPL'", f"account {ACCOUNT}",
    ),
    "a command without a reason": (
        lambda it: it.ledger.commands.enqueue(CommandKind.SEND, ACCOUNT, {}, "ann", " "),
        "LEDGER_ERROR", "an account, an actor and a reason", "command SEND",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_each_is_refused_with_all_four_parts_and_sends_nothing(trader: Counter, case: str) -> None:
    act, code, what, where = REFUSALS[case]
    with pytest.raises(TradewrightError) as caught:
        act(trader)
    error = caught.value
    assert error.code == code
    assert what in error.what
    assert where in error.where
    assert error.remedy
    assert trader.world.venue.state["placed"] == []
    assert trader.ledger.outbox.sendable(ACCOUNT) == []


def test_the_same_question_key_with_another_question_is_refused(trader: Counter) -> None:
    keys: IdempotencyKeys = trader.ledger.idempotency
    keys.once("k", {"quantity": 1}, lambda: "answered")
    with pytest.raises(TradewrightError) as caught:
        keys.once("k", {"quantity": 2}, lambda: pytest.fail("acted twice"))
    assert caught.value.code == "IDEMPOTENCY_CONFLICT"
    assert caught.value.where
    assert caught.value.remedy


def test_a_refusal_says_what_helps(trader: Counter) -> None:
    """After a final no, a new decision of the gate on the same intent never helps."""
    with pytest.raises(TradewrightError) as caught:
        yes_after_a_no(trader)
    assert "ask anew: tradewright intent, with another --key" in caught.value.remedy
    with pytest.raises(TradewrightError) as caught:
        ask(trader, CommandKind.ADOPT_POSITION, instrument="APPL")
    assert caught.value.remedy == "did you mean 'AAPL'?"


def test_what_the_venue_holds_can_be_adopted_though_nobody_configured_it(trader: Counter) -> None:
    asked(trader, lambda inbox: inbox.reconcile("ann", "test"))
    trader.world.venue.set(opening={"ZZZ": "7"})
    assert ask(trader, CommandKind.ADOPT_POSITION, instrument="ZZZ") == "7"
    assert trader.ledger.executions.position(ACCOUNT, "ZZZ") == 7
