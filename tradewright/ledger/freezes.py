"""Freezes: instruments in which nothing may be sent until a person, or new evidence, lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select

from tradewright.database.engine import Database
from tradewright.ledger.attempt_evidence import AttemptEvidence
from tradewright.ledger.events import Events
from tradewright.ledger.facts import Scope
from tradewright.ledger.schema import attempts, events, freezes
from tradewright.model.errors import LedgerError
from tradewright.model.order import AttemptState
from tradewright.model.topic import Topic


class FreezeCode(StrEnum):
    """Why an instrument is frozen; each is an alarm."""

    EXTERNAL_ORDER = "EXTERNAL_ORDER"
    EXTERNAL_FILL = "EXTERNAL_FILL"
    POSITION_DRIFT = "POSITION_DRIFT"
    TWO_PERM_IDS = "TWO_PERM_IDS"
    OVERFILL = "OVERFILL"
    FILL_AFTER_END = "FILL_AFTER_END"
    LIVE_AFTER_END = "LIVE_AFTER_END"
    CORRECTION = "CORRECTION"
    FILL_DIFFERS = "FILL_DIFFERS"
    MISSING_AT_VENUE = "MISSING_AT_VENUE"
    FILLS_MISSING = "FILLS_MISSING"
    TERMS_DIFFER = "TERMS_DIFFER"
    OPEN_OVERNIGHT = "OPEN_OVERNIGHT"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    """Not stored: follows from an attempt in UNKNOWN and ends with it."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """One reason why an instrument of an account is frozen now."""

    account: str
    instrument: str
    code: FreezeCode
    ref: str
    text: str
    at: datetime


class Freezes:
    """Freezes and their lifting; the present ones are computed from both."""

    def __init__(self, database: Database, events: Events, evidence: AttemptEvidence) -> None:
        self._database, self._events, self._evidence = database, events, evidence

    def freeze(self, account: str, instrument: str, code: FreezeCode, text: str, ref: str = "") -> bool:
        """Freeze an instrument; False when it is frozen for that already."""
        with self._database.write():
            if any((f.code, f.ref) == (code, ref) for f in self._stored(account) if f.instrument == instrument):
                return False
            self._write(account, instrument, code, ref, True, "program", text)
        return True

    def freeze_once(self, account: str, instrument: str, code: FreezeCode, text: str, ref: str = "") -> bool:
        """As :meth:`freeze`, but False also when it was frozen for exactly this text before, and lifted since.

        For what a venue goes on telling until its midnight: a person who has looked at it need not look again.
        """
        scope = self._all_of(account)
        same = (freezes.c.instrument == instrument, freezes.c.code == code.value, freezes.c.ref == ref)
        with self._database.write() as connection:
            self._events.facts.check(connection, scope)
            query = select(freezes.c.id).where(*scope.rows, *same, freezes.c.frozen.is_(True), freezes.c.text == text)
            if connection.execute(query.limit(1)).first() is not None:
                return False
            return self.freeze(account, instrument, code, text, ref)

    def lift(
        self,
        account: str,
        instrument: str,
        actor: str,
        reason: str,
        code: FreezeCode | None = None,
        ref: str | None = None,
    ) -> int:
        """Lift what freezes an instrument, or only one code or reference of it, and return how many reasons that were.

        An attempt in UNKNOWN goes on freezing it: only its resolution lifts that.

        Raises:
            LedgerError: without an actor or a reason.
        """
        if not actor.strip() or not reason.strip():
            raise LedgerError("lifting a freeze needs an actor and a reason", where=instrument)
        with self._database.write():
            of_instrument = [freeze for freeze in self._stored(account) if freeze.instrument == instrument]
            present = [freeze for freeze in of_instrument if code in (None, freeze.code) and ref in (None, freeze.ref)]
            for freeze in present:
                self._write(account, instrument, freeze.code, freeze.ref, False, actor, reason)
        return len(present)

    def present(self, account: str) -> list[Freeze]:
        """Everything that freezes an instrument of the account now, orders in doubt included, oldest first."""
        query = select(attempts).where(attempts.c.account == account, attempts.c.state == AttemptState.UNKNOWN.value)
        with self._database.read() as connection:
            self._evidence.check_live(connection, account)
            refs = connection.execute(query.with_only_columns(attempts.c.ref)).scalars().all()
            self._evidence.check(connection, refs)
            rows = connection.execute(query).all()
        doubts = [
            Freeze(
                account, row.instrument, FreezeCode.ORDER_UNKNOWN, row.ref, "sent, and not yet found", row.sending_at
            )
            for row in rows
        ]
        return sorted(self._stored(account) + doubts, key=lambda freeze: freeze.at)

    def of(self, account: str, instrument: str) -> list[Freeze]:
        """What freezes one instrument now; empty when orders may go out."""
        return [freeze for freeze in self.present(account) if freeze.instrument == instrument]

    def _stored(self, account: str) -> list[Freeze]:
        keys = (freezes.c.instrument, freezes.c.code, freezes.c.ref)
        scope = self._all_of(account)
        newest = select(func.max(freezes.c.id)).where(*scope.rows).group_by(*keys)
        query = select(freezes).where(freezes.c.id.in_(newest), freezes.c.frozen.is_(True)).order_by(freezes.c.id)
        with self._events.facts.read(scope) as connection:
            rows = connection.execute(query).all()
        return [Freeze(account, r.instrument, FreezeCode(r.code), r.ref, r.text, r.at) for r in rows]

    def _all_of(self, account: str) -> Scope:
        mode = self._events.mode.value
        own = (freezes.c.account == account, freezes.c.mode == mode)
        return Scope(freezes, own, (events.c.account == account, events.c.mode == mode))

    def _write(
        self, account: str, instrument: str, code: FreezeCode, ref: str, frozen: bool, actor: str, text: str
    ) -> None:
        row: dict[str, object] = {
            "account": account,
            "instrument": instrument,
            "code": code.value,
            "ref": ref,
            "frozen": frozen,
        }
        row |= {"actor": actor, "text": text, "at": self._database.clock.now(), "mode": self._events.mode.value}
        topic = Topic.INSTRUMENT_FROZEN if frozen else Topic.FREEZE_LIFTED
        self._events.record(freezes, row, topic, instrument, actor=actor, account=account)
