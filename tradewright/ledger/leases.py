"""Leases: the one sender that may work on an account now."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import ColumnElement, and_, exists, insert, select, update

from tradewright.database.engine import Database
from tradewright.ledger.schema import events, leases
from tradewright.model.clock import Clock
from tradewright.model.errors import LedgerError

RELEASED = "released"
"""In the place of its process's start: the holder let go."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The holder of an account, and until when it holds without a further sign of life.

    Args:
        host, pid, started: the holder's process; a process id alone is used again by the system.
    """

    name: str
    holder: str
    host: str
    pid: int
    started: str
    expires_at: datetime

    @property
    def is_abandoned(self) -> bool:
        """Whether the holder let go, or its process is known to have ended; False for a process of another host."""
        if self.started == RELEASED:
            return True
        return self.host == _host() and self.pid > 0 and process_start(self.pid) != self.started

    def is_at_work(self, moment: datetime) -> bool:
        """Whether the holder holds the account: its process lives here, or it is elsewhere and the lease has not ended.

        Args:
            moment: the newest one of the ledger. The clock of whoever asks may be another than the holder's, as that
                of a scenario is.
        """
        lives_here = self.host == _host() and self.pid > 0
        return not self.is_abandoned and (lives_here or self.expires_at > moment)


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
    """One row per account; the second sender gets nothing until the first lets go, ends, or falls silent.

    A clock that jumps locks nobody out for longer than a lease lives: an end that is further away than that was
    written by a clock that has been set back since, and is brought near. A clock that jumps forward may give a lease
    away too early; then the conditions on the claim and on the write-ahead stop the first holder.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, account: str, holder: str, seconds: float) -> bool:
        """Take or prolong the lease of an account; False while another living holder has it."""
        now = self._database.clock.now()
        until = now + timedelta(seconds=seconds)
        with self._database.write() as connection:
            present = self.get(account)
            values = {"holder": holder, "expires_at": until, **_this_process()}
            if present is None:
                connection.execute(insert(leases).values(name=account, **values))
                return True
            if present.holder == holder or present.expires_at <= now or present.is_abandoned:
                connection.execute(update(leases).where(leases.c.name == account).values(**values))
                return True
            if present.expires_at > until:
                connection.execute(update(leases).where(leases.c.name == account).values(expires_at=until))
        return False

    def keep(self, account: str, holder: str, seconds: float) -> bool:
        """Prolong the lease of an account, also one that ran out; False when another holder has had it since."""
        until = self._database.clock.now() + timedelta(seconds=seconds)
        own = update(leases).where(leases.c.name == account, leases.c.holder == holder)
        with self._database.write() as connection:
            return connection.execute(own.values(expires_at=until, **_this_process())).rowcount == 1

    def release(self, account: str, holder: str) -> None:
        """Let go, so that the next sender need not wait; nothing happens when another one has it."""
        own = (leases.c.name == account, leases.c.holder == holder)
        with self._database.write() as connection:
            gone = {"expires_at": self._database.clock.now(), "started": RELEASED}
            connection.execute(update(leases).where(*own).values(**gone))

    def get(self, account: str) -> Lease | None:
        """The lease of an account, also one that has run out; None when there never was one."""
        with self._database.read() as connection:
            row = connection.execute(select(leases).where(leases.c.name == account)).mappings().one_or_none()
        return None if row is None else Lease(**row)

    def at_work(self) -> list[Lease]:
        """The leases of senders that hold their accounts, by account, whatever clock this ledger was opened with."""
        with self._database.read() as connection:
            rows = connection.execute(select(leases).order_by(leases.c.name)).mappings().all()
            newest = select(events.c.at).order_by(events.c.seq.desc()).limit(1)
            moment = connection.execute(newest).scalar() or self._database.clock.now()
        return [lease for lease in (Lease(**row) for row in rows) if lease.is_at_work(moment)]


def senders_at_work(url: str, clock: Clock, busy_seconds: float = 1.0) -> list[Lease]:
    """The senders at work in another ledger, which is neither made nor upgraded; empty where it cannot be read."""
    database = Database(url, clock, busy_seconds)
    try:
        path = database.sqlite_path
        return [] if path is not None and not path.is_file() else Leases(database).at_work()
    except LedgerError:
        return []  # a warning must not stop an act: a ledger that cannot be read tells nothing
    finally:
        database.close()


def process_start(pid: int) -> str:
    """When a process of this host started, in the system's own words; empty when there is none.

    Where the system does not tell it (no ``/proc``), every living process gives ``alive``.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() or not _is_alive(pid) else "alive"
    return "" if fields[0] in ("Z", "X") else fields[19]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _host() -> str:
    return socket.gethostname()


def _this_process() -> dict[str, object]:
    return {"host": _host(), "pid": os.getpid(), "started": process_start(os.getpid())}
