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

from app.operations import checking, lab, research, sweep
from assets.research import strategies as chain
from conf import compose as compose_module
from conf import strategy_kinds
from conf.compose import compose
from runtime.container import Container
from runtime.research import tables
from runtime.signals import newest_signals
from strategies import discovery
from strategies.agent import StrategyAgent, ask_all
from tests.support.houses import House, conf_copy
from tradewright.model.agent import AgentSnapshot
from tradewright.model.errors import TradewrightError
from tradewright.model.secondary_needs import needs_among

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
    "nothing returned": Mistake("return", DEF_LINE, "it returned None in bar"),
    "a number returned": Mistake("return 1.0", DEF_LINE, "it returned 1.0 in bar"),
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
    "the end of the program": Mistake("raise SystemExit(3)", BODY_LINE, "SystemExit: 3"),
    "an argument of text": Mistake("pass", 18, "numbers are needed", 'Feature("close"), Feature("sma", ("3",))'),
    "a feature of a number": Mistake("pass", 18, "a feature is called 5", 'Feature("close"), Feature(5)'),
    "no such indicator": Mistake("pass", 18, "did you mean sma?", 'Feature("close"), Feature("smaa", (3,))'),
    "a wrong window": Mistake("pass", 18, "sma: n = 0", 'Feature("close"), Feature("sma", (0,))'),
    "a forgotten comma": Mistake("pass", 18, "with the comma", 'Feature("close"), Feature("sma", (self.span))'),
    "no features": Mistake("pass", 18, "it returns None", "None"),
    "texts as features": Mistake("pass", 18, "return a tuple of features", '"close", "sma"'),
    "a state that fails": Mistake("pass", FEATURES_LINE, "AttributeError", 'Feature("sma", (self.spam,))'),
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
    seen = discovery.discover(discovery.candidates_in(Path(importlib.import_module(package).__path__[0]), package))
    monkeypatch.setattr(strategy_kinds, "found_in", lambda _folder: seen)
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
    bars = tables(home, needs=needs_among("own", ()))["BTC"].bars
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
    "sweep": raised(lambda house: sweep.sweep((*house.overrides, "strategy.span=5,10"))),
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


COMPILED = {
    "a name in a bar that never comes": Mistake("if i == 10**7: x = clse", BODY_LINE, "the name 'clse' is not defined"),
    "nothing in a bar that never comes": Mistake("if i == 10**7: return", DEF_LINE, "nothing on some way through it"),
    "text is made": Mistake("x = f'{close[i]:.2f}'", BODY_LINE, "not compiled"),
    "a class of its own": Mistake("import decimal; x = decimal.Decimal(1)", BODY_LINE, "not compiled"),
}
"""Mistakes that plain Python does not see."""


