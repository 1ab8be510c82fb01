"""Facts: the one way in which rows that are acted on are read, compared with their events from both sides.

A scope names the rows that a reading is about, and the events that tell of the same rows. Each row of it must equal
its event, which finds edited and inserted rows; each event of it must have its row, which finds removed rows and those
that were moved out of the reading by an edit of their key. An event removed together with its row breaks the chain,
which the audit finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    select,
    true,
)

from tradewright.database.engine import Database
from tradewright.ledger.comparison_notes import NotedRows, rows_with_whole_events
from tradewright.ledger.row_evidence import EVENT_COLUMNS, checked_payload, compare, raw_columns, tampered, tells
from tradewright.ledger.schema import attempts, events
from tradewright.ledger.sealing import Seals
from tradewright.model.topic import Topic

CHUNK = 500
"""Values in one query: below the limits of both engines on bound parameters."""

STEP_TOPICS = (
    Topic.ORDER_CLAIMED,
    Topic.ORDER_SENDING,
    Topic.ORDER_UNKNOWN,
    Topic.ORDER_SUBMITTED,
    Topic.ORDER_WORKING,
    Topic.ORDER_PARTIALLY_FILLED,
    Topic.ORDER_CANCEL_REQUESTED,
    Topic.ORDER_FILLED,
    Topic.ORDER_CANCELLED,
    Topic.ORDER_REJECTED,
    Topic.ORDER_EXPIRED,
    Topic.ORDER_NOT_SENT,
)
"""The steps of an attempt."""

TOPICS_OF_TABLE: dict[str, tuple[Topic, ...]] = {
    "intents": (Topic.INTENT_CREATED,),
    "decisions": (Topic.DECISION_MADE,),
    "approvals": (Topic.APPROVAL_GIVEN, Topic.APPROVAL_REFUSED),
    "approved_orders": (Topic.ORDER_APPROVED,),
    "attempt_events": STEP_TOPICS,
    "perm_ids": (Topic.ORDER_IDENTIFIED,),
    "executions": (Topic.FILL_RECORDED, Topic.FILL_CORRECTED),
    "rulings": (Topic.FILL_RULED,),
    "fees": (Topic.FEE_RECORDED,),
    "raw_events": (Topic.MESSAGE_RECEIVED,),
    "adjustments": (Topic.POSITION_ADJUSTED,),
    "external_orders": (Topic.EXTERNAL_ORDER_SEEN,),
    "freezes": (Topic.INSTRUMENT_FROZEN, Topic.FREEZE_LIFTED),
    "switches": (Topic.KILL_SWITCH_STOPPED, Topic.KILL_SWITCH_RESUMED),
    "sessions": (Topic.SESSION_OPENED,),
    "reconciliations": (Topic.RECONCILIATION_FINISHED,),
    "absences": (Topic.ORDER_ABSENT,),
    "checks": (Topic.CHECK_RECORDED,),
    "equity_marks": (Topic.EQUITY_MARKED,),
}
"""The topics of the events of each table of facts."""


@dataclass(frozen=True)
class Scope:
    """The rows of a reading, and the events that tell of them.

    Args:
        rows: conditions on the table; none for all rows.
        told: conditions on the events of the table's topics. They may hold for more events than there are rows in the
            reading, never for fewer. None where a removed row need not be found.
        values: of the parameters that the conditions leave open.
        noted: whether it is noted beside the ledger's key up to where it was compared, for the next process. Only for
            a scope whose rows stay in it: new ones come behind them.
    """

    table: Table
    rows: tuple[ColumnElement[bool], ...] = ()
    told: tuple[ColumnElement[bool], ...] | None = ()
    values: Mapping[str, object] = field(default_factory=dict)
    noted: bool = False

    def of(self, **values: object) -> Scope:
        """The same scope with other values; its statements are not made again."""
        bound = Scope(self.table, self.rows, self.told, values, self.noted)
        bound.__dict__["statements"] = self.statements
        return bound

    @property
    def name(self) -> str:
        """Its table and its values: the name of its note."""
        return f"{self.table.name} {json.dumps(self.values, sort_keys=True, default=str)}"

    @cached_property
    def statements(self) -> tuple[Select[Any], Select[Any], Select[Any]]:
        """What reads the rows with the hashes of their events, what finds the events without a row in the reading, and
        what reads the rows with their whole events, in their order.
        """
        table = self.table
        is_outside = case((and_(true(), *self.rows), 0), else_=1) == 1
        absent = table.c.event_seq.is_(None)
        outside = _events_with_rows(table).where(*(self.told or ()), absent | is_outside).order_by(events.c.seq)
        whole = rows_with_whole_events(table).where(*self.rows)
        return _rows_with_events(table).where(*self.rows), outside, whole


def of_subject(table: Table, column: str, subjects: Sequence[str]) -> Scope:
    """The rows whose key is the subject of their events."""
    return _of_subjects(table, column).of(subjects=list(subjects))


@cache
def _of_subjects(table: Table, column: str) -> Scope:
    subjects: BindParameter[str] = bindparam("subjects", expanding=True)
    return Scope(table, (table.c[column].in_(subjects),), (events.c.subject.in_(subjects),))


def names(column: str, value: str) -> ColumnElement[bool]:
    """Whether the payload of an event holds a column with a text; it may hold for a few others as well."""
    pair = f'"{column}":{json.dumps(value, ensure_ascii=False)}'
    return events.c.payload.contains(pair, autoescape=True)


class Facts:
    """Reads rows that are acted on.

    A row that was compared with its event is remembered as a number computed from its content and the hash of the
    event, so that the next reading compares numbers: a row that was edited since has another one. The numbers live as
    long as the process.
    """

    def __init__(self, database: Database, seals: Seals) -> None:
        self._database, self.seals = database, seals
        self._seen: dict[str, dict[int, int]] = {}
        self._asked: set[str] = set()

    @contextmanager
    def read(self, *scopes: Scope) -> Iterator[Connection]:
        """A reading transaction in which the rows of some scopes were compared with their events.

        Raises:
            LedgerTampered: for a row that differs from its event or has none, and for an event without its row.
        """
        with self._database.read() as connection:
            for scope in scopes:
                self.check(connection, scope)
            yield connection

    def check(self, connection: Connection, scope: Scope) -> tuple[int, int]:
        """Compare the rows of a scope with their events, in two queries.

        Returns:
            How many rows there are, and the sum of the numbers of their contents: equal for equal rows, as long as the
            process lives.

        Raises:
            LedgerTampered: as for :meth:`read`.
        """
        table, noted = scope.table, self._noted(connection, scope)
        rows = noted.shortened() if noted else connection.execute(scope.statements[0], scope.values).all()
        numbered = [(hash(row), row) for row in rows]
        if noted is not None:
            believed = ((row[-2], number) for number, row in numbered[: noted.believed])
            self._seen.setdefault(table.name, {}).update(believed)
        self._compare(connection, table, numbered)
        if scope.told is not None:
            self._check_told(connection, scope)
        if noted is not None and not self._database.is_writing:
            noted.note(connection, self.seals)
        return len(numbered), sum(number for number, _row in numbered)

    def _noted(self, connection: Connection, scope: Scope) -> NotedRows | None:
        """The rows of a scope beside the note of an earlier process, at the first reading in this one; then None."""
        if not scope.noted or scope.name in self._asked:
            return None
        self._asked.add(scope.name)
        whole = connection.execute(scope.statements[2], scope.values).all()
        return NotedRows.of(connection, self.seals, scope.table, scope.name, whole)

    def check_rows(self, connection: Connection, table: Table, column: str, keys: Iterable[str]) -> list[RowMapping]:
        """Compare the rows of some keys with their events, and return them as the database holds them."""
        wanted = sorted(set(keys))
        found: list[Row[*tuple[Any, ...]]] = []
        query = _rows_of_keys(table, column)
        for start in range(0, len(wanted), CHUNK):
            found += connection.execute(query, {"keys": wanted[start : start + CHUNK]}).all()
        self._compare(connection, table, [(hash(row), row) for row in found])
        return [row._mapping for row in found]  # noqa: SLF001

    def _compare(self, connection: Connection, table: Table, rows: Iterable[tuple[int, Sequence[Any]]]) -> None:
        """Compare rows with their events, each with the number of its content.

        The last columns of a row are its content, the number and the hash of its event.
        """
        seen, new = self._seen.setdefault(table.name, {}), []
        for number, row in rows:
            seq = row[-2]
            if seq is None or row[-1] is None:
                raise tampered(table, _named(table, row), "event_seq", seq, "the number of an event")
            if seen.get(seq) != number:
                new.append((seq, row, number))
        key, width = self.seals.key(connection) if new else None, len(table.c) + 1
        for start in range(0, len(new), CHUNK):
            part = {seq: (row, number) for seq, row, number in new[start : start + CHUNK]}
            for event in connection.execute(_EVENTS, {"numbers": list(part)}).mappings().all():
                row, number = part[event["seq"]]
                payload = checked_payload(event, key)
                if not tells(table, row[-width:-2], payload):
                    compare(table, _named(table, row), payload)
                seen[event["seq"]] = number

    def _check_told(self, connection: Connection, scope: Scope) -> None:
        """Find the events whose row is not in the reading: it was removed, or it was edited, or it is another's."""
        table = scope.table
        found = connection.execute(scope.statements[1], scope.values).all()
        for row in found:
            if row.event_seq is None:
                raise removed(connection, table, row.seq)
        self._compare(connection, table, [(hash(row[1:]), row) for row in found])


