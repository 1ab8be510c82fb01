"""The audit log: every decision and every act of a person, chained by hashes, so that any edit shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from tradewright.database.engine import Database
from tradewright.ledger.schema import audit_head, audit_log
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash

GENESIS = "0" * 64
"""What the first entry follows."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log.

    Args:
        seq: 1, 2, 3 ... without gaps.
        actor: the person or the part of the program that acted.
        action: what was done, in capitals (``KILL``, ``APPROVE``).
        subject: what it was done to: an id, a scope, a symbol.
        hash: SHA-256 over all other fields, ``previous`` included.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: object
    previous: str
    hash: str

    def computed_hash(self) -> str:
        """The hash that the entry must have."""
        fields = (self.seq, self.at, self.actor, self.action, self.subject, self.detail, self.previous)
        return content_hash(fields)


class AuditLog:
    """Append and verify."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, actor: str, action: str, subject: str, detail: object = None) -> AuditEntry:
        """Write one entry behind the last one, in the caller's transaction where there is one.

        Raises:
            LedgerError: when it cannot be committed, or ``detail`` has no canonical form.
        """
        with self._database.write() as connection:
            last = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one()
            at = self._database.clock.now()
            entry = AuditEntry(last.seq + 1, at, actor, action, subject, detail, last.hash, "")
            digest = entry.computed_hash()
            row = {name: getattr(entry, name) for name in ("seq", "at", "actor", "action", "subject", "detail")}
            connection.execute(insert(audit_log).values(**row, previous=last.hash, hash=digest))
            connection.execute(update(audit_head).values(seq=entry.seq, hash=digest))
        return AuditEntry(**row, previous=last.hash, hash=digest)

    def entries(self, subject: str | None = None, after: int = 0) -> list[AuditEntry]:
        """The entries behind number ``after``, oldest first; only those about ``subject`` where one is given."""
        query = select(audit_log).where(audit_log.c.seq > after).order_by(audit_log.c.seq)
        if subject is not None:
            query = query.where(audit_log.c.subject == subject)
        with self._database.read() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    def verify_chain(self) -> int:
        """Read the whole log and return the number of its entries.

        Raises:
            LedgerError: at the first entry that was edited, removed, moved or inserted, and when the tail was cut.
        """
        previous, count = GENESIS, 0
        for count, entry in enumerate(self._checked_entries(), start=1):
            if entry.seq != count or entry.previous != previous or entry.hash != entry.computed_hash():
                raise self._broken(f"entry {entry.seq} at place {count} is not what was written")
            previous = entry.hash
        with self._database.read() as connection:
            head = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
        if head is None or (head.seq, head.hash) != (count, previous):
            raise self._broken(f"the log ends after entry {count}, which is not where it was left")
        return count

    def _checked_entries(self) -> Iterator[AuditEntry]:
        try:
            yield from self.entries()
        except ValueError as error:
            raise self._broken(f"an entry cannot be read: {error}") from error

    def _broken(self, what: str) -> LedgerError:
        return LedgerError(
            f"the audit log was altered: {what}",
            where=self._database.where,
            remedy="stop trading, keep the file as evidence, compare with the last backup",
        )
