"""Bad input ends with what, where and what to do, with status 1, and with nothing half-written."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from app.operations import kill as kill_operation
from conf.environment import SOURCE
from tests.app.conftest import Said, daily, say
from tests.support.houses import COMMAND, House


def contents(root: Path) -> dict[Path, bytes]:
    """Every file of a store but its locks, which hold nothing."""
    found = (path for path in root.rglob("*") if path.is_file() and path.parent != root / "logs")
    files = (path for path in found if path.name != "_lock")
    return {path: path.read_bytes() for path in files}


def refusal(said: Said) -> str:
    """The one error document of a refused command, which has all of its parts."""
    assert said.status == 1, said.out
    error = said.json["error"]
    assert error["what"]
    assert error["remedy"], error
    assert "Traceback" not in said.err
    return json.dumps(error)


# files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(csv: Path, tmp_path: Path) -> Path:
    """A store that has thirty days of GOOG already."""
    root = tmp_path / "data"
    assert say("import", "csv", str(csv), "--instrument", "GOOG", f"storage.root={root}").status == 0
    return root


def test_a_foreign_csv(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "foreign.csv"
    path.write_text("name,colour\nann,red\n")
    before = contents(store)
    text = refusal(say("import", "csv", str(path), "--instrument", "GOOG", f"storage.root={store}", "--json"))
    assert "foreign.csv" in text
    assert contents(store) == before


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("2024-06-03,1,2", "2024-06-03"),
        ("2024-06-03,ten,11,9,10,5", "ten"),
        ("2024-13-03,10,11,9,10,5", "2024-13-03"),
        ("2024-06-03,10,11,9,12,5", "high"),
        ("2024-06-03,10,11,9,10,-5", "volume"),
        ("2024-06-03,nan,11,9,10,5", "row"),
    ],
    ids=["short", "word", "month", "high", "volume", "nan"],
)
def test_a_csv_with_a_wrong_row(store: Path, csv: Path, line: str, word: str) -> None:
    csv.write_text(csv.read_text() + line + "\n")
    before = contents(store)
    said = say("import", "csv", str(csv), "--instrument", "GOOG", f"storage.root={store}", "--json")
    if said.status == 0:
        assert sum(said.json["imported"][0]["dropped"].values()) == 1, "left out and counted by its rule"
        assert said.json["imported"][0]["added"] == 0
    else:
        text = refusal(said)
        assert "GOOG.csv" in text
        assert word in text or "31" in text, "the row or its value is named"
    assert contents(store) == before


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@pytest.mark.parametrize("damage", ["truncated", "foreign", "text"])
def test_a_damaged_table(store: Path, tmp_path: Path, kind: str, damage: str) -> None:
    path = tmp_path / f"table.{kind}"
    columns = daily().rename(columns={"Date": "ts"}) if damage != "foreign" else daily()[["Volume"]]
    table = pa.Table.from_pandas(columns)
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    if damage == "text":
        path.write_text("this is no table")
    before = contents(store)
    text = refusal(say("import", kind, str(path), "--instrument", "GOOG", f"storage.root={store}", "--json"))
    assert path.name in text
    assert contents(store) == before


@pytest.mark.parametrize("damage", ["truncated", "empty", "absent"])
def test_a_damaged_lean_archive(store: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "Data" / "equity" / "usa" / "daily"
    folder.mkdir(parents=True)
    path = folder / "spy.zip"
    if damage != "absent":
        with zipfile.ZipFile(path, "w") as archive:
            if damage == "truncated":
                archive.writestr("spy.csv", "20240102 00:00,1000000,1010000,990000,1000000,5\n" * 50)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-30])
    before = contents(store)
    words = ("import", "lean", str(tmp_path / "Data"), "--instruments", "SPY", f"storage.root={store}", "--json")
    assert "spy" in refusal(say(*words)).lower()
    assert contents(store) == before


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    said = say("import", "csv", str(tmp_path / "none.csv"), "--instrument", "GOOG", "--json")
    assert "none.csv" in refusal(said)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("columns: {ts: Date}\nzoen: UTC\n", "zoen"),
        ("columns: [Date]\n", "columns"),
        ("columns: {ts: Date\n", "mapping.yaml:1"),
        ("- a\n- b\n", "mapping.yaml"),
    ],
    ids=["key", "shape", "yaml", "list"],
)
def test_a_wrong_mapping(csv: Path, tmp_path: Path, content: str, word: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(content)
    words = ("import", "csv", str(csv), "--instrument", "GOOG", "--mapping", str(path))
    text = refusal(say(*words, f"storage.root={tmp_path / 'data'}", "--json"))
    assert "mapping.yaml" in text
    assert word in text
    assert not (tmp_path / "data").exists() or not contents(tmp_path / "data")


@pytest.mark.parametrize(
    ("content", "line", "near"),
    [
        ("zoen: UTC\n", 1, "zone"),
        ("header: true\ntime_fromat: s\n", 2, "time_format"),
        ("columns:\n  ts: Date\n  clsoe: Close\n", 3, "close"),
        ("stamp: cloze\n", 1, "close"),
    ],
)
def test_a_wrong_mapping_is_told_with_its_line_and_the_nearest_name(
    csv: Path, tmp_path: Path, content: str, line: int, near: str
) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(content)
    words = ("import", "csv", str(csv), "--instrument", "GOOG", "--mapping", str(path), "--json")
    error = say(*words, f"storage.root={tmp_path / 'data'}").json["error"]
    assert error["what"].startswith(f"{path}:{line}: ")
    assert error["what"].endswith(f"did you mean {near!r}?")
    assert error["remedy"] == "correct the mapping file; docs/data.md lists its keys"


@pytest.mark.parametrize(
    ("mapping", "remedy"), [("columns: {open: Opening}", "columns.open"), ("columns: {high: 9}", "columns.high")]
)
def test_a_column_that_the_file_does_not_have(csv: Path, tmp_path: Path, mapping: str, remedy: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(mapping)
    words = ("import", "csv", str(csv), "--instrument", "GOOG", "--mapping", str(path), "--json")
    error = say(*words, f"storage.root={tmp_path / 'data'}").json["error"]
    assert error["where"] == str(csv)
    assert "there is no column" in error["what"]
    assert remedy in error["remedy"]


@pytest.mark.parametrize("kind", ["csv", "parquet", "feather"])
def test_a_table_that_was_cut_off_after_its_header(store: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"cut.{kind}"
    table = pa.Table.from_pandas(daily().rename(columns={"Date": "ts"}).iloc[:0], preserve_index=False)
    if kind == "csv":
        path.write_text("ts,Open,High,Low,Close,Volume\n")
    elif kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path)
    before = contents(store)
    text = refusal(say("import", kind, str(path), "--instrument", "GOOG", f"storage.root={store}", "--json"))
    assert path.name in text
    assert contents(store) == before


def test_a_missing_mapping(csv: Path, tmp_path: Path) -> None:
    words = ("import", "csv", str(csv), "--instrument", "GOOG", "--mapping", str(tmp_path / "none.yaml"), "--json")
    assert "none.yaml" in refusal(say(*words))


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["import", "csv", "FILE", "--instrument", "GOOGG"], "did you mean 'GOOG'"),
        (["import", "csv", "FILE"], "a file holds one instrument, not 0"),
        (["import", "csv", "FILE", "--instruments", "GOOG,SPY"], "not 2"),
        (["import", "csv", "FILE", "--instruments", " , "], "not 0"),
        (["import", "lean", "FILE"], "no instrument is named"),
        (["import", "cvs", "FILE", "--instrument", "GOOG"], "did you mean 'csv'"),
        (["import", "csv", "FILE", "--instrument", "GOOG", "--timeframe", "2d"], "one of 1m"),
        (["backtest", "backtest.instruments=[GOOGG]"], "GOOG"),
        (["backtest", "backtest.instruments=[SPY]", "backtest.timeframe=1d", "feed=files"], "import them first"),
        (["orders", "broker=ibrk"], "ibkr"),
        (["orders", "broker.kind=ibrk"], "ibkr"),
    ],
)
def test_a_name_that_does_not_exist(csv: Path, tmp_path: Path, words: list[str], word: str) -> None:
    filled = [str(csv) if part == "FILE" else part for part in words]
    assert word in refusal(say(*filled, f"storage.root={tmp_path / 'data'}", "--json"))


def test_wrong_yaml_is_named_with_file_and_line(house: House) -> None:
    path = house.conf / "risk" / "default.yaml"
    text = path.read_text()
    path.write_text(text.replace("allow_short: false", "allow_short: perhaps"))
    try:
        said = say("orders", *house.overrides, "--json")
        assert "conf/risk/default.yaml:2" in refusal(said)
    finally:
        path.write_text(text)


# ports and links -------------------------------------------------------------------------------------------------


@contextmanager
def taken() -> Iterator[int]:
    """A port that another program has; it accepts and says nothing."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_in_use(house: House) -> None:
    with taken() as port:
        for words in (["gateway", "--port", str(port)], ["serve", f"observability.serve.port={port}"]):
            assert f"127.0.0.1:{port}" in refusal(say(*words, *house.overrides, "--json"))


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["gateway", "--port", "65536"], "--port"),
        (["gateway", "--port", "-1"], "--port"),
        (["gateway", "--port", "0", "--control-port", "99999"], "--control-port"),
        (["serve", "observability.serve.port=65536"], ""),
        (["sweep", "strategy.fast=2,3", "--top", "-1"], "--top"),
        (["sweep", "strategy.fast=glob(*)"], ""),
        (["orders", "storage.root="], ""),
    ],
)
def test_a_number_that_cannot_be_is_refused_before_anything_starts(house: House, words: list[str], where: str) -> None:
    before = contents(house.root)
    said = say(words[0], *house.overrides, *words[1:], "--json")
    refusal(said)
    assert said.json["error"]["where"] == where
    assert contents(house.root) == before