@cache
def _rows_with_events(table: Table) -> Select[Any]:
    """The rows of a table, as the database holds them, each beside the hash of its event."""
    query = select(*raw_columns(table), table.c.event_seq, events.c.hash.label("event_hash"))
    return query.select_from(table.outerjoin(events, events.c.seq == table.c.event_seq))


@cache
def _rows_of_keys(table: Table, column: str) -> Select[Any]:
    """:func:`_rows_with_events` of some keys."""
    return _rows_with_events(table).where(table.c[column].in_(bindparam("keys", expanding=True)))


_EVENTS = select(*EVENT_COLUMNS).where(events.c.seq.in_(bindparam("numbers", expanding=True)))


@cache
def _events_with_rows(table: Table) -> Select[Any]:
    """The events of a table, each beside its row where there is one; the number of the event comes first."""
    topics = [topic.value for topic in TOPICS_OF_TABLE[table.name]]
    columns = (events.c.seq, *raw_columns(table), table.c.event_seq, events.c.hash.label("event_hash"))
    beside = events.outerjoin(table, events.c.seq == table.c.event_seq)
    return select(*columns).select_from(beside).where(events.c.topic.in_(topics))


def newest_told(connection: Connection, table: Table, *told: ColumnElement[bool]) -> list[int]:
    """The number of the newest event of each subject, among the events of a table."""
    topics = [topic.value for topic in TOPICS_OF_TABLE[table.name]]
    query = select(func.max(events.c.seq)).where(events.c.topic.in_(topics), *told).group_by(events.c.subject)
    return list(connection.execute(query).scalars())


