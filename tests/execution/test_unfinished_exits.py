"""An exit that the venue ended before it was filled: what is left is asked for again, and told until it is gone."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.execution.counter import Counter, ask
from tests.execution.test_actor import TTL, asked, decided, proposed, sent, signal
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tests.support.ledgers import START
from tradewright.execution import operator_actions
from tradewright.execution.health import AccountCode, problems
from tradewright.execution.unfinished_exits import MOST_UNFILLED, exit_or_its_rest
from tradewright.model.broker import VenueStatus
from tradewright.model.decision import Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import AttemptState, Leg, Side
from tradewright.model.signal import SignalAction

EXIT = signal(signal_id="sig-2", candidate_action=SignalAction.CLOSE, target=0.0, bar_ts=START)


@pytest.fixture
def engine() -> str:
    """What is asked of the ledger here is asked of both databases elsewhere."""
    return "sqlite"


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    """Ten units are held, and the next orders rest."""
    made = Counter(world, tmp_path / "store")
    made.ready()
    made.world.venue.set(mode="fill")
    decided(made, *proposed(made))
    assert [row.status for row in sent(made)] == ["SENT"]
    made.world.venue.set(mode="rest")
    return made


def held(counter: Counter) -> Decimal:
    return counter.ledger.executions.units_of(ACCOUNT, "trend").get("AAPL", Decimal(0))


def told(counter: Counter) -> list[str]:
    found = problems(counter.ledger, ACCOUNT)
    return [row.text for row in found if row.code == AccountCode.EXIT_UNFINISHED]


def asked_for(counter: Counter) -> Intent:
    """The exit of the next bar, decided and sent."""
    counter.clock.advance(TTL)
    (exit_,) = proposed(counter, EXIT)
    (decision,) = decided(counter, exit_)
    assert decision.verdict is Verdict.APPROVE
    sent(counter)
    return exit_


def ended(counter: Counter, exit_: Intent, filled: str = "", status: VenueStatus = VenueStatus.CANCELLED) -> None:
    """The venue ends the order of an exit, filled in part, and the ledger hears of it."""
    ref = f"{exit_.intent_id}.1"
    if filled:
        counter.world.venue.fill(ref, filled)
    counter.world.venue.end(ref, status)
    recovered(counter)


def recovered(counter: Counter) -> None:
    counter.world.expire_lease()
    counter.world.recover()


@pytest.mark.parametrize("filled", ["", "4"])
def test_the_rest_is_asked_for_once_and_sent_once(counter: Counter, filled: str) -> None:
    first = asked_for(counter)
    assert proposed(counter, EXIT) == [], "while it works nothing is left to ask for"
    ended(counter, first, filled)
    (text,) = told(counter)
    left = 10 - Decimal(filled or "0")
    assert f"{left}" in text
    second = asked_for(counter)
    assert (second.terms.side, second.terms.quantity, second.reduce_only) == (Side.SELL, left, True)
    assert second.intent_id != first.intent_id
    assert (second.signal_id, second.provenance["rest_of"]) == (first.signal_id, first.intent_id)
    assert told(counter) == [], "its order is under way"
    assert proposed(counter, EXIT) == []
    assert sent(counter) == ()
    counter.world.venue.fill(f"{second.intent_id}.1")
    recovered(counter)
    assert held(counter) == 0
    assert (proposed(counter, EXIT), told(counter)) == ([], [])
    assert sorted(row.intent_id for row in counter.ledger.attempts.all() if row.side is Side.SELL) == sorted(
        (first.intent_id, second.intent_id)
    )


def test_what_was_proposed_comes_back_as_recorded_until_its_order_has_ended(counter: Counter) -> None:
    ended(counter, asked_for(counter), "4")
    counter.clock.advance(TTL)
    one, other = proposed(counter, EXIT), proposed(counter, EXIT)
    assert one == other, "two that propose at once name one intent"
    assert decided(counter, *one) == decided(counter, *other)
    assert proposed(counter, EXIT) == [], "it is approved"
    counter.clock.advance(10 * TTL)
    assert proposed(counter, EXIT) == one, "its approval ran out without an order"


def test_a_rest_leaves_a_rest(counter: Counter) -> None:
    exits = []
    for filled, left in (("4", 10), ("1", 6), ("5", 5)):
        exits.append(asked_for(counter))
        assert exits[-1].terms.quantity == left
        ended(counter, exits[-1], filled)
    assert held(counter) == 0
    assert len({row.intent_id for row in exits}) == 3
    assert proposed(counter, EXIT) == []


def test_an_order_in_doubt_is_waited_for(counter: Counter) -> None:
    counter.world.venue.fault("drop_after")
    counter.clock.advance(TTL)
    (exit_,) = proposed(counter, EXIT)
    decided(counter, exit_)
    sent(counter)
    assert {row.state for row in counter.ledger.attempts.all(exit_.intent_id)} <= {
        AttemptState.UNKNOWN, AttemptState.SENDING, AttemptState.ACKED, AttemptState.WORKING,
    }  # fmt: skip
    assert (proposed(counter, EXIT), told(counter)) == ([], [])


def test_what_a_person_ended_stays_ended_and_is_told(counter: Counter) -> None:
    first = asked_for(counter)
    counter.world.venue.fill(f"{first.intent_id}.1", "4")
    asked(counter, lambda inbox: inbox.cancel(f"{first.intent_id}.1", "ann", "I keep it"))
    recovered(counter)
    counter.clock.advance(TTL)
    assert [row.intent_id for row in proposed(counter, EXIT)] == [first.intent_id]
    decided(counter, *proposed(counter, EXIT))
    assert sent(counter) == ()
    assert held(counter) == 6
    assert len(told(counter)) == 1


def test_what_a_person_refuses_once_it_is_sent_is_not_repeated(counter: Counter) -> None:
    first = asked_for(counter)
    (decision,) = counter.ledger.decisions.of_intent(first.intent_id)
    operator_actions.reject(counter.ledger, decision.decision_id, "ann", "I keep it")
    ended(counter, first, "4")
    counter.clock.advance(TTL)
    assert [row.intent_id for row in proposed(counter, EXIT)] == [first.intent_id]


def test_the_cancel_of_an_order_in_doubt_counts_as_a_persons(counter: Counter) -> None:
    """Its state stays as it is; the venue, which cannot be read at that moment, ends it."""
    counter.clock.advance(TTL)
    (exit_,) = proposed(counter, EXIT)
    (decision,) = decided(counter, exit_)
    ref, ledger = f"{exit_.intent_id}.1", counter.ledger
    counter.world.expire_lease()
    ledger.leases.acquire(ACCOUNT, "lost", 60)
    payload = ledger.outbox.get(decision.decision_id).payload_hash
    ledger.claims.claim(decision.decision_id, payload, "lost")
    ledger.claims.begin_sending(ref, "session", {Leg.ENTRY: 1}, payload, "lost")
    ledger.attempts.move(ref, AttemptState.UNKNOWN, "the sender died")
    counter.world.venue.external("AAPL", ref=ref, quantity="10", side=Side.SELL)
    counter.world.expire_lease()
    counter.world.venue.fault("fail_snapshot")
    asked(counter, lambda inbox: inbox.cancel_all("ann", "stop it"))
    recovered(counter)
    assert ledger.attempts.get(ref).state is AttemptState.CANCELLED
    counter.clock.advance(TTL)
    assert [row.intent_id for row in proposed(counter, EXIT)] == [exit_.intent_id]


def test_what_the_venue_rejects_is_told_and_not_repeated(counter: Counter) -> None:
    first = asked_for(counter)
    ended(counter, first, status=VenueStatus.REJECTED)
    counter.clock.advance(TTL)
    assert [row.intent_id for row in proposed(counter, EXIT)] == [first.intent_id]
    decided(counter, *proposed(counter, EXIT))
    assert sent(counter) == ()
    assert len(told(counter)) == 1


def test_orders_that_end_without_a_fill_are_not_sent_for_ever(counter: Counter) -> None:
    exits = [asked_for(counter)]
    for _ in range(MOST_UNFILLED - 1):
        ended(counter, exits[-1])
        exits.append(asked_for(counter))
    ended(counter, exits[-1])
    counter.clock.advance(TTL)
    decided(counter, *proposed(counter, EXIT))
    assert sent(counter) == ()
    assert len({row.intent_id for row in exits}) == MOST_UNFILLED
    assert len(told(counter)) == 1


def test_the_exit_of_a_reversal_goes_on_and_its_entry_stays_one(counter: Counter) -> None:
    """The exit of a reversal goes on, and its entry stays one."""
    turn = signal(signal_id="sig-2", candidate_action=SignalAction.SELL, target=-1.0, bar_ts=START)
    counter.clock.advance(TTL)
    close, opening = proposed(counter, turn)
    decided(counter, close)
    sent(counter)
    ended(counter, close, "4")
    counter.clock.advance(TTL)
    again, same = proposed(counter, turn)
    assert again.reduce_only
    assert again.terms.quantity == 6
    assert same.intent_id == opening.intent_id


@pytest.mark.parametrize("filled", ["", "4"])
def test_an_entry_is_not_asked_for_again(world: World, tmp_path: Path, filled: str) -> None:
    made = Counter(world, tmp_path / "store")
    made.ready()
    world.venue.set(mode="rest")
    (entry,) = proposed(made)
    decided(made, entry)
    sent(made)
    ended(made, entry, filled)
    made.clock.advance(TTL)
    assert {row.intent_id for row in proposed(made)} == ({entry.intent_id} if not filled else set())
    decided(made, *proposed(made))
    assert (sent(made), told(made)) == ((), [])


def test_while_one_order_of_an_exit_is_in_doubt_no_other_follows(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue turns out to have an order that was judged not sent, after the one that followed it has ended."""
    first = asked_for(counter)
    ended(counter, first, "4")
    kept = counter.ledger.attempts.all(first.intent_id)
    doubt = replace(kept[0], ref=f"{first.intent_id}.0", state=AttemptState.UNKNOWN)
    assert exit_or_its_rest(counter.ledger, first).intent_id != first.intent_id
    monkeypatch.setattr(type(counter.ledger.attempts), "all", lambda *_: [doubt, *kept])
    assert exit_or_its_rest(counter.ledger, first) == first


