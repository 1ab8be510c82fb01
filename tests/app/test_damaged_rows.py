"""D8: a damaged row of the ledger is named and set aside; a kill always sets its flag and cancels at the venue."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer

from conf import compose
from runtime import doctor
from runtime.container import Container
from tests.app.desk import Desk, desk
from tests.execution.venue import ACCOUNT
from tests.support.extent import runs
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.schema import metadata
from tradewright.model.command import CommandKind
from tradewright.model.errors import LedgerError
from tradewright.model.mode import Mode
from tradewright.model.order import Fill, Side

CASES = [(table.name, column.name) for table in metadata.tables.values() for column in table.c]
READERS = ("orders", "positions", "intents")
EACH = 1 if runs(0, 1) else 17
"""Of how many columns one is damaged: all of them in ``make verify``."""
SAMPLE = [case for number, case in enumerate(CASES) if number % EACH == 0]


class Damaged:
    """A desk with a working order, whose ledger and venue are put back before every case."""

    def __init__(self, at: Desk) -> None:
        self.desk, self.file = at, Path(at.ledger.file or "")
        self.ref = _filled(at)
        at.ledger.close()
        self._bytes = _settled(self.file)
        self._venue = at.venue.state

    def restore(self) -> None:
        self.desk.ledger.close()
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        self.file.write_bytes(self._bytes)
        self.desk.venue.set(**self._venue)

    def damage(self, table: str, column: str, value: str) -> bool:
        """Put a value into a column of the newest row; False where the table has none or the engine refuses."""
        with closing(sqlite3.connect(self.file)) as db:
            db.execute("PRAGMA ignore_check_constraints=ON")
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {name}")
            newest = f"(SELECT max(rowid) FROM {table})"
            try:
                changed = db.execute(f"UPDATE {table} SET {column} = {value} WHERE rowid = {newest}").rowcount
            except sqlite3.Error:
                return False
            db.commit()
        return changed == 1

    def audited(self) -> bool:
        """Whether the audit finds the damage."""
        try:
            with Ledger.open(f"sqlite:///{self.file}", self.desk.counter.clock) as ledger:
                return bool(ledger.audit.alterations()[1])
        except LedgerError:
            return True

    def stops(self) -> int:
        with closing(sqlite3.connect(self.file)) as db:
            db.text_factory = bytes
            return int(db.execute("SELECT count(*) FROM switches WHERE reason = 'D8'").fetchone()[0])

    def open_orders(self) -> list[str]:
        orders = self.desk.venue.state["orders"]
        return [row["ref"] for row in orders if row["status"] not in ("CANCELLED", "FILLED", "REJECTED")]


def _settled(file: Path) -> bytes:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


def _filled(at: Desk) -> str:
    """Rows in every table: two orders, one filled and one at work; a freeze, a switch, a correction, a command."""
    at.order("--side BUY --qty 5")
    at.venue.set(mode="rest")
    ref = at.order("--side BUY --qty 7 --type LMT --limit 99")
    ledger = at.ledger
    bought = Fill(exec_id="e.01", ref="", perm_id=9, instrument="MSFT", side=Side.BUY, quantity=Decimal(5),
                  price=Decimal(100), time=ledger.clock.now(), account=ACCOUNT)  # fmt: skip
    ledger.executions.record(bought, None)
    ledger.executions.rule("e.01", True, "test")
    ledger.executions.record_fee("e.01", Decimal(1), "USD")
    ledger.executions.adjust(ACCOUNT, "MSFT", Decimal(5), Decimal(100), "ann", "test")
    ledger.freezes.freeze(ACCOUNT, "ES", FreezeCode.OVERFILL, "test")
    ledger.kill_switches.resume("strategy:other", "ann", "test")
    ledger.idempotency.once("k", {}, dict)
    ledger.commands.enqueue(CommandKind.SEND, ACCOUNT, {}, "ann", "waits", "waiting")
    return ref


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    with desk(tmp_path_factory.mktemp("damaged"), Mode.PAPER) as at:
        yield Damaged(at)


@pytest.fixture
def fresh(damaged: Damaged) -> Damaged:
    damaged.restore()
    return damaged


def _values(column: Column[Any]) -> list[str]:
    number = isinstance(column.type, Integer | Boolean)
    return ["'garbage'"] if number else ["'garbage'", "CAST(X'FF41' AS TEXT)"]


@pytest.mark.parametrize(("table", "column"), SAMPLE)
def test_a_kill_sets_its_flag_and_cancels_whatever_row_is_damaged(fresh: Damaged, table: str, column: str) -> None:
    for value in _values(metadata.tables[table].c[column]):
        fresh.restore()
        before = fresh.stops()
        if not fresh.damage(table, column, value):
            continue
        status, told = fresh.desk.run("kill --reason D8")
        assert fresh.stops() == before + 1, (value, told)
        assert fresh.open_orders() == [], (value, told)
        assert status in (0, 1)


@pytest.mark.parametrize(("table", "column"), SAMPLE)
def test_reading_commands_set_a_damaged_row_aside_and_name_it(fresh: Damaged, table: str, column: str) -> None:
    if not fresh.damage(table, column, _values(metadata.tables[table].c[column])[-1]):
        return
    altered = fresh.audited()
    for command in READERS:
        status, told = fresh.desk.run(command)
        assert command in told or "error" in told, (command, told)
        assert status == bool(told.get("damaged") or "error" in told), (command, told)
    with Container(compose.compose_without_strategy(fresh.desk.overrides)) as house:
        states = [row.state for row in doctor._ledger(house) if row.what == "ledger"]
    assert (states == ["broken"]) == altered


def test_the_good_orders_are_listed_and_the_damaged_one_is_named(fresh: Damaged) -> None:
    assert fresh.damage("attempts", "claimed_at", "'garbage'")
    status, told = fresh.desk.run("orders")
    assert status == 1
    assert [row["attempt"]["ref"] for row in told["orders"]] != []
    assert fresh.ref not in [row["attempt"]["ref"] for row in told["orders"]]
    (text,) = told["damaged"]
    assert f"table attempts, ref {fresh.ref}" in text
    assert "claimed_at is 'garbage'" in text


def test_a_damaged_execution_hides_the_position_that_it_is_about_and_no_other(fresh: Damaged) -> None:
    whole = {row["instrument"] for row in fresh.desk.run("positions")[1]["positions"]}
    assert whole == {"AAPL", "MSFT"}
    assert fresh.damage("executions", "price", "'garbage'")
    status, told = fresh.desk.run("positions")
    assert (status, [row["instrument"] for row in told["positions"]]) == (1, ["AAPL"])
    assert "table executions, exec_id e.01" in told["damaged"][0]
    assert "positions in MSFT are not known" in told["damaged"][0]


@pytest.mark.parametrize("table", ["attempts", "events", "event_head", "switches", "freezes", "commands"])
def test_nothing_is_sent_on_a_damaged_row(fresh: Damaged, table: str) -> None:
    """An order that was approved before the damage stays where it is."""
    fresh.desk.open_market()
    _status, decision = fresh.desk.run("intent --instrument AAPL --side BUY --qty 3")
    assert "verdict" in decision, decision
    if decision["verdict"] == "REVIEW":
        fresh.desk.run(f'approve {decision["decision_id"]} --reason "yes"')
    fresh.desk.ledger.close()
    placed = len(fresh.desk.venue.state["placed"])
    column = {"event_head": "hash", "events": "hash"}.get(table, "account" if table != "switches" else "scope")
    assert fresh.damage(table, column, "'garbage'")
    status, told = fresh.desk.run("send")
    assert status == 1, told
    assert len(fresh.desk.venue.state["placed"]) == placed


def test_a_file_that_is_no_ledger_any_more_stops_no_cancel(fresh: Damaged) -> None:
    for suffix in ("-wal", "-shm"):
        fresh.file.with_name(fresh.file.name + suffix).unlink(missing_ok=True)
    fresh.file.write_bytes(b"no database at all" * 400)
    status, told = fresh.desk.run("kill --reason D8")
    assert (status, told["stopped"]["stopped"]) == (1, False)
    assert "THE STOP COULD NOT BE WRITTEN" in told["cancelled"]["problem"]
    assert fresh.open_orders() == []
    assert told["cancelled"]["ended"] == [fresh.ref]


def test_a_stop_of_one_strategy_leaves_the_orders_of_others_on_a_damaged_ledger(fresh: Damaged) -> None:
    assert fresh.damage("commands", "payload", "'garbage'")
    fresh.desk.run("kill --scope strategy:macd_trend --reason D8")
    assert fresh.open_orders() == [fresh.ref], "a person's order is none of the strategy's"
    fresh.desk.run("kill --scope strategy:manual --reason D8")
    assert fresh.open_orders() == []
