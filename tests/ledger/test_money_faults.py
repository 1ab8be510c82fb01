"""Laws of money: an order with evidence of the venue is never repeated; prices follow the order of time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.ledgers import ACCOUNT, START, Proposer
from tradewright.ledger.execution import Recorded
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash
from tradewright.model.order import AttemptState, Fill, Side


def bought(exec_id: str, price: str, ref: str = "", quantity: str = "10") -> Fill:
    return Fill(exec_id=exec_id, ref=ref, perm_id=9, instrument="AAPL", side=Side.BUY, quantity=Decimal(quantity),
                price=Decimal(price), time=START, account=ACCOUNT)  # fmt: skip


@pytest.mark.parametrize("evidence", ["execution", "permanent id", "none"])
def test_an_intent_is_tried_again_only_without_any_evidence_of_the_venue(
    ledger: Ledger, proposer: Proposer, evidence: str
) -> None:
    order = proposer.order()
    ledger.leases.acquire(ACCOUNT, "h", 60)
    attempt = ledger.claims.claim(order.decision_id, order.payload_hash, "h")
    assert attempt is not None
    ledger.claims.release(attempt.ref, "not sent")
    if evidence == "execution":
        ledger.executions.record(bought("e.01", "100", attempt.ref), attempt.ref)
    if evidence == "permanent id":
        ledger.attempts.learn_perm_id(attempt.ref, 9)
    again = ledger.claims.claim(order.decision_id, order.payload_hash, "h")
    assert (again is not None) is (evidence == "none")


def test_evidence_of_the_venue_opens_an_unsent_attempt_again(ledger: Ledger, proposer: Proposer) -> None:
    order = proposer.order()
    ledger.leases.acquire(ACCOUNT, "h", 60)
    attempt = ledger.claims.claim(order.decision_id, order.payload_hash, "h")
    assert attempt is not None
    ledger.claims.release(attempt.ref, "not sent")
    assert ledger.attempts.move(attempt.ref, AttemptState.FILLED, "the venue has it").state is AttemptState.FILLED
    assert ledger.events.verify_chain() == ledger.events.last_seq()


def test_the_average_price_follows_adjustments_and_executions_in_the_order_of_time(
    ledger: Ledger, clock: ManualClock
) -> None:
    ledger.executions.record(bought("a.01", "100"), None)
    clock.advance(1)
    ledger.executions.adjust(ACCOUNT, "AAPL", Decimal(-10), Decimal(100), "ann", "moved away")
    clock.advance(1)
    ledger.executions.record(bought("b.01", "200"), None)
    (position,) = ledger.executions.positions(ACCOUNT)
    assert (position.quantity, position.average_price) == (10, 200)


@pytest.mark.parametrize(
    ("fill", "result"),
    [
        (bought("a.01", "100"), Recorded.SEEN),
        (bought("a.01", "100", "late"), Recorded.SEEN),
        (bought("a.01", "101"), Recorded.DIFFERS),
        (bought("a.01", "100", quantity="11"), Recorded.DIFFERS),
    ],
)
def test_a_second_report_of_an_execution_is_seen_or_differs_and_changes_nothing(
    ledger: Ledger, fill: Fill, result: Recorded
) -> None:
    ledger.executions.record(bought("a.01", "100"), None)
    before = ledger.events.last_seq()
    assert ledger.executions.record(fill, None) is result
    assert ledger.events.last_seq() == before
    assert [row.price for row in ledger.executions.all()] == [100]


def test_the_newest_fee_counts_and_an_equal_report_is_no_new_fact(ledger: Ledger) -> None:
    ledger.executions.record(bought("a.01", "100"), None)
    assert [(row.fee, row.fee_currency) for row in ledger.executions.all()] == [(None, "")]
    assert ledger.executions.record_fee("a.01", Decimal("1.00"), "USD")
    assert ledger.executions.record_fee("a.01", Decimal("1.25"))
    before = ledger.events.last_seq()
    assert not ledger.executions.record_fee("a.01", Decimal("1.250"), "USD")
    assert ledger.events.last_seq() == before
    assert [(row.fee, row.fee_currency) for row in ledger.executions.all()] == [(Decimal("1.25"), "USD")]
    assert ledger.events.verify_chain() == before


def test_known_executions_are_told_from_new_ones_in_bulk(ledger: Ledger) -> None:
    ledger.executions.record(bought("a.01", "100"), None)
    ledger.executions.record(bought("b.01", "100"), None)
    asked = {"a.01", "b.01"} | {f"new.{number}" for number in range(1200)}
    assert ledger.executions.known(asked) == {"a.01", "b.01"}
    assert ledger.executions.known([]) == set()


def test_an_answer_is_bound_to_the_decision_that_was_shown(ledger: Ledger, proposer: Proposer) -> None:
    decision = proposer.decide(proposer.intent(), Verdict.REVIEW)
    with pytest.raises(LedgerError, match="is not the one on record"):
        ledger.decisions.record_approval(decision.decision_id, True, "ann", "yes", "f" * 64)
    assert ledger.decisions.approvals(decision.decision_id) == []
    shown = content_hash(decision)
    given = ledger.decisions.record_approval(decision.decision_id, True, "ann", "yes", shown)
    assert ledger.decisions.approvals(decision.decision_id) == [given]
    assert given.decision_hash == shown
