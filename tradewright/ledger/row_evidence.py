"""Rows and the events that say the same: hashes, the stored form of a row, and the comparison of the two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DefaultClause,
    Integer,
    RowMapping,
    Select,
    Table,
    Text,
    bindparam,
    select,
    type_coerce,
)

from tradewright.database.column_types import Document
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.schema import attempts, events
from tradewright.ledger.seal import is_sealed

Row = RowMapping | Mapping[str, Any]
"""A row of a table as the database holds it."""

EVENT_COLUMNS = [
    type_coerce(column, Text if column.name == "at" else column.type).label(column.name) for column in events.c
]


_hashed = itemgetter("seq", "at", "topic", "subject", "mode", "account", "actor", "payload_hash", "previous")
_dumps = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
"""The canonical form of plain values."""


def with_events(table: Table) -> Select[Any]:
    """Every row of a table, its columns under ``fact_``, beside its event."""
    columns = [column.label(f"fact_{column.name}") for column in raw_columns(table)]
    query = select(*columns, *EVENT_COLUMNS, table.c.event_seq.label("fact_event_seq"))
    return query.select_from(table.outerjoin(events, events.c.seq == table.c.event_seq))


def compare_with_event(table: Table, found: RowMapping, key: bytes | None = None) -> None:
    """Compare a row that was read together with its event.

    Args:
        key: as for :func:`checked_payload`.

    Raises:
        LedgerTampered: when it has none, or differs from it.
    """
    row = {str(name): value for name, value in found.items()}
    fact = {name.removeprefix("fact_"): value for name, value in row.items() if name.startswith("fact_")}
    if row["seq"] is None:
        raise tampered(table, fact, "event_seq", fact["event_seq"], "the number of an event")
    compare(table, fact, checked_payload(row, key))


def event_hash(row: Row) -> str:
    """The hash of an event: SHA-256 over its fields in their stored form, the payload by its own hash."""
    return sha256(_dumps(_hashed(row)))


def compare(table: Table, row: Row, payload: Mapping[str, Any]) -> None:
    """Compare a raw row with the payload of its event.

    Raises:
        LedgerTampered: naming the column.
    """
    key = "state" if table is attempts else "row"
    if key not in payload or (key == "row" and payload.get("table") != table.name):
        raise tampered(table, row, "event_seq", row.get("event_seq"), f"an event of {table.name}")
    compare_row(table, row, payload[key])


def tells(table: Table, content: Sequence[Any], payload: Any) -> bool:
    """Whether an event holds just this content of a raw row: enough for most rows, and cheaper than :func:`compare`.

    False says nothing: documents are stored as text, and columns may be younger than the event.
    """
    if not isinstance(payload, dict) or (table is not attempts and payload.get("table") != table.name):
        return False
    told = payload.get("state" if table is attempts else "row")
    return bool(told == dict(zip(_content_names(table), content, strict=True)))


def compare_row(table: Table, row: Row, expected: Mapping[str, Any]) -> None:
    """Compare a raw row with the content that was recorded.

    Raises:
        LedgerTampered: naming the column.
    """
    for name, is_document, default in _content_columns(table):
        value, wanted = row[name], expected.get(name, default)
        same = value == (_dumps(wanted) if is_document and wanted is not None else wanted)
        if not same and not (is_document and value == "null" and wanted is None):
            raise tampered(table, row, name, value, wanted)


@cache
def _content_names(table: Table) -> list[str]:
    return [name for name, _is_document, _default in _content_columns(table)]


@cache
def _content_columns(table: Table) -> list[tuple[str, bool, Any]]:
    """Name, whether it holds a document, and default of each column that the event tells too."""
    columns = (column for column in table.c if column.name != "event_seq")
    return [(column.name, isinstance(column.type, Document), _default(column)) for column in columns]


def _default(column: Column[Any]) -> Any:
    """The value of a column that is younger than the event: the one that its migration gave to all rows."""
    if not isinstance(column.server_default, DefaultClause):
        return None
    text = str(column.server_default.arg)
    return json.loads(text) if isinstance(column.type, Document) else text


def checked_payload(row: Row, key: bytes | None = None) -> Any:
    """The payload of a raw event whose hashes are right.

    Args:
        key: the ledger's key; the keyed hash is compared where it is given.

    Raises:
        LedgerTampered: when they are not.
    """
    if row["payload_hash"] != (computed := sha256(str(row["payload"]))):
        raise tampered(events, row, "payload", row["payload_hash"], computed)
    if row["hash"] != (computed := event_hash(row)):
        raise tampered(events, row, "hash", row["hash"], computed)
    if key is not None and not is_sealed(key, computed, row["mac"]):
        raise tampered(events, row, "mac", row["mac"], "the keyed hash of its content")
    try:  # not by parsing(), which costs as much as the rest for each of many thousand rows
        return json.loads(row["payload"])
    except (ValueError, TypeError, RecursionError) as error:
        raise _unreadable(events, row, error) from error


def raw_columns(table: Table) -> list[Any]:
    """The columns of a table, without ``event_seq``, as the database holds them."""
    found = []
    for column in table.c:
        raw = Integer() if isinstance(column.type, Boolean) else getattr(column.type, "impl_instance", column.type)
        found.append(type_coerce(column, raw).label(column.name))
    return [column for column in found if column.name != "event_seq"]


def raw_row(connection: Connection, table: Table, seq: int) -> RowMapping:
    """The row of an event, as the database holds it."""
    return connection.execute(_raw_row(table), {"number": seq}).mappings().one()


@cache
def _raw_row(table: Table) -> Select[Any]:
    return select(*raw_columns(table)).where(table.c.event_seq == bindparam("number"))


def content_of(table: Table, raw: Row) -> dict[str, Any]:
    """The content of a raw row as plain values, as an event holds it."""
    return {name: _decoded(table.c[name].type, value) for name, value in raw.items()}


def _decoded(kind: object, value: Any) -> Any:
    if isinstance(kind, Document) and value is not None:
        return json.loads(value)
    return bool(value) if isinstance(kind, Boolean) and value is not None else value


def sha256(text: str) -> str:
    """The SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def parsing(table: Table, row: Row) -> Iterator[None]:
    """Make an object of a stored row: where it cannot be made, the row is damaged.

    Raises:
        LedgerTampered: naming the table and the key.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(table, row, error) from error


def _unreadable(table: Table, row: Row, error: Exception) -> LedgerTampered:
    told = str(error).splitlines() or [type(error).__name__]
    return tampered(table, row, "content", told[0], "one that can be read")


def tampered(table: Table, row: Row, field: str, found: object, expected: object) -> LedgerTampered:
    """The error of an altered row: its table, its key, the field, the value found and the recorded one."""
    key = ", ".join(f"{column.name} {row.get(column.name)}" for column in table.primary_key)
    return LedgerTampered(
        f"the ledger was altered: {field} is {str(found)[:40]!r}, recorded was {str(expected)[:40]!r}",
        where=f"table {table.name}, {key}",
        remedy="stop trading, keep the database as evidence, compare with the last backup",
    )
