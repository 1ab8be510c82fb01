"""Backups of a ledger on SQLite: copied while it is in use, audited before they count, and a number of them kept."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tradewright.database.address import sqlite_url
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock
from tradewright.model.errors import LedgerError
from tradewright.store.files import exclusive, private_folder, sync

PATTERN = "ledger-*.sqlite3"
PG_DUMP = "back it up with pg_dump --format=custom, from the server's own scheduler"


class BackupUnsupported(LedgerError):
    """The ledger is on a server, whose own tool makes its backups."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made and audited.

    Args:
        events: how many events it holds; its chain was walked.
        size: in bytes.
        removed: older backups that were deleted, by name.
        key: the file of the ledger's key, which is no part of the backup; empty where it has none.
    """

    path: Path
    events: int
    size: int
    removed: tuple[str, ...]
    key: str = ""


def backup(ledger: Ledger, folder: Path, keep: int) -> Backup:
    """Copy the ledger into ``folder`` while others use it, audit the copy, and delete all but the newest ``keep``.

    The copy is one state of the ledger, made by SQLite's own online backup. Where anything is wrong with it, it is
    removed and every older backup stays.

    Raises:
        BackupUnsupported: for a ledger on PostgreSQL.
        LedgerTampered: when the ledger was altered.
        LedgerError: when it cannot be copied: no space, no permission, a damaged file.
    """
    source = ledger.file
    if source is None:
        raise BackupUnsupported(
            "the ledger is on PostgreSQL, whose own tool makes its backups", where=ledger.where, remedy=PG_DUMP
        )
    path = folder / f"ledger-{ledger.clock.now():%Y%m%dT%H%M%SZ}.sqlite3"
    draft = folder / f".{path.name}.part"
    try:
        private_folder(folder)
        with exclusive(folder / ".lock"):
            try:
                _copy(source, draft)
                events = audited(draft, ledger.clock)
                sync(draft)
                draft.replace(path)
                sync(folder)
            finally:
                for suffix in ("", "-wal", "-shm"):
                    draft.with_name(draft.name + suffix).unlink(missing_ok=True)
            old = sorted(folder.glob(PATTERN))[:-keep]
            for each in old:
                each.unlink()
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"cannot be backed up: {error}", where=str(folder), remedy="free space, check the folder's owner; try again"
        ) from error
    return Backup(path, events, path.stat().st_size, tuple(each.name for each in old), ledger.events.key_file())


def audited(path: Path, clock: Clock) -> int:
    """Check a backup as a whole and return the number of its events.

    Raises:
        LedgerTampered: when a row was altered.
        LedgerError: when it is no ledger of this program, or SQLite finds it damaged.
    """
    if (problems := _damage(path)) != ["ok"]:
        raise LedgerError(f"is damaged: {'; '.join(problems)}", where=str(path), remedy="restore the backup before it")
    with Ledger.open(sqlite_url(path), clock) as copy:
        return copy.audit.verify_chain(sealed=False)


def _damage(path: Path) -> list[str]:
    """What SQLite itself finds wrong with a file; ``ok`` alone where that is nothing."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            return [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
        except sqlite3.DatabaseError as error:
            return [str(error)]


def _copy(source: Path, target: Path) -> None:
    """One state of a database that others may be writing to, for its owner alone."""
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    address = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)
    target.chmod(0o600)
