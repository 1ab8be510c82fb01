"""What a process remembers of the events: committed ones alone, and soon enough that no message reads all of them."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.ledgers import ACCOUNT, Proposer
from tradewright.ledger import newest_events
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.newest_events import SubjectHistories
from tradewright.model.clock import ManualClock
from tradewright.model.order import AttemptState
from tradewright.model.topic import Topic

TOPICS = tuple(Topic)


def orders(ledger: Ledger, proposer: Proposer, count: int) -> list[str]:
    """Claimed orders; their references."""
    assert ledger.leases.acquire(ACCOUNT, "holder", 60)
    refs = []
    for _ in range(count):
        order = proposer.order()
        claimed = ledger.claims.claim(order.decision_id, order.payload_hash, "holder")
        assert claimed is not None
        refs.append(claimed.ref)
    return refs


def test_a_transaction_far_behind_remembers_what_was_committed(
    ledger_url: str, ledger: Ledger, proposer: Proposer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest_events, "FAR", 5)
    refs = orders(ledger, proposer, 5)
    with Ledger.create(ledger_url, clock) as other:
        histories = SubjectHistories(other._database, TOPICS, [])
        with other._database.write() as connection:
            before = histories.read(connection).last
            assert histories._upto == before, "the next message does not read it anew"
            other.audit.append("ann", "NOTE", refs[0], {})
            assert histories.read(connection).last > before
            assert histories._upto == before, "what may still be taken back is not remembered"


def test_what_was_taken_back_leaves_no_trace(
    ledger_url: str, ledger: Ledger, proposer: Proposer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest_events, "FAR", 0)
    (ref,) = orders(ledger, proposer, 1)
    with Ledger.create(ledger_url, clock) as other:
        with contextlib.suppress(RuntimeError), other.transaction():
            other.claims.release(ref, "tried")
            assert other.attempts.get(ref).state is AttemptState.NOT_SENT
            raise RuntimeError("taken back")
        assert other.attempts.get(ref).state is AttemptState.CLAIMED
        with other.transaction():
            assert other.attempts.get(ref).state is AttemptState.CLAIMED
