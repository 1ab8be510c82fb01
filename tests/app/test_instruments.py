"""``tradewright instruments``: the registry is the YAML; a change is checked as a whole before it is written."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from app.operations import conf_draft
from app.operations import instruments as registry
from app.operations.instruments import row_text
from conf.compose import check, compose
from conf.problems import Problem
from conf.yaml_reader import values
from tests.app.conftest import say
from tests.support.houses import conf_copy


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = conf_copy(tmp_path)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made))
    return made


def files(conf: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (conf / "instruments").iterdir()}


def test_an_instrument_is_added_found_and_removed(conf: Path, tmp_path: Path) -> None:
    before = files(conf)
    added = say("instruments", "add", "MYCO", "--class", "stock", "--tick", "0.00005", "--shortable", "--json").json
    assert added == {
        "symbol": "MYCO", "place": "conf/instruments/own.yaml:2",
        "row": "MYCO: {asset_class: stock, tick_size: 0.00005, shortable: true}",
        "changed": ["conf/instruments/own.yaml", "conf/instruments/all.yaml"],
    }  # fmt: skip
    made = compose().instruments["MYCO"]
    assert (f"{made.tick_size:f}", made.shortable, made.calendar) == ("0.00005", True, "XNYS")
    shown = say("instruments", "show", "MYCO", f"storage.root={tmp_path / 'data'}", "--json").json
    assert shown["places"] == ["conf/instruments/own.yaml:2"]
    assert (shown["own"], shown["in_universe"]) == (["asset_class", "tick_size", "shortable"], False)
    assert (shown["is_open"], shown["instrument"]["currency"]) == (True, "USD"), "the scenario stands in a session"
    assert [(each["start"], each["end"]) for each in shown["today"]] == [
        ("2026-11-20T14:30:00+00:00", "2026-11-20T21:00:00+00:00")
    ]
    assert shown["fees"]["kind"] == "bps"
    rows = say("instruments", "list", "--json").json["instruments"]
    found = {row["instrument"]["symbol"]: (row["files"], row["in_universe"]) for row in rows}
    assert found["MYCO"] == (["conf/instruments/own.yaml"], False)
    assert found["AAPL"] == (["conf/instruments/demo.yaml"], True)
    assert say("instruments", "add", "MINE", "--class", "etf", "--file", "mine").status == 0
    assert files(conf)["all.yaml"] == before["all.yaml"].replace("  - indices\n", "  - indices\n  - own\n  - mine\n")
    assert say("instruments", "remove", "MYCO").status == 0
    assert say("instruments", "remove", "MINE").status == 0
    assert "MYCO" not in compose().instruments
    assert {name: text for name, text in files(conf).items() if name in before.keys() - {"all.yaml"}} == {
        name: text for name, text in before.items() if name != "all.yaml"
    }
    assert check((), conf) == []


REFUSED = {
    "no class": (["add", "X"], "say --class with one of stock, etf"),
    "a wrong class": (["add", "X", "--class", "stok"], "did you mean 'stock'?"),
    "a wrong step": (["add", "X", "--class", "stock", "--tick", "1/100"], "must be a number in plain digits"),
    "a step of zero": (["add", "X", "--class", "stock", "--lot", "0"], "must be above 0 (got 0)"),
    "more keys in a value": (
        ["add", "X", "--class", "stock", "--currency", "USD, shortable: true"],
        "must be three to five capital letters",
    ),
    "another calendar": (["add", "X", "--class", "stock", "--calendar", "XNYSE"], "must be a calendar of"),
    "a shared venue symbol": (["add", "X", "--class", "crypto", "--venue", "ibkr=BTC"], "shares its venue symbol"),
    "half a venue": (["add", "X", "--class", "crypto", "--venue", "ibkr"], "names no venue"),
    "a name that is none": (["add", "a b", "--class", "stock"], "must begin with a letter or a digit"),
    "a name that is there": (["add", "AAPL", "--class", "stock"], "AAPL (conf/instruments/demo.yaml:5): is declared"),
    "a path": (["add", "X", "--class", "stock", "--file", "../own"], "is not admitted"),
    "the list of files": (["add", "X", "--class", "stock", "--file", "all"], "is not admitted"),
    "removing what is traded": (["remove", "AAPL"], "universe.instruments: is not in conf/instruments"),
    "removing nothing": (["remove", "NOPE"], "is declared in 0 files"),
}


@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_writes_nothing(conf: Path, words: list[str], told: str) -> None:
    before = files(conf)
    said = say("instruments", *words)
    assert (said.status, files(conf)) == (1, before)
    assert told in said.err


@pytest.mark.parametrize("words", [("remove", "LONG"), ("update", "LONG", "--tick", "0.1")])
def test_a_row_of_several_lines_is_left_to_a_person(conf: Path, words: tuple[str, ...]) -> None:
    path = conf / "instruments" / "forex.yaml"
    path.write_text(path.read_text() + "LONG:\n  asset_class: stock\n")
    said = say("instruments", *words)
    assert said.status == 1
    assert "is written over several lines" in said.err


def test_keys_of_a_row_are_changed_and_the_others_stay(conf: Path) -> None:
    path = conf / "instruments" / "own.yaml"
    head = "# mine\nFIRST: {asset_class: etf}\n"
    row = 'MYCO: {asset_class: stock, tick_size: 0.00005, exchange: "#1", venue_symbols: {ibkr: "00700"}}  # a note'
    path.write_text(f"{head}{row}\nLAST: {{asset_class: etf}}")
    (conf / "instruments" / "all.yaml").write_text("defaults:\n  - own\n  - demo\n")
    done = say("instruments", "update", "MYCO", "--lot", "10", "--not-shortable", "--venue", "oanda=X_Y", "--json").json
    assert (done["place"], done["changed"]) == ("conf/instruments/own.yaml:3", ["conf/instruments/own.yaml"])
    before, changed, after = path.read_text().partition(done["row"])
    assert (before, changed, after) == (head, done["row"], "  # a note\nLAST: {asset_class: etf}")
    assert values(changed) == {
        "MYCO": {
            "asset_class": "stock", "tick_size": 0.00005, "exchange": "#1", "lot_size": 10, "shortable": False,
            "venue_symbols": {"ibkr": "00700", "oanda": "X_Y"},
        }
    }  # fmt: skip
    assert "tick_size: 0.00005," in changed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("MISSING", "--tick", "1"), "declared in 0 files"),
        (("AAPL",), "nothing is to change"),
        (("AAPL", "--tick", "x"), "tick_size"),
        (("AAPL", "--calendar", "XNYZ"), "XNYS"),
    ],
)
def test_a_change_that_is_refused_writes_nothing(conf: Path, words: tuple[str, ...], told: str) -> None:
    before = files(conf)
    said = say("instruments", "update", *words)
    assert (said.status, files(conf)) == (1, before)
    assert told in said.err


def test_two_changes_at_one_time_are_both_kept(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins while the first one is being judged, and waits for it."""
    judge, late = registry._judge, Thread(target=registry.add_instrument, args=("LATE", {"asset_class": "etf"}))

    def judged(*told: Any, **more: Any) -> None:
        if told[2] == "MYCO":
            late.start()
            late.join(0.3)
        judge(*told, **more)

    monkeypatch.setattr(registry, "_judge", judged)
    registry.add_instrument("MYCO", {"asset_class": "stock"})
    late.join()
    assert {"MYCO", "LATE"} <= compose().instruments.keys()
    assert sorted(path.name for path in (conf / "instruments").glob(".*")) == []


