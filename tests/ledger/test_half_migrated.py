"""Ledgers whose schema is not one of this program: half migrated, or of a newer version. Refused, and left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tradewright.ledger.ledger import Ledger
from tradewright.ledger.migrations import VERSION_TABLE
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError

# what happened to the file -> part of what is wrong
HALF = {
    "a table of the newest version is missing": ("DROP TABLE commands", "half migrated"),
    "a column of the newest version is missing": ("ALTER TABLE switches DROP COLUMN mode", "half migrated"),
    "the tables are new and the version is old": (f"UPDATE {VERSION_TABLE} SET version_num = 'v0001'", "half migrated"),
    "the version is lost": (f"DELETE FROM {VERSION_TABLE}", "half migrated"),
    "a newer program was here": (f"UPDATE {VERSION_TABLE} SET version_num = 'v9999'", "newer version: schema v9999"),
}


@pytest.mark.parametrize("case", HALF)
def test_it_is_refused_by_name_and_stays_as_it_is(tmp_path: Path, clock: ManualClock, case: str) -> None:
    statement, what = HALF[case]
    path = tmp_path / "ledger.db"
    Ledger.create(f"sqlite:///{path}", clock).close()
    with closing(sqlite3.connect(path)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement)
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(LedgerError) as caught:
            Ledger.open(f"sqlite:///{path}", clock)
        error = caught.value
        assert error.code == "LEDGER_ERROR"
        assert what in error.what
        assert str(path) in error.where
        assert "backup" in error.remedy
    assert path.read_bytes() == before
