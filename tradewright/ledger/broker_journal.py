"""What was seen at the venue: sessions, raw events, reconciliations, orders of others, and absences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from tradewright.database.engine import Database
from tradewright.ledger.events import Events
from tradewright.ledger.facts import Scope, newest_told, of_subject
from tradewright.ledger.schema import absences, events, external_orders, raw_events, reconciliations, sessions
from tradewright.model.broker import BrokerEvent, VenueOrder
from tradewright.model.topic import Topic


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison with the venue: clean when nothing differed; ``differences`` are texts."""

    session: str
    account: str
    clean: bool
    differences: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Absence:
    """Two complete snapshots of one session that did not know an order in doubt (R5)."""

    ref: str
    session: str
    first_at: datetime
    second_at: datetime


class BrokerJournal:
    """Everything that was received from brokers."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events

    def record_session(self, session: str, venue: str, account: str, holder: str) -> None:
        """Note that a connection was made."""
        row = {"session": session, "venue": venue, "account": account, "holder": holder}
        row_at = row | {"at": self._database.clock.now()}
        self._events.record(sessions, row_at, Topic.SESSION_OPENED, session, account=account)

    def last_account(self, venue: str) -> str:
        """The account of the newest connection to a kind of venue in this mode; empty before the first.

        The row of it is compared with its event, and the newest connection of all must be there: orders are asked for
        and cancelled on this account.

        A connection counts for the mode of its event, and for the mode of a comparison that was made over it: events
        of an upgraded ledger do not tell the mode.
        """
        compared = exists(
            select(reconciliations.c.id).where(
                reconciliations.c.session == sessions.c.session,
                reconciliations.c.account == sessions.c.account,
                reconciliations.c.mode == self._events.mode.value,
            )
        )
        query = select(sessions.c.id, sessions.c.account).where(
            sessions.c.venue == venue, sessions.c.account != "", or_(self._events.own(sessions), compared)
        )
        newest = select(func.max(events.c.seq)).where(events.c.topic == Topic.SESSION_OPENED.value)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(sessions.c.id.desc()).limit(1)).one_or_none()
            chosen = (sessions.c.id == (row.id if row else 0),)
            told = (events.c.seq == newest.scalar_subquery(),)
            self._events.facts.check(connection, Scope(sessions, chosen, told))
        return str(row.account) if row else ""

    def record_event(self, session: str, event: BrokerEvent) -> None:
        """Keep a message as it came, before anything is concluded from it (S7)."""
        row = {"session": session, "kind": event.kind.value, "payload": event, "at": self._database.clock.now()}
        self._events.record(raw_events, row, Topic.MESSAGE_RECEIVED, session)

    def events(self) -> list[BrokerEvent]:
        """Every message ever kept, in the order it came."""
        with self._events.facts.read(Scope(raw_events)) as connection:
            payloads = connection.execute(select(raw_events.c.payload).order_by(raw_events.c.id)).scalars()
            return [BrokerEvent.model_validate(payload) for payload in payloads]

    def record_reconciliation(self, session: str, account: str, differences: tuple[str, ...]) -> Reconciliation:
        """Note what a comparison found."""
        now = self._database.clock.now()
        found = Reconciliation(session, account, not differences, differences, now)
        row: dict[str, object] = {
            "session": session,
            "account": account,
            "clean": found.clean,
            "differences": differences,
            "at": now,
        }
        row["mode"] = self._events.mode.value
        self._events.record(reconciliations, row, Topic.RECONCILIATION_FINISHED, session, account=account)
        return found

    def last_reconciliation(self, account: str) -> Reconciliation | None:
        """The newest comparison of an account; None before the first."""
        own = (reconciliations.c.account == account, reconciliations.c.mode == self._events.mode.value)
        query = select(reconciliations).where(*own)
        told = (events.c.account == account, events.c.mode == self._events.mode.value)
        with self._database.read() as connection:
            self._check_newest_comparison(connection, own, told)
            row = connection.execute(query.order_by(reconciliations.c.id.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        return Reconciliation(row.session, row.account, row.clean, tuple(row.differences), row.at)

    def _check_newest_comparison(
        self, connection: Connection, own: tuple[ColumnElement[bool], ...], told: tuple[ColumnElement[bool], ...]
    ) -> None:
        """Compare the newest row of an account with the newest event; sessions are the subjects of these events."""
        newest = select(func.max(reconciliations.c.id)).where(*own).scalar_subquery()
        seq = max(newest_told(connection, reconciliations, *told), default=0)
        scope = Scope(reconciliations, (reconciliations.c.id == newest,), (events.c.seq == seq,))
        self._events.facts.check(connection, scope)

    def adopt_external(self, key: str, order: VenueOrder) -> bool:
        """Note an order that is not ours; False when it is known."""
        if self._knows_external(key):
            return False
        with self._database.write():
            if self._knows_external(key):
                return False
            row: dict[str, object] = {
                "key": key,
                "account": order.account,
                "instrument": order.instrument,
                "payload": order,
            }
            row["at"] = self._database.clock.now()
            self._events.record(external_orders, row, Topic.EXTERNAL_ORDER_SEEN, key, account=order.account)
            return True

    def _knows_external(self, key: str) -> bool:
        with self._events.facts.read(of_subject(external_orders, "key", [key])) as connection:
            found = connection.execute(select(external_orders.c.key).where(external_orders.c.key == key)).first()
        return found is not None

    def external(self, account: str) -> list[VenueOrder]:
        """The orders of an account that are not ours, as they were first seen."""
        query = select(external_orders.c.payload).where(external_orders.c.account == account)
        with self._events.facts.read(_external_of(account)) as connection:
            payloads = connection.execute(query.order_by(external_orders.c.at, external_orders.c.key)).scalars()
            return [VenueOrder.model_validate(payload) for payload in payloads]

    def external_since(self, account: str, moment: datetime) -> list[VenueOrder]:
        """The orders of an account that are not ours and were first seen at a moment or after it."""
        query = select(external_orders.c.payload).where(
            external_orders.c.account == account, external_orders.c.at >= moment
        )
        with self._events.facts.read(_external_of(account)) as connection:
            return [VenueOrder.model_validate(row) for row in connection.execute(query).scalars()]

    def record_absence(self, absence: Absence) -> None:
        """Note that two snapshots did not know an order."""
        row = {"ref": absence.ref, "session": absence.session, "first_at": absence.first_at}
        self._events.record(absences, row | {"second_at": absence.second_at}, Topic.ORDER_ABSENT, absence.ref)

    def absence(self, ref: str) -> Absence | None:
        """The newest proof of absence of an order, or None."""
        query = select(absences).where(absences.c.ref == ref).order_by(absences.c.id.desc()).limit(1)
        with self._events.facts.read(of_subject(absences, "ref", [ref])) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Absence(row.ref, row.session, row.first_at, row.second_at)


def _external_of(account: str) -> Scope:
    return Scope(external_orders, (external_orders.c.account == account,), (events.c.account == account,))
