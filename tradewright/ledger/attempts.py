"""The attempts on record: moving them from state to state, and asking for them; ``claims`` makes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, func, select, update

from tradewright.database.engine import Database
from tradewright.ledger.attempt import Attempt, AttemptEvent, steps
from tradewright.ledger.attempt_evidence import TOPIC_OF_STATE, AttemptEvidence
from tradewright.ledger.events import Events
from tradewright.ledger.facts import CHUNK, Scope, of_subject
from tradewright.ledger.row_evidence import parsing
from tradewright.ledger.schema import (
    LIVE_STATES,
    attempt_events,
    attempts,
    perm_ids,
)
from tradewright.model.errors import LedgerError
from tradewright.model.order import (
    AttemptState,
    Leg,
    Side,
    TimeInForce,
)
from tradewright.model.topic import Topic

_OVER = (AttemptState.FILLED.value, AttemptState.CANCELLED.value, AttemptState.REJECTED.value)


class Attempts:
    """The table of attempts. Every change of state is one conditional update and one appended event."""

    def __init__(self, database: Database, events: Events, evidence: AttemptEvidence) -> None:
        self._database, self._events, self._evidence = database, events, evidence

    def move(self, ref: str, wanted: AttemptState, reason: str) -> Attempt:
        """Bring an attempt to a state, through ``ACKED`` where the venue skipped it; no step when it is there.

        Raises:
            IllegalTransition: when there is no way.
        """
        with self._database.write() as connection:
            attempt = self.get(ref)
            self.advance(connection, ref, steps(attempt.state, wanted), reason)
            return self.get(ref)

    def get(self, ref: str) -> Attempt:
        """The attempt of a reference.

        Raises:
            LedgerError: when there is none.
        """
        found = self.find(ref)
        if found is None:
            remedy = "tradewright orders lists them"
            raise LedgerError("no such attempt", where=f"attempt {ref}", remedy=remedy, code="ORDER_UNKNOWN_HERE")
        return found

    def find(self, ref: str) -> Attempt | None:
        """The attempt of a reference, or None.

        Raises:
            LedgerTampered: when it is not what its newest event says, or is gone.
        """
        query = select(attempts).where(attempts.c.ref == ref)
        found = self._select(query, lambda connection: self._evidence.check(connection, [ref]))
        return found[0] if found else None

    def group(self, ref: str) -> list[Attempt]:
        """All legs that were claimed together with an attempt, itself included, the entry first."""
        intent_id = ref.partition(".")[0]
        return self._select(_group(ref), lambda connection: self._evidence.check_intents(connection, [intent_id]))

    def read_back(self, ref: str) -> list[Attempt]:
        """The legs of an attempt's group as a new connection sees them: what is really committed (S4)."""
        with self._database.read_fresh() as connection:
            return [_attempt(row) for row in connection.execute(_group(ref)).mappings()]

    def all(self, intent_id: str | None = None) -> list[Attempt]:
        """All attempts, oldest first; only those of an intent where one is given."""
        query = select(attempts).order_by(attempts.c.claimed_at, attempts.c.ref)
        if intent_id is None:
            return self._select(query)
        own = query.where(attempts.c.intent_id == intent_id)
        return self._select(own, lambda connection: self._evidence.check_intents(connection, [intent_id]))

    def of_decision(self, decision_id: str) -> list[Attempt]:
        """The attempts on a decision, oldest first."""
        query = select(attempts).where(attempts.c.decision_id == decision_id).order_by(attempts.c.number)
        return self._select(query)

    def newest(self, most: int | None, account: str | None = None) -> list[Attempt]:
        """The newest attempts, at ``most`` so many (None: all), and all that are not at their end; oldest first.

        Args:
            account: only those of an account in this mode; None for every account and mode.
        """
        return self._select(self._newest(select(attempts), most, account))

    def newest_refs(self, most: int | None, account: str | None = None) -> list[str]:
        """The references of :meth:`newest` as they stand in the table, compared with nothing."""
        with self._database.read() as connection:
            return list(connection.execute(self._newest(select(attempts.c.ref), most, account)).scalars())

    def _newest(self, query: Select[Any], most: int | None, account: str | None) -> Select[Any]:
        own = self._own(account)
        newest = select(attempts.c.ref).where(*own)
        newest = newest.order_by(attempts.c.claimed_at.desc(), attempts.c.ref.desc()).limit(most)
        wanted = attempts.c.state.in_(LIVE_STATES) | attempts.c.ref.in_(newest)
        return query.where(wanted, *own).order_by(attempts.c.claimed_at, attempts.c.ref)

    def count(self, account: str | None = None) -> int:
        """The number of attempts; of an account in this mode where one is given."""
        query = select(func.count()).select_from(attempts).where(*self._own(account))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _own(self, account: str | None) -> tuple[ColumnElement[bool], ...]:
        return () if account is None else (attempts.c.account == account, self._events.own(attempts))

    def live(self, account: str) -> list[Attempt]:
        """The attempts of an account that are not at their end, oldest first."""
        query = select(attempts).where(attempts.c.account == account, attempts.c.state.in_(LIVE_STATES))
        ordered = query.order_by(attempts.c.claimed_at, attempts.c.ref)
        return self._select(ordered, lambda connection: self._evidence.check_live(connection, account))

    def sent_in(self, account: str, instruments: Collection[str]) -> list[Attempt]:
        """The attempts of an account in some instruments that went out, protective legs too, oldest first."""
        if not instruments:
            return []
        query = select(attempts).where(
            attempts.c.account == account,
            attempts.c.instrument.in_(instruments),
            attempts.c.sending_at.is_not(None),
        )
        ordered = query.order_by(attempts.c.claimed_at, attempts.c.ref)
        return self._select(ordered, lambda connection: self._evidence.check_sent(connection, account))

    def in_state(self, account: str, state: AttemptState) -> list[Attempt]:
        """The attempts of an account in one state, oldest first."""
        return [attempt for attempt in self.live(account) if attempt.state is state]

    def known_unsent(self, account: str) -> list[Attempt]:
        """The attempts of an account that were judged not sent, and that the venue knows by a permanent id."""
        named = attempts.c.ref.in_(select(perm_ids.c.ref))
        sent = (attempts.c.state == AttemptState.NOT_SENT.value, attempts.c.sending_at.is_not(None))
        return self._select(select(attempts).where(attempts.c.account == account, *sent, named))

    def of_order_id(self, session: str, order_id: int) -> Attempt | None:
        """The attempt that was sent under a number of a session; without the session the number means nothing."""
        query = select(attempts).where(attempts.c.session == session, attempts.c.order_id == order_id)
        found = self._select(query)
        return found[0] if len(found) == 1 else None

    def sent_at(self, account: str, since: datetime) -> list[datetime]:
        """When orders of an account went out (S4) after a moment, oldest first: what the limits on their rate count."""
        return [attempt.sending_at for attempt in self.sent_after(account, since) if attempt.sending_at is not None]

    def sent_after(self, account: str, moment: datetime) -> list[Attempt]:
        """The entries of an account that went out (S4) after a moment, in that order; protective legs do not count."""
        query = select(attempts).where(attempts.c.account == account, attempts.c.sending_at > moment)
        query = query.where(attempts.c.leg == Leg.ENTRY.value)
        ordered = query.order_by(attempts.c.sending_at, attempts.c.ref)
        return self._select(ordered, lambda connection: self._evidence.check_sent(connection, account, moment))

    def events(self, ref: str) -> list[AttemptEvent]:
        """The steps of an attempt, oldest first."""
        query = select(attempt_events).where(attempt_events.c.ref == ref).order_by(attempt_events.c.id)
        with self._events.facts.read(of_subject(attempt_events, "ref", [ref])) as connection:
            rows = connection.execute(query).all()
        return [AttemptEvent(row.ref, AttemptState(row.state), row.reason, row.at) for row in rows]

    def learn_perm_id(self, ref: str, perm_id: int) -> tuple[int, ...]:
        """Note a permanent id of an attempt and return all that it has; more than one is an alarm (fault 6)."""
        with self._database.write():
            known = self.perm_ids(ref)
            if perm_id in known:
                return known
            row = {"ref": ref, "perm_id": perm_id, "at": self._database.clock.now()}
            self._events.record(perm_ids, row, Topic.ORDER_IDENTIFIED, ref)
        return (*known, perm_id)

    def perm_ids(self, ref: str) -> tuple[int, ...]:
        """The permanent ids of an attempt in the order they became known."""
        query = select(perm_ids.c.perm_id).where(perm_ids.c.ref == ref).order_by(perm_ids.c.at)
        with self._events.facts.read(of_subject(perm_ids, "ref", [ref])) as connection:
            return tuple(connection.execute(query).scalars())

    def ended(self, orders: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those of some orders that are at their end here, and known under this permanent id alone (F1).

        An order proved not sent is none of them: what the venue says of it is news. A few queries for every 500 orders.

        Args:
            orders: pairs of reference and permanent id; 0 is no id.

        Raises:
            LedgerTampered: when one of them is not what its events say.
        """
        wanted, found = sorted(set(orders)), set[tuple[str, int]]()
        with self._database.read() as connection:
            for start in range(0, len(wanted), CHUNK):
                part = wanted[start : start + CHUNK]
                refs = sorted({ref for ref, _ in part})
                self._evidence.check(connection, refs)
                self._events.facts.check(connection, of_subject(perm_ids, "ref", refs))
                over = select(attempts.c.ref).where(attempts.c.ref.in_(refs), attempts.c.state.in_(_OVER))
                ended = set(connection.execute(over).scalars())
                known: dict[str, set[int]] = {}
                named = select(perm_ids.c.ref, perm_ids.c.perm_id).where(perm_ids.c.ref.in_(refs))
                for ref, number in connection.execute(named).all():
                    known.setdefault(ref, set()).add(number)
                found |= {(ref, number) for ref, number in part if ref in ended and known.get(ref, set()) == {number}}
        return found

    def of_perm_id(self, perm_id: int) -> Attempt | None:
        """The attempt with a permanent id, or None; 0 is no id."""
        query = select(attempts).join(perm_ids, perm_ids.c.ref == attempts.c.ref).where(perm_ids.c.perm_id == perm_id)
        if not perm_id:
            return None
        with self._events.facts.read(Scope(perm_ids, (perm_ids.c.perm_id == perm_id,), None)):
            found = self._select(query)
        return found[0] if found else None

    def advance(
        self, connection: Connection, ref: str, path: tuple[AttemptState, ...], reason: str, **values: object
    ) -> None:
        """Move an attempt along a path, one event for each step.

        Args:
            values: other columns that change with every step.
        """
        for state in path:
            change = update(attempts).where(attempts.c.ref == ref).values(state=state.value, **values)
            connection.execute(change)
            self.append(connection, ref, state, reason)

    def append(self, connection: Connection, ref: str, state: AttemptState, reason: str) -> None:
        """Append the event of a state that an attempt has come to have."""
        row = {"ref": ref, "state": state.value, "reason": reason, "at": self._database.clock.now()}
        query = select(attempts.c.account, attempts.c.holder).where(attempts.c.ref == ref)
        of = connection.execute(query).one()
        changed = (attempts, attempts.c.ref == ref)
        topic = TOPIC_OF_STATE[state]
        self._events.record(attempt_events, row, topic, ref, actor=of.holder, account=of.account, state=changed)

    def _select(
        self, query: Select[Any], expected: Callable[[Connection], Collection[str]] | None = None
    ) -> list[Attempt]:
        """The attempts of a query, compared with their events in the same transaction.

        Args:
            expected: compares those that should be among them by the events, so that a missing one is found, and says
                which they are; the others of the query are compared after they were read.
        """
        with self._database.read() as connection:
            checked = expected(connection) if expected else ()
            rows = connection.execute(query).mappings().all()
            if unchecked := [row["ref"] for row in rows if row["ref"] not in checked]:
                self._evidence.check(connection, unchecked)
            return [_attempt(row) for row in rows]


def _in_group(ref: str) -> ColumnElement[bool]:
    own = attempts.alias()
    same = (own.c.ref == ref, own.c.intent_id == attempts.c.intent_id, own.c.number == attempts.c.number)
    return exists(select(own.c.ref).where(*same))


def _group(ref: str) -> Select[Any]:
    return select(attempts).where(_in_group(ref)).order_by(attempts.c.leg)


def _attempt(row: RowMapping) -> Attempt:
    with parsing(attempts, row):
        fields: dict[str, Any] = {str(name): value for name, value in row.items() if name != "event_seq"}
        fields |= {"side": Side(fields["side"]), "tif": TimeInForce(fields["tif"]), "leg": Leg(fields["leg"])}
        return Attempt(**fields | {"state": AttemptState(fields["state"])})
