"""Claims: of all that ask, one gets the order, once, unaltered and in time."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from tests.support.extent import runs
from tests.support.ledgers import ACCOUNT, START, Proposer
from tradewright.ledger.attempt import ATTEMPT_TRANSITIONS, replay
from tradewright.ledger.errors import IllegalTransition, LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.outbox import Sendable, batch_key
from tradewright.model.approved import ApprovedOrder
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError
from tradewright.model.order import ORDER_STATE_OF_ATTEMPT, ORDER_TRANSITIONS, AttemptState, Leg
from tradewright.policy.approval import approve

HOLDER = "sender-1"


@pytest.fixture
def order(proposer: Proposer, ledger: Ledger) -> ApprovedOrder:
    assert ledger.leases.acquire(ACCOUNT, HOLDER, 3600)
    return proposer.order()


def claim(ledger: Ledger, order: ApprovedOrder, holder: str = HOLDER):
    return ledger.claims.claim(order.decision_id, order.payload_hash, holder)


def test_claim_gives_a_new_reference_and_a_second_one_gives_nothing(ledger: Ledger, order: ApprovedOrder) -> None:
    assert [row.ref for row in ledger.outbox.sendable(ACCOUNT)] == ["intent0001.1"]
    attempt = claim(ledger, order)
    assert attempt is not None
    assert (attempt.ref, attempt.state, attempt.quantity) == (
        "intent0001.1",
        AttemptState.CLAIMED,
        order.terms.quantity,
    )
    assert claim(ledger, order) is None
    assert ledger.outbox.sendable(ACCOUNT) == []


def test_claim_needs_the_lease_the_hash_and_time(ledger: Ledger, order: ApprovedOrder, clock: ManualClock) -> None:
    assert claim(ledger, order, "another") is None
    assert ledger.claims.claim(order.decision_id, "0" * 64, HOLDER) is None
    assert ledger.claims.claim("decision-9", order.payload_hash, HOLDER) is None
    clock.advance(600)
    assert claim(ledger, order) is None
    assert ledger.outbox.sendable() == []


def test_a_released_claim_can_be_claimed_again_under_a_new_reference(ledger: Ledger, order: ApprovedOrder) -> None:
    first = claim(ledger, order)
    assert first is not None
    assert ledger.claims.release(first.ref, "not ready") is AttemptState.NOT_SENT
    second = claim(ledger, order)
    assert second is not None
    assert second.ref == "intent0001.2"
    assert ledger.claims.release(second.ref, "refused", spent=True) is AttemptState.NOT_SENT
    assert claim(ledger, order) is None
    with pytest.raises(LedgerError, match="not only claimed"):
        ledger.claims.release(second.ref, "again")


def test_a_claim_released_too_late_is_expired(ledger: Ledger, order: ApprovedOrder, clock: ManualClock) -> None:
    attempt = claim(ledger, order)
    assert attempt is not None
    clock.advance(600)
    assert ledger.claims.release(attempt.ref, "not ready") is AttemptState.EXPIRED


def test_one_intent_never_becomes_two_orders(ledger: Ledger, order: ApprovedOrder, proposer: Proposer) -> None:
    intent = ledger.decisions.intent(order.intent_id)
    again = approve(intent, proposer.decide(intent), ACCOUNT)
    ledger.outbox.put(again)
    attempt = claim(ledger, order)
    assert attempt is not None
    assert claim(ledger, again) is None
    ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, HOLDER)
    for state in (AttemptState.ACKED, AttemptState.CANCELLED):
        ledger.attempts.move(attempt.ref, state, "test")
        assert claim(ledger, again) is None
    assert ledger.outbox.sendable() == []


def test_an_unsent_intent_may_be_decided_again(ledger: Ledger, order: ApprovedOrder, proposer: Proposer) -> None:
    attempt = claim(ledger, order)
    assert attempt is not None
    ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, HOLDER)
    ledger.attempts.move(attempt.ref, AttemptState.UNKNOWN, "silence")
    ledger.attempts.move(attempt.ref, AttemptState.NOT_SENT, "evidence")
    assert claim(ledger, order) is None, "the approval was spent on the first attempt"
    intent = ledger.decisions.intent(order.intent_id)
    again = approve(intent, proposer.decide(intent), ACCOUNT)
    ledger.outbox.put(again)
    second = claim(ledger, again)
    assert second is not None
    assert second.ref == "intent0001.2"


def test_write_ahead_needs_claim_hash_holder_and_lease(ledger: Ledger, order: ApprovedOrder) -> None:
    attempt = claim(ledger, order)
    assert attempt is not None
    with pytest.raises(LedgerError, match="nothing was sent"):
        ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, "0" * 64, HOLDER)
    with pytest.raises(LedgerError):
        ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, "another")
    ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, HOLDER)
    with pytest.raises(LedgerError):
        ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, HOLDER)
    (found,) = ledger.attempts.read_back(attempt.ref)
    assert found is not None
    assert (found.state, found.session, found.order_id, found.spent) == (AttemptState.SENDING, "s1", 7, True)
    assert ledger.attempts.of_order_id("s1", 7) == found
    assert ledger.attempts.of_order_id("s2", 7) is None
    assert ledger.attempts.read_back("nothing.1") == []


def test_write_ahead_without_the_lease_is_refused(ledger: Ledger, order: ApprovedOrder, clock: ManualClock) -> None:
    attempt = claim(ledger, order)
    assert attempt is not None
    ledger.leases.release(ACCOUNT, HOLDER)
    clock.advance(1)
    with pytest.raises(LedgerError):
        ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, HOLDER)
    assert ledger.leases.acquire(ACCOUNT, "another", 10)
    assert not ledger.leases.acquire(ACCOUNT, HOLDER, 10)
    ledger.leases.release(ACCOUNT, HOLDER)
    assert ledger.leases.get(ACCOUNT).holder == "another"


@pytest.mark.parametrize("field", ["strategy", "account", "terms", "expires_at", "rule_set_hash", "payload_hash"])
def test_claimed_orders_are_restored_only_as_approved(ledger: Ledger, order: ApprovedOrder, field: str) -> None:
    row = ledger.outbox.get(order.decision_id)
    assert getattr(row, field) == getattr(order, field)


def test_fault_31_many_orders_and_threads_give_each_order_once(
    ledger: Ledger, proposer: Proposer, ledger_url: str, clock: ManualClock
) -> None:
    orders = [proposer.order() for _ in range(runs(12, 25))]
    ledger.leases.acquire(ACCOUNT, HOLDER, 3600)
    won: list[str] = []

    def work() -> None:
        with Ledger.open(ledger_url, clock, busy_seconds=20) as own:
            won.extend(order.decision_id for order in orders if claim(own, order) is not None)

    threads = [threading.Thread(target=work) for _ in range(runs(6, 8))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(order.decision_id for order in orders)
    assert len(ledger.attempts.all()) == len(orders)


def test_every_step_of_an_attempt_is_a_step_of_the_order_or_none() -> None:
    for present, followers in ATTEMPT_TRANSITIONS.items():
        if present is AttemptState.NOT_SENT:  # no order, until the venue shows one (H0)
            assert followers == {AttemptState.ACKED}
            continue
        assert present.terminal == (not followers)
        for following in followers:
            before, after = ORDER_STATE_OF_ATTEMPT[present], ORDER_STATE_OF_ATTEMPT[following]
            assert before is not None
            assert after in (None, before) or after in ORDER_TRANSITIONS[before], (present, following)


def test_replaying_the_events_gives_the_stored_state(ledger: Ledger, order: ApprovedOrder) -> None:
    attempt = claim(ledger, order)
    assert attempt is not None
    ledger.claims.begin_sending(attempt.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, HOLDER)
    for state in (AttemptState.UNKNOWN, AttemptState.PARTIAL, AttemptState.CANCEL_REQUESTED, AttemptState.FILLED):
        moved = ledger.attempts.move(attempt.ref, state, "test")
        assert replay([event.state for event in ledger.attempts.events(attempt.ref)]) is moved.state is state
    with pytest.raises(IllegalTransition, match="FILLED"):
        ledger.attempts.move(attempt.ref, AttemptState.WORKING, "test")
    with pytest.raises(LedgerError, match="no such attempt"):
        ledger.attempts.get("nothing.1")


@pytest.mark.parametrize("states", [[], [AttemptState.SENDING], [AttemptState.CLAIMED, AttemptState.FILLED]])
def test_replay_refuses_what_is_no_walk(states: list[AttemptState]) -> None:
    with pytest.raises(IllegalTransition):
        replay(states)


def test_permanent_ids_are_a_set_per_reference(ledger: Ledger, order: ApprovedOrder) -> None:
    attempt = claim(ledger, order)
    assert attempt is not None
    assert ledger.attempts.learn_perm_id(attempt.ref, 11) == (11,)
    assert ledger.attempts.learn_perm_id(attempt.ref, 11) == (11,)
    assert ledger.attempts.learn_perm_id(attempt.ref, 12) == (11, 12)
    assert ledger.attempts.of_perm_id(12) == ledger.attempts.get(attempt.ref)
    assert ledger.attempts.of_perm_id(0) is None


def test_a_person_can_stop_an_approved_order_before_it_is_claimed(ledger: Ledger, order: ApprovedOrder) -> None:
    ledger.decisions.record_approval(order.decision_id, False, "ann", "not today")
    assert ledger.outbox.sendable() == []
    assert claim(ledger, order) is None


def test_the_batch_key_names_a_set_of_attempts_on_decisions() -> None:
    def row(ref: str, decision_id: str = "d") -> Sendable:
        return Sendable(decision_id, "intent", ref, ACCOUNT, START)

    one, other = row("a.1"), row("b.1")
    assert batch_key([one, other]) == batch_key([other, one])
    batches = [[], [one], [other], [one, other], [row("a.2")], [row("a.1", "e")], [row("a.1b.1")]]
    assert len({batch_key(batch) for batch in batches}) == len(batches)
    assert batch_key([]).startswith("batch:")


SECOND = """
INSERT INTO attempts (ref, number, intent_id, decision_id, strategy, account, instrument, side, quantity, tif,
                      payload_hash, state, holder, claimed_at, spent)
SELECT 'x.2', 2, intent_id, decision_id, strategy, account, instrument, side, quantity, tif,
       payload_hash, state, holder, claimed_at, spent FROM attempts
"""


def test_the_table_itself_refuses_a_second_live_attempt_of_an_intent(ledger: Ledger, order: ApprovedOrder) -> None:
    def insert_second() -> None:
        with ledger._database.write() as connection:
            connection.execute(text(SECOND))

    attempt = claim(ledger, order)
    assert attempt is not None
    with pytest.raises(LedgerError, match=r"(?i)unique"):
        insert_second()
    ledger.claims.release(attempt.ref, "ended")
    insert_second()
    with ledger._database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM attempts")).scalar_one() == 2
    with pytest.raises(LedgerTampered, match="attempts"):
        ledger.attempts.all()
