"""The chain of a log as it really comes to be: no row, no column and no order of rows can be altered unseen."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from sqlalchemy import make_url

from tests.support.ledgers import ACCOUNT, Proposer
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.retention import prune
from tradewright.ledger.schema import events
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError

COLUMNS = [column.name for column in events.columns]
ROWS = 9
"""An intent and eight acts."""


class Forger:
    """Somebody who has the file or the server; no trigger is in his way."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.lite = parsed.get_backend_name() == "sqlite"
        if self.lite:
            self.db: Any = sqlite3.connect(str(parsed.database), isolation_level=None)
            for verb in ("update", "delete"):
                self.db.execute(f"DROP TRIGGER append_only_events_{verb}")
            return
        self.db = psycopg2.connect(host=parsed.host, port=parsed.port, user=parsed.username, dbname=parsed.database)
        self.db.autocommit = True
        self.do("ALTER TABLE events DISABLE TRIGGER ALL")

    def do(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement with ``?`` for values, and give its rows."""
        cursor = self.db.cursor()
        cursor.execute(statement if self.lite else statement.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []

    def rows(self) -> list[tuple[Any, ...]]:
        """The whole log."""
        return self.do(f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY seq")

    def replace(self, rows: list[tuple[Any, ...]]) -> None:
        """Put other rows in the place of all."""
        self.do("DELETE FROM events")
        marks = ", ".join("?" * len(COLUMNS))
        for row in rows:
            self.do(f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({marks})", *row)


@pytest.fixture
def written(ledger: Ledger, proposer: Proposer, clock: ManualClock) -> Ledger:
    """Every kind of act that leaves an entry, each by whom and about what it is in production."""
    review = proposer.decide(proposer.intent(), Verdict.REVIEW)
    clock.advance(1)
    ledger.decisions.record_approval(review.decision_id, True, "ann", "looks fine")
    ledger.decisions.record_approval(review.decision_id, False, "bob", "no, it does not")
    ledger.kill_switches.stop("everything", "ann", "lunch")
    clock.advance(1)
    ledger.kill_switches.resume("everything", "ann", "back")
    ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.POSITION_DRIFT, "+5")
    ledger.freezes.lift(ACCOUNT, "AAPL", "ann", "my own purchase")
    prune(ledger)
    return ledger


@pytest.fixture
def forger(written: Ledger, ledger_url: str) -> Iterator[Forger]:
    made = Forger(ledger_url)
    with closing(made.db):
        assert written.audit.verify_chain() == len(made.rows()) == ROWS
        yield made


def altered(ledger: Ledger) -> bool:
    """Whether the forgery is found."""
    try:
        ledger.audit.verify_chain()
    except LedgerError as error:
        return "stop trading" in str(error)
    return False


def others(name: str, value: Any) -> list[Any]:
    """What somebody might put in the place of a value: near it, empty, and of another kind of text."""
    if name == "seq":
        return [value + ROWS, -value, 0]
    if name == "at":
        return [value.replace("+00:00", "+01:00"), value[:25] + ("1" if value[25] != "1" else "2") + value[26:], "now"]
    if name == "payload":
        return ["null" if value != "null" else "{}", value + " ", value.replace('"', "'"), '{"reason":"other"}', ""]
    if name in ("previous", "hash", "payload_hash", "mac"):
        return [value[:-1] + ("0" if value[-1] != "0" else "1"), "f" + value[1:] if value[0] != "f" else "", "0" * 63]
    return [value + " ", value[:-1], "", value.swapcase()]


@pytest.mark.parametrize("column", COLUMNS)
def test_any_other_value_in_any_row_is_found(written: Ledger, forger: Forger, column: str) -> None:
    for row in forger.rows():
        seq, value = row[0], row[COLUMNS.index(column)]
        for other in others(column, value):
            forger.do(f"UPDATE events SET {column} = ? WHERE seq = ?", other, seq)
            assert other == value or altered(written), (seq, other)
            forger.do(f"UPDATE events SET {column} = ? WHERE seq = ?", value, other if column == "seq" else seq)
    assert not altered(written), "and nothing but the forgery was found"


def test_any_rows_that_are_missing_are_found(written: Ledger, forger: Forger) -> None:
    rows = forger.rows()
    for count in (1, 2, ROWS - 1, ROWS):
        for gone in itertools.combinations(range(ROWS), count):
            forger.replace([row for place, row in enumerate(rows) if place not in gone])
            assert altered(written), gone
    forger.replace(rows)
    assert not altered(written)


def test_rows_that_change_places_are_found(written: Ledger, forger: Forger) -> None:
    """Also when their numbers are made to fit."""
    rows = forger.rows()
    for one, other in itertools.combinations(range(ROWS), 2):
        mixed = list(rows)
        mixed[one], mixed[other] = (rows[one][0], *rows[other][1:]), (rows[other][0], *rows[one][1:])
        forger.replace(mixed)
        assert altered(written), (one, other)


def test_a_row_that_is_put_in_is_found_wherever_it_is(written: Ledger, forger: Forger) -> None:
    rows = forger.rows()
    for place in range(ROWS + 1):
        new = (place + 1, *rows[min(place, ROWS - 1)][1:])
        behind = [(row[0] + 1, *row[1:]) for row in rows[place:]]
        forger.replace([*rows[:place], new, *behind])
        assert altered(written), place


def test_a_whole_new_past_is_found_by_the_head(written: Ledger, forger: Forger) -> None:
    """A chain that is right in itself, but is not the one that was written."""
    honest = forger.rows()
    head = forger.do("SELECT seq, hash FROM event_head")[0]
    forger.replace([])
    forger.do("UPDATE event_head SET seq = 0, hash = ?", "0" * 64)
    for _ in range(ROWS):
        written.audit.append("ann", "RESUME", "everything", {"reason": "invented"})
    assert altered(written), "the rows of the facts tell another story than the invented events"
    forger.do("UPDATE event_head SET seq = ?, hash = ?", *head)
    assert altered(written)
    forger.replace(honest)
    assert not altered(written)
    written.audit.append("ann", "KILL", "everything")
    assert written.audit.verify_chain() == ROWS + 1


@pytest.mark.parametrize(
    "edit",
    [f"UPDATE event_head SET seq = {ROWS - 1}", "UPDATE event_head SET hash = 'x'", "DELETE FROM event_head"],
)
def test_an_edit_of_the_head_is_found(written: Ledger, forger: Forger, edit: str) -> None:
    forger.do(edit)
    assert altered(written)


def test_an_entry_hashes_every_one_of_its_fields(written: Ledger) -> None:
    every = written.events.after(0)
    assert len({event.hash for event in every}) == ROWS
    assert [event.previous for event in every[1:]] == [event.hash for event in every[:-1]]
    entries = written.audit.entries()
    assert {(entry.actor, entry.action) for entry in entries} == {
        ("gate", "DECIDE"), ("ann", "APPROVE"), ("bob", "REJECT"), ("ann", "KILL"), ("ann", "RESUME"),
        ("program", "FREEZE"), ("ann", "LIFT"), ("program", "PRUNE"),
    }  # fmt: skip
