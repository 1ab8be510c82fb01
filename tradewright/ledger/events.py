"""Events: every fact of the ledger in one append-only sequence, chained by hashes and compared with the tables.

A fact is one row of a table and one event with the same content, written in one transaction. The hash of an event
covers its content and the hash of the event before it. A row is compared with its event whenever it is acted on
(``check``), and all of them by an audit (``verify_chain``). ``check`` finds a row that was edited or inserted without
its event; an event rewritten with a fitting hash, and a removed row, are found by the audit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    DefaultClause,
    Integer,
    RowMapping,
    Select,
    Table,
    Text,
    insert,
    select,
    type_coerce,
    update,
)

from tradewright.database.column_types import Document, Moment
from tradewright.database.engine import Database
from tradewright.ledger.attempt import replay
from tradewright.ledger.errors import IllegalTransition, LedgerTampered
from tradewright.ledger.schema import attempt_events, attempts, event_head, events, fact_tables
from tradewright.model.hashing import canonical_json
from tradewright.model.mode import Mode
from tradewright.model.order import AttemptState
from tradewright.model.topic import Topic

GENESIS = "0" * 64
"""The hash before the first event."""

Row = RowMapping | Mapping[str, Any]
"""A row of a table as the database holds it."""

_EVENT = [type_coerce(column, Text if column.name == "at" else column.type).label(column.name) for column in events.c]


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Args:
        seq: 1, 2, 3 ... without gaps.
        subject: the key of what it is about: an id, a reference, a scope, an instrument.
        actor: the person or the part of the program that acted.
        payload: ``table`` and ``row`` for a fact with a row; a step of an attempt has also ``state``, the attempt's row
            after it; an act without a table has ``action`` and ``detail``.
        previous: the hash of the event before.
    """

    seq: int
    at: datetime
    topic: Topic
    subject: str
    mode: str
    account: str
    actor: str
    payload: dict[str, Any]
    payload_hash: str
    previous: str
    hash: str


