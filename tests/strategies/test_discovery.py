"""Strategies are found: a new file is enough, a broken one stops no other, a shared name is refused."""

from __future__ import annotations

import importlib
import itertools
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import strategies
from strategies import discovery
from strategies.discovery import Candidate, Discovery, candidates_in, discover, installed_candidates
from strategies.sma_crossover import SmaCrossover
from tradewright.model.errors import ConfigError

PLAIN = """
from dataclasses import dataclass
from strategies.base import BaseStrategy
from strategies.buy_and_hold import BuyAndHold  # imported, so not a strategy of this file
from tradewright.model.strategy import HOLD

def generate_signal(i, features, params, position):
    return HOLD

@dataclass(frozen=True)
class {kind}(BaseStrategy):
    name = "{name}"
    generate_signal = staticmethod(generate_signal)
"""
COUNT = itertools.count()


def found(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> Discovery:
    """The strategies of a package with these files."""
    package = f"planted{next(COUNT)}"
    (folder / package).mkdir()
    for name, text in {"__init__": "", **files}.items():
        (folder / package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return discover(candidates_in(Path(importlib.import_module(package).__path__[0]), package))


def test_a_new_file_is_a_new_strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = found(tmp_path, monkeypatch, idle=PLAIN.format(kind="Idle", name="idle"), helpers="x = 1\n")
    assert (list(seen.usable), dict(seen.broken)) == (["idle"], {})
    assert seen.usable["idle"]().generate_signal(0, (), (), 0.0) == pytest.approx((float("nan"),) * 4, nan_ok=True)


BAD = {
    "syntax": ("x = 1\ndef f(:\n", 2, "SyntaxError"),
    "missing": ("\n\nimport nothing_of_this_name\n", 3, "ModuleNotFoundError"),
    "crash": ("x = 1 / 0\n", 1, "ZeroDivisionError"),
    "own": ("class Odd(Exception): ...\nraise Odd('its own error')\n", 2, "Odd"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_file_stops_no_other_and_names_file_and_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, line, kind = BAD[name]
    seen = found(tmp_path, monkeypatch, **{name: text}, idle=PLAIN.format(kind="Idle", name="idle"))
    assert list(seen.usable) == ["idle"]
    assert list(seen.broken) == [name]
    assert seen.broken[name].where.endswith(f"/{name}.py:{line}")
    assert kind in seen.broken[name].what


def test_two_classes_with_one_name_are_both_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = PLAIN.format(kind="One", name="same"), PLAIN.format(kind="Other", name="same")
    seen = found(tmp_path, monkeypatch, one=one, other=other, idle=PLAIN.format(kind="Idle", name="idle"))
    assert list(seen.usable) == ["idle"]
    assert "one.One" in seen.broken["same"].where
    assert "other.Other" in seen.broken["same"].where


@pytest.mark.parametrize("name", ["manual", "", "two words", "é"])
def test_a_name_that_is_reserved_or_unsafe_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = found(tmp_path, monkeypatch, odd=PLAIN.format(kind="Odd", name=name))
    assert (dict(seen.usable), list(seen.broken)) == ({}, ["odd"])


def test_defaults_out_of_bounds_are_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = found(tmp_path, monkeypatch, odd=PLAIN.format(kind="Odd", name="odd") + "    span: int = 3\n")
    assert list(seen.broken) == ["odd"], "a parameter without bounds"


def test_an_entry_point_names_a_class_or_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"cls": "strategies.sma_crossover:SmaCrossover", "mod": "strategies.buy_and_hold", "no": "math:pi"}
    points = [EntryPoint(name, value, discovery.GROUP) for name, value in values.items()]
    monkeypatch.setattr(discovery, "entry_points", lambda group: points if group == discovery.GROUP else [])
    seen = discover(installed_candidates())
    assert set(seen.usable) == {"sma_crossover", "buy_and_hold"}
    assert list(seen.broken) == ["no"]


def test_one_class_found_twice_is_one_strategy() -> None:
    seen = discover(Candidate(name, lambda: (SmaCrossover,)) for name in ("a", "b"))
    assert (dict(seen.usable), dict(seen.broken)) == ({"sma_crossover": SmaCrossover}, {})


def test_asking_for_a_broken_strategy_raises_its_own_error() -> None:
    error = ConfigError("strategy 'odd' cannot be loaded", where="strategies/odd.py:3")
    found = discovery.found_in(None)._replace(broken={"odd": error})
    with pytest.raises(ConfigError, match=r"strategies/odd\.py:3"):
        found.build("odd", {})
    with pytest.raises(ConfigError, match="broken: odd"):
        found.build("zzz", {})
    assert found.build("buy_and_hold", {}).name == "buy_and_hold"


def test_every_file_of_the_folder_but_its_own_machinery_is_looked_at() -> None:
    files = {path.stem for path in Path(strategies.__path__[0]).glob("*.py")}
    assert {each.name for each in candidates_in(discovery.SHIPPED, "strategies")} == files - {
        "__init__",
        "agent",
        "base",
        "discovery",
        "documents",
    }
    assert discovery.found_in(None).broken == {}
