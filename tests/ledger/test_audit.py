"""The audit log: whatever is edited, moved, cut or added without the chain is found."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url

from tradewright.ledger.ledger import Ledger
from tradewright.model.errors import LedgerError

EDITS = {
    "actor": "UPDATE audit_log SET actor = 'bob' WHERE seq = 3",
    "action": "UPDATE audit_log SET action = 'APPROVE' WHERE seq = 3",
    "subject": "UPDATE audit_log SET subject = 'other' WHERE seq = 3",
    "detail": "UPDATE audit_log SET detail = '{\"n\":99}' WHERE seq = 3",
    "unreadable detail": "UPDATE audit_log SET detail = '{' WHERE seq = 3",
    "time": "UPDATE audit_log SET at = '2026-11-20T15:00:01.000000+00:00' WHERE seq = 3",
    "hash": "UPDATE audit_log SET hash = previous WHERE seq = 3",
    "previous": "UPDATE audit_log SET previous = hash WHERE seq = 3",
    "number": "UPDATE audit_log SET seq = 30 WHERE seq = 3",
    "first": "DELETE FROM audit_log WHERE seq = 1",
    "middle": "DELETE FROM audit_log WHERE seq = 3",
    "tail": "DELETE FROM audit_log WHERE seq = 5",
    "everything": "DELETE FROM audit_log",
    "head": "UPDATE audit_head SET seq = 4",
    "head hash": "UPDATE audit_head SET hash = 'x'",
    "no head": "DELETE FROM audit_head",
    "added": "INSERT INTO audit_log SELECT 6, at, actor, action, subject, detail, previous, hash FROM audit_log "
    "WHERE seq = 5",
}


@pytest.fixture
def written(ledger: Ledger) -> Ledger:
    for number in range(5):
        ledger.audit.append("ann", "KILL", "everything", {"n": number})
    return ledger


def forge(ledger: Ledger, statement: str) -> None:
    """Edit as somebody who has the file or the server: the triggers are no obstacle to him."""
    url = make_url(ledger._database.url)
    if url.get_backend_name() == "sqlite":
        db = sqlite3.connect(str(url.database))
        for verb in ("update", "delete"):
            db.execute(f"DROP TRIGGER append_only_audit_log_{verb}")
    else:
        db = psycopg2.connect(host=url.host, port=url.port, user=url.username, dbname=url.database)
        db.cursor().execute("ALTER TABLE audit_log DISABLE TRIGGER ALL")
    db.cursor().execute(statement)
    db.commit()
    db.close()


def test_an_untouched_log_verifies(written: Ledger) -> None:
    assert written.audit.verify_chain() == 5
    entries = written.audit.entries()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous == "0" * 64
    assert [entry.detail for entry in written.audit.entries(after=3)] == [{"n": 3}, {"n": 4}]
    assert written.audit.entries("nothing") == []


def test_an_empty_log_verifies(ledger: Ledger) -> None:
    assert ledger.audit.verify_chain() == 0


@pytest.mark.parametrize("edit", list(EDITS))
def test_every_edit_is_found(written: Ledger, edit: str) -> None:
    forge(written, EDITS[edit])
    with pytest.raises(LedgerError, match="altered"):
        written.audit.verify_chain()


def test_what_has_no_canonical_form_is_not_written(written: Ledger, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        written.audit.append("ann", "KILL", "everything", tmp_path)
    assert written.audit.verify_chain() == 5
