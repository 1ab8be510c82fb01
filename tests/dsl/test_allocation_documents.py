"""Allocations as documents: validators that agree, exact problems, one meaning, the referee on random panels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.base import BaseAllocation
from strategies.documents import is_document, strategy_class
from tests.dsl.evaluator import shares
from tests.dsl.random_documents import ALLOCATIONS
from tests.dsl.support import allocation_of, bars_of, messages, text_of
from tests.dsl.test_documents import VALIDATOR, is_shaped
from tests.dsl.test_parity import SLOWLY
from tests.support.extent import runs
from tradewright.backtest import compiled as compiling
from tradewright.dsl.allocation_lowering import LoweredAllocation, lower_allocation
from tradewright.dsl.check import check, compiled
from tradewright.dsl.document import StrategyDocument
from tradewright.dsl.explain import explain
from tradewright.dsl.layout import formatted
from tradewright.dsl.program import Program
from tradewright.dsl.reach import reaches
from tradewright.indicators.registry import columns
from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bars import Bars

COUNT = 50
STARTS, ENDS = (0, 0, 13, 4), (COUNT, COUNT, COUNT, 38)
"""The bar of the panel in which each of its instruments begins, and the one before which it ends."""

ROTATION = {"score": "roc(close, 5)", "top": 2, "hold_if": "roc(close, 5) > 0", "every": "month"}


def written(form: dict[str, Any] | None = None, **changes: Any) -> str:
    """A document with an allocation, as JSON."""
    return text_of(**{"params": {}, "rules": ..., "allocate": ROTATION if form is None else form, **changes})


def panel(seed: int) -> list[Bars]:
    """Bars of instruments that begin late or end early; the first two are equal, so that there are ties."""
    whole = [bars_of(COUNT, seed), bars_of(COUNT, seed), bars_of(COUNT, seed + 1), bars_of(COUNT, seed + 2)]
    spans = [slice(start, end) for start, end in zip(STARTS, ENDS, strict=True)]
    return [Bars(*(each[span] for each in bars)) for bars, span in zip(whole, spans, strict=True)]


def lowered(program: Program) -> LoweredAllocation:
    assert program.allocation is not None
    return lower_allocation(program, program.allocation)


def tables_of(made: LoweredAllocation, document: StrategyDocument, instruments: list[Bars]) -> Tables:
    """The features as tables of bars and instruments, NaN where an instrument is not there."""
    features = made.features(document.values())
    tables = [np.full((COUNT, len(instruments)), np.nan) for _ in features]
    for n, (bars, start) in enumerate(zip(instruments, STARTS, strict=True)):
        for table, column in zip(tables, columns(features, bars), strict=True):
            table[start : start + len(column), n] = column
    return tuple(tables)


def answers(allocate: Any, document: StrategyDocument, tables: Tables) -> list[tuple[bool, list[float]]]:
    numbers = tuple(document.values()[name] for name in sorted(document.params)) or (0.0,)
    rows = []
    for i in range(COUNT):
        out = np.zeros(len(STARTS))
        wished = allocate(i, tables, numbers, np.zeros(len(STARTS)), out)
        rows.append((bool(wished), out.tolist()))
    return rows


def assert_equal(found: list[tuple[bool, list[float]]], expected: list[tuple[bool, list[float]]]) -> None:
    assert [wished for wished, _ in found] == [wished for wished, _ in expected]
    np.testing.assert_array_equal([row for _, row in found], [row for _, row in expected])


@settings(SLOWLY, max_examples=runs(40, 1_000))
@given(ALLOCATIONS, st.integers(0, 1_000))
def test_the_lowered_allocation_is_that_of_the_referee(form: dict[str, Any], seed: int) -> None:
    document, program = allocation_of(form)
    made, instruments = lowered(program), panel(seed)
    expected = shares(document, instruments, STARTS, COUNT)
    with np.errstate(all="ignore"):
        assert_equal(answers(made.allocate, document, tables_of(made, document, instruments)), expected)
    total = document.values()["part"] if form.get("total") == "part" else float(form.get("total", 1))
    sums = [sum(weights) for _, weights in expected]
    assert all(0.0 <= each <= total * (1 + 1e-12) for each in sums)
    assert all(reach.lag >= 0 for reach in reaches(document.values(), *(t for _, t in program.roots())).values())


EVERYTHING = {
    "score": "zscore(high - low, 6) + lag(rsi(close, 4), shift)",
    "top": "places",
    "hold_if": "not (close < sma(close, 9)) or bars_since(crossover(close, ema(close, 3)), 4) < 2",
    "weights": "1 / (stdev(close - open, 5) + volatility(close, 4))",
    "total": "part",
    "every": "week",
}
PARAMS = {
    "places": {"value": 2, "min": 1, "max": 4},
    "shift": {"value": 2, "min": 0, "max": 9},
    "part": {"value": 0.9, "min": 0.1, "max": 1.0},
}


def test_compiled_code_allocates_as_the_plain_function_does() -> None:
    """All that an allocation may be made of, in one."""
    document, program = compiled(written(EVERYTHING, params=PARAMS))
    made, instruments = lowered(program), panel(7)
    tables, expected = tables_of(made, document, instruments), shares(document, instruments, STARTS, COUNT)
    machine = compiling._checked_part(compiling._copy(compiling.plain(made.allocate), {}, {}, compiling._checked_part))
    assert_equal(answers(machine, document, tables), expected)
    held = {sum(weight > 0 for weight in weights) for _, weights in expected}
    assert held >= {0, 1, 2}, "places stay empty, and all are taken"


def test_of_equal_scores_the_first_is_held_and_empty_places_stay_in_cash() -> None:
    document, program = compiled(written(ROTATION | {"top": 3}))
    allocate = lowered(program).allocate
    assert [feature.label for feature in lowered(program).features({})] == ["roc(5)"]

    def of(*scores: float) -> tuple[bool, list[float]]:
        out = np.zeros(len(scores))
        return bool(allocate(0, (np.array([scores]),), (0.0,), out * 0, out)), out.tolist()

    nan, inf = np.nan, np.inf
    third = 1 / 3
    assert document.id == "planted"
    assert of(2.0, 9.0, 2.0, 2.0) == (True, [third, third, third, 0.0])
    assert of(1.0, -1.0, nan, 0.0) == (True, [third, 0.0, 0.0, 0.0])
    assert of(inf, 5.0, -inf, 7.0) == (True, [0.0, third, 0.0, third]), "what is not finite is not known"
    assert of(-1.0, -2.0) == (True, [0.0, 0.0]), "all is sold"
    assert of(nan, nan)[0] is False


@pytest.mark.parametrize("power", [-325, -324, -322, 0, 305, 307])
@pytest.mark.parametrize("ranking", [{}, {"score": "close", "top": 3}, {"score": "close", "top": 1000}])
def test_parts_of_any_size_ask_for_no_more_than_the_total(power: int, ranking: dict[str, Any]) -> None:
    """Parts at the ends of what a number holds: their sum rounds, or has no end, and then nothing is traded."""
    scaled = " * ".join(["close", *[f"1e{30 if power > 0 else -30}"] * (abs(power) // 30)])
    form = {"weights": f"{scaled} * 1e{int(np.fmod(power, 30))}", "total": 0.75, "every": "bar", **ranking}
    document, program = compiled(written(form))
    made, instruments = lowered(program), panel(5)
    with np.errstate(all="ignore"):
        found = answers(made.allocate, document, tables_of(made, document, instruments))
        assert_equal(found, shares(document, instruments, STARTS, COUNT))
    assert all(sum(weights) <= 0.75 * (1 + 1e-12) for _, weights in found)
    assert all(sum(weights) > 0.0 for wished, weights in found if wished), "nothing is sold for a sum without an end"


def test_the_smallest_document_is_equal_weight() -> None:
    document, program = compiled(written({"every": "bar"}))
    made = strategy_class(document, program)
    assert issubclass(made, BaseAllocation)
    assert (made.rebalance, made().prepare_state()[0].label) == (Rebalance.BAR, "close")
    out = np.zeros(3)
    assert made().allocate(0, (np.array([[1.0, np.nan, 7.0]]),), (0.0,), out * 0, out) is True
    assert out.tolist() == [0.5, 0.0, 0.5]


ODD: list[dict[str, Any]] = [
    {"allocate": {}},
    {"allocate": {"every": "fortnight"}},
    {"allocate": {"every": None}},
    {"allocate": {"every": "month", "top": 2.5}},
    {"allocate": {"every": "month", "top": 3.0}},
    {"allocate": {"every": "month", "top": True}},
    {"allocate": {"every": "month", "top": ""}},
    {"allocate": {"every": "month", "top": [1]}},
    {"allocate": {"every": "month", "top": None, "score": None, "hold_if": None}},
    {"allocate": {"every": "month", "weights": None}},
    {"allocate": {"every": "month", "weights": 1}},
    {"allocate": {"every": "month", "total": None}},
    {"allocate": {"every": "month", "total": {"value": 1}}},
    {"allocate": {"every": "month", "rules": []}},
    {"allocate": None},
    {"allocate": "month"},
    {"allocate": ...},
    {"rules": None},
    {"rules": []},
    {"rules": [{"if": "close > 1", "then": "buy"}]},
    {"rules": [{"if": "close > 1", "then": "buy"}], "allocate": None},
    {"rules": [{"if": "close > 1", "then": "buy"}], "allocate": ...},
]


@pytest.mark.parametrize("changes", [{}, *ODD], ids=lambda each: str(each)[:60])
def test_both_validators_accept_and_refuse_the_same(changes: dict[str, Any]) -> None:
    values = json.loads(written(**changes))
    assert VALIDATOR.is_valid(values) == is_shaped(values)


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "both": (
        {"rules": [{"if": "close > 1", "then": "buy"}]},
        ["SCHEMA_INVALID: allocate: a document has rules or allocate, not both (remove one of them)"],
    ),
    "neither": (
        {"allocate": ...},
        ["SCHEMA_INVALID: rules: the key 'rules' is missing (write rules:, or allocate: for weights of all together)"],
    ),
    "empty": ({"allocate": None}, ["SCHEMA_INVALID: allocate: allocate is empty (write allocate: {every: month})"]),
    "no calendar": (
        {"allocate": {}},
        ["SCHEMA_INVALID: allocate.every: the key 'every' is missing (write every: month, or bar, session, week)"],
    ),
    "a wrong calendar": (
        {"allocate": {"every": "monthly"}},
        ["SCHEMA_INVALID: allocate.every: must be 'bar', 'session', 'week' or 'month' (write month)"],
    ),
    "an unknown key": (
        {"allocate": {"every": "month", "weight": "equal"}},
        ["SCHEMA_INVALID: allocate.weight: there is no key 'weight' here (did you mean 'weights'?)"],
    ),
    "top of another type": (
        {"allocate": ROTATION | {"top": [1]}},
        ["SCHEMA_INVALID: allocate.top: must be a number or the name of a parameter"],
    ),
    "a parameter called equal": (
        {"params": {"equal": {"value": 5, "min": 1, "max": 9}}, "allocate": ROTATION | {"score": "roc(close, equal)"}},
        ["SCHEMA_INVALID: params.equal: 'equal' has another meaning and cannot be a parameter (give it another name)"],
    ),
    "a score without top": (
        {"allocate": {"score": "close", "every": "month"}},
        ["STATIC_FAIL: allocate.score: a score without top ranks nothing (write how many are held, allocate.top)"],
    ),
    "top without a score": (
        {"allocate": {"top": 3, "every": "month"}},
        [
            ("STATIC_FAIL: allocate.top: top without a score ranks nothing "
             "(write allocate.score, by which instruments are ranked, or remove it)")
        ],
    ),
    "half a place": (
        {"allocate": ROTATION | {"top": 1.5}},
        [
            ("STATIC_FAIL: allocate.top: top must be a whole number from 1 to 1000, or a parameter with such bounds "
             "(correct it)")
        ],
    ),
    "places by a parameter that may be none": (
        {"params": {"places": {"value": 1, "min": 0, "max": 3}}, "allocate": ROTATION | {"top": "places"}},
        [
            ("STATIC_FAIL: allocate.top: top must be a whole number from 1 to 1000, or a parameter with such bounds "
             "(correct it)")
        ],
    ),
    "places that change": (
        {"allocate": ROTATION | {"top": "close"}},
        [
            ("STATIC_FAIL: allocate.top: top must be a whole number from 1 to 1000, or a parameter with such bounds "
             "(correct it)")
        ],
    ),
    "credit": (
        {"allocate": ROTATION | {"total": 1.2}},
        [
            ("STATIC_FAIL: allocate.total: total must be a number above 0, at most 1, or a parameter with such bounds "
             "(correct it)")
        ],
    ),
    "nothing": (
        {"allocate": ROTATION | {"total": 0}},
        [
            ("STATIC_FAIL: allocate.total: total must be a number above 0, at most 1, or a parameter with such bounds "
             "(correct it)")
        ],
    ),
    "a look-ahead": (
        {"allocate": ROTATION | {"score": "lag(close, -1)"}},
        [
            ("STATIC_FAIL: allocate.score: a lag of -1 bars reads a bar to come: look-ahead "
             "(a lag is 0 or more; for a parameter, raise its min)")
        ],
    ),
    "a condition as a score": (
        {"allocate": ROTATION | {"score": "close > 1"}},
        [
            "STATIC_FAIL: allocate.score: a number is needed here, this is a condition (leave the comparison out)"
        ],
    ),
    "a number as a condition": (
        {"allocate": ROTATION | {"hold_if": "close"}},
        [
            ("STATIC_FAIL: allocate.hold_if: a condition is needed here, this is a number "
             "(compare it with something, as in close > 100)")
        ],
    ),
    "an unknown name": (
        {"allocate": ROTATION | {"weights": "1 / volatilty(close, 5)"}},
        ["UNSUPPORTED_FUN: allocate.weights: there is no function 'volatilty' (did you mean volatility?)"],
    ),
    "the same score": (
        {"allocate": ROTATION | {"score": "close of SPY"}},
        [
            ("STATIC_FAIL: allocate.score: the score is the same for every instrument "
             "(rank by the instrument's own prices, as in roc(close, 20))")
        ],
    ),
    "a score of the clock alone": (
        {"allocate": ROTATION | {"score": "minute_of_day_utc() * 2"}},
        [
            ("STATIC_FAIL: allocate.score: the score is the same for every instrument "
             "(rank by the instrument's own prices, as in roc(close, 20))")
        ],
    ),
    "the same weights": (
        {"allocate": ROTATION | {"weights": "2 * 3"}},
        ["STATIC_FAIL: allocate.weights: the weights are the same for every instrument (write weights: equal)"],
    ),
    "a slip of the word for equal weights": (
        {"allocate": ROTATION | {"weights": "equals"}},
        ["STATIC_FAIL: allocate.weights: there is no series or parameter 'equals' (did you mean equal?)"],
    ),
    "weights below 0": (
        {"allocate": ROTATION | {"weights": "0 - close"}},
        [
            ("STATIC_FAIL: allocate.weights: it is never above 0, so that nothing would be held "
             "(write what is above 0, such as 1 / stdev(close, 20))")
        ],
    ),
    "a condition that never holds": (
        {"allocate": ROTATION | {"hold_if": "rsi(close, 5) > 100"}},
        [
            ("STATIC_FAIL: allocate.hold_if: the condition is never true, whatever the prices: "
             "rsi(close, 5) lies between 0 and 100 "
             "(remove it, or correct the condition)")
        ],
    ),
    "a part that always holds": (
        {"allocate": ROTATION | {"hold_if": "close >= low and roc(close, 3) > 1"}},
        [
            ("STATIC_FAIL: allocate.hold_if: the part 'close >= low' is always true, whatever the prices: "
             "close is never below low "
             "(leave that part out)")
        ],
    ),
    "keys of rules": (
        {"params": {"stop_loss_pct": 0.1}, "exits": {"stop": "close"}},
        [
            "STATIC_FAIL: params.stop_loss_pct: it steers the orders of rules, and an allocation has none (remove it)",
            ("STATIC_FAIL: exits: an allocation has no protective orders: what it does not want any more is sold when "
             "it is asked (remove it)"),
        ],
    ),
    "a parameter that nothing reads": (
        {"params": {"spare": {"value": 5, "min": 1, "max": 9}}},
        ["STATIC_FAIL: params.spare: the parameter spare is read nowhere (remove it, or use it in a rule)"],
    ),
    "windows within windows": (
        {"allocate": ROTATION | {"score": "sma(sma(close + open, 1000), 1000)"}},
        [
            ("STATIC_FAIL: allocate.score: it computes 3e+06 values in every bar, at most 200000 are allowed "
             "(shorten the windows, or do not put one into another)")
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_problems_are_these(name: str) -> None:
    changes, expected = CASES[name]
    found = check(written(**changes))
    assert sorted(told.partition(": DSL_")[2] for told in messages(found)) == sorted(expected)
    assert all(problem.loc.line for problem in found.problems)


def test_a_window_longer_than_the_data_is_refused() -> None:
    assert not check(written(), 6).problems
    assert messages(check(written(), 5))[0].endswith(
        "it needs 6 bars, and there are 5 (shorten the window, or take more bars)"
    )


def test_equal_meaning_is_one_hash_and_any_other_is_another() -> None:
    params = {"places": {"value": 2, "min": 1, "max": 9}}
    base = ROTATION | {"top": "places"}
    one = compiled(written(base, params=params))[1]
    same = base | {"hold_if": "0 < roc(close,5)", "weights": " equal ", "total": 1}
    other = compiled(written(dict(reversed(same.items())), params=params, metadata={"notes": "says the same"}))[1]
    assert (one.hash, lowered(one).text) == (other.hash, lowered(other).text)
    changes: list[dict[str, Any]] = [
        {"every": "week"}, {"top": 2}, {"total": 0.9}, {"hold_if": "roc(close, 5) >= 0"}, {"score": "roc(close, 6)"},
        {"weights": "close"},
    ]  # fmt: skip
    hashes = {
        compiled(written(base | change, params=params if "top" not in change else {}))[1].hash for change in changes
    }
    assert len({one.hash, *hashes}) == len(changes) + 1
    assert compiled(written(base, params=params))[1].as_json()["every"] == "month"


def test_it_is_told_in_words_with_its_proof() -> None:
    said = explain(*compiled(written(EVERYTHING, params=PARAMS)))
    assert said.does[0] == (
        "Shares the account out anew at the close of the first bar of each week; what it does not hold is sold."
    )
    assert said.does[2].endswith("and holds the greatest, 2 (places) at the most.")
    assert said.does[3].startswith(
        "It shares 0.9 (part) times the equity among those that it holds, in proportion to 1 div"
    )
    assert {row.path: (row.newest, row.oldest) for row in said.proof} == {
        "score": (0, None), "hold_if": (0, None), "weights": (0, 4)
    }  # fmt: skip
    plain = explain(*compiled(written({"every": "bar"})))
    assert plain.does[1] == "It shares 1 times the equity among every instrument, in equal parts."
    assert plain.risks[0].startswith("In trading the weights share out a hundredth of the equity")
    assert "There is no stop" in plain.risks[2]
    sized = explain(*compiled(written({"every": "bar"}, params={"size_pct": 0.25})))
    assert sized.risks[0].startswith("In trading the weights share out 25% of the equity")
    assert sized.trades[-1].startswith("Its confidence is 0.5; below policy.min_confidence")


def test_it_is_formatted_and_known_as_a_document() -> None:
    text = "allocate:\n  score: roc( close,5 ) # mine\n  hold_if: (close>open)\n  weights: equal\n  every: month\n"
    assert formatted(text) == text.replace("roc( close,5 )", "roc(close, 5)").replace("(close>open)", "close > open")
    assert is_document(text)
    assert not is_document("kind: x\nallocate: 3")
