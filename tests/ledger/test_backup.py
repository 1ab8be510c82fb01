"""Backups: a copy of one moment, audited before it counts, and a way back that works."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.ledgers import START, Proposer, new_url
from tradewright.ledger.backup import PATTERN, BackupUnsupported, audited, backup
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    """SQLite only: PostgreSQL has its own tool."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_a_backup_is_an_audited_copy_and_only_the_newest_are_kept(
    ledger: Ledger, proposer: Proposer, clock: ManualClock, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    assert ledger.file is not None
    ledger.file.chmod(0o600)
    made = []
    for _ in range(4):
        proposer.decide(proposer.intent())
        made.append(backup(ledger, folder, keep=2))
        clock.advance(60)
    assert [row.events for row in made] == [2, 4, 6, 8]
    assert names(folder) == [made[2].path.name, made[3].path.name]
    assert [row.removed for row in made] == [(), (), (made[0].path.name,), (made[1].path.name,)]
    assert made[3].size == made[3].path.stat().st_size
    assert stat.S_IMODE(made[3].path.stat().st_mode) == 0o600
    assert audited(made[3].path, clock) == 8


def test_a_restored_backup_is_the_ledger_of_its_moment(
    ledger: Ledger, proposer: Proposer, clock: ManualClock, ledger_url: str, tmp_path: Path
) -> None:
    """As docs/safety.md tells it: nothing runs, the file and its companions go, the copy takes its place."""
    kept = proposer.decide(proposer.intent())
    saved = backup(ledger, tmp_path / "backups", keep=1)
    lost = proposer.decide(proposer.intent())
    ledger.close()
    path = tmp_path / "ledger.sqlite3"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(saved.path, path)
    with Ledger.open(ledger_url, clock) as restored:
        assert restored.audit.verify_chain(sealed=False) == saved.events
        with pytest.raises(LedgerTampered, match="anchored outside"):
            restored.audit.verify_chain()
        restored.events.rekey("ann", "restored", accept=True)
        assert restored.decisions.find_decision(kept.decision_id) == kept
        assert restored.decisions.find_decision(lost.decision_id) is None
        proposer_again = Proposer(restored, clock)
        proposer_again.decide(proposer_again.intent())
        assert restored.audit.verify_chain() == saved.events + 3


def test_a_ledger_in_use_is_copied_as_it_was_at_one_moment(ledger: Ledger, tmp_path: Path) -> None:
    """Another thread goes on writing; every copy is whole."""
    done, failures = threading.Event(), []

    def write() -> None:
        try:
            while not done.is_set():
                ledger.checks.record("bars.BTC", True)
        except LedgerError as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        events = [backup(ledger, tmp_path / "backups", keep=5).events for _ in range(3)]
    finally:
        done.set()
        writer.join()
    assert failures == []
    assert events == sorted(events)
    assert ledger.audit.verify_chain() >= events[-1]


def test_an_altered_ledger_is_not_backed_up_and_the_old_backups_stay(
    ledger: Ledger, proposer: Proposer, clock: ManualClock, tmp_path: Path
) -> None:
    proposer.decide(proposer.intent())
    good = backup(ledger, tmp_path / "backups", keep=1)
    clock.advance(1)
    alter(tmp_path / "ledger.sqlite3", "UPDATE decisions SET verdict = 'APPROVE', payload = '{}'")
    with pytest.raises(LedgerTampered, match="the ledger was altered"):
        backup(ledger, tmp_path / "backups", keep=1)
    assert names(tmp_path / "backups") == [good.path.name]


def test_a_damaged_backup_is_told(ledger: Ledger, proposer: Proposer, clock: ManualClock, tmp_path: Path) -> None:
    for _ in range(20):
        proposer.decide(proposer.intent())
    path = backup(ledger, tmp_path / "backups", keep=1).path
    content = bytearray(path.read_bytes())
    content[8192:200_000] = b"\x5a" * (200_000 - 8192)
    path.write_bytes(content)
    with pytest.raises(LedgerError):
        audited(path, clock)


def test_a_folder_that_cannot_be_made_is_told_and_nothing_is_left(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("a file")
    with pytest.raises(LedgerError, match="cannot be backed up") as refusal:
        backup(ledger, tmp_path / "backups", keep=1)
    assert "free space" in refusal.value.remedy
    assert list(tmp_path.glob(PATTERN)) == []


@pytest.mark.postgres
def test_a_ledger_on_postgresql_is_left_to_its_own_tool(tmp_path: Path) -> None:
    if reason := postgres.server().reason:
        pytest.skip(reason)
    remote = Ledger.create(new_url("postgres", tmp_path), ManualClock(START))
    with remote, pytest.raises(BackupUnsupported) as refusal:
        backup(remote, tmp_path / "backups", keep=1)
    assert "pg_dump" in refusal.value.remedy
    assert not (tmp_path / "backups").exists()


def alter(path: Path, statement: str) -> None:
    """As somebody who has the file would; no trigger is in the way."""
    with closing(sqlite3.connect(path, isolation_level=None)) as forger:
        names = [row[0] for row in forger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in names:
            forger.execute(f"DROP TRIGGER {name}")
        forger.execute(statement)


def test_all_altered_rows_are_named_up_to_a_number(ledger: Ledger, proposer: Proposer, tmp_path: Path) -> None:
    made = [proposer.decide(proposer.intent()) for _ in range(4)]
    assert ledger.audit.alterations() == (8, [])
    ids = sorted(row.decision_id for row in made[:3])
    alter(
        tmp_path / "ledger.sqlite3",
        f"UPDATE decisions SET verdict = 'REVIEW' WHERE decision_id IN ({', '.join(repr(each) for each in ids)})",
    )
    events, altered = ledger.audit.alterations()
    assert events == 8
    assert sorted(row.where for row in altered) == [f"table decisions, decision_id {each}" for each in ids]
    assert all("verdict" in row.what for row in altered)
    assert len(ledger.audit.alterations(2)[1]) == 2
    with pytest.raises(LedgerTampered):
        ledger.audit.verify_chain()
    alter(tmp_path / "ledger.sqlite3", "DELETE FROM events WHERE seq = 1")
    assert "table events" in ledger.audit.alterations(1)[1][0].where
