"""Documents: two validators that agree, places in every style of YAML, golden meaning, words, layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from strategies.documents import LIBRARY, strategy_class
from tests.dsl.support import messages, text_of
from tests.dsl.test_static_cases import CASES, planted
from tradewright.dsl.check import check, compiled
from tradewright.dsl.document import DIALECT, SCHEMA_ID, json_schema, shaped
from tradewright.dsl.explain import _PHRASES, explain
from tradewright.dsl.functions import FUNCTIONS
from tradewright.dsl.layout import formatted
from tradewright.dsl.lowering import _LOOPS
from tradewright.dsl.problem import Code
from tradewright.dsl.program import similarity
from tradewright.dsl.reach import reaches
from tradewright.dsl.source import read
from tradewright.dsl.terms import ROLLING

HERE = Path(__file__).parent
FIXTURES = sorted((HERE / "fixtures").glob("*.yaml"))
SHIPPED = sorted(LIBRARY.glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def is_shaped(values: dict[str, Any]) -> bool:
    document, problems = shaped(read(json.dumps(values)))
    return document is not None and not [each for each in problems if "another meaning" not in each.message]


def test_the_schema_says_what_it_is_and_is_one_itself() -> None:
    schema = json_schema()
    assert (schema["$schema"], schema["$id"]) == (DIALECT, SCHEMA_ID)
    assert set(schema["required"]) == {"id", "name", "timeframe", "params", "metadata"}
    assert schema["oneOf"] == [{"required": ["rules"]}, {"required": ["allocate"]}]
    jsonschema.Draft202012Validator.check_schema(schema)
    file = HERE.parents[1] / "conf" / "strategy" / "strategy.schema.json"
    assert json.loads(file.read_text(encoding="utf-8")) == schema, (
        "tradewright dsl schema conf/strategy/strategy.schema.json"
    )


ODD: list[dict[str, Any]] = [
    {"params": {"Upper": 1}},
    {"params": {"n": [1]}},
    {"params": {"n": {"value": 1, "min": 0}}},
    {"params": {"n": None}},
    {"params": {"n": {"value": 1, "min": 0, "max": 2, "step": 1}}},
    {"params": {"n": {"value": "1", "min": 0, "max": 2}}},
    {"instruments": ["BTC"]},
    {"instruments": [""]},
    {"instruments": "BTC"},
    {"instruments": ["../x"]},
    {"grid": {"n": []}},
    {"grid": {"n": [1, 2.5]}},
    {"grid": {"n": ["1"]}},
    {"metadata": {"tags": [1]}},
    {"metadata": {"notes": 5}},
    {"id": "a" * 65},
    {"name": ""},
    {"confidence": "high"},
    {"confidence": 1},
    {"dsl": "0.1.7"},
    {"dsl": 0.1},
    {"timeframe": "1h"},
    {"timeframe": 60},
    {"rules": [{"if": "close > 1", "then": "buy", "limit": None}]},
    {"rules": [{"if": 5, "then": "buy"}]},
    {"exits": None},
    {"exits": {"stop": 5}},
    {"exits": {"stop": "5"}},
    {"rules": [{"if": "x" * 2_001, "then": "buy"}]},
    {"name": "x" * 101},
]


@pytest.mark.parametrize("changes", [*ODD, *(case["changes"] for case in CASES)], ids=lambda each: str(each)[:50])
def test_both_validators_accept_and_refuse_the_same(changes: dict[str, Any]) -> None:
    values = json.loads(planted(changes))
    assert VALIDATOR.is_valid(values) == is_shaped(values)


@pytest.mark.parametrize("path", [*SHIPPED, *FIXTURES], ids=lambda path: path.stem)
def test_both_validators_accept_what_ships(path: Path) -> None:
    values = read(path.read_text(encoding="utf-8")).values
    assert VALIDATOR.is_valid(values)
    assert is_shaped(values)


@pytest.mark.parametrize("path", [*SHIPPED, *FIXTURES], ids=lambda path: path.stem)
def test_valid_ones_are_sound_and_invalid_ones_are_refused(path: Path) -> None:
    found = check(path.read_text(encoding="utf-8"), bars=10_000)
    assert bool(found.errors) == ("invalid" in path.stem)
    if found.program is not None and found.document is not None:
        assert found.document.id == path.stem
        assert not found.problems, "no warning either"
        roots = [term for _, term in found.program.roots()]
        assert all(reach.lag >= 0 for reach in reaches(found.document.values(), *roots).values())


def test_the_look_ahead_is_refused_with_its_reason() -> None:
    found = check((HERE / "fixtures" / "strategy_invalid_lookahead.yaml").read_text(encoding="utf-8"))
    assert [(each.code, each.loc.path, each.loc.line, each.loc.column) for each in found.errors] == [
        (Code.STATIC_FAIL, "rules[0].if", 6, 22),
        (Code.STATIC_FAIL, "rules[1].if", 7, 22),
    ]
    assert all("look-ahead" in each.message for each in found.errors)


GOLDEN_HASH = "bc259fdb0084c5a229bdc63687439edf98b9fb96188e816468ba89d990236232"  # pragma: allowlist secret


def test_every_window_has_code() -> None:
    assert set(_LOOPS) == ROLLING


RULE = "close > 1 and clse < 2"
STYLES = {
    f"- if: {RULE}\n  then: buy": (1, 21),
    f'- if: "{RULE}"\n  then: buy': (1, 22),
    f"- {{if: '{RULE}', then: buy}}": (1, 23),
    "- if: >-\n    close > 1\n    and clse < 2\n  then: buy": (3, 9),
    "- if: |\n    close > 1\n      and clse < 2\n  then: buy": (3, 11),
    "- if: close > 1\n    and   clse < 2\n  then: buy": (2, 11),
    "- then: buy\n  if: \"close > 1\n\n     and clse < 2\"": (4, 10),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_a_place_is_exact_in_every_style_of_yaml(style: str) -> None:
    head = "id: a\nname: A\ntimeframe: null\nparams: {size_pct: 0.01}\nmetadata: {}\nrules:\n"
    (problem,) = check(head + style + "\n- {if: close < 1, then: close}\n").errors
    line, column = STYLES[style]
    assert (problem.loc.line - 6, problem.loc.column) == (line, column)
    assert problem.hints[0].text == "did you mean close?"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the document is empty"),
        ("- 1", "a document is a mapping"),
        ("a: &x 1\nb: *x", "*x is an alias; write the value out"),
        ("a: !!python/object:os.system 1", "the tag"),
        ("a: !!bool 1", "the tag"),
        ("a: !!map 1", "the tag"),
        ("a: !!str {}", "the tag"),
        ("a: !x 1", "the tag"),
        (r'a: "\ud800"', "half of a character"),
        (r'"\udfff": 1', "half of a character"),
        ("a: 1\na: 2", "stands twice"),
        ("a: .inf", "no finite decimal number"),
        ("a: 1_000", "no finite decimal number"),
        ("1: 2", "a key must be text"),
        ("a: {value: 35,0, min: 5}", "a comma parts entries: write 35.5, not 35,5"),
        ("[1]: 2", "a key must be text"),
        ("a: [", "a bracket is opened and not closed"),
        ("rules:\n  - if: close > 1\n   then: buy", "indented otherwise than the lines above it"),
        ("rules:\n  - if: close > 1\n\tthen: buy", "indented with a tab; indent with spaces"),
        ("name: Dips: in a trend", "a second colon; write KEY: VALUE, quote a text"),
        ("rules:\n  - if: > 1", "wants quotes around the whole of it"),
        ("timeframe null\nid: x", "there is no colon; write KEY: VALUE"),
        ("[" * 2_000, "nested deeper"),
        ("a: '" + "x" * 70_000 + "'", "at most 65536"),
        ("a: \x07", "a control character"),
        ("# b\x85\na: 1", "U+0085 is a hidden end of a line; remove it"),
        ("a: 'b\u2028c'", "U+2028 is a hidden end of a line; remove it"),
        ("%YAML 1.1\n---\na: 1", "no directives; remove the line"),
        ("\ufeff# a\n\n%TAG ! x\n---\na: 1", "no directives; remove the line"),
        ("a: 010", "010 has leading zeros, by which some read another number"),
        ("<<: {a: 1}", "<< takes the keys of another mapping; write them out"),
        ("null: 1", "a key must be text, not null"),
        ("\n".join(f"{' ' * level}a:" for level in range(12)), "nested deeper than 8 levels"),
        ("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}", "nested deeper than 8 levels"),
    ],
)
def test_a_text_that_is_no_document_is_refused(text: str, told: str) -> None:
    (problem,) = check(text).errors
    assert problem.code is Code.SCHEMA_INVALID
    assert told in problem.message


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_place_is_the_same_under_each_end_of_lines(end: str) -> None:
    text = f"id: a\nname: A\ntimeframe: null\nparams: {{size_pct: 0.01}}\nmetadata: {{}}\nrules:\n{MISSPELT}"
    (problem,) = check(text.replace("\n", end)).errors
    assert (problem.loc.line, problem.loc.column) == (7, 16)


MISSPELT = "- {if: 'open < clse', then: buy}\n- {if: close < 1, then: close}\n"


@pytest.mark.parametrize(
    ("sign", "remedy"),
    [
        ("\uff1e", "write >"), ("\u2212", "write -"), ("\u2265", "write >="), ("\xa0", "write a space"),
        ("\u0441", "it is the cyrillic small letter es: type the word anew in plain letters"),
        ("\u0665", "it is the arabic-indic digit five: type the word anew in plain letters"),
        ("\u201c", "remove it"), ("\u202e", "remove it"), ("?", "remove it"),
    ],
)  # fmt: skip
def test_a_sign_that_looks_like_another_one_is_told_which(sign: str, remedy: str) -> None:
    """To remove it, as was said of each, made another mistake of it."""
    rules = [{"if": f"close {sign} open", "then": "buy"}, {"if": "close < 1", "then": "close"}]
    (problem,) = check(text_of(rules=rules)).errors
    assert (problem.code, problem.loc.index, problem.hints[0].text) == (Code.PARSE_ERROR, 6, remedy)


def test_the_meaning_of_the_moving_average_crossover_is_golden() -> None:
    """The same in every process and on every platform; a change of it is a new version of the language."""
    _, program = compiled((HERE / "fixtures" / "strategy_ma_crossover.yaml").read_text(encoding="utf-8"))
    golden = json.loads((HERE / "ma_crossover_ir.json").read_text(encoding="utf-8"))
    assert program.as_json() == golden
    assert program.hash == GOLDEN_HASH


def test_strategies_are_compared_by_what_they_have_in_common() -> None:
    one, other = (compiled(path.read_text(encoding="utf-8"))[1] for path in SHIPPED[:2])
    assert similarity(one, one) == 1.0
    assert 0.0 <= similarity(one, other) < 0.6


def test_a_mixture_of_units_is_a_warning_and_no_error() -> None:
    rules = [
        {"if": "close > rsi(close, 14) and close / open > 1.01", "then": "buy"},
        {"if": "close < 1", "then": "close"},
    ]
    found = check(text_of(rules=rules))
    told = "a price is compared with a score (divide by a price, or compare with a number)"
    assert [str(problem) for problem in found.problems] == [f"1:105: DSL_STATIC_FAIL: rules[0].if: {told}"]
    assert found.program is not None


def test_every_function_has_words() -> None:
    assert set(_PHRASES) == set(FUNCTIONS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_ships_is_explained_and_in_the_one_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = "\n".join(explain(*compiled(text)).lines())
    assert "no look-ahead, in bar i:" in said
    assert "{" not in said
    assert formatted(text) == text
    assert text.startswith("# yaml-language-server: $schema=strategy.schema.json\n")


def test_the_layout_changes_expressions_alone_and_keeps_their_meaning() -> None:
    text = (
        "# mine\nid: a   # the name\nname: A\ntimeframe: null\nparams: {size_pct: 0.01}\nmetadata: {}\nrules:\n"
        "- {if: '((close>ma( close,20 )))and not(volume<5)', then: buy} # up\n- if: close<ma(close,20)\n  then: close\n"
    )
    made = formatted(text)
    assert made == text.replace(
        "((close>ma( close,20 )))and not(volume<5)", "close > ma(close, 20) and not volume < 5"
    ).replace("close<ma(close,20)", "close < ma(close, 20)")
    assert compiled(made)[1].hash == compiled(text)[1].hash
    assert formatted(made) == made


@pytest.mark.parametrize("name", sorted(
    {name for name in dir(strategy_class(*compiled(text_of()))) if not name.startswith("_")} - {"name", "parameters"}
    | {"params", "rules", "exits", "metadata", "dsl", "allocate", "rebalance"}
))  # fmt: skip
def test_no_parameter_takes_the_place_of_something_that_a_strategy_has(name: str) -> None:
    rule = {"if": f"close > ma(close, {name})", "then": "buy"}
    params = {"size_pct": 0.01, name: {"value": 5, "min": 1, "max": 9}}
    found = check(text_of(params=params, rules=[rule, {"if": f"close < ma(close, {name})", "then": "close"}]))
    assert [each for each in messages(found) if "has another meaning" in each]


@pytest.mark.parametrize(
    ("condition", "params", "where"),
    [
        ("ma(ma(ma(close + open, 10000), 10000), 10000) > 1", {}, "rules[0].if"),
        ("zscore(" * 20 + "close" + ", 5)" * 20 + " > 1", {}, "rules[0].if"),
        ("ma(ma(close + open, window), 1000) > 1", {"window": 20}, "rules[0].if"),
        ("ma(close + open, 1000) > 1", {"cooldown_bars": 500}, "params.cooldown_bars"),
    ],
)
def test_windows_within_windows_that_no_backtest_would_end_are_refused(
    condition: str, params: dict[str, int], where: str
) -> None:
    rules = [{"if": condition, "then": "buy"}, {"if": "close < open", "then": "close"}]
    grid = {"window": [20, 500]} if "window" in params else {}
    found = check(text_of(params={"size_pct": 0.01, **params}, rules=rules, grid=grid)).errors
    assert [each.loc.path for each in found if "values in every bar" in each.message] == [where]
    rules[0]["if"] = "ma(ma(close + open, 100), 300) > open"
    shorter = check(text_of(rules=rules))
    assert not [each for each in shorter.errors if "values in every bar" in each.message]


def test_many_rules_that_together_compute_too_much_are_refused() -> None:
    """Each of them is within the limit; windows that they share count once."""
    conditions = [f"ma(ma(close - {place} * open, 100), 300) > 1" for place in range(1, 4)]
    for texts, where in ((conditions, ["rules"]), (conditions[:1], []), ([conditions[0], f"{conditions[0]}0"], [])):
        rules = [{"if": text, "then": action} for text, action in zip(texts, ("buy", "sell", "hold"), strict=False)]
        found = check(text_of(rules=[*rules, {"if": "close < open", "then": "close"}])).errors
        assert [each.loc.path for each in found if "values in every bar" in each.message] == where


@pytest.mark.parametrize("written", ["(100)", "((.5))", "(1e3)", "-(1)"])
def test_formatting_makes_no_number_of_an_expression(written: str) -> None:
    for quote in ("", "'"):
        row = f"- {{if: 'close>open', then: buy, limit: {quote}{written}{quote}}}"
        text = f"id: a\nname: A\ntimeframe: null\nparams: {{size_pct: 0.01}}\nmetadata: {{}}\nrules:\n{row}\n"
        said = [read(each).values["rules"][0] for each in (text, formatted(text))]
        assert [each["if"] for each in said] == ["close>open", "close > open"]
        assert [type(each["limit"]) for each in said] == [str, str]


def changes(count: int, first: int = 1) -> str:
    """A condition that stands for about 3 * 2 ** count terms: each lag is the sum of other powers of two."""
    return "change(" * count + "close" + "".join(f", {2**place * first})" for place in range(count)) + " > 0"


def test_expressions_that_double_with_each_word_are_refused_before_they_are_built() -> None:
    """Forty doublings would fill any memory; 50 rules of the allowed size would keep the compiler for an hour."""
    last = {"if": "close < open", "then": "close"}
    params = {f"p{place}": {"value": 1, "min": 1, "max": 99} for place in range(40)}
    doubled = "change(" * 40 + "close" + "".join(f", {name})" for name in params) + " > 0"
    wide = check(text_of(params={"size_pct": 0.01, **params}, rules=[{"if": doubled, "then": "buy"}, last]))
    assert "more than 2000 terms" in messages(wide)[0]
    many = check(text_of(rules=[*({"if": changes(9, odd), "then": "buy"} for odd in (1, 3, 5, 7, 9, 11)), last]))
    assert [each.message for each in many.errors] == ["the document stands for 7416 terms, at most 4000 are allowed"]


@pytest.mark.parametrize(
    ("made_of", "told"),
    [
        ("sma(close, {})", "241 different series and indicators, at most 200"),
        ("sma(close + open, {})", "240 different windows over expressions, at most 60"),
    ],
)
def test_more_than_a_compiler_takes_is_refused(made_of: str, told: str) -> None:
    """Forty of them compile; the stack of the compiler once ended there."""

    def found(*firsts: int) -> list[str]:
        parts = [[f"{made_of.format(length)} < close" for length in range(first, first + 40)] for first in firsts]
        rules = [{"if": " or ".join(each), "then": "buy"} for each in parts]
        return messages(check(text_of(rules=[*rules, {"if": "close < 1", "then": "close"}])))

    assert [told in each for each in found(2, 42, 82, 122, 162, 202)] == [True]
    assert found(2) == []


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("close * size_pct > 1", "size_pct is how much is bought"),
        ("macd(close, fast, slow, 3) > 0", "macd needs fast < slow"),
        (f"close of {'A' * 65} > open", "is no name of an instrument"),
        ("close of _X > open", "'_X' is no name of an instrument"),
    ],
)
def test_what_a_backtest_would_refuse_is_refused_before_it(condition: str, told: str) -> None:
    rules = [{"if": condition, "then": "buy"}, {"if": "close < open and fast > 1 and slow > 1", "then": "close"}]
    found = check(text_of(params={"size_pct": 0.01, "fast": 30, "slow": 5}, rules=rules))
    assert told in messages(found)[0]
