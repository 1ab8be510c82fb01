"""What an earlier process has compared, noted beside the ledger's key, so that it is not compared again (F1).

The outcome of a comparison follows from the row, its event and the key alone. A note holds the number of the last event
that was compared, and a digest of every column of all rows and events up to it, under the key. Each of them is read and
digested by the next process as well: where nothing is another than it was, the outcome is the same, and any other
digest leads to the comparison in full.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, select

from tradewright.ledger.row_evidence import EVENT_COLUMNS, raw_columns
from tradewright.ledger.schema import events
from tradewright.ledger.seal import Anchor
from tradewright.ledger.sealing import Seals

NOTED_FROM = 500
"""So many rows that are not noted are compared again by each process before a new note is made."""

_PART = 1_000
"""Rows that are written out at once."""

WholeRow = Row[*tuple[Any, ...]]
"""Content of a row, the number and the hash of its event, and all other columns of the event."""


def rows_with_whole_events(table: Table) -> Select[Any]:
    """The rows of a table, each beside its whole event."""
    columns = (*raw_columns(table), table.c.event_seq, events.c.hash.label("event_hash"))
    others = (column.label(f"event_{column.name}_") for column in EVENT_COLUMNS if column.name != "hash")
    query = select(*columns, *others)
    return query.select_from(table.outerjoin(events, events.c.seq == table.c.event_seq))


def in_order(table: Table, rows: Sequence[WholeRow]) -> list[WholeRow]:
    """Rows in the order of their events, those without a number first; the database would copy them to sort them."""
    place = len(table.c) - 1
    return sorted(rows, key=lambda row: row[place] if isinstance(row[place], int) else 0)


@dataclass(frozen=True)
class NotedRows:
    """The rows of one name as a reading finds them, beside the note of an earlier process.

    Args:
        believed: how many of them, from the first on, are what they were when they were compared.
    """

    table: Table
    name: str
    rows: Sequence[WholeRow]
    believed: int

    @classmethod
    def of(cls, connection: Connection, seals: Seals, table: Table, name: str, rows: Sequence[WholeRow]) -> NotedRows:
        """Compare some rows with the note of their name; none is believed without one, or where one of them differs."""
        note, place = seals.compared(connection, name), len(table.c) - 1
        rows = in_order(table, rows)
        if note is None:
            return cls(table, name, rows, 0)
        covered = [row for row in rows if isinstance(row[place], int) and row[place] <= note.seq]
        is_same = covered == rows[: len(covered)] and digest(covered) == note.hash
        return cls(table, name, rows, len(covered) if is_same else 0)

    def shortened(self) -> list[Sequence[Any]]:
        """Content of each row, the number and the hash of its event."""
        width = len(self.table.c) + 1
        return [row[:width] for row in self.rows]

    def note(self, connection: Connection, seals: Seals) -> None:
        """Note all rows, once the others were compared as well, where these are many."""
        if len(self.rows) - self.believed >= NOTED_FROM:
            last = self.rows[-1][len(self.table.c) - 1]
            seals.note_compared(connection, self.name, Anchor(last, digest(self.rows)))


def digest(rows: Sequence[WholeRow]) -> str:
    """SHA-256 over every column of some rows, each with its type."""
    computed = hashlib.sha256()
    for start in range(0, len(rows), _PART):
        text = "".join(f"{tuple(row)!r}\n" for row in rows[start : start + _PART])
        computed.update(text.encode("utf-8", "surrogatepass"))
    return computed.hexdigest()