class Events:
    """The sequence of all facts.

    Args:
        mode: written into every event.
    """

    def __init__(self, database: Database, mode: Mode) -> None:
        self._database, self.mode = database, mode

    def append(self, topic: Topic, subject: str, payload: object, actor: str, account: str = "") -> Event:
        """Append one event, in the caller's transaction where there is one.

        Raises:
            LedgerError: when it cannot be committed.
            TypeError, ValueError: when ``payload`` has no canonical form.
        """
        text = canonical_json(payload)
        with self._database.write() as connection:
            last = connection.execute(select(event_head.c.seq, event_head.c.hash)).one()
            at = self._database.clock.now()
            row: dict[str, Any] = {"seq": last.seq + 1, "at": at, "topic": topic.value, "subject": subject}
            row |= {"mode": self.mode.value, "account": account, "actor": actor, "payload": text}
            row |= {"payload_hash": _sha(text), "previous": last.hash}
            row["hash"] = event_hash(row | {"at": Moment().process_bind_param(at, connection.dialect)})
            connection.execute(insert(events).values(**row))
            connection.execute(update(event_head).values(seq=row["seq"], hash=row["hash"]))
        return Event(**row | {"topic": topic, "payload": json.loads(text)})

    def record(
        self,
        table: Table,
        row: Mapping[str, object],
        topic: Topic,
        subject: str,
        *,
        actor: str = "program",
        account: str = "",
        state: tuple[Table, ColumnElement[bool]] | None = None,
    ) -> Event:
        """Insert a row of a fact and append the event that says the same.

        Args:
            state: the row of a mutable table that this fact changed, as a table and a condition; it goes into the
                event as well, and points to it.
        """
        with self._database.write() as connection:
            seq = connection.execute(select(event_head.c.seq)).scalar_one() + 1
            connection.execute(insert(table).values(**row, event_seq=seq))
            payload = {"table": table.name, "row": _content(table, _raw_row(connection, table, seq))}
            if state is not None:
                connection.execute(update(state[0]).where(state[1]).values(event_seq=seq))
                payload["state"] = _content(state[0], _raw_row(connection, state[0], seq))
            return self.append(topic, subject, payload, actor, account)

    def after(self, seq: int, topics: Sequence[Topic] = (), limit: int | None = 1000) -> list[Event]:
        """The events behind number ``seq``, oldest first; only of some topics, and at most ``limit``, where given."""
        query = select(events).where(events.c.seq > seq).order_by(events.c.seq).limit(limit)
        if topics:
            query = query.where(events.c.topic.in_([topic.value for topic in topics]))
        return self._select(query)

    def about(self, subject: str) -> list[Event]:
        """The events about one subject, oldest first."""
        return self._select(select(events).where(events.c.subject == subject).order_by(events.c.seq))

    def newest(self, topic: Topic, subject: str) -> Event | None:
        """The newest event of a topic about a subject, its hashes checked; None when there is none.

        Raises:
            LedgerTampered: when it was altered.
        """
        chosen = (events.c.topic == topic.value, events.c.subject == subject)
        query = select(*_EVENT).where(*chosen).order_by(events.c.seq.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        _payload(row)
        return self._select(select(events).where(events.c.seq == row["seq"]))[0]

    def last_seq(self) -> int:
        """The number of the newest event; 0 before the first."""
        with self._database.read() as connection:
            return int(connection.execute(select(event_head.c.seq)).scalar_one())

    def check(self, table: Table, *conditions: ColumnElement[bool], required: bool = False) -> None:
        """Compare the rows of a table that meet some conditions with their events; one query.

        Args:
            required: whether it is an alteration as well that no row meets them.

        Raises:
            LedgerTampered: for a row without an event, an event with a false hash, and a row that differs from it.
        """
        with self._database.read() as connection:
            rows = connection.execute(_with_events(table).where(*conditions)).mappings().all()
            if required and not rows:
                raise _tampered(table, {}, "row", None, "one row")
            for found in rows:
                _compare_with_event(table, found)

    def verify_chain(self) -> int:
        """Audit the whole ledger in one reading transaction, and return the number of events.

        Raises:
            LedgerTampered: at the first event that was edited, removed, moved or inserted, when the tail was cut, at
                the first row that differs from its event, has none, or was removed, and for an attempt whose state does
                not follow from its steps.
        """
        with self._database.read() as connection:
            audit = _Audit(connection)
            try:
                return audit.run()
            finally:
                audit.close()  # an open result would keep the snapshot of this connection for its next user

    def alterations(self, most: int) -> tuple[int, list[LedgerTampered]]:
        """Audit the whole ledger in one reading transaction: the number of the newest event, and what was altered.

        The first alteration is that of ``verify_chain``; after it come the rows that differ from their events, at
        ``most`` so many in all. Nothing else can be concluded behind a broken chain.
        """
        with self._database.read() as connection:
            audit = _Audit(connection)
            try:
                return audit.run(), []
            except LedgerTampered as error:
                found = {error.where: error}
            finally:
                audit.close()
            for altered in _altered_rows(connection):
                if len(found) >= most:
                    break
                found.setdefault(altered.where, altered)
            head = connection.execute(select(event_head.c.seq)).scalar_one_or_none()
        return int(head or 0), list(found.values())

    def _select(self, query: Any) -> list[Event]:
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_event(dict(row)) for row in rows]


def _event(row: dict[str, Any]) -> Event:
    return Event(**row | {"topic": Topic(row["topic"]), "payload": json.loads(row["payload"])})


