"""Every pair of states, allowed or refused, against a table that was written by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.ledger.transitions import CELLS, S, way
from tests.support import postgres
from tests.support.ledgers import ACCOUNT, START, Proposer, new_url
from tradewright.ledger.attempt import ATTEMPT_TRANSITIONS, replay, steps
from tradewright.ledger.errors import IllegalTransition
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError
from tradewright.model.order import ORDER_STATE_OF_ATTEMPT, AttemptState, Leg, OrderState
from tradewright.policy.approval import approve

PAIRS = sorted(CELLS)
HOLDER = "sender-1"
NUMBERS = itertools.count()
ROUTES: dict[AttemptState, tuple[AttemptState, ...]] = {
    S.CLAIMED: (),
    S.SENDING: (S.SENDING,),
    S.UNKNOWN: (S.SENDING, S.UNKNOWN),
    S.ACKED: (S.SENDING, S.ACKED),
    S.WORKING: (S.SENDING, S.ACKED, S.WORKING),
    S.PARTIAL: (S.SENDING, S.ACKED, S.PARTIAL),
    S.CANCEL_REQUESTED: (S.SENDING, S.ACKED, S.CANCEL_REQUESTED),
    S.FILLED: (S.SENDING, S.ACKED, S.WORKING, S.PARTIAL, S.FILLED),
    S.CANCELLED: (S.SENDING, S.UNKNOWN, S.CANCELLED),
    S.REJECTED: (S.SENDING, S.REJECTED),
    S.EXPIRED: (S.EXPIRED,),
    S.NOT_SENT: (S.SENDING, S.UNKNOWN, S.NOT_SENT),
}
"""One way to each state."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """One ledger for all pairs: each has an attempt of its own."""
    if request.param == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    with Ledger.create(new_url(request.param, tmp_path_factory.mktemp("ledger")), ManualClock(START)) as made:
        assert made.leases.acquire(ACCOUNT, HOLDER, 3600)
        yield made


def attempt_in(ledger: Ledger, state: AttemptState) -> str:
    """The reference of a new attempt in a state."""
    order = Proposer(ledger, ledger.clock).order()
    claimed = ledger.claims.claim(order.decision_id, order.payload_hash, HOLDER)
    assert claimed is not None
    for step in ROUTES[state]:
        if step is S.SENDING:
            number = next(NUMBERS)
            ledger.claims.begin_sending(claimed.ref, "s1", {Leg.ENTRY: number}, order.payload_hash, HOLDER)
        else:
            ledger.attempts.move(claimed.ref, step, "on the way")
    return claimed.ref


def test_the_table_names_every_pair() -> None:
    assert sorted((present, wanted) for present in AttemptState for wanted in AttemptState) == PAIRS


@pytest.mark.parametrize(("present", "wanted"), PAIRS)
def test_one_step_is_allowed_or_refused_as_the_table_says(present: AttemptState, wanted: AttemptState) -> None:
    assert (wanted in ATTEMPT_TRANSITIONS[present]) is (CELLS[present, wanted] == "x")


@pytest.mark.parametrize(("present", "wanted"), PAIRS)
def test_a_way_of_several_steps_is_the_one_of_the_table(present: AttemptState, wanted: AttemptState) -> None:
    expected = way(present, wanted)
    if expected is not None:
        assert steps(present, wanted) == expected
        return
    with pytest.raises(IllegalTransition, match=f"no way from [A-Z_]+ to {wanted}"):
        steps(present, wanted)


@pytest.mark.parametrize(("present", "wanted"), PAIRS)
def test_the_ledger_goes_that_way_or_stays_where_it_was(
    ledger: Ledger, present: AttemptState, wanted: AttemptState
) -> None:
    """Every step is one event; a refused move leaves neither a state nor an event behind."""
    ref = attempt_in(ledger, present)
    before = [event.state for event in ledger.attempts.events(ref)]
    expected = way(present, wanted)
    if expected is None:
        with pytest.raises(IllegalTransition):
            ledger.attempts.move(ref, wanted, "test")
        expected = ()
    else:
        assert ledger.attempts.move(ref, wanted, "test").state is wanted
    after = [event.state for event in ledger.attempts.events(ref)]
    assert after == [*before, *expected]
    assert ledger.attempts.get(ref).state is replay(after) is after[-1]


@pytest.mark.parametrize("state", AttemptState)
def test_only_a_claim_is_given_back_and_only_a_claim_is_written_ahead(ledger: Ledger, state: AttemptState) -> None:
    ref = attempt_in(ledger, state)
    attempt, before = ledger.attempts.get(ref), ledger.attempts.events(ref)
    if state is S.CLAIMED:
        assert ledger.claims.release(ref, "test") is S.NOT_SENT
        return
    with pytest.raises(LedgerError, match=f"it is {state}, not only claimed"):
        ledger.claims.release(ref, "test")
    with pytest.raises(LedgerError, match="the claim or the lease is gone"):
        ledger.claims.begin_sending(ref, "s2", {Leg.ENTRY: 1}, attempt.payload_hash, HOLDER)
    assert (ledger.attempts.get(ref), ledger.attempts.events(ref)) == (attempt, before)


@pytest.mark.parametrize("state", AttemptState)
def test_an_intent_may_be_tried_again_only_when_its_order_is_provably_not_out(
    ledger: Ledger, state: AttemptState
) -> None:
    ref = attempt_in(ledger, state)
    intent = ledger.decisions.intent(ledger.attempts.get(ref).intent_id)
    proposer = Proposer(ledger, ledger.clock)
    again = proposer.decide(intent)
    order = approve(intent, again, ACCOUNT)
    ledger.outbox.put(order)
    second = ledger.claims.claim(order.decision_id, order.payload_hash, HOLDER)
    assert (second is not None) is (state in (S.EXPIRED, S.NOT_SENT))
    assert second is None or second.ref == f"{intent.intent_id}.2"


WORLD = {
    S.CLAIMED: OrderState.NEW,
    S.SENDING: OrderState.NEW,
    S.UNKNOWN: OrderState.NEW,
    S.ACKED: OrderState.ACCEPTED,
    S.WORKING: OrderState.ACCEPTED,
    S.PARTIAL: OrderState.PARTIALLY_FILLED,
    S.CANCEL_REQUESTED: OrderState.CANCEL_PENDING,
    S.FILLED: OrderState.FILLED,
    S.CANCELLED: OrderState.CANCELLED,
    S.EXPIRED: OrderState.CANCELLED,
    S.REJECTED: OrderState.REJECTED,
    S.NOT_SENT: None,
}
"""The table of the protocol: what the world sees of an attempt."""


@pytest.mark.parametrize("state", AttemptState)
def test_the_order_as_the_world_sees_it(ledger: Ledger, state: AttemptState) -> None:
    assert ledger.attempts.get(attempt_in(ledger, state)).order_state is ORDER_STATE_OF_ATTEMPT[state] is WORLD[state]
