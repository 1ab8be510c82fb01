"""``tradewright ledger``: an audit that names what was altered, backups, and the way back from one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from conf.compose import compose
from runtime.container import Container
from tests.app.conftest import say
from tests.support.houses import House
from tradewright.ledger.kill_switches import EVERYTHING


@pytest.fixture
def desk(house: House, tmp_path: Path) -> House:
    """The YAML of the shared house over an empty storage folder."""
    return House(house.conf, tmp_path / "data", house.more)


@pytest.fixture
def ledger(desk: House) -> Path:
    """The file of a ledger with one stop."""
    assert say("kill", *desk.overrides, "--reason", "lunch").status == 0
    return desk.root / "ledger.sqlite3"


def forge(ledger: Path) -> None:
    """Lift the stop as somebody would who has the file."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as forger:
        for (name,) in forger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            forger.execute(f"DROP TRIGGER {name}")
        forger.execute("UPDATE switches SET stopped = 0")


def test_verify_tells_that_all_is_well(desk: House, ledger: Path) -> None:
    said = say("ledger", "verify", *desk.overrides, "--json")
    assert said.status == 0
    assert said.json["altered"] == []
    assert said.json["events"] >= 1
    assert str(ledger) in said.json["ledger"]
    assert "the chain of" in say("ledger", "verify", *desk.overrides).out


def test_verify_ends_with_1_and_names_what_was_altered(desk: House, ledger: Path) -> None:
    forge(ledger)
    said = say("ledger", "verify", *desk.overrides, "--json")
    assert said.status == 1
    (row,) = said.json["altered"]
    assert row["where"].startswith("table switches")
    assert "stopped" in row["what"]
    told = say("ledger", "verify", *desk.overrides)
    assert told.status == 1
    assert "table switches" in told.out
    assert "keep the database as evidence" in told.out


def test_a_ledger_that_is_not_there_is_neither_verified_nor_made(desk: House) -> None:
    for command in ("verify", "backup"):
        said = say("ledger", command, *desk.overrides)
        assert said.status == 1
        assert "there is no ledger" in said.err
    assert not (desk.root / "ledger.sqlite3").exists()


def test_a_backup_is_restored_as_the_document_says(desk: House, ledger: Path) -> None:
    made = say("ledger", "backup", *desk.overrides, "--json").json
    assert Path(made["path"]).parent == desk.root / "backups"
    assert say("resume", *desk.overrides, "--reason", "back").status == 0
    forge(ledger)
    for suffix in ("", "-wal", "-shm"):
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)
    shutil.copy(made["path"], ledger)
    said = say("ledger", "verify", *desk.overrides, "--json")
    assert said.status == 1, "the restored ledger ends before the event that is noted beside its key"
    assert "anchored outside" in said.json["altered"][0]["what"]
    rekey = ("ledger", "rekey", *desk.overrides, "--json", "--reason", "restored")
    refused = say(*rekey)
    assert (refused.status, refused.json["error"]["code"]) == (1, "SEAL_IN_DOUBT")
    assert "--accept" in refused.json["error"]["remedy"]
    assert "is anchored as the newest" in say(*rekey, "--accept").json["accepted"][0]
    said = say("ledger", "verify", *desk.overrides, "--json")
    assert (said.status, said.json["events"]) == (0, made["events"] + 1)
    with Container(compose(desk.overrides)) as restored:
        assert [row.scope for row in restored.ledger.kill_switches.present() if row.stopped] == [EVERYTHING]


def test_prune_counts_what_it_deletes_and_names_who_did_it(desk: House, ledger: Path) -> None:
    said = say("ledger", "prune", *desk.overrides, "--actor", "ann", "--json")
    assert said.json == {"deleted": {"idempotency_keys": 0}}
    with Container(compose(desk.overrides)) as opened:
        (entry,) = [row for row in opened.ledger.audit.entries() if row.action == "PRUNE"]
    assert "(claimed: ann)" in entry.actor
    assert "idempotency_keys: 0 rows deleted" in say("ledger", "prune", *desk.overrides).out
    assert ledger.is_file()


def test_a_backup_says_that_the_key_is_no_part_of_it(desk: House, ledger: Path) -> None:
    assert ledger.is_file()
    made = say("ledger", "backup", *desk.overrides)
    assert "the key is no part of it: keep " in made.out
    key = say("ledger", "backup", *desk.overrides, "--json").json["key"]
    assert Path(key).is_file()
    assert not Path(key).is_relative_to(desk.root)
