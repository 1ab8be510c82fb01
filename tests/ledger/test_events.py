"""Events: every fact is one, each row says what its event says, and every alteration is found."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Integer, insert

from tests.ledger.filled import fill
from tests.support.ledgers import ACCOUNT, START, Proposer
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.outbox import FORGED_ORDER
from tradewright.ledger.row_evidence import event_hash
from tradewright.ledger.schema import attempts, events, fact_tables, metadata
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.mode import Mode
from tradewright.model.order import Leg
from tradewright.model.topic import Topic

TABLES = {**fact_tables(), "attempts": attempts, "events": events}
WITHIN_CHECKS = {("decisions", "verdict"): "'REVIEW'", ("attempts", "state"): "'ACKED'"}
"""Values that the constraints of the tables let pass."""
COLUMNS = [(name, column.name) for name, table in TABLES.items() for column in table.c]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An empty ledger and a filled one, made once and copied for each test."""
    folder, clock = tmp_path_factory.mktemp("templates"), ManualClock(START)
    for name in ("empty", "filled"):
        with Ledger.create(f"sqlite:///{folder / name}", clock) as ledger:
            if name == "filled":
                fill(ledger, clock)
    return folder / "empty", folder / "filled"


@pytest.fixture
def file(tmp_path: Path, templates: tuple[Path, Path]) -> Path:
    return Path(shutil.copy(templates[0], tmp_path / "facts.db"))


@pytest.fixture
def filled(file: Path, clock: ManualClock, templates: tuple[Path, Path]) -> Iterator[Ledger]:
    shutil.copy(templates[1], file)
    with Ledger.open(f"sqlite:///{file}", clock) as ledger:
        yield ledger


