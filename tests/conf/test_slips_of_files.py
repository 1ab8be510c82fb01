"""Slips in files of settings: each is told once, with its place, in words that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conf.compose import check
from conf.problems import Problem

Change = Callable[[str], str]
UNIVERSE = "instruments: {}\ntimeframe: 1d\nbase_timeframe: 1m\n"
ROW = "{}: {{asset_class: stock, calendar: XNYS, tick_size: 0.01, lot_size: 1, default_spread_bps: 1, liquid: true}}\n"


def problems(conf: Path, file: str, content: str) -> list[Problem]:
    """What ``check`` finds when a file holds this; the file is put back."""
    path = conf / file
    kept = path.read_text(encoding="utf-8") if path.is_file() else None
    path.write_text(content, encoding="utf-8")
    try:
        return check((), conf)
    finally:
        path.unlink() if kept is None else path.write_text(kept, encoding="utf-8")


def changed(conf: Path, file: str, change: Change) -> list[Problem]:
    return problems(conf, file, change((conf / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("change", "line", "key", "rule"),
    [
        (lambda _text: "", 0, "defaults", "is missing: the list of the groups"),
        (lambda _text: "base: {tz: UTC, seed: 1}\n", 0, "defaults", "is missing: the list of the groups"),
        (lambda text: text.replace("  - mode: sim", "  - stage: local\n  - mode: sim"), 5, "defaults.stage", "twice"),
        (lambda text: text.replace("defaults:\n", "defaults:\n  - _self_\n"), 27, "defaults._self_", "twice"),
    ],
    ids=["empty", "no defaults list", "a group twice", "_self_ twice"],
)
def test_a_wrong_root_file_is_one_problem(conf_copy: Path, change: Change, line: int, key: str, rule: str) -> None:
    (found,) = changed(conf_copy, "config.yaml", change)
    assert (found.file, found.line, found.key) == ("conf/config.yaml", line, key)
    assert rule in found.rule


@pytest.mark.parametrize(
    ("file", "rule"),
    [("mine.yaml", "lies in no group"), ("risk/mine.YAML", "ends with .YAML"), ("risk/mine.yml", "ends with .yml")],
)
def test_a_file_that_nothing_reads_is_told(conf_copy: Path, file: str, rule: str) -> None:
    (found,) = problems(conf_copy, file, "a: 1\n")
    assert found.file == f"conf/{file}"
    assert rule in found.rule


def test_an_instrument_that_stands_twice_is_told_once(conf_copy: Path) -> None:
    (found,) = problems(conf_copy, "universe/mine.yaml", UNIVERSE.format("[BTC, ETH, BTC, BTC]"))
    assert (found.line, found.key, found.value, found.rule) == (
        1,
        "universe.instruments",
        "BTC",
        "is given twice; keep one",
    )


def test_bars_are_made_of_shorter_ones(conf_copy: Path) -> None:
    text = "instruments: [BTC]\ntimeframe: 1h\nbase_timeframe: 1d\n"
    (found,) = problems(conf_copy, "universe/mine.yaml", text)
    assert (found.line, found.key, found.value) == (3, "universe.base_timeframe", "1d")
    assert "longer than universe.timeframe, 1h" in found.rule


@pytest.mark.parametrize("written", ["[“BTC”]", "[BTC ETH]", "[$BTC]"])
def test_a_wrong_name_in_a_list_is_not_told_as_an_empty_list_too(conf_copy: Path, written: str) -> None:
    (found,) = problems(conf_copy, "universe/mine.yaml", UNIVERSE.format(written))
    assert found.key == "universe.instruments.0"


@pytest.mark.parametrize("symbol", ["'BRK B'", "F\U0001f600"])
def test_a_wrong_symbol_is_told_once(conf_copy: Path, symbol: str) -> None:
    (found,) = problems(conf_copy, "instruments/own.yaml", ROW.format(symbol))
    assert found.key == f"instruments.{symbol.strip(chr(39))}"


def test_marks_of_a_merge_and_spaces_that_are_none_are_told_as_such(conf_copy: Path) -> None:
    text = (conf_copy / "risk" / "default.yaml").read_text(encoding="utf-8")
    (merge,) = problems(conf_copy, "risk/default.yaml", f"{text}<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n")
    assert merge.line == text.count("\n") + 1
    assert "a merge that was not finished" in merge.rule
    (space,) = problems(conf_copy, "risk/default.yaml", text.replace(": ", ":\u00a0", 1))
    assert "no-break space" in space.rule
