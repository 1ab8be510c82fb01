"""The audit log as long as nobody alters it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewright.ledger.ledger import Ledger


@pytest.fixture
def written(ledger: Ledger) -> Ledger:
    for number in range(5):
        ledger.audit.append("ann", "KILL", "everything", {"n": number})
    return ledger


def test_an_untouched_log_verifies(written: Ledger) -> None:
    assert written.audit.verify_chain() == 5
    entries = written.audit.entries()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous == "0" * 64
    assert [entry.detail for entry in written.audit.entries(after=3)] == [{"n": 3}, {"n": 4}]
    assert written.audit.entries("nothing") == []


def test_an_empty_log_verifies(ledger: Ledger) -> None:
    assert ledger.audit.verify_chain() == 0


def test_what_has_no_canonical_form_is_not_written(written: Ledger, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        written.audit.append("ann", "KILL", "everything", tmp_path)
    assert written.audit.verify_chain() == 5
