"""The operator's desk and the explanation of an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.operations.formatting import fees_text
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tradewright.execution import operator_actions as desk
from tradewright.execution.provenance import explain
from tradewright.ledger.errors import IllegalTransition
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError, NotApproved
from tradewright.model.order import AttemptState, Fill, OrderState

REF = "intent0001.1"


def test_a_review_waits_for_a_person_and_then_goes_out(world: World) -> None:
    decision = world.proposer.decide(world.proposer.intent(), Verdict.REVIEW)
    assert world.drain() == ()
    intent = desk.approve(world.ledger, decision.decision_id, ACCOUNT, "ann", "looks right", valid_seconds=600)
    assert intent.intent_id == decision.intent_id
    assert [outcome.status.value for outcome in world.drain()] == ["SENT"]
    assert [approval.actor for approval in world.ledger.decisions.approvals(decision.decision_id)] == ["ann"]


def test_a_review_that_a_person_rejects_never_goes_out(world: World) -> None:
    decision = world.proposer.decide(world.proposer.intent(), Verdict.REVIEW)
    desk.reject(world.ledger, decision.decision_id, "ann", "no")
    with pytest.raises(LedgerError, match="rejected it already"):
        desk.approve(world.ledger, decision.decision_id, ACCOUNT, "bob", "yes", valid_seconds=600)
    assert world.drain() == ()


def test_an_approval_that_was_not_asked_for_leaves_no_trace(world: World) -> None:
    decision = world.proposer.decide(world.proposer.intent())
    with pytest.raises(NotApproved, match="did not ask"):
        desk.approve(world.ledger, decision.decision_id, ACCOUNT, "ann", "yes", valid_seconds=600)
    assert world.ledger.decisions.approvals(decision.decision_id) == []


@pytest.mark.parametrize(("seconds", "expected"), [(2.9, ["SENT"]), (3, [])])
def test_a_humans_yes_lives_no_longer_than_said(world: World, seconds: float, expected: list[str]) -> None:
    """It ends at the claim, or when its seconds are over without one."""
    decision = world.proposer.decide(world.proposer.intent(), Verdict.REVIEW)
    desk.approve(world.ledger, decision.decision_id, ACCOUNT, "ann", "yes", valid_seconds=3)
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(seconds)
    assert [outcome.status.value for outcome in world.drain()] == expected


def test_orders_show_their_life(world: World) -> None:
    world.proposer.order("AAPL")
    world.drain()
    world.proposer.order("MSFT")
    world.venue.fault("swallow")
    world.drain()
    first, second = desk.orders(world.ledger)
    assert (first.state, first.order_state) == (AttemptState.FILLED, OrderState.FILLED)
    assert (first.filled, first.average_price, first.fees) == (10, 100, {"": 1})
    assert [event.state.value for event in first.events] == ["CLAIMED", "SENDING", "ACKED", "WORKING", "FILLED"]
    assert first.perm_ids == (9001,)
    assert first.reason == "10 filled by executions"
    assert (second.state, second.order_state, second.average_price) == (AttemptState.NOT_SENT, None, None)
    assert desk.orders(world.ledger, "intent0002") == [second]


def test_fees_in_two_currencies_are_not_added(world: World) -> None:
    """Of one order, too: a venue that routes abroad charges there; a later report also corrects the currency."""
    world.proposer.order("AAPL")
    world.drain()
    (view,) = desk.orders(world.ledger)
    (told,) = view.executions
    more = Fill(
        exec_id="x2.01", ref=REF, perm_id=told.perm_id, instrument="AAPL", side=told.side, quantity=told.quantity,
        price=told.price, time=told.time, account=ACCOUNT,
    )  # fmt: skip
    world.ledger.executions.record(more, REF)
    assert desk.orders(world.ledger)[0].fees == {"": 1}, "unknown is not zero"
    world.ledger.executions.record_fee("x2.01", Decimal("2.5"), "EUR")
    assert desk.orders(world.ledger)[0].fees == {"": 1, "EUR": Decimal("2.5")}
    world.ledger.executions.record_fee(told.exec_id, Decimal(3), "EUR")
    assert desk.orders(world.ledger)[0].fees == {"EUR": Decimal("5.5")}
    assert fees_text({"USD": Decimal("1.00"), "EUR": Decimal("2.50")}) == "2.5 EUR, 1 USD"


def test_adopting_an_equal_position_moves_nothing(world: World) -> None:
    assert desk.adopt_position(world.ledger, ACCOUNT, "AAPL", Decimal(0), Decimal(0), "ann", "checked") == 0
    assert world.ledger.executions.positions(ACCOUNT) == []


def test_a_statement_cannot_contradict_itself(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    world.drain()
    fill = Fill.model_validate(
        {"exec_id": "s.01", "ref": REF, "perm_id": 9001, "instrument": "AAPL", "side": "BUY", "quantity": "4",
         "price": "99", "time": world.clock.now(), "account": ACCOUNT}
    )  # fmt: skip
    for state, message in (
        (AttemptState.FILLED, "4 of 10 filled is not FILLED"),
        (AttemptState.REJECTED, "is not REJECTED"),
    ):
        with pytest.raises(LedgerError, match=message):
            desk.settle_by_statement(world.ledger, REF, [fill], state, "ann", "statement")
    with pytest.raises(LedgerError, match="reason"):
        desk.settle_by_statement(world.ledger, REF, [fill], AttemptState.CANCELLED, "ann", "")
    assert world.ledger.executions.all() == [], "a refused statement leaves nothing"
    settled = desk.settle_by_statement(world.ledger, REF, [fill], AttemptState.CANCELLED, "ann", "statement")
    assert settled.state is AttemptState.CANCELLED
    assert world.ledger.executions.filled(REF) == 4
    with pytest.raises(IllegalTransition):
        world.ledger.attempts.move(REF, AttemptState.WORKING, "too late")


@pytest.mark.parametrize("name", [REF, "intent0001", "decision-1", "signal-1", "0000e.000001.01"])
def test_every_id_leads_back_to_the_hashes(world: World, name: str) -> None:
    order = world.proposer.order()
    world.drain()
    (walk,) = explain(world.ledger, name)
    assert walk.intent.signal_id == "signal-1"
    assert [decision.decision_id for decision in walk.decisions] == ["decision-1"]
    assert [view.filled for view in walk.orders] == [10]
    assert walk.hashes == {
        "data_hash": "d" * 64,
        "config_hash": "c" * 64,
        "decision-1.rule_set_hash": "r" * 64,
        "decision-1.snapshot_hash": "s" * 64,
        f"{REF}.payload_hash": order.payload_hash,
    }
    assert [entry.action for entry in walk.audit] == ["DECIDE"]
    assert walk.approvals == ()


def test_an_unknown_id_is_said(world: World) -> None:
    world.recover()
    world.venue.external(filled=True)
    world.recover()
    for name in ("nothing", "0000e.000001.01"):
        with pytest.raises(LedgerError, match="has this id"):
            explain(world.ledger, name)


def test_adopting_a_position_lifts_no_freeze_that_a_position_does_not_answer(world: World) -> None:
    """An order of another program that is open at the venue goes on freezing until somebody has looked at it."""
    for code in (FreezeCode.EXTERNAL_ORDER, FreezeCode.POSITION_DRIFT, FreezeCode.TWO_PERM_IDS):
        world.ledger.freezes.freeze(ACCOUNT, "AAPL", code, "seen")
    desk.adopt_position(world.ledger, ACCOUNT, "AAPL", Decimal(7), Decimal(100), "ann", "transferred in")
    assert world.codes("AAPL") == ["EXTERNAL_ORDER", "TWO_PERM_IDS"]
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == 7
