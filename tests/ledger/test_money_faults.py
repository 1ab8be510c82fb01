"""Laws of money: an order with evidence of the venue is never repeated; prices follow the order of time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.ledgers import ACCOUNT, START, Proposer
from tradewright.ledger.executions import Recorded
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
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
    attempt = ledger.attempts.claim(order.decision_id, order.payload_hash, "h")
    assert attempt is not None
    ledger.attempts.release(attempt.ref, "not sent")
    if evidence == "execution":
        ledger.executions.record(bought("e.01", "100", attempt.ref), attempt.ref)
    if evidence == "permanent id":
        ledger.attempts.learn_perm_id(attempt.ref, 9)
    again = ledger.attempts.claim(order.decision_id, order.payload_hash, "h")
    assert (again is not None) is (evidence == "none")


def test_evidence_of_the_venue_opens_an_unsent_attempt_again(ledger: Ledger, proposer: Proposer) -> None:
    order = proposer.order()
    ledger.leases.acquire(ACCOUNT, "h", 60)
    attempt = ledger.attempts.claim(order.decision_id, order.payload_hash, "h")
    assert attempt is not None
    ledger.attempts.release(attempt.ref, "not sent")
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