class _Audit:
    """One walk over all events and, beside it, over the rows of every table in the order of their events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: list[CursorResult[Any]] = []
        self._rows = {name: self._rows_of(table) for name, table in fact_tables().items()}
        self._states: dict[str, dict[str, Any]] = {}
        self._steps: dict[str, list[AttemptState]] = {}

    def run(self) -> int:
        """Check everything; the number of events."""
        previous, count = GENESIS, 0
        query = select(*_EVENT).order_by(events.c.seq)
        for count, row in enumerate(self._walk(query), start=1):
            if row["seq"] != count or row["previous"] != previous:
                raise _tampered(events, row, "previous", row["previous"], f"{previous} at place {count}")
            self._follow(row, _payload(row))
            previous = row["hash"]
        self._check_head(count, previous)
        for name, rows in self._rows.items():
            if (left := next(rows, None)) is not None:
                raise _tampered(fact_tables()[name], left, "event_seq", left["event_seq"], "the number of an event")
        self._check_attempts()
        return count

    def _follow(self, row: Mapping[str, Any], payload: Any) -> None:
        name = payload.get("table")
        if name is None:
            return
        table = fact_tables()[name]
        fact = next(self._rows[name], None)
        if fact is None or fact["event_seq"] != row["seq"]:
            where = fact if fact is not None and (fact["event_seq"] or 0) < row["seq"] else payload["row"]
            raise _tampered(table, where, "event_seq", fact and fact["event_seq"], row["seq"])
        compare(table, fact, payload)
        if table is attempt_events:
            ref = payload["row"]["ref"]
            self._steps.setdefault(ref, []).append(AttemptState(payload["row"]["state"]))
            if "state" in payload:
                self._states[ref] = payload["state"] | {"event_seq": row["seq"]}

    def _check_head(self, count: int, last: str) -> None:
        head = self._connection.execute(select(event_head.c.seq, event_head.c.hash)).one_or_none()
        if head is None or (head.seq, head.hash) != (count, last):
            raise _tampered(event_head, {"id": 1}, "seq, hash", head and tuple(head), (count, last))

    def _check_attempts(self) -> None:
        query = select(*_raw_columns(attempts), attempts.c.event_seq)
        for row in self._walk(query):
            expected = self._states.pop(row["ref"], None)
            if expected is None or row["event_seq"] != expected["event_seq"]:
                raise _tampered(attempts, row, "event_seq", row["event_seq"], expected and expected["event_seq"])
            _compare_row(attempts, row, expected)
            try:
                replayed = replay(self._steps[row["ref"]])
            except IllegalTransition as error:
                raise _tampered(attempt_events, {"ref": row["ref"]}, "state", error.what, "a legal walk") from error
            if replayed.value != row["state"]:
                raise _tampered(attempts, row, "state", row["state"], replayed)
        for ref in self._states:
            raise _tampered(attempts, {"ref": ref}, "ref", None, ref)

    def close(self) -> None:
        """Close all results, read to their end or not."""
        for result in self._open:
            result.close()

    def _walk(self, query: Select[Any]) -> Iterator[dict[str, Any]]:
        result = self._connection.execute(query)
        self._open.append(result)
        yield from _plain(result)

    def _rows_of(self, table: Table) -> Iterator[dict[str, Any]]:
        order = (table.c.event_seq.is_not(None), table.c.event_seq)
        query = select(*_raw_columns(table), table.c.event_seq).order_by(*order)
        yield from self._walk(query)


def _with_events(table: Table) -> Select[Any]:
    """Every row of a table, its columns under ``fact_``, beside its event."""
    columns = [column.label(f"fact_{column.name}") for column in _raw_columns(table)]
    query = select(*columns, *_EVENT, table.c.event_seq.label("fact_event_seq"))
    return query.select_from(table.outerjoin(events, events.c.seq == table.c.event_seq))


def _compare_with_event(table: Table, found: RowMapping) -> None:
    row = {str(name): value for name, value in found.items()}
    fact = {name.removeprefix("fact_"): value for name, value in row.items() if name.startswith("fact_")}
    if row["seq"] is None:
        raise _tampered(table, fact, "event_seq", fact["event_seq"], "the number of an event")
    compare(table, fact, _payload(row))


def _altered_rows(connection: Connection) -> Iterator[LedgerTampered]:
    """The rows that differ from their events, table by table, in the order of the events."""
    for table in fact_tables().values():
        for found in connection.execute(_with_events(table).order_by(table.c.event_seq)).mappings().all():
            try:
                _compare_with_event(table, found)
            except LedgerTampered as error:
                yield error


def _plain(result: CursorResult[Any]) -> Iterator[dict[str, Any]]:
    names = tuple(result.keys())
    for row in result:
        yield dict(zip(names, row, strict=True))


def event_hash(row: Row) -> str:
    """The hash of an event: SHA-256 over its fields in their stored form, the payload by its own hash."""
    names = ("seq", "at", "topic", "subject", "mode", "account", "actor", "payload_hash", "previous")
    return _sha(_dumps([row[name] for name in names]))


def compare(table: Table, row: Row, payload: Mapping[str, Any]) -> None:
    """Compare a raw row with the payload of its event.

    Raises:
        LedgerTampered: naming the column.
    """
    key = "state" if table is attempts else "row"
    if key not in payload or (key == "row" and payload.get("table") != table.name):
        raise _tampered(table, row, "event_seq", row.get("event_seq"), f"an event of {table.name}")
    _compare_row(table, row, payload[key])


def _compare_row(table: Table, row: Row, expected: Mapping[str, Any]) -> None:
    for column in table.c:
        if column.name == "event_seq":
            continue
        value, wanted = row[column.name], expected.get(column.name, _default(column))
        same = value == (_dumps(wanted) if isinstance(column.type, Document) and wanted is not None else wanted)
        if not same and not (isinstance(column.type, Document) and value == "null" and wanted is None):
            raise _tampered(table, row, column.name, value, wanted)


def _default(column: Column[Any]) -> Any:
    """The value of a column that is younger than the event: the one that its migration gave to all rows."""
    if not isinstance(column.server_default, DefaultClause):
        return None
    text = str(column.server_default.arg)
    return json.loads(text) if isinstance(column.type, Document) else text


def _payload(row: Row) -> Any:
    """The payload of a raw event whose hashes are right.

    Raises:
        LedgerTampered: when they are not.
    """
    if row["payload_hash"] != _sha(str(row["payload"])):
        raise _tampered(events, row, "payload", row["payload_hash"], _sha(str(row["payload"])))
    if row["hash"] != (computed := event_hash(row)):
        raise _tampered(events, row, "hash", row["hash"], computed)
    return json.loads(row["payload"])


def _raw_columns(table: Table) -> list[Any]:
    """The columns of a table, without ``event_seq``, as the database holds them."""
    found = []
    for column in table.c:
        raw = Integer() if isinstance(column.type, Boolean) else getattr(column.type, "impl_instance", column.type)
        found.append(type_coerce(column, raw).label(column.name))
    return [column for column in found if column.name != "event_seq"]


def _raw_row(connection: Connection, table: Table, seq: int) -> RowMapping:
    query = select(*_raw_columns(table)).where(table.c.event_seq == seq)
    return connection.execute(query).mappings().one()


def _content(table: Table, raw: RowMapping) -> dict[str, Any]:
    return {name: _decoded(table.c[name].type, value) for name, value in raw.items()}


def _decoded(kind: object, value: Any) -> Any:
    if isinstance(kind, Document) and value is not None:
        return json.loads(value)
    return bool(value) if isinstance(kind, Boolean) and value is not None else value


def _dumps(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _tampered(table: Table, row: Row, field: str, found: object, expected: object) -> LedgerTampered:
    key = ", ".join(f"{column.name} {row.get(column.name)}" for column in table.primary_key)
    return LedgerTampered(
        f"the ledger was altered: {field} is {str(found)[:40]!r}, recorded was {str(expected)[:40]!r}",
        where=f"table {table.name}, {key}",
        remedy="stop trading, keep the database as evidence, compare with the last backup",
    )
