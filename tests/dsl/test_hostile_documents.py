"""Documents that are written to break something: each is refused with a known code, soon, and by every way in alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dsl.support import messages, text_of
from tradewright.dsl.check import check, compiled
from tradewright.dsl.problem import Code, DocumentRefused, Severity

LEAVE = {"if": "crossunder(ma(close, 5), ma(close, 20))", "then": "close"}
Case = tuple[str, str, Code | None]
"""A name, a text, and the code of its first problem; None for any."""


def of(condition: Any, **params: Any) -> str:
    rules = [{"if": condition, "then": "buy"}, LEAVE]
    return text_of(params={"size_pct": 0.01, **params}, rules=rules)


def shapes() -> Iterator[Case]:
    """Too deep, too wide, too long."""
    for depth in (100, 400):
        yield f"{depth} parentheses", of("(" * depth + "close > 1"), Code.PARSE_ERROR
        yield f"{depth} times not", of("not " * depth + "close > 1"), Code.PARSE_ERROR
        yield f"{depth} signs", of("close > " + "-" * depth + "1"), Code.PARSE_ERROR
    yield "lags in lags", of("lag(" * 200 + "close" + ", 1)" * 200 + " > 1"), Code.PARSE_ERROR
    yield "calls in calls", of("abs(" * 300 + "close" + ")" * 300 + " > 1"), Code.PARSE_ERROR
    yield "windows in windows", of("sma(" * 30 + "close - open" + ", 9)" * 30 + " > 1"), Code.STATIC_FAIL
    yield "a long word", of("x" * 100_000), Code.SCHEMA_INVALID
    yield (
        "a thousand rules",
        text_of(rules=[{"if": f"close > {n} + open", "then": "buy"} for n in range(1_000)]),
        (Code.SCHEMA_INVALID),
    )
    yield "a list in lists", "[" * 20_000, Code.SCHEMA_INVALID
    yield "a mapping in mappings", '{"a":' * 5_000 + "1" + "}" * 5_000, Code.SCHEMA_INVALID
    yield "a key twice, once escaped", text_of()[:-1] + ',"\\u0069d":"x"}', Code.SCHEMA_INVALID
    yield "half a character", text_of().replace("Planted", "\\ud800"), Code.SCHEMA_INVALID
    yield "two documents", f"{text_of()}\n---\n{text_of()}", Code.SCHEMA_INVALID
    yield "a tag", "id: !!binary aGk=\n", Code.SCHEMA_INVALID
    yield "only NUL", "\0" * 100, Code.SCHEMA_INVALID


def words() -> Iterator[Case]:
    """Numbers that are none, signs and names that look like others, names that mean something else."""
    for literal in (
        "1e309",
        "9" * 400,
        "1e99999999",
        "1" + "0" * 5_000,
        "0x10",
        "1_000",
        "1e",
        ".5.",
        "\u0663",
        "\uff11",
    ):
        yield f"the number {literal[:12]!a} of {len(literal)}", of(f"close > {literal}"), None
    for name in ("\u0441lose", "cl\u03bfse", "\uff43lose", "close\u200b", "close\u0301"):
        yield f"the name {name!a}", of(f"{name} > 1"), None
    for sign in ("\u2265", "\uff1e", "==", "&&", "%", "**", "?", ";", "`", "[0]", ".real", "\\"):
        yield f"the sign {sign!a}", of(f"close {sign} 1"), Code.PARSE_ERROR
    for function in ("eval", "exec", "open_", "__import__", "print", "MA", "sum", "lambda_"):
        yield f"the function {function}", of(f"{function}(close, 3) > 1"), Code.UNSUPPORTED_FUN
    for name in ("close", "ma", "lag", "nan", "lambda", "parameters", "generate_signal", "confidence", "max", "volume",
                 "place", "program", "inf", "class", "session_rth"):  # fmt: skip
        yield (
            f"the parameter {name}",
            of(f"close > {name}", **{name: {"value": 3, "min": 1, "max": 9}}),
            (Code.SCHEMA_INVALID),
        )
    for name in ("N", "n\u0301", "\uff4e", "x y", "1x", "", "x" * 300, "\u202ex", "__class__"):
        yield f"a parameter called {name[:9]!a}", of("close > open", **{name: 3}), Code.SCHEMA_INVALID
    for then in ("BUY", "buy ", "bu\u0443", "", None, 1, ["buy"], {"buy": 1}):
        yield f"then {then!a}", text_of(rules=[{"if": "close > open", "then": then}, LEAVE]), Code.SCHEMA_INVALID
    for condition in (None, 1, True, [], {}):
        yield f"if {condition!a}", of(condition), Code.SCHEMA_INVALID


RANGES: tuple[tuple[Any, Code], ...] = (
    (1e308, Code.PARAM_OUT_OF_RANGE), (-1e308, Code.PARAM_OUT_OF_RANGE), (10**30, Code.PARAM_OUT_OF_RANGE),
    (10**400, Code.SCHEMA_INVALID), (math.nan, Code.SCHEMA_INVALID), (math.inf, Code.SCHEMA_INVALID),
    (True, Code.SCHEMA_INVALID), ("3", Code.SCHEMA_INVALID), ([3], Code.SCHEMA_INVALID),
    ({"value": 3, "min": 5, "max": 1}, Code.PARAM_OUT_OF_RANGE),
    ({"value": 3, "min": 1, "max": 2}, Code.PARAM_OUT_OF_RANGE),
    ({"value": 3, "min": -5, "max": 9}, Code.STATIC_FAIL), ({"value": 3.5, "min": 1, "max": 9}, Code.STATIC_FAIL),
    ({"value": 3, "min": 1.5, "max": 9}, Code.STATIC_FAIL), ({"value": 3, "min": 1, "max": 10**9}, Code.STATIC_FAIL),
    ({"value": 3, "min": -math.inf, "max": 9}, Code.SCHEMA_INVALID),
)  # fmt: skip


def ends() -> Iterator[Case]:
    """Windows and lags that are wrong at one end of what a parameter may be."""
    for condition in ("ma(close, n) > open", "lag(close, n) > open"):
        for given, code in RANGES:
            yield f"{condition} of {given!r}"[:70], of(condition, n=given), code
    within = {"value": 6, "min": 2, "max": 9}
    for length in ("n - 5", "5 - n", "n / 0", "-n", "n * 1e9", "min(n, 0)", "close", "n > 2"):
        for function in ("ma", "lag"):
            yield f"{function} of {length}", of(f"{function}(close, {length}) > open", n=within), Code.STATIC_FAIL


CASES = [*shapes(), *words(), *ends()]


def test_there_are_enough_and_each_is_another_one() -> None:
    assert len(CASES) >= 120
    assert len({name for name, *_ in CASES}) == len({text for _, text, _ in CASES}) == len(CASES)


@pytest.mark.parametrize("part", range(6))
def test_each_is_refused_with_its_code_and_a_place(part: int) -> None:
    wrong = []
    for name, text, code in CASES[part::6]:
        found = [problem for problem in check(text).problems if problem.severity is Severity.ERROR]
        if not found or found[0].code is not (code or found[0].code) or not found[0].message:
            wrong.append(f"{name}: {found[:1]} instead of {code}")
            continue
        with pytest.raises(DocumentRefused) as refused:
            compiled(text)
        assert refused.value.problems == check(text).problems
    assert wrong == []


ACTS = ("sell", "close", "hold")


@pytest.mark.parametrize(
    ("entry", "other"),
    [
        ("close > 5", "close > 3"),
        ("close > 5", "close >= 5"),
        ("close >= 6", "close > 5"),
        ("close < 5", "9 > close"),
        ("close > open", "close >= open"),
        ("rsi(close, 3) > 70", "rsi(close, 3) >= 70"),
        ("close > 5 and open > 9", "close > 4"),
        ("close > 5 and open > 9", "close > 4 and open > 8"),
        ("close > 5", "close > 4 or open > 8"),
        ("close > 5 or open > 9", "close > 4 or open > 8 or low > 2"),
    ],
)
@pytest.mark.parametrize("act", ACTS)
def test_a_rule_that_another_one_keeps_from_acting_is_refused(entry: str, other: str, act: str) -> None:
    told = messages(check(text_of(rules=[{"if": entry, "then": "buy"}, {"if": other, "then": act}, LEAVE])))
    assert any(f"rules[1] says {act} whenever this rule would act" in each for each in told), told


@pytest.mark.parametrize(
    ("entry", "other"),
    [
        ("close > 5", "close <= 6"),
        ("close > open", "close < low + 1"),
        ("close > 5", "lag(close, 1) > 3"),
        ("close > 5 or open > 9", "close > 4"),
    ],
)
@pytest.mark.parametrize("act", ACTS)
def test_a_rule_that_acts_now_and_then_is_sound(entry: str, other: str, act: str) -> None:
    found = check(text_of(rules=[{"if": entry, "then": "buy"}, {"if": other, "then": act}, LEAVE]))
    assert messages(found) == []


@pytest.mark.parametrize("act", ["close", "hold"])
@pytest.mark.parametrize("entry", ["close > 3", "close >= 5"])
def test_an_entry_may_be_wider_than_what_ends_it_but_not_than_the_other_entry(entry: str, act: str) -> None:
    rules = [{"if": entry, "then": "buy"}, {"if": "close > 5", "then": act}, LEAVE]
    assert messages(check(text_of(rules=rules))) == []
    both = messages(check(text_of(rules=[rules[0], {"if": "close > 5", "then": "sell"}, LEAVE])))
    assert any("rules[1].if: rules[0] says buy whenever this rule would act" in each for each in both)


@pytest.mark.parametrize(
    ("condition", "always"),
    [
        ("close > open and open > close", "never"),
        ("close > open and open >= close", "never"),
        ("close >= open or open >= close", "always"),
        ("close >= open or open > close", "always"),
    ],
)
def test_comparisons_of_the_same_two_values_are_seen_together(condition: str, always: str) -> None:
    assert f"the condition is {always} true" in messages(check(of(condition)))[0]


@pytest.mark.parametrize("condition", ["close >= open and open >= close", "close > open or open > close"])
def test_and_those_that_can_be_both_or_neither_are_sound(condition: str) -> None:
    assert messages(check(of(condition))) == []