def test_a_person_takes_over(counter: Counter) -> None:
    """Once nothing is held, whoever sold it, nothing is left to ask for or to tell."""
    first = asked_for(counter)
    ended(counter, first, "4")
    counter.clock.advance(TTL)
    (decision,) = ask(counter, lambda decider: decider.flatten("ann", "enough", "key"))
    assert decision.verdict is Verdict.APPROVE
    counter.world.venue.set(mode="fill")
    sent(counter)
    assert held(counter) == 0
    assert (proposed(counter, EXIT), told(counter)) == ([], [])


@pytest.mark.parametrize("seed", range(2))
def test_exits_never_sell_more_than_is_held(counter: Counter, seed: int) -> None:
    """Whatever is filled and ended in between, and however often it is asked."""
    drawn = random.Random(seed)
    for _ in range(5):
        counter.clock.advance(TTL)
        for _ in range(drawn.randint(1, 2)):
            decided(counter, *proposed(counter, EXIT))
        sent(counter)
        live = [row for row in counter.ledger.attempts.live(ACCOUNT) if row.side is Side.SELL]
        assert len(live) <= 1, "one exit at a time"
        for row in live:
            if filled := drawn.choice(("", "", "1", "3")):
                counter.world.venue.fill(row.ref, str(min(Decimal(filled), held(counter))))
            if drawn.random() < 0.7:
                counter.world.venue.end(row.ref)
        recovered(counter)
        sold = sum(-row.signed_quantity for row in counter.ledger.executions.all(ACCOUNT) if row.signed_quantity < 0)
        assert sold + held(counter) == 10
        assert held(counter) >= 0