@pytest.mark.parametrize("command", ["send", "reconcile", "intent"])
@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "refuses"])
def test_a_desk_without_its_gateway_writes_nothing(house: House, command: str, hangs: bool) -> None:
    def facts() -> str:
        return json.dumps([say(name, *house.overrides, "--json").json for name in ("orders", "intents", "positions")])

    before = facts()
    options = ("--instrument", "BTC", "--side", "BUY", "--qty", "0.01") if command == "intent" else ()
    with taken() as port:
        link = ("mode=paper", "broker=ibkr", f"broker.port={port if hangs else 1}", "broker.timeout_s=0.5")
        error = say(command, *options, *house.overrides, *link, "--json").json["error"]
    assert f"127.0.0.1:{port if hangs else 1}" in error["where"]
    assert error["what"]
    assert error["remedy"]
    assert facts() == before


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "refuses"])
def test_a_gateway_that_does_not_answer(house: House, hangs: bool) -> None:
    with taken() as port:
        target = port if hangs else 1
        began = time.monotonic()
        link = ("mode=paper", "broker=ibkr", f"broker.port={target}", "broker.timeout_s=1")
        text = refusal(say("reconcile", *house.overrides, *link, "--json"))
    assert f"127.0.0.1:{target}" in text
    assert time.monotonic() - began < 120