def test_a_turn_that_does_not_end_is_told(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(conf)
    monkeypatch.setattr(conf_draft, "TURN", 0.0)
    with conf_draft.alone_in(conf / "instruments"):
        said = say("instruments", "add", "MYCO", "--class", "stock")
    assert (said.status, files(conf)) == (1, before)
    assert "another command has been changing it" in said.err


def test_a_collection_that_is_not_in_force_is_told(conf: Path) -> None:
    config = conf / "config.yaml"
    config.write_text(config.read_text().replace("instruments: all", "instruments: demo"))
    said = say("instruments", "add", "MYCO", "--class", "stock")
    assert "another collection is in force" in said.err
    assert not (conf / "instruments" / "own.yaml").exists()
    assert say("instruments", "add", "MYCO", "--class", "stock", "--file", "demo").status == 0


def test_problems_of_before_keep_no_row_back(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Problem("conf/universe/demo.yaml", 1, "x", "", "is wrong")
    monkeypatch.setattr("app.operations.conf_draft.check", lambda *_: [old])
    registry.add_instrument("MYCO", {"asset_class": "stock"})
    assert "MYCO" in compose().instruments
    assert (conf / "instruments" / "own.yaml").is_file()


NAMES = ["00700", "ON", "no", "BRK.B", "EUR/USD", "a:b", "1e5", "~", "x#y"]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_reads_as_it_was_meant(name: str) -> None:
    meant = {"asset_class": "stock", "calendar": "24/7", "exchange": name, "venue_symbols": {"ibkr": name}}
    assert values(row_text(name, {**meant, "currency": None})) == {name: meant}
