"""The other tables: proposals, outbox, executions, freezes, switches, marks, venues, keys."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ledgers import ACCOUNT, START, Proposer
from tradewright.ledger.errors import IdempotencyConflict
from tradewright.ledger.execution import Recorded
from tradewright.ledger.executions import _moved
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.kill_switches import EVERYTHING, account_scope, strategy_scope
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash
from tradewright.model.order import Fill, Side
from tradewright.policy.approval import HumanApproval, approve


def fill(exec_id: str, quantity: str = "1", price: str = "100", side: Side = Side.BUY, **fields: object) -> Fill:
    values = {"ref": "", "perm_id": 0, "instrument": "AAPL", "time": START, "account": ACCOUNT}
    return Fill.model_validate(
        {**values, "exec_id": exec_id, "quantity": quantity, "price": price, "side": side} | fields
    )


# proposals ---------------------------------------------------------------------------------------------------------


def test_intents_and_decisions_come_back_as_they_were(ledger: Ledger, proposer: Proposer) -> None:
    intent = proposer.intent(quantity="0.000000010", limit=Decimal("1234567890.123456789"))
    decision = proposer.decide(intent)
    assert ledger.decisions.intent(intent.intent_id) == intent
    assert ledger.decisions.decision(decision.decision_id) == decision
    assert ledger.decisions.intents("signal-1") == [intent]
    assert ledger.decisions.intents("signal-2") == []
    assert ledger.decisions.of_intent(intent.intent_id) == ledger.decisions.all() == [decision]
    assert not ledger.decisions.record_intent(intent)
    assert not ledger.decisions.record_decision(decision)
    assert [entry.action for entry in ledger.audit.entries(decision.decision_id)] == ["DECIDE"]


def test_the_same_id_with_another_content_is_refused(ledger: Ledger, proposer: Proposer) -> None:
    intent = proposer.intent()
    with pytest.raises(LedgerError, match="another content"):
        ledger.decisions.record_intent(intent.model_copy(update={"confidence": 0.8}))
    decision = proposer.decide(intent)
    with pytest.raises(LedgerError, match="another content"):
        ledger.decisions.record_decision(decision.model_copy(update={"snapshot_hash": "x"}))
    for call in (ledger.decisions.intent, ledger.decisions.decision, ledger.outbox.get):
        with pytest.raises(LedgerError, match="no "):
            call("nothing")
    assert ledger.decisions.find_intent("nothing") is ledger.decisions.find_decision("nothing") is None


def test_a_decision_without_its_intent_is_refused(ledger: Ledger, proposer: Proposer) -> None:
    decision = proposer.decide(proposer.intent())
    with pytest.raises(LedgerError):
        ledger.decisions.record_decision(decision.model_copy(update={"decision_id": "d", "intent_id": "nothing"}))


def test_only_what_is_permitted_enters_the_outbox(ledger: Ledger, proposer: Proposer, clock: ManualClock) -> None:
    intent = proposer.intent()
    review = proposer.decide(intent, Verdict.REVIEW)
    assert ledger.decisions.waiting() == [review]
    said = HumanApproval(
        decision_id=review.decision_id, decision_hash=content_hash(review), actor="ann", reason="fine", at=clock.now()
    )
    order = approve(intent, review, ACCOUNT, said)
    with pytest.raises(LedgerError, match="no decision on record permits"):
        ledger.outbox.put(order)
    approval = ledger.decisions.record_approval(review.decision_id, True, "ann", "fine")
    assert ledger.decisions.approvals(review.decision_id) == [approval]
    assert ledger.decisions.waiting() == []
    assert ledger.outbox.put(order)
    assert not ledger.outbox.put(order)
    with pytest.raises(LedgerError, match="another order"):
        ledger.outbox.put(approve(intent, review, ACCOUNT, said.model_copy(update={"valid_seconds": 61.0})))


def test_an_order_cannot_ride_on_the_decision_of_another_intent(ledger: Ledger, proposer: Proposer) -> None:
    own, other = proposer.intent(), proposer.intent()
    proposer.decide(own)
    foreign = proposer.decide(other).model_copy(update={"intent_id": own.intent_id})
    with pytest.raises(LedgerError, match="not about intent"):
        ledger.outbox.put(approve(own, foreign, ACCOUNT))


def test_people_decide_once_in_time_and_never_against_the_gate(
    ledger: Ledger, proposer: Proposer, clock: ManualClock
) -> None:
    rejected = proposer.decide(proposer.intent(), Verdict.REJECT)
    with pytest.raises(LedgerError, match="cannot overrule the gate"):
        ledger.decisions.record_approval(rejected.decision_id, True, "ann", "please")
    review = proposer.decide(proposer.intent(), Verdict.REVIEW, seconds=60)
    for actor, reason in (("", "r"), ("ann", " ")):
        with pytest.raises(LedgerError, match="actor and a reason"):
            ledger.decisions.record_approval(review.decision_id, True, actor, reason)
    ledger.decisions.record_approval(review.decision_id, False, "ann", "no")
    with pytest.raises(LedgerError, match="rejected it already"):
        ledger.decisions.record_approval(review.decision_id, True, "bob", "yes")
    assert not ledger.decisions.permits(review.decision_id)
    late = proposer.decide(proposer.intent(), Verdict.REVIEW, seconds=60)
    clock.advance(60)
    assert ledger.decisions.waiting() == []
    with pytest.raises(LedgerError, match="expired"):
        ledger.decisions.record_approval(late.decision_id, True, "ann", "yes")


# executions --------------------------------------------------------------------------------------------------------


def test_an_execution_counts_once_and_its_fee_may_come_first(ledger: Ledger) -> None:
    assert ledger.executions.record_fee("a.01", Decimal("1.05"))
    assert not ledger.executions.record_fee("a.01", Decimal("1.05"))
    assert ledger.executions.record(fill("a.01", "0.1", "100.05"), None) is Recorded.NEW
    assert ledger.executions.record(fill("a.01", "7", "1"), None) is Recorded.DIFFERS
    found = ledger.executions.find("a.01")
    assert found is not None
    assert (found.quantity, found.price, found.fee, found.counts) == (
        Decimal("0.1"),
        Decimal("100.05"),
        Decimal("1.05"),
        True,
    )
    assert ledger.executions.find("b.01") is None


def test_corrections_wait_for_a_ruling_and_the_newest_ruling_holds(ledger: Ledger) -> None:
    ledger.executions.record(fill("a.01", "10"), None)
    assert ledger.executions.record(fill("a.02", "4"), None) is Recorded.QUARANTINED
    assert [held.exec_id for held in ledger.executions.unruled(ACCOUNT)] == ["a.02"]
    assert ledger.executions.position(ACCOUNT, "AAPL") == 10
    ledger.executions.rule("a.01", False, "replaced")
    ledger.executions.rule("a.02", True, "replaces")
    assert ledger.executions.position(ACCOUNT, "AAPL") == 4
    assert ledger.executions.unruled(ACCOUNT) == []
    ledger.executions.rule("a.01", True, "after all")
    assert ledger.executions.position(ACCOUNT, "AAPL") == 14


def test_positions_are_sums_with_average_cost(ledger: Ledger) -> None:
    ledger.executions.adjust(ACCOUNT, "AAPL", Decimal(10), Decimal(90), "ann", "opening")
    ledger.executions.record(fill("a.01", "10", "110"), None)
    ledger.executions.record(fill("b.01", "5", "500", Side.SELL), None)
    ledger.executions.record(fill("c.01", "5", "50", account="other"), None)
    ledger.executions.record(fill("d.01", "5", "50", instrument="MSFT"), None)
    ledger.executions.record(fill("e.01", "5", "51", Side.SELL, instrument="MSFT"), None)
    held = ledger.executions.positions(ACCOUNT)
    assert [(position.instrument, position.quantity, position.average_price) for position in held] == [
        ("AAPL", 15, 100)
    ]
    assert ledger.executions.position(ACCOUNT, "MSFT") == 0


@given(st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(1, 9)), max_size=12))
def test_average_cost_stays_within_the_prices_and_quantities_add_up(moves: list[tuple[int, int]]) -> None:
    held = average = Decimal(0)
    for quantity, price in moves:
        before = held
        held, average = _moved(held, average, Decimal(quantity), Decimal(price))
        assert held == before + quantity
        assert (average == 0) == (held == 0)
    assert held == sum(quantity for quantity, _ in moves)
    if held:
        assert 1 <= average.quantize(Decimal("1e-9")) <= 9


# freezes and switches ----------------------------------------------------------------------------------------------


def test_freezes_add_up_and_are_lifted_by_code_reference_or_person(ledger: Ledger) -> None:
    assert ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "first", "a.1")
    assert not ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "again", "a.1")
    assert ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "second", "a.2")
    assert ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.CORRECTION, "third")
    assert ledger.freezes.freeze(ACCOUNT, "MSFT", FreezeCode.CORRECTION, "fourth")
    assert [freeze.text for freeze in ledger.freezes.of(ACCOUNT, "AAPL")] == ["first", "second", "third"]
    assert ledger.freezes.of("other", "AAPL") == []
    assert ledger.freezes.lift(ACCOUNT, "AAPL", "ann", "ok", FreezeCode.OVERFILL, "a.2") == 1
    assert ledger.freezes.lift(ACCOUNT, "AAPL", "ann", "ok") == 2
    assert ledger.freezes.lift(ACCOUNT, "AAPL", "ann", "ok") == 0
    assert [freeze.instrument for freeze in ledger.freezes.present(ACCOUNT)] == ["MSFT"]
    assert ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "anew", "a.1")
    with pytest.raises(LedgerError, match="actor and a reason"):
        ledger.freezes.lift(ACCOUNT, "AAPL", "ann", "")
    actions = [entry.action for entry in ledger.audit.entries("AAPL")]
    assert actions == ["FREEZE"] * 3 + ["LIFT"] * 3 + ["FREEZE"]


def test_switches_stop_their_scope_alone(ledger: Ledger, clock: ManualClock) -> None:
    switches = ledger.kill_switches
    assert switches.stopping("trend", ACCOUNT) == []
    assert [switch.scope for switch in switches.stopping("trend", ACCOUNT, starts_stopped=True)] == [EVERYTHING]
    switches.stop(strategy_scope("trend"), "ann", "test")
    switches.stop(account_scope("other"), "ann", "test")
    assert [switch.scope for switch in switches.stopping("trend", ACCOUNT)] == ["strategy:trend"]
    assert switches.stopping("carry", ACCOUNT) == []
    assert len(switches.stopping("carry", "other")) == 1
    switches.resume(EVERYTHING, "ann", "begin")
    assert len(switches.stopping("trend", ACCOUNT, starts_stopped=True)) == 1, "another scope stays stopped"
    switches.resume(strategy_scope("trend"), "ann", "over")
    assert switches.stopping("trend", ACCOUNT, starts_stopped=True) == []
    newest = {switch.scope: (switch.stopped, switch.actor, switch.reason, switch.at) for switch in switches.present()}
    assert newest["strategy:trend"] == (False, "ann", "over", clock.now())
    for scope, actor, reason in (
        ("all", "a", "r"),
        ("strategy:", "a", "r"),
        (EVERYTHING, "", "r"),
        (EVERYTHING, "a", ""),
    ):
        with pytest.raises(LedgerError, match=r"scope|actor"):
            switches.stop(scope, actor, reason)


# marks, venues, keys -----------------------------------------------------------------------------------------------


def test_drawdown_is_counted_from_the_highest_mark_since(ledger: Ledger, clock: ManualClock) -> None:
    assert ledger.equity.drawdown(ACCOUNT, START) == 0
    for equity in ("200", "100", "110", "99"):
        ledger.equity.mark(ACCOUNT, Decimal(equity), Decimal(1))
        clock.advance(60)
    assert ledger.equity.drawdown(ACCOUNT, START) == Decimal("-0.505")
    assert ledger.equity.drawdown(ACCOUNT, START + timedelta(seconds=90)) == Decimal("-0.1")
    assert [mark.equity for mark in ledger.equity.marks(ACCOUNT)] == [200, 100, 110, 99]
    ledger.equity.mark("empty", Decimal(0), Decimal(0))
    assert ledger.equity.drawdown("empty", START) == 0


def test_the_newest_check_of_each_input_holds(ledger: Ledger) -> None:
    ledger.checks.record("bars", False, {"gaps": 3})
    ledger.checks.record("features", True)
    ledger.checks.record("bars", True, {"gaps": 0})
    assert [row.detail for row in ledger.checks.history("bars", 5)] == [{"gaps": 0}, {"gaps": 3}]
    assert [row.passed for row in ledger.checks.history("bars", 1)] == [True]
    assert ledger.checks.history("nothing", 5) == []
    found = ledger.checks.newest()
    assert {name: (check.passed, check.detail) for name, check in found.items()} == {
        "bars": (True, {"gaps": 0}),
        "features": (True, None),
    }


def test_reconciliations_and_absences_are_kept(ledger: Ledger) -> None:
    assert ledger.broker_journal.last_reconciliation(ACCOUNT) is None
    ledger.broker_journal.record_reconciliation("s", ACCOUNT, ("POSITION_DRIFT",))
    last = ledger.broker_journal.last_reconciliation(ACCOUNT)
    assert last is not None
    assert (last.clean, last.differences) == (False, ("POSITION_DRIFT",))
    assert ledger.broker_journal.absence("x.1") is None


def test_a_key_answers_as_it_did_first(ledger: Ledger) -> None:
    calls: list[int] = []

    def act() -> dict[str, object]:
        calls.append(1)
        ledger.audit.append("ann", "ORDER", "intent")
        return {"ref": "a.1", "quantity": Decimal("1.50")}

    first = ledger.idempotency.once("k", {"symbol": "AAPL", "quantity": Decimal("1.5")}, act)
    again = ledger.idempotency.once("k", {"quantity": Decimal("1.500"), "symbol": "AAPL"}, act)
    assert first == again == {"ref": "a.1", "quantity": "1.5"}
    assert len(calls) == len(ledger.audit.entries()) == 1
    with pytest.raises(IdempotencyConflict, match="another request"):
        ledger.idempotency.once("k", {"symbol": "MSFT"}, act)
    for key in ("", "x" * 129):
        with pytest.raises(LedgerError, match="1 to 128"):
            ledger.idempotency.once(key, 1, act)


def test_a_key_whose_act_fails_leaves_nothing(ledger: Ledger) -> None:
    def act() -> None:
        ledger.audit.append("ann", "ORDER", "intent")
        raise LedgerError("no")

    with pytest.raises(LedgerError, match="no"):
        ledger.idempotency.once("k", 1, act)
    assert ledger.audit.entries() == []
    assert ledger.idempotency.once("k", 2, lambda: "free") == "free"


@pytest.mark.usefixtures("ledger")
def test_many_requests_at_once_under_one_key_act_once(ledger_url: str, clock: ManualClock) -> None:
    calls: list[int] = []
    answers: list[object] = []

    def ask(number: int) -> None:
        with Ledger.open(ledger_url, clock, busy_seconds=20) as own:
            answers.append(own.idempotency.once("k", "same", lambda: calls.append(number) or number))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert answers == calls * 8


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    def stop_halfway() -> None:
        with ledger.transaction():
            ledger.kill_switches.stop(EVERYTHING, "ann", "test")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        stop_halfway()
    assert ledger.audit.entries() == ledger.kill_switches.present() == []
    assert ledger.where
