"""The ordinary mistakes of a strategy's author, on every road: file and line, what went wrong, what to do (E1)."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from app.operations import checking, lab, research
from assets.research import strategies as chain
from conf import rules
from conf.compose import compose
from runtime.container import Container
from runtime.research import newest_signals, tables
from strategies import discovery
from strategies.agent import StrategyAgent, ask_all
from tests.support.houses import House, conf_copy
from tradewright.model.agent import AgentSnapshot
from tradewright.model.errors import TradewrightError

WHOLE = """
from dataclasses import dataclass
from strategies.base import BaseStrategy
from tradewright.model.strategy import HOLD, NAN, Feature

def generate_signal(i, features, params, position):
    close, mean = features[0], features[1]
    {body}
    return (1.0, NAN, NAN, NAN) if close[i] > mean[i] else HOLD

@dataclass(frozen=True)
class Own(BaseStrategy):
    span: int = 20
    name = "own"
    generate_signal = staticmethod(generate_signal)
    bounds = {{"span": (1, 500)}}

    def prepare_state(self):
        return {features}
"""
FEATURES = 'Feature("close"), Feature("sma", (self.span,))'
BODY_LINE, FEATURES_LINE, DEF_LINE = 8, 19, 6


class Mistake(NamedTuple):
    """A mistake, the line that is named, and words of the message."""

    body: str
    line: int
    words: str
    features: str = FEATURES


SEEN = {
    "a name that is not": Mistake("x = clse[i]", BODY_LINE, "NameError: name 'clse' is not defined"),
    "nothing returned": Mistake("return", DEF_LINE, "it returned None in bar 0"),
    "a number returned": Mistake("return 1.0", DEF_LINE, "it returned 1.0 in bar 0"),
    "three numbers": Mistake("return (1.0, NAN, NAN)", DEF_LINE, "it returned (1.0, nan, nan)"),
    "a text": Mistake("return ('buy', NAN, NAN, NAN)", DEF_LINE, "'buy' is no number"),
    "a truth value": Mistake("return (True, NAN, NAN, NAN)", DEF_LINE, "True is no number"),
    "nothing in some bars": Mistake("if i == 2000: return", DEF_LINE, "it returned None in bar 2000"),
    "no such parameter": Mistake("x = params[3]", BODY_LINE, "2 features and 1 parameters"),
    "no such feature": Mistake("x = features[2][i]", BODY_LINE, "2 features and 1 parameters"),
    "an index far out": Mistake("x = close[i + 10**6]", BODY_LINE, "IndexError"),
    "a division by zero": Mistake("x = 1 / (i - i)", BODY_LINE, "ZeroDivisionError"),
    "an infinite target": Mistake("return (float('inf'), NAN, NAN, NAN)", DEF_LINE, "a target lies between -1"),
    "a target of units": Mistake("return (100.0, NAN, NAN, NAN)", DEF_LINE, "a target lies between -1"),
    "an infinite stop": Mistake("return (1.0, NAN, float('inf'), NAN)", DEF_LINE, "prices are finite"),
    "a method of nothing": Mistake("x = close[i].rolling(3)", BODY_LINE, "has no attribute 'rolling'"),
    "its own exception": Mistake("raise RuntimeError('no idea')", BODY_LINE, "RuntimeError: no idea"),
    "no such indicator": Mistake("pass", 18, "did you mean sma?", 'Feature("close"), Feature("smaa", (3,))'),
    "a wrong window": Mistake("pass", 18, "sma: n = 0", 'Feature("close"), Feature("sma", (0,))'),
    "a forgotten comma": Mistake("pass", 18, "with the comma", 'Feature("close"), Feature("sma", (self.span))'),
    "no features": Mistake("pass", 18, "it returns None", "None"),
    "texts as features": Mistake("pass", 18, "return a tuple of features", '"close", "sma"'),
    "a state that fails": Mistake("pass", FEATURES_LINE, "AttributeError", 'Feature("close"), Feature("sma", (self.spam,))'),
}  # fmt: skip
COUNT = itertools.count()


def planted(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    """A file of an author's own, found as those of the project are."""
    package = f"authors{next(COUNT)}"
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text("")
    path = folder / package / "own.py"
    path.write_text(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    seen = discovery.discover(discovery.candidates_in(importlib.import_module(package)))
    for module in (discovery, rules, checking):
        monkeypatch.setattr(module, "BROKEN", seen.broken)
        monkeypatch.setattr(module, "STRATEGIES", seen.usable)
    return path


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(conf_copy(tmp_path), tmp_path / "data", ("universe.instruments=[BTC]", "strategy=own"))
    folder = made.conf / "strategy"
    for path in folder.glob("*.yaml"):
        path.unlink()
    terms = "confidence: 0.5\nsize_pct: 0.01\ninstruments: null\ntimeframe: null\n"
    (folder / "own.yaml").write_text(f"name: own\nkind: own\nspan: 20\n{terms}")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made.conf))
    return made


def told_by_the_lab(house: House) -> str:
    return lab.explore(house.overrides, lab.Choice("own", ("BTC",), "1m", "raw", "none")).problem


def told_by_check(house: House) -> str:
    return "\n".join(map(str, checking.strategy_problems(compose(house.overrides))))


def told_by_the_agent(house: House) -> str:
    home = Container(compose(house.overrides))
    bars = tables(home)["BTC"].bars
    snapshot = AgentSnapshot(instrument="BTC", bars=bars.head(2001), position=0.0)
    return asyncio.run(ask_all({"own": StrategyAgent(home.strategy)}, snapshot, 30.0)).failed.get("own", "")


def raised(act: Callable[[House], object]) -> Callable[[House], str]:
    def told(house: House) -> str:
        with pytest.raises(TradewrightError) as error:
            act(house)
        return str(error.value)

    return told


ROADS: dict[str, Callable[[House], str]] = {
    "backtest": raised(lambda house: research.backtest(compose(house.overrides))),
    "sweep": raised(lambda house: research.sweep((*house.overrides, "strategy.span=5,10"))),
    "signals asset": raised(lambda house: chain.signals("own", compose(house.overrides))),
    "report asset": raised(lambda house: chain.risk_report("own", compose(house.overrides))),
    "signals": raised(lambda house: newest_signals(Container(compose(house.overrides)))),
    "lab": told_by_the_lab,
    "check": told_by_check,
    "agent": told_by_the_agent,
}
QUIET = {"check": {"nothing in some bars"}}
"""Mistakes that a road does not meet: the scenario of a check is shorter than bar 2000."""


@pytest.mark.parametrize("road", ROADS)
def test_every_mistake_is_told_with_file_and_line(
    road: str, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []
    for name, mistake in SEEN.items():
        if name in QUIET.get(road, set()):
            continue
        path = planted(tmp_path, monkeypatch, WHOLE.format(body=mistake.body, features=mistake.features))
        told = ROADS[road](house)
        place = re.search(rf"{path.parent.name}/own\.py(?:, line |:)(\d+)", told)
        good = place is not None and int(place[1]) == mistake.line and mistake.words in told
        if not good or "numba" in told.lower() or "Traceback" in told:
            wrong.append((name, mistake.line, told))
    assert wrong == []
