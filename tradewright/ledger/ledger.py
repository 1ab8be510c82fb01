"""The ledger: the one object that holds all its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from tradewright.database.engine import Database, make_private
from tradewright.ledger.attempt_evidence import AttemptEvidence
from tradewright.ledger.attempts import Attempts
from tradewright.ledger.audit_log import AuditLog
from tradewright.ledger.broker_journal import BrokerJournal
from tradewright.ledger.check_results import CheckResults
from tradewright.ledger.circuit_breaker import CircuitBreaker
from tradewright.ledger.claims import Claims
from tradewright.ledger.commands import Commands
from tradewright.ledger.decisions import Decisions
from tradewright.ledger.equity_history import EquityHistory
from tradewright.ledger.events import Events
from tradewright.ledger.executions import Executions
from tradewright.ledger.freezes import Freezes
from tradewright.ledger.idempotency import IdempotencyKeys
from tradewright.ledger.kill_switches import KillSwitches
from tradewright.ledger.leases import Leases
from tradewright.ledger.limits import LimitHistory
from tradewright.ledger.migrations import SCHEMA
from tradewright.ledger.outbox import Outbox
from tradewright.model.clock import Clock
from tradewright.model.errors import LedgerError
from tradewright.model.mode import Mode


class Ledger:
    """Append-only facts and the states computed from them, on SQLite or PostgreSQL.

    Make one with ``create`` or ``open``. It may be used from several threads; every method is one transaction, and
    those called inside ``with ledger.transaction():`` are one together.
    """

    def __init__(self, database: Database, mode: Mode = Mode.SIM) -> None:
        self._database, self.clock = database, database.clock
        self.events = Events(database, mode)
        self.audit = AuditLog(self.events)
        self.decisions = Decisions(database, self.events)
        evidence = AttemptEvidence(database, self.events.facts)
        self.attempts = Attempts(database, self.events, evidence)
        self.claims = Claims(database, self.events, self.attempts, evidence)
        self.outbox = Outbox(database, self.events, self.decisions, evidence)
        self.executions = Executions(database, self.events, evidence)
        self.freezes = Freezes(database, self.events, evidence)
        self.kill_switches = KillSwitches(database, self.events)
        self.leases = Leases(database)
        self.broker_journal = BrokerJournal(database, self.events)
        self.equity = EquityHistory(database, self.events)
        self.checks = CheckResults(database, self.events)
        self.idempotency = IdempotencyKeys(database)
        self.commands = Commands(database, self.events)
        self.limits = LimitHistory(self.events)
        self.breaker = CircuitBreaker(self.events)

    @property
    def mode(self) -> Mode:
        """The mode whose orders, commands, switches and freezes it reads and writes."""
        return self.events.mode

    @classmethod
    def create(cls, url: str, clock: Clock, busy_seconds: float = 5.0, mode: Mode = Mode.SIM) -> Ledger:
        """Open a ledger, making it first where there is none; several processes may do so at once.

        Args:
            url: ``sqlite:///path`` or ``postgresql+psycopg2://user@host/database``.
            clock: where every recorded moment comes from.
            busy_seconds: how long a writer waits for another before it gives up.
            mode: whose commands, switches, freezes, marks and reconciliations it reads and writes: those of one mode
                never touch another (H4).

        Raises:
            LedgerError: naming what is wrong and what to do: a foreign, damaged, newer, locked, full or read-only
                database, a missing folder, or a server that cannot be reached.
        """
        database = Database(url, clock, busy_seconds)
        try:
            if database.sqlite_path is not None:
                make_private(database.sqlite_path)
            upgraded = SCHEMA.apply_to(database)
            made = cls(database, mode)
            if upgraded:
                with suppress(LedgerError):  # it stays unsealed: nothing is sent, and the refusal tells the way back
                    made.events.adopt()
        except BaseException:
            database.close()
            raise
        return made

    @classmethod
    def open(cls, url: str, clock: Clock, busy_seconds: float = 5.0, mode: Mode = Mode.SIM) -> Ledger:
        """Open a ledger that is there; one of an older version is brought up to date.

        Raises:
            LedgerError: as for ``create``, and when there is none.
        """
        path = Database(url, clock, busy_seconds).sqlite_path
        if path is not None and not path.is_file():
            raise LedgerError("there is no ledger", where=str(path), remedy="check storage, or create one")
        return cls.create(url, clock, busy_seconds, mode)

    @property
    def where(self) -> str:
        """Its address without the password."""
        return self._database.where

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on a server."""
        return self._database.sqlite_path

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block is committed together at its end, or not at all. Never ``await`` inside.

        Raises:
            LedgerError: when it cannot be committed.
        """
        with self._database.write():
            yield

    def close(self) -> None:
        """Give back all connections."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
