"""The strategies of a project's own folder stand beside those that ship; a name that ships is refused with both."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import strategies
from strategies.discovery import Discovery, found_in
from tests.strategies.test_discovery import PLAIN

SHIPPED = {
    *("buy_and_hold", "ema_crossover", "macd_trend", "sma_crossover"),
    "equal_weight",
    *("intraday_trend", "pairs", "trailing_breakout"),
}


def found(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> Discovery:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return found_in.__wrapped__(folder)


def test_a_file_of_the_folder_is_a_strategy_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = PLAIN.format(kind="Idle", name="idle") + "from .helpers import x\n"
    seen = found(tmp_path, monkeypatch, idle=idle, helpers="x = 1\n")
    assert (set(seen.usable), dict(seen.broken)) == ({*SHIPPED, "idle"}, {})
    assert seen.build("idle", {}).name == "idle"


def test_another_folder_is_another_set_of_strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = found(tmp_path / "one", monkeypatch, same=PLAIN.format(kind="One", name="first"))
    other = found(tmp_path / "other", monkeypatch, same=PLAIN.format(kind="Other", name="second"))
    assert (set(one.usable) - SHIPPED, set(other.usable) - SHIPPED) == ({"first"}, {"second"})
    assert one.build("first", {}).name == "first"
    assert set(found_in(None).usable) == SHIPPED


def test_the_kind_of_a_strategy_that_ships_is_refused_and_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = found(tmp_path, monkeypatch, mine=PLAIN.format(kind="Mine", name="sma_crossover"))
    assert set(seen.usable) == SHIPPED - {"sma_crossover"}
    where = seen.broken["sma_crossover"].where
    assert f"{tmp_path / 'mine.py'}:10, mine.Mine" in where
    assert "strategies/sma_crossover.py:" in where


@pytest.mark.parametrize("name", ["sma_crossover", "base", "discovery"])
def test_a_file_with_the_name_of_one_that_ships_is_refused_and_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen = found(tmp_path, monkeypatch, **{name: PLAIN.format(kind="Mine", name="mine")})
    error = seen.broken[name]
    assert error.where == str(tmp_path / f"{name}.py")
    assert f"strategies/{name}.py, which ships" in error.what
    assert "mine" not in seen.usable
    assert set(seen.usable) == SHIPPED - {name}


def test_a_project_on_the_path_of_python_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster puts the working directory there, which an editable install comes after."""
    monkeypatch.setattr(strategies, "__path__", [str(tmp_path)])
    seen = found(tmp_path, monkeypatch, idle=PLAIN.format(kind="Idle", name="idle"))
    assert (set(seen.usable), dict(seen.broken)) == ({*SHIPPED, "idle"}, {})


def test_a_package_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = found(tmp_path, monkeypatch, __init__="", idle=PLAIN.format(kind="Idle", name="idle"))
    assert seen.broken["__init__"].remedy == "remove it"
    assert "idle" in seen.usable


def test_a_broken_file_is_told_by_its_place_and_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "strategies"
    seen = found(folder, monkeypatch, odd="x = 1\ndef f(:\n", idle=PLAIN.format(kind="Idle", name="idle"))
    assert seen.broken["odd"].where == "strategies/odd.py:2"
    assert "idle" in seen.usable
