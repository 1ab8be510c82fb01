"""A ledger with a row in every table."""

from __future__ import annotations

from decimal import Decimal

from tests.support.ledgers import ACCOUNT, START, Proposer
from tradewright.ledger.broker_journal import Absence
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerEvent, BrokerEventKind, VenueOrder, VenueStatus
from tradewright.model.clock import Clock
from tradewright.model.order import Fill, OrderType, Side

EXTERNAL = VenueOrder(ref="", perm_id=1, order_id=0, client_id=0, account=ACCOUNT, instrument="AAPL", side=Side.BUY,
                      order_type=OrderType.MARKET, quantity=Decimal(1), filled=Decimal(0),
                      status=VenueStatus.WORKING)  # fmt: skip


def fill(ledger: Ledger, clock: Clock) -> Ledger:
    """Write at least one row into every table."""
    order = Proposer(ledger, clock).order()
    ledger.leases.acquire(ACCOUNT, "h", 60)
    attempt = ledger.claims.claim(order.decision_id, order.payload_hash, "h")
    assert attempt is not None
    ledger.attempts.learn_perm_id(attempt.ref, 9)
    ledger.decisions.record_approval(order.decision_id, False, "ann", "test")
    fill = Fill(exec_id="e.01", ref=attempt.ref, perm_id=9, instrument="AAPL", side=Side.BUY, quantity=Decimal(1),
                price=Decimal(100), time=START, account=ACCOUNT)  # fmt: skip
    ledger.executions.record(fill, attempt.ref)
    ledger.executions.record_fee("e.01", Decimal(1))
    ledger.executions.rule("e.01", True, "test")
    ledger.executions.adjust(ACCOUNT, "AAPL", Decimal(1), Decimal(100), "ann", "test")
    ledger.broker_journal.record_session("s", "file", ACCOUNT, "h")
    ledger.broker_journal.record_event("s", BrokerEvent(kind=BrokerEventKind.LINK, at=START))
    ledger.broker_journal.record_reconciliation("s", ACCOUNT, ())
    ledger.broker_journal.record_absence(Absence(attempt.ref, "s", START, START))
    ledger.broker_journal.adopt_external("perm:1", EXTERNAL)
    ledger.kill_switches.stop("everything", "ann", "test")
    ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "test")
    ledger.equity.mark(ACCOUNT, Decimal("10.50"), Decimal(1))
    ledger.checks.record("bars", True)
    ledger.idempotency.once("k", 1, lambda: 1)
    return ledger