def forge(file: Path, *statements: str) -> None:
    """Change the file with no trigger in the way."""
    with closing(sqlite3.connect(file)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
        db.commit()


def found(ledger: Ledger) -> str:
    """What the audit says of an altered ledger."""
    with pytest.raises(LedgerTampered) as caught:
        ledger.events.verify_chain()
    assert "keep the database as evidence" in caught.value.remedy
    return str(caught.value)


def test_a_ledger_with_every_kind_of_fact_verifies(filled: Ledger) -> None:
    with filled._database.read() as connection:
        rows = {name: len(connection.execute(table.select()).all()) for name, table in fact_tables().items()}
    assert all(rows.values()), rows
    assert filled.events.verify_chain() == sum(rows.values()) == filled.events.last_seq()


def test_the_events_are_numbered_without_gaps_and_followed_by_number_and_topic(filled: Ledger) -> None:
    every = filled.events.after(0, limit=None)
    assert [event.seq for event in every] == list(range(1, len(every) + 1))
    assert filled.events.after(3, limit=2) == every[3:5]
    topics = (Topic.FEE_RECORDED, Topic.ORDER_CLAIMED)
    assert {event.topic for event in filled.events.after(0, topics)} == set(topics)
    assert filled.events.after(len(every)) == []


def test_the_payload_of_an_event_is_the_row(filled: Ledger) -> None:
    (event,) = filled.events.after(0, [Topic.EQUITY_MARKED])
    assert event.payload["table"] == "equity_marks"
    assert (event.payload["row"]["equity"], event.mode, event.account) == ("10.50", "sim", ACCOUNT)


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_every_changed_column_is_found_by_the_audit(filled: Ledger, file: Path, table: str, column: str) -> None:
    kind = TABLES[table].c[column].type
    other = f"{column} + 7" if isinstance(kind, Integer) else WITHIN_CHECKS.get((table, column), "'7'")
    forge(file, f"UPDATE {table} SET {column} = COALESCE({other}, 7) WHERE rowid = (SELECT MAX(rowid) FROM {table})")
    assert table in found(filled) or column in ("seq", "event_seq")


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_removed_row_is_found_by_the_audit(filled: Ledger, file: Path, table: str) -> None:
    forge(file, f"DELETE FROM {table} WHERE rowid = (SELECT MAX(rowid) FROM {table})")
    assert found(filled)


@pytest.mark.parametrize("seq", ["NULL", "1000", "1"])
def test_an_inserted_row_is_found_by_the_audit(filled: Ledger, file: Path, seq: str) -> None:
    columns = "scope, stopped, actor, reason, at, mode"
    forge(
        file,
        "DROP INDEX ix_switches_event_seq",
        f"INSERT INTO switches ({columns}, event_seq) SELECT {columns}, {seq} FROM switches",
    )
    assert "switches" in found(filled)


@pytest.mark.parametrize("statement", ["UPDATE event_head SET seq = seq - 1", "DELETE FROM event_head"])
def test_a_moved_head_is_found_by_the_audit(filled: Ledger, file: Path, statement: str) -> None:
    forge(file, statement)
    assert "event_head" in found(filled)


def test_an_event_rewritten_with_a_fitting_hash_is_found_by_the_audit(filled: Ledger, file: Path) -> None:
    """Only a rewritten rest of the chain, head included, would hide it."""
    with closing(sqlite3.connect(file)) as db:
        names = [column.name for column in events.c]
        row = dict(zip(names, db.execute("SELECT * FROM events WHERE seq = 2").fetchone(), strict=True))
    row["actor"] = "mallory"
    forge(file, f"UPDATE events SET actor = 'mallory', hash = '{event_hash(row)}' WHERE seq = 2")
    assert "table events, seq 2" in found(filled), "its keyed hash is not one that a holder of the key made"


ACTED_ON = [
    *(("intents", column.name) for column in TABLES["intents"].c),
    *(("decisions", column.name) for column in TABLES["decisions"].c),
    *(("approved_orders", column.name) for column in TABLES["approved_orders"].c),
]


@pytest.mark.parametrize(("table", "column"), ACTED_ON)
def test_a_changed_row_is_found_when_its_order_is_claimed(
    file: Path, clock: ManualClock, table: str, column: str
) -> None:
    ledger = Ledger.create(f"sqlite:///{file}", clock)
    order = Proposer(ledger, clock).order()
    ledger.leases.acquire(ACCOUNT, "h", 60)
    other = "event_seq + 1" if column == "event_seq" else WITHIN_CHECKS.get((table, column), "'7'")
    forge(file, "DROP INDEX " + f"ix_{table}_event_seq", f"UPDATE {table} SET {column} = {other}")
    if column in ("decision_id", "intent_id") and table != "intents":
        with suppress(LedgerTampered):  # under another key it is not found, or it is and differs
            assert ledger.claims.claim(order.decision_id, order.payload_hash, "h") is None
    else:
        with pytest.raises(LedgerTampered, match=table):
            ledger.outbox.get(order.decision_id)
        with pytest.raises(LedgerTampered, match=table):
            ledger.claims.claim(order.decision_id, order.payload_hash, "h")
    assert ledger.attempts.all() == []


def test_an_order_slipped_in_beside_a_rejected_decision_is_never_claimed(file: Path, clock: ManualClock) -> None:
    ledger = Ledger.create(f"sqlite:///{file}", clock)
    proposer = Proposer(ledger, clock)
    order = proposer.order()
    rejected = proposer.decide(proposer.intent(), Verdict.REJECT)
    ledger.leases.acquire(ACCOUNT, "h", 60)
    names = [column.name for column in TABLES["approved_orders"].c if column.name not in ("decision_id", "intent_id")]
    copied = ", ".join("NULL" if name == "event_seq" else name for name in names)
    forge(
        file,
        f"INSERT INTO approved_orders (decision_id, intent_id, {', '.join(names)}) "
        f"SELECT '{rejected.decision_id}', '{rejected.intent_id}', {copied} FROM approved_orders",
    )
    for _ in range(2):
        assert rejected.decision_id not in [row.decision_id for row in ledger.outbox.sendable()]
    alarms = [entry for entry in ledger.audit.entries(rejected.decision_id) if entry.action == FORGED_ORDER]
    assert len(alarms) == 1, "an alarm, once"
    assert ledger.outbox.get(order.decision_id).payload_hash == order.payload_hash
    with pytest.raises(LedgerTampered, match="approved_orders"):
        ledger.outbox.get(rejected.decision_id)
    with pytest.raises(LedgerTampered, match="approved_orders"):
        ledger.claims.claim(rejected.decision_id, order.payload_hash, "h")


@pytest.mark.parametrize("column", [column.name for column in attempts.c if column.name != "ref"])
def test_a_changed_attempt_is_found_before_it_moves_on(file: Path, clock: ManualClock, column: str) -> None:
    ledger = Ledger.create(f"sqlite:///{file}", clock)
    order = Proposer(ledger, clock).order()
    ledger.leases.acquire(ACCOUNT, "h", 60)
    attempt = ledger.claims.claim(order.decision_id, order.payload_hash, "h")
    assert attempt is not None
    other = {"event_seq": "NULL", "state": "'ACKED'"}.get(column, "'7'")
    forge(file, f"UPDATE attempts SET {column} = {other}")
    with pytest.raises(LedgerTampered, match="attempts"):
        ledger.claims.begin_sending(attempt.ref, "s", {Leg.ENTRY: 1}, order.payload_hash, "h")


def test_a_mode_sees_its_own_switches_freezes_marks_and_reconciliations(file: Path, clock: ManualClock) -> None:
    sim, live = (Ledger.create(f"sqlite:///{file}", clock, mode=mode) for mode in (Mode.SIM, Mode.LIVE))
    fill(sim, clock)
    live.kill_switches.stop("everything", "ann", "holiday")
    sim.kill_switches.resume("everything", "ann", "test")
    assert [row.reason for row in live.kill_switches.stopping("trend", ACCOUNT)] == ["holiday"]
    assert sim.kill_switches.stopping("trend", ACCOUNT) == []
    assert (live.freezes.present(ACCOUNT), live.equity.marks(ACCOUNT)) == ([], [])
    assert live.broker_journal.last_reconciliation(ACCOUNT) is None
    assert sim.events.verify_chain() == live.events.verify_chain()


def test_a_row_without_its_event_is_refused_at_once(file: Path, clock: ManualClock) -> None:
    ledger = Ledger.create(f"sqlite:///{file}", clock)
    intent = Proposer(ledger, clock).intent()
    with ledger._database.write() as connection:
        row = {"intent_id": "alien", "strategy": "s", "signal_id": "x", "instrument": "AAPL", "payload": intent}
        connection.execute(insert(metadata.tables["intents"]).values(**row, sha256="0" * 64, recorded_at=START))
    with pytest.raises(LedgerTampered, match="intents"):
        ledger.decisions.find_intent("alien")
