"""The audit of the whole ledger: the chain of events, and every row beside its event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import (
    Connection,
    CursorResult,
    Select,
    Table,
    select,
)

from tradewright.ledger.attempt import replay
from tradewright.ledger.command_evidence import altered_commands, command_events
from tradewright.ledger.errors import IllegalTransition, LedgerTampered
from tradewright.ledger.row_evidence import (
    EVENT_COLUMNS,
    checked_payload,
    compare,
    compare_row,
    compare_with_event,
    raw_columns,
    tampered,
    with_events,
)
from tradewright.ledger.schema import attempt_events, attempts, event_head, events, fact_tables
from tradewright.ledger.seal import Anchor
from tradewright.model.order import AttemptState

GENESIS = "0" * 64
"""The hash before the first event."""


class ChainAudit:
    """One walk over all events and, beside it, over the rows of every table in the order of their events.

    Args:
        key: the ledger's key, or None to compare plain hashes alone.
        end: the end that is anchored outside, as it was before the reading began.
    """

    def __init__(self, connection: Connection, key: bytes | None = None, end: Anchor | None = None) -> None:
        self._connection, self._key, self._end = connection, key, end
        self._open: list[CursorResult[Any]] = []
        self._rows = {name: self._rows_of(table) for name, table in fact_tables().items()}
        self._states: dict[str, dict[str, Any]] = {}
        self._steps: dict[str, list[AttemptState]] = {}

    def run(self) -> int:
        """Check everything; the number of events."""
        previous, count = GENESIS, 0
        query = select(*EVENT_COLUMNS).order_by(events.c.seq)
        for count, row in enumerate(self._walk(query), start=1):
            if row["seq"] != count or row["previous"] != previous:
                raise tampered(events, row, "previous", row["previous"], f"{previous} at place {count}")
            if self._end is not None and count == self._end.seq and row["hash"] != self._end.hash:
                raise tampered(events, row, "hash", row["hash"], self._end.hash)
            self._follow(row, checked_payload(row, self._key))
            previous = row["hash"]
        self._check_head(count, previous)
        for name, rows in self._rows.items():
            if (left := next(rows, None)) is not None:
                raise tampered(fact_tables()[name], left, "event_seq", left["event_seq"], "the number of an event")
        self._check_attempts()
        for altered in altered_commands(self._connection, command_events(self._connection, self._key)):
            raise altered
        return count

    def _follow(self, row: Mapping[str, Any], payload: Any) -> None:
        name = payload.get("table")
        if name is None:
            return
        table = fact_tables()[name]
        fact = next(self._rows[name], None)
        if fact is None or fact["event_seq"] != row["seq"]:
            is_foreign = fact is not None and (not isinstance(seq := fact["event_seq"], int) or seq < row["seq"])
            where = fact if fact is not None and is_foreign else payload["row"]
            raise tampered(table, where, "event_seq", fact and fact["event_seq"], row["seq"])
        compare(table, fact, payload)
        if table is attempt_events:
            ref = payload["row"]["ref"]
            self._steps.setdefault(ref, []).append(AttemptState(payload["row"]["state"]))
            if "state" in payload:
                self._states[ref] = payload["state"] | {"event_seq": row["seq"]}

    def _check_head(self, count: int, last: str) -> None:
        head = self._connection.execute(select(event_head.c.seq, event_head.c.hash)).one_or_none()
        if head is None or (head.seq, head.hash) != (count, last):
            raise tampered(event_head, {"id": 1}, "seq, hash", head and tuple(head), (count, last))
        if self._end is not None and count < self._end.seq:
            raise tampered(event_head, {"id": 1}, "seq", count, f"{self._end.seq}, anchored outside")

    def _check_attempts(self) -> None:
        query = select(*raw_columns(attempts), attempts.c.event_seq)
        for row in self._walk(query):
            expected = self._states.pop(row["ref"], None)
            if expected is None or row["event_seq"] != expected["event_seq"]:
                raise tampered(attempts, row, "event_seq", row["event_seq"], expected and expected["event_seq"])
            compare_row(attempts, row, expected)
            try:
                replayed = replay(self._steps[row["ref"]])
            except IllegalTransition as error:
                raise tampered(attempt_events, {"ref": row["ref"]}, "state", error.what, "a legal walk") from error
            if replayed.value != row["state"]:
                raise tampered(attempts, row, "state", row["state"], replayed)
        for ref in self._states:
            raise tampered(attempts, {"ref": ref}, "ref", None, ref)

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
        query = select(*raw_columns(table), table.c.event_seq).order_by(*order)
        yield from self._walk(query)


def altered_rows(connection: Connection, key: bytes | None = None) -> Iterator[LedgerTampered]:
    """The rows that differ from their events, table by table, in the order of the events."""
    for table in fact_tables().values():
        for found in connection.execute(with_events(table).order_by(table.c.event_seq)).mappings().all():
            try:
                compare_with_event(table, found, key)
            except LedgerTampered as error:
                yield error
    yield from altered_commands(connection, command_events(connection, key))


def _plain(result: CursorResult[Any]) -> Iterator[dict[str, Any]]:
    names = tuple(result.keys())
    for row in result:
        yield dict(zip(names, row, strict=True))
