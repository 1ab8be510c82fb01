"""Wrong documents, each with the exact problems, code, place and hint; and what following the hints repairs."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from strategies.documents import strategy_class
from tests.dsl.support import bars_of, text_of
from tradewright.backtest.decisions import refuse_orders, replay
from tradewright.dsl.check import check
from tradewright.dsl.problem import Code, Problem
from tradewright.model.errors import StrategyError

CASES = json.loads((Path(__file__).parent / "static_cases.json").read_text(encoding="utf-8"))
"""Changes to a sound document, and the problems that they make."""


def planted(changes: dict[str, Any]) -> str:
    return text_of(**{key: ... if value == "(left out)" else value for key, value in changes.items()})


def test_the_document_that_is_changed_is_sound() -> None:
    assert check(text_of()).problems == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: re.sub(r"\W+", "-", str(case["problems"][0]))[:60])
def test_the_problems_are_these(case: dict[str, Any]) -> None:
    assert [str(problem) for problem in check(planted(case["changes"])).problems] == case["problems"]


def test_there_are_enough_cases_and_every_code_is_among_them() -> None:
    told = [line.split(": ")[1] for case in CASES for line in case["problems"]]
    assert set(told) == set(Code)
    assert len(CASES) >= 100
    assert told.count(Code.STATIC_FAIL) >= 50


@pytest.mark.parametrize("bars", [100, 101])
def test_a_window_longer_than_the_data_is_refused(bars: int) -> None:
    rules = [{"if": "close > ma(close, 101)", "then": "buy"}, {"if": "close < 1", "then": "close"}]
    found = [problem.message for problem in check(text_of(rules=rules), bars).problems]
    assert found == (["it needs 101 bars, and there are 100"] if bars == 100 else [])


BUY, CLOSE = {"if": "close > ma(close, 5)", "then": "buy"}, {"if": "close < ma(close, 5)", "then": "close"}
ASKED: dict[str, dict[str, Any]] = {
    "rules[0].stop_entry": {"rules": [BUY | {"stop_entry": "high * 1.01"}, CLOSE]},
    "params.max_hold_bars": {"rules": [BUY, CLOSE], "params": {"size_pct": 0.01, "max_hold_bars": 5}},
    "": {
        "rules": [BUY | {"limit": "low"}, CLOSE],
        "exits": {"stop": "atr(5)", "trail": "atr(7)", "take_profit": "atr(9)"},
    },
}
"""What a document asks for that no signal carries, by its place; and one that asks for nothing of the kind."""


@pytest.mark.parametrize("place", ASKED)
def test_a_document_that_no_signal_carries_is_sound_with_a_warning_and_refused_by_signals(place: str) -> None:
    found = check(text_of(**ASKED[place]))
    assert [(each.loc.path, each.severity) for each in found.problems] == ([(place, "warning")] if place else [])
    assert all("can be backtested and not traded" in each.message for each in found.problems)
    assert all("to trade or rehearse it" in each.hints[0].text for each in found.problems)
    assert found.document is not None
    assert found.program is not None
    made, bars = strategy_class(found.document, found.program)(), bars_of()
    with pytest.raises(StrategyError, match="signals do not carry") if place else nullcontext():
        refuse_orders(made, replay(made, bars, np.zeros(len(bars.ts))))


def repaired(document: dict[str, Any], problem: Problem) -> dict[str, Any] | None:
    """The document after the hint of a problem was followed; None where only a person can follow it."""
    hint = problem.hints[0] if problem.hints else None
    if hint is None:
        return None
    if hint.path:
        *above, last = hint.path.split(".")
        node: Any = document
        for part in above:
            name, _, place = part.partition("[")
            node = node[name][int(place[:-1])] if place else node.setdefault(name, {})
        node.pop(last, None) if hint.value is None else node.__setitem__(last, hint.value)
        return document
    name = re.fullmatch(r"did you mean '?(\w+)'?\?|write (and|or|not)", hint.text)
    found = re.fullmatch(r"rules\[(\d+)\]\.if", problem.loc.path)
    if name and found and problem.loc.index is not None:
        rule, word = document["rules"][int(found[1])], name[1] or name[2]
        before, rest = rule["if"][: problem.loc.index], rule["if"][problem.loc.index :]
        rule["if"] = before + re.sub(
            r"^(\w+|[^\w\s]+)", f"{word} ".rstrip() if word != "not" else "not ", rest, count=1
        )
        return document
    return None


def test_following_the_hints_repairs_within_two_rounds() -> None:
    """R-STRAT-39, of the cases whose hints say exactly what to write."""
    rounds = []
    for case in CASES:
        document: dict[str, Any] | None = json.loads(planted(case["changes"]))
        for count in range(1, 4):
            errors = check(json.dumps(document)).errors
            document = repaired(json.loads(json.dumps(document)), errors[0]) if errors else None  # warnings alone
            if document is None:
                break
            if not check(json.dumps(document)).errors:
                rounds.append(count)
                break
        else:
            rounds.append(99)
    assert len(rounds) >= 20
    assert sum(count <= 2 for count in rounds) / len(rounds) >= 0.95