def since(connection: Connection, table: Table, column: str, moment: Any, *of: ColumnElement[bool]) -> int:
    """The number of the event of the newest row before a moment; 0 when there is none.

    The events from this one on tell of all rows since the moment: a removed one is behind it, and a row whose moment
    was put back is found as the one before the moment.
    """
    before = select(table.c.event_seq).where(*of, table.c[column] < moment)
    newest = before.order_by(table.c[column].desc(), table.c.event_seq.desc()).limit(1)
    return connection.execute(newest).scalar() or 0


def _named(table: Table, row: Sequence[Any]) -> dict[str, Any]:
    """The content of a row and the number of its event, by the names of the columns."""
    names = [*(column.name for column in raw_columns(table)), "event_seq"]
    return dict(zip(names, row[-len(names) - 1 : -1], strict=True))


def removed(connection: Connection, table: Table, seq: int) -> Exception:
    """The error of an event whose row is gone."""
    event = connection.execute(select(*EVENT_COLUMNS).where(events.c.seq == seq)).mappings().one()
    payload = checked_payload(event)
    row = payload.get("state" if table is attempts else "row", {})
    return tampered(table, row, "event_seq", None, seq)


def required(connection: Connection, table: Table, condition: ColumnElement[bool]) -> None:
    """Refuse the absence of a row that another one refers to.

    Raises:
        LedgerTampered: when no row meets the condition.
    """
    if connection.execute(select(table.c.event_seq).where(condition)).first() is None:
        raise tampered(table, {}, "row", None, "one row")
