"""Damaged rows: which they are, and which instruments they are about, so that the others can still be listed (D8)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Table, select

from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.facts import TOPICS_OF_TABLE
from tradewright.ledger.row_evidence import EVENT_COLUMNS, compare_with_event, tampered, with_events
from tradewright.ledger.schema import events, executions

Damage = tuple[LedgerTampered, list[str]]


def damaged_rows(connection: Connection, table: Table, key: bytes | None = None) -> list[Damage]:
    """The rows of a table that differ from their events, have none, or are gone, with the instruments they are about.

    The instruments are those that the row and its event name; empty where neither names one.
    """
    found: list[Damage] = []
    told: set[int] = set()
    for row in connection.execute(with_events(table)).mappings().all():
        told.add(row["seq"])
        try:
            compare_with_event(table, row, key)
        except LedgerTampered as error:
            own = {name.removeprefix("fact_"): value for name, value in row.items() if name.startswith("fact_")}
            found.append((error, _instruments(connection, own, _recorded(row["payload"]))))
    topics = [topic.value for topic in TOPICS_OF_TABLE[table.name]]
    query = select(*EVENT_COLUMNS).where(events.c.topic.in_(topics), events.c.seq.not_in(select(table.c.event_seq)))
    for event in connection.execute(query).mappings().all():
        recorded = _recorded(event["payload"])
        gone = tampered(table, recorded, "event_seq", None, event["seq"])
        found.append((gone, _instruments(connection, recorded)))
    return found


def _recorded(payload: object) -> Mapping[str, Any]:
    """The row that an event holds; empty where it cannot be read."""
    with suppress(TypeError, ValueError, RecursionError, AttributeError):
        row = json.loads(str(payload)).get("row")
        return row if isinstance(row, dict) else {}
    return {}


def _instruments(connection: Connection, *rows: Mapping[str, Any]) -> list[str]:
    names = {str(row["instrument"]) for row in rows if row.get("instrument")}
    for exec_id in {row["exec_id"] for row in rows if "instrument" not in row and "exec_id" in row}:
        query = select(executions.c.instrument).where(executions.c.exec_id == exec_id)
        names |= {str(name) for name in connection.execute(query).scalars()}
    return sorted(names)