# stores ----------------------------------------------------------------------------------------------------------


def test_a_locked_ledger(house: House) -> None:
    with closing(sqlite3.connect(house.root / "ledger.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        text = not_stopped(say("kill", *house.overrides, "--reason", "test", "--json"))
        assert "ledger.sqlite3" in text
        assert "lock" in text.lower()
        other.rollback()
    assert say("orders", *house.overrides).status == 0


def not_stopped(said: Said) -> str:
    """The problem of a kill whose flag could not be written: it ends with 1, and has gone on to the cancels."""
    assert said.status == 1
    assert said.json["stopped"]["stopped"] is False
    problem = str(said.json["cancelled"]["problem"])
    assert "THE STOP COULD NOT BE WRITTEN" in problem
    assert "Traceback" not in said.err
    return problem


def test_a_locked_bars_store(store: Path, csv: Path) -> None:
    """Two imports at once: the second waits or is refused, and neither breaks the other."""
    daily(40).to_csv(csv, index=False)
    words = ("import", "csv", str(csv), "--instrument", "GOOG", f"storage.root={store}", "--json")
    ended: list[Said] = []
    threads = [threading.Thread(target=lambda: ended.append(process(*words))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    added = sorted(said.json["imported"][0]["added"] for said in ended if said.status == 0)
    assert added in ([0, 10], [10])
    assert all(said.status == 0 or "lock" in refusal(said) for said in ended)


def process(*words: str, limit: int | None = None) -> Said:
    """A command in a process of its own, whose files may not grow beyond ``limit`` bytes; it compiles none then."""
    starter = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); " if limit else ""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1" if limit else ""}
    done = subprocess.run(
        [sys.executable, "-c", starter + COMMAND[1], *words],
        cwd=SOURCE, env=environment, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def test_a_full_bars_store(store: Path, csv: Path) -> None:
    daily(200).to_csv(csv, index=False)
    before = contents(store)
    words = ("import", "csv", str(csv), "--instrument", "GOOG", f"storage.root={store}", "--json")
    text = refusal(process(*words, limit=2000))
    assert str(store) in text
    assert contents(store) == before


def test_a_full_ledger(house: House) -> None:
    """The flag cannot be written: that is said, and the switch is as it was."""
    assert say("resume", *house.overrides, "--reason", "test").status == 0
    text = not_stopped(process("kill", *house.overrides, "--reason", "full", "--json", limit=4096))
    assert "ledger" in text
    options = ("--instrument", "BTC", "--side", "BUY", "--qty", "0.04", "--json")
    reasons = say("intent", *house.overrides, *options).json["reasons"]
    assert "KILLED" not in {reason["code"] for reason in reasons}


def test_a_stop_compiles_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk Python leaves half of a compiled file, and every later import of that module fails."""
    compiles: list[bool] = []
    plain = kill_operation.kill

    def spy(*given: Any) -> Any:
        compiles.append(not sys.dont_write_bytecode)
        return plain(*given)

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(kill_operation, "kill", spy)
    assert say("kill", *house.overrides, "--reason", "test").status == 0
    assert compiles == [False]


def test_a_ledger_that_is_none(house: House, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ledger.sqlite3").write_text("this is no database, although it is long enough " * 100)
    words = [*house.overrides[1:], f"storage.root={tmp_path / 'data'}"]
    said = say("orders", *words, "--json")
    assert (said.status, said.json["orders"]) == (1, [])
    assert "ledger.sqlite3: the file is not a database" in said.json["damaged"][0]


@pytest.mark.parametrize(
    "words",
    [
        ("cancel",),
        ("settle",),
        ("confirm-not-sent",),
        ("acknowledge",),
        ("adopt",),
        ("approve",),
        ("reject",),
        ("explain",),
    ],
)
def test_a_setting_in_the_place_of_a_name_opens_no_ledger(words: tuple[str, ...], tmp_path: Path) -> None:
    reason = () if words == ("explain",) else ("--reason", "x")
    said = say(*words, *reason, f"storage.root={tmp_path / 'here'}")
    assert (said.status, said.out) == (2, "")
    assert "is missing" in " ".join(said.err.split())
    assert list(tmp_path.iterdir()) == []