@pytest.mark.parametrize("road", ["check", "backtest"])
def test_the_compiler_is_heard_in_the_author_s_words(
    road: str, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []
    for name, mistake in COMPILED.items():
        path = planted(tmp_path, monkeypatch, WHOLE.format(body=mistake.body, features=mistake.features))
        told = ROADS[road](house)
        place = re.search(rf"{path.parent.name}/own\.py(?:, line |:)(\d+)", told)
        good = place is not None and int(place[1]) == mistake.line and mistake.words in told
        if not good or "numba" in told.lower():
            wrong.append((name, mistake.line, told))
    assert wrong == []


RIGHT = WHOLE.format(body="pass", features=FEATURES)
AT_LOADING = {
    "a bracket left open": ("close[i] > mean[i]", "close[i > mean[i]", "SyntaxError", 9),
    "a wrong indent": ("    close, mean", "  close, mean", "IndentationError", 8),
    "a module that is not": ("from dataclasses import", "import numpyy\nfrom dataclasses import", "numpyy", 2),
    "a name that nobody has": ("class Own(BaseStrategy)", "class Own(BaseStrategi)", "BaseStrategi", 12),
    "no staticmethod": ("staticmethod(generate_signal)", "generate_signal", "staticmethod(generate_signal)", 11),
    "no decision": ("    generate_signal = staticmethod(generate_signal)\n", "", "it has no generate_signal", 11),
    "three arguments": ("(i, features, params, position)", "(i, features, params)", "cannot be called with", 11),
    "compiled by hand": ("def generate_signal", "import numba\n@numba.njit\ndef generate_signal", "leave @njit", 13),
    "no dataclass": ("@dataclass(frozen=True)\n", "", "@dataclass(frozen=True)", 11),
    "no bounds": ('{"span": (1, 500)}', "{}", "the parameter span lacks an entry in bounds", 11),
    "no default": ("span: int = 20", "span: int", "the parameter span lacks a default", 11),
    "a default out of bounds": ("span: int = 20", "span: int = 0", "from 1 to 500", 11),
    "no name": ('    name = "own"\n', "", "name", 11),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_LOADING)
def test_a_file_that_cannot_be_loaded_is_told_on_every_road(
    name: str, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, words, line = AT_LOADING[name]
    assert old in RIGHT
    planted(tmp_path, monkeypatch, RIGHT.replace(old, new))
    assert list(strategy_kinds.kinds().broken) == ["own"]
    error = strategy_kinds.kinds().broken["own"]
    assert error.where.partition(",")[0].endswith(f"/own.py:{line}"), error.where
    assert words in str(error)
    with pytest.raises(TradewrightError) as told:
        compose(house.overrides)
    assert f"own.py:{line}" in str(told.value)
    assert words in str(told.value)


def test_the_right_file_passes_on_every_road(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(tmp_path, monkeypatch, RIGHT)
    assert told_by_check(house) == ""
    assert told_by_the_agent(house) == ""
    kept = list((house.root / "cache" / "tried").iterdir())
    monkeypatch.setattr("tradewright.backtest.lookahead.look_ahead", lambda *_: pytest.fail("it was tried again"))
    assert told_by_check(house) == ""
    assert len(kept) == 1, "the defaults are the file's own parameters"


def test_check_tells_of_a_strategy_that_looks_ahead(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peek = "if i % 23 == 22 and i + 1 < len(close): return (1.0 if close[i + 1] > close[i] else 0.0, NAN, NAN, NAN)"
    planted(tmp_path, monkeypatch, WHOLE.format(body=peek, features=FEATURES))
    assert "own.py:6: own: it looks ahead: bar 22: target is" in told_by_check(house)


def test_one_strategy_s_mistake_leaves_the_assets_of_the_others(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assets.research.definitions import research_definitions

    path = planted(tmp_path, monkeypatch, RIGHT.replace("close[i] > mean[i]", "close[i > mean[i]"))
    path.with_name("other.py").write_text(RIGHT.replace('"own"', '"other"'))
    package = importlib.import_module(path.parent.name)
    seen = discovery.discover(discovery.candidates_in(path.parent, package.__name__))
    monkeypatch.setattr(strategy_kinds, "found_in", lambda _folder: seen)
    text = (house.conf / "strategy" / "own.yaml").read_text().replace(": own", ": other")
    (house.conf / "strategy" / "other.yaml").write_text(text)
    overrides = tuple(each for each in house.overrides if not each.startswith("strategy="))
    definitions = research_definitions((*overrides, "strategy=other"))
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert "strategy/other/risk_report" in keys
    assert "strategy/own/risk_report" not in keys
    (spec,) = [each for each in definitions.assets or () if getattr(each, "group_name", "") == "broken_config"]
    assert "own.py:9" in str(spec.description)  # type: ignore[union-attr]


def test_a_file_that_cannot_be_loaded_hides_no_other_problem(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one problem among the others, with the file and the line of the slip."""
    planted(tmp_path, monkeypatch, "x = 1\ny = = 2\n")
    (house.conf / "strategy" / "other.yaml").write_text("name: other\nkind: nobody\n")
    (house.conf / "strategy" / "own.yaml").write_text(
        (house.conf / "strategy" / "own.yaml").read_text() + "grid:\n  span: [5]\n"
    )
    told = [str(problem) for problem in compose_module.check(house.overrides)]
    assert len([line for line in told if "SyntaxError" in line]) == 1
    assert [line for line in told if "own.py:2" in line and "SyntaxError" in line]
    assert [line for line in told if line.startswith("conf/strategy/other.yaml:2: strategy.kind: must be one of")]
    assert not [line for line in told if "there is no strategy" in line], "said once"
