"""The evidence of commands: each row equals the event that queued it, and its state follows from its newest event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from tradewright.database.engine import Database
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.newest_events import SubjectHistories, SubjectHistory
from tradewright.ledger.row_evidence import (
    EVENT_COLUMNS,
    Row,
    checked_payload,
    content_of,
    parsing,
    raw_columns,
    tampered,
)
from tradewright.ledger.schema import commands, events
from tradewright.ledger.sealing import Seals
from tradewright.model.command import CommandState
from tradewright.model.hashing import content_hash
from tradewright.model.topic import Topic

COMMAND_TOPICS = (Topic.COMMAND_QUEUED, Topic.COMMAND_STARTED, Topic.COMMAND_FINISHED)
_WAITING = (CommandState.QUEUED.value, CommandState.RUNNING.value)


class CommandEvidence:
    """Compares commands with their events."""

    def __init__(self, database: Database, seals: Seals) -> None:
        self._seals = seals
        self._histories = SubjectHistories(database, COMMAND_TOPICS, [Topic.COMMAND_FINISHED])

    def check_waiting(self, connection: Connection, account: str, mode: str) -> None:
        """Compare the commands of an account that are not finished, by their rows or by their events.

        Raises:
            LedgerTampered: for one that was edited, put in, or removed.
        """
        own = (commands.c.account == account, commands.c.mode == mode, commands.c.state.in_(_WAITING))
        keys = set(connection.execute(select(commands.c.key).where(*own)).scalars())
        at_work = self._histories.read(connection).at_work()
        told = {each.subject for each in at_work if (each.account, each.mode) == (account, mode)}
        self.check(connection, keys | told)

    def check(self, connection: Connection, keys: Iterable[str]) -> None:
        """Compare the commands of some keys.

        Raises:
            LedgerTampered: as for :meth:`check_waiting`.
        """
        now, secret = self._histories.read(connection), self._seals.key(connection)
        for key in sorted(set(keys)):
            query = select(*raw_columns(commands)).where(commands.c.key == key)
            row = connection.execute(query).mappings().one_or_none()
            compare_command(row, key, _events(connection, now.get(key), secret))


def compare_command(row: Row | None, key: str, told: list[tuple[Row, Any]]) -> None:
    """Compare a raw row with its events.

    Args:
        told: the events about its key, oldest first, each with its checked payload.

    Raises:
        LedgerTampered: when the row is missing, has no event, or differs from them.
    """
    if row is None or not told:
        raise tampered(commands, row or {}, "key", row and row["key"], key if told else "the key of an event")
    (first, queued), (last, newest) = told[0], told[-1]
    request = queued["request"]
    expected: dict[str, Any] = dict(request) | {"key": key, "reason": queued["reason"], "actor": first["actor"]}
    expected |= {"payload_hash": content_hash(request)}
    with parsing(commands, row):
        found = content_of(commands, row)
        if "created_at" in queued:
            found["created_at"] = datetime.fromisoformat(found["created_at"])
            expected["created_at"] = datetime.fromisoformat(queued["created_at"])
    if last["topic"] == Topic.COMMAND_FINISHED.value:
        expected |= {"state": newest["state"], "result": newest["result"], "holder": last["actor"]}
    elif last["topic"] == Topic.COMMAND_STARTED.value and row["state"] == CommandState.RUNNING.value:
        expected["holder"] = last["actor"]
    else:  # not begun, or put back into the inbox because its holder is gone
        expected |= {"state": CommandState.QUEUED.value, "holder": ""}
    for name, value in expected.items():
        if found[name] != value:
            raise tampered(commands, row, name, found[name], value)


def altered_commands(connection: Connection, told: Mapping[str, list[tuple[Row, Any]]]) -> Iterable[LedgerTampered]:
    """The commands that differ from their events, and the events whose command is gone."""
    rows = {row["key"]: row for row in connection.execute(select(*raw_columns(commands))).mappings().all()}
    for key in [*rows, *(key for key in told if key not in rows)]:
        try:
            compare_command(rows.get(key), key, told.get(key, []))
        except LedgerTampered as error:
            yield error


def command_events(connection: Connection, secret: bytes | None = None) -> dict[str, list[tuple[Row, Any]]]:
    """The events of all commands, by key, oldest first."""
    topics = [topic.value for topic in COMMAND_TOPICS]
    query = select(*EVENT_COLUMNS).where(events.c.topic.in_(topics)).order_by(events.c.seq)
    found: dict[str, list[tuple[Row, Any]]] = {}
    for row in connection.execute(query).mappings().all():
        found.setdefault(row["subject"], []).append((row, checked_payload(row, secret)))
    return found


def _events(connection: Connection, history: SubjectHistory | None, secret: bytes | None) -> list[tuple[Row, Any]]:
    if history is None:
        return []
    query = select(*EVENT_COLUMNS).where(events.c.seq.in_({history.seqs[0], history.seqs[-1]})).order_by(events.c.seq)
    return [(row, checked_payload(row, secret)) for row in connection.execute(query).mappings().all()]
