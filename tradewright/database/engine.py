"""The ledger's database: one writer at a time, durable commits, errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.pool import NullPool, Pool

from tradewright.model.clock import Clock
from tradewright.model.errors import LedgerError

DatabaseFailure = SQLAlchemyError
"""Every error of the database library, for callers of programs that keep a database of their own."""

WRITER_LOCK = 0x7472_6164_6577
"""The advisory lock that makes PostgreSQL, like SQLite, take one writer at a time."""

_REMEDIES = (
    ("database is locked", "another process holds the write lock", "find and end the process that holds it; try again"),
    ("lock timeout", "another process holds the write lock", "find and end the session that holds it; try again"),
    ("disk is full", "the disk is full, so nothing could be committed", "free space on the disk of the ledger"),
    ("No space left", "the disk is full, so nothing could be committed", "free space on the disk of the ledger"),
    ("disk I/O error", "the file cannot grow or be written", "free space, raise the file-size limit, check the disk"),
    ("readonly database", "the file is read-only", "make the file and its folder writable"),
    ("read-only transaction", "the database is read-only", "connect to the primary server"),
    ("unable to open", "the file cannot be opened", "check the path, and that its folder exists and is writable"),
    ("not a database", "the file is not a database", "point storage at a ledger, or at a new file"),
    ("malformed", "the file is damaged", "restore the last backup, then reconcile with the broker"),
    ("Could not decode", "a stored text is no UTF-8", "keep the file as evidence, and restore the last backup"),
    ("append-only", "facts are never changed or deleted", "append a correcting fact instead"),
    ("could not connect", "the server cannot be reached", "start the server; check host and port"),
    ("connection to server", "the server cannot be reached", "start the server; check host, port, user and password"),
)


class Database:
    """An engine with the settings that money needs.

    SQLite: WAL, ``synchronous=FULL``, foreign keys, ``BEGIN IMMEDIATE`` for writers and a busy time-out.
    PostgreSQL: an advisory lock per writing transaction with the same time-out, so that both engines take one writer
    at a time and check-then-write inside a transaction is sound on both.

    Args:
        url: ``sqlite:///path`` or ``postgresql+psycopg2://user@host/database``.
        busy_seconds: how long a writer waits for another one.

    Raises:
        LedgerError: for a URL of any other kind.
    """

    def __init__(self, url: str, clock: Clock, busy_seconds: float) -> None:
        self.url, self.clock, self._busy = _checked(url), clock, busy_seconds
        self._engine = _engine(self.url, busy_seconds)
        self._fresh = _engine(self.url, busy_seconds, NullPool)
        self._ambient: ContextVar[Connection | None] = ContextVar("ambient", default=None)
        self._afterwards: ContextVar[dict[str, Callable[[], None]] | None] = ContextVar("afterwards", default=None)

    @property
    def where(self) -> str:
        """The address without its password, for messages."""
        return _shown(self.url)

    @property
    def place(self) -> str:
        """The database under its one name: a file by its real path, else server, port and name, whoever asks."""
        if (file := self.sqlite_path) is not None:
            return f"sqlite:///{os.path.realpath(file)}"
        told = {"host": self.url.host, "port": self.url.port, "dbname": self.url.database} | dict(self.url.query)
        told["host"] = str(told["host"] or os.environ.get("PGHOST", "")).lower()
        environment = {"host": "", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "service": "PGSERVICE", "dbname": ""}
        parts = (f"{name}={told.get(name) or os.environ.get(named, '')}" for name, named in environment.items())
        return f"postgresql {' '.join(parts)}"

    @property
    def sqlite_path(self) -> Path | None:
        """The file, or None on a server."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    @property
    def is_writing(self) -> bool:
        """Whether the caller is inside a writing transaction, whose rows may still be taken back."""
        ambient = self._ambient.get()
        return ambient is not None and not ambient.closed

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A writing transaction, durable when the block ends; inside another one it joins it.

        Never ``await`` inside: the write lock is held.

        Raises:
            LedgerError: when it could not be committed. Then nothing of it is there, save when the connection broke
                during the commit itself; the caller must read back before it relies on either.
        """
        ambient = self._ambient.get()
        if ambient is not None and not ambient.closed:
            yield ambient
            return
        afterwards: dict[str, Callable[[], None]] = {}
        with self._errors(), self._engine.connect() as connection, self._begun(connection, writing=True):
            token, other = self._ambient.set(connection), self._afterwards.set(afterwards)
            try:
                yield connection
            finally:
                self._ambient.reset(token)
                self._afterwards.reset(other)
        for act in afterwards.values():
            act()

    def after_commit(self, name: str, act: Callable[[], None]) -> None:
        """Do something once the writing transaction of the caller is committed; of acts of one name the last alone.

        It must raise nothing. Nothing is done when the transaction is taken back.
        """
        if (waiting := self._afterwards.get()) is not None:
            waiting[name] = act

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A reading transaction; inside a writing one it sees what was written so far.

        Raises:
            LedgerError: when the database cannot be read.
        """
        ambient = self._ambient.get()
        if ambient is not None and not ambient.closed:
            yield ambient
            return
        with self._errors(), self._engine.connect() as connection, self._begun(connection, writing=False):
            yield connection

    @contextmanager
    def read_fresh(self) -> Iterator[Connection]:
        """A reading transaction on a connection that nobody used before: what is really committed (S4)."""
        with self._errors(), self._fresh.connect() as connection, self._begun(connection, writing=False):
            yield connection

    def use_wal(self) -> bool:
        """Switch an SQLite file to WAL, once for its life; False while another process is at it.

        SQLite refuses the switch inside a transaction, and its busy time-out does not cover it.
        """
        with self._errors(), self._fresh.connect() as connection:
            try:
                mode = connection.connection.cursor().execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    return False
                raise LedgerError(f"cannot be switched to WAL: {error}", where=self.where) from error
        return bool(mode == ("wal",))

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()
        self._fresh.dispose()

    def _begun(self, connection: Connection, writing: bool) -> AbstractContextManager[Any]:
        connection.info["writing"] = writing
        transaction = connection.begin()
        if not writing and connection.dialect.name == "postgresql":
            # All queries of a reading are of one moment, as on SQLite: a row is compared with an event read apart.
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        if writing and connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL synchronous_commit = on"))
            connection.execute(text(f"SET LOCAL lock_timeout = {int(self._busy * 1000)}"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"))
        return transaction

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise explained(error, self.where) from error
        except StatementError as error:
            raise LedgerError(f"a value cannot be stored: {error.orig}", where=self.where) from error


@lru_cache(maxsize=16)
def _engine(url: URL, busy_seconds: float, pool: type[Pool] | None = None) -> Engine:
    """One engine for each address and process: it compiles a statement once, however often a database is opened."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": busy_seconds}, poolclass=pool)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": max(2, int(busy_seconds))}, poolclass=pool
        )
    except ImportError as error:
        remedy = "pip install tradewright[postgres]"
        raise LedgerError("the driver of PostgreSQL is not installed", where=_shown(url), remedy=remedy) from error


def make_private(path: Path) -> None:
    """Make the file of a database for its owner alone, or take from others what an older version gave them.

    SQLite gives the files beside it the same permissions. A file of another owner stays as it is.

    Raises:
        LedgerError: when something other than a file is there.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with suppress(OSError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise LedgerError("is no plain file", where=str(path), remedy="point storage at a ledger, or at a new file")
        if stat.S_IMODE(mode) != 0o600:
            for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                if name.exists():
                    name.chmod(stat.S_IMODE(name.stat().st_mode) & 0o600)


def explained(error: DBAPIError, where: str) -> LedgerError:
    """A database error in words a person can act on."""
    message = str(error.orig).strip()
    for sign, what, remedy in _REMEDIES:
        if sign in message:
            return LedgerError(f"{what} ({message.splitlines()[0]})", where=where, remedy=remedy)
    return LedgerError(message, where=where, remedy="nothing was committed; see the message of the database")


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerError(
            "this is no database URL",
            where="storage",
            remedy="use sqlite:///path or postgresql+psycopg2://user@host/name",
        ) from None
    file = parsed.database not in (None, "", ":memory:")
    if parsed.drivername == "postgresql":  # without a driver another one may be meant by the library
        parsed = parsed.set(drivername="postgresql+psycopg2")
    if file and parsed.drivername in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg2"):
        return parsed
    raise LedgerError(
        f"the ledger needs a file or a PostgreSQL server, not {_shown(parsed)!r}",
        where="storage",
        remedy="use sqlite:///path or postgresql+psycopg2://user@host/name",
    )


def _shown(url: URL) -> str:
    """An address without its password, also where that stands among the options, which are left out."""
    return url.set(query={}).render_as_string(hide_password=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA recursive_triggers=ON")  # so that REPLACE, too, meets the triggers that keep facts
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.info.get("writing") else "BEGIN")
