"""Leases: which sender may drain the outbox of an account now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, insert, select, update

from tradewright.database.engine import Database
from tradewright.ledger.schema import leases


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds an account's lease, and until when."""

    name: str
    holder: str
    expires_at: datetime


def lease_held(
    account: str | ColumnElement[str], holder: str | ColumnElement[str], now: datetime
) -> ColumnElement[bool]:
    """Whether ``holder`` has the lease of ``account`` at ``now``, as a condition of a statement."""
    return exists(
        select(leases.c.name).where(
            and_(leases.c.name == account, leases.c.holder == holder, leases.c.expires_at > now)
        )
    )


class Leases:
    """One row per account; the second sender gets nothing until the first lets go or falls silent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, account: str, holder: str, seconds: float) -> bool:
        """Take or prolong the lease of an account; False while another holder has it."""
        now = self._database.clock.now()
        until = now + timedelta(seconds=seconds)
        free = (leases.c.holder == holder) | (leases.c.expires_at <= now)
        with self._database.write() as connection:
            if self.get(account) is None:
                connection.execute(insert(leases).values(name=account, holder=holder, expires_at=until))
                return True
            change = update(leases).where(leases.c.name == account, free).values(holder=holder, expires_at=until)
            return connection.execute(change).rowcount == 1

    def keep(self, account: str, holder: str, seconds: float) -> bool:
        """Prolong the lease of an account, also one that ran out; False when another holder has had it since."""
        until = self._database.clock.now() + timedelta(seconds=seconds)
        own = update(leases).where(leases.c.name == account, leases.c.holder == holder)
        with self._database.write() as connection:
            return connection.execute(own.values(expires_at=until)).rowcount == 1

    def release(self, account: str, holder: str) -> None:
        """Let go, so that the next sender need not wait; nothing happens when another one has it."""
        own = (leases.c.name == account, leases.c.holder == holder)
        with self._database.write() as connection:
            connection.execute(update(leases).where(*own).values(expires_at=self._database.clock.now()))

    def get(self, account: str) -> Lease | None:
        """Who holds the lease, also when it has run out; None when nobody ever did."""
        with self._database.read() as connection:
            row = connection.execute(select(leases).where(leases.c.name == account)).mappings().one_or_none()
        return None if row is None else Lease(**row)
