"""The ledgers of these tests have the schema that the migrations make (``tests/support/schema_copy.py``)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import schema_copy
from tradewright.database.migrations import Migrations
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock


def content(path: Path) -> list[str]:
    """A new ledger, as the statements that give it."""
    Ledger.create(f"sqlite:///{path}", SystemClock()).close()
    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        return list(opened.iterdump())


def test_a_copied_schema_is_the_migrated_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Migrations._upgrade is schema_copy.copied
    content(tmp_path / "first.db")
    with monkeypatch.context() as patch:
        patch.setattr(schema_copy, "_migrate", None)
        copied = content(tmp_path / "copied.db")
    monkeypatch.setattr(Migrations, "_upgrade", schema_copy._migrate)
    migrated = content(tmp_path / "migrated.db")
    assert copied == migrated
    assert sum(text.startswith("CREATE TABLE") for text in copied) > 20
