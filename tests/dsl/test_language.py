"""What the language promises from one version to the next: precedence, places, equal hashes, classes, meaning."""

from __future__ import annotations

import json
import random
import re
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conf.environment import SOURCE
from strategies.base import BaseStrategy
from strategies.documents import LIBRARY, strategy_class
from tests.dsl.random_documents import CONDITIONS
from tests.dsl.support import bars_of, text_of
from tests.dsl.test_static_cases import CASES, planted
from tests.support.extent import is_whole, runs
from tradewright.backtest.decisions import replay
from tradewright.dsl.check import check, compiled
from tradewright.dsl.grammar import Syntax, parse, printed
from tradewright.dsl.problem import Code, Problem, Refusal

HERE = Path(__file__).parent
GOLDEN = HERE / "golden.json"
"""Hashes and decisions of all documents; ``python -m tests.dsl.test_language`` writes it anew."""

ALLOCATIONS = [SOURCE / "conf" / "strategy" / f"{name}.yaml" for name in ("inverse_volatility", "momentum_rotation")]
DOCUMENTS = sorted([*LIBRARY.glob("*.yaml"), *(HERE / "fixtures").glob("*.yaml"), *ALLOCATIONS])
VALID = [path for path in DOCUMENTS if "invalid" not in path.stem]

PRECEDENCE = {
    "close > 1 or open > 2 and low > 3": "close > 1 or (open > 2 and low > 3)",
    "close > 1 and open > 2 or low > 3": "(close > 1 and open > 2) or low > 3",
    "not close > 1 and open > 2": "(not (close > 1)) and open > 2",
    "not close > 1 or open > 2": "(not (close > 1)) or open > 2",
    "not not close > 1": "not (not (close > 1))",
    "close > open + 1 * 2": "close > (open + (1 * 2))",
    "close - open - low > 1": "((close - open) - low) > 1",
    "close / open * low > 1": "((close / open) * low) > 1",
    "-close * open < 1": "((-close) * open) < 1",
    "close - -open > 1": "(close - (-open)) > 1",
    "-close of SPY < 1": "(-(close of SPY)) < 1",
    "ma(close, 3) on 1d > 1": "(ma(close, 3) on 1d) > 1",
}


@pytest.mark.parametrize("text", PRECEDENCE)
def test_precedence(text: str) -> None:
    """R-STRAT-21, lowest first: or, and, not, comparison, sum, product, sign, series, call."""
    assert parse(text) == parse(PRECEDENCE[text])
    assert printed(parse(PRECEDENCE[text])) == text, "no parenthesis is printed that is not needed"


TOKEN = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?|<=|>=|[^\s\w]")
SLOWLY = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(SLOWLY, max_examples=runs(60, 1_000))
@given(CONDITIONS, st.sampled_from(("?", "$", "~", ":=", "@", "é", "\\", '"')), st.integers(0, 10_000))
def test_a_foreign_sign_is_told_where_it_was_put_into_any_condition(tree: Syntax, sign: str, turn: int) -> None:
    """R-STRAT-25: before any word or sign of it."""
    text = printed(tree)
    places = [match.start() for match in TOKEN.finditer(text)]
    index = places[turn % len(places)]
    with pytest.raises(Refusal) as caught:
        parse(f"{text[:index]}{sign}{text[index:]}")
    assert (caught.value.code, caught.value.index) == (Code.PARSE_ERROR, index)


def shuffled(values: Any, order: random.Random) -> Any:
    """The same values with their keys, and the rules, in another order."""
    if isinstance(values, dict):
        keys = order.sample(list(values), len(values))
        rows = {key: shuffled(values[key], order) for key in keys}
        if isinstance(rows.get("rules"), list):
            order.shuffle(rows["rules"])
        return rows
    return [shuffled(each, order) for each in values] if isinstance(values, list) else values


def test_a_hundred_orders_of_keys_and_rules_have_one_hash() -> None:
    """R-STRAT-29; that it is the same in another process is told by the golden hashes."""
    order = random.Random(29)
    document = json.loads(text_of(
        params={"size_pct": 0.01, "fast": 5, "slow": {"value": 20, "min": 2, "max": 90}, "cooldown_bars": 2},
        rules=[{"if": "close > ma(close, fast)", "then": "buy"}, {"if": "close < ma(close, slow)", "then": "close"},
               {"if": "volume < 3", "then": "hold"}, {"if": "close < lowest(lag(low, 1), slow)", "then": "sell"}],
        exits={"stop": "atr(14)", "take_profit": "2 * atr(14)"},
    ))  # fmt: skip
    texts = {json.dumps(shuffled(document, order)) for _ in range(100)}
    assert len(texts) > 90
    assert len({compiled(text)[1].hash for text in texts}) == 1


def test_a_later_minor_version_is_read_and_another_meaning_is_not() -> None:
    """R-STRAT-19: what 0.1 could say, each 0.1.x says; the version of a file is no part of its meaning."""
    texts = {version: text_of(dsl=version) for version in ("0.1", "0.1.0", "0.1.12")}
    assert {compiled(text)[1].hash for text in texts.values()} == {compiled(text_of())[1].hash}
    for version in ("0.2", "1.0", "0.10", "0.1.", "0.1.x", ""):
        (problem,) = check(text_of(dsl=version)).errors
        assert (problem.code, problem.loc.path) == (Code.SCHEMA_INVALID, "dsl"), version


def test_every_class_of_strategies_has_a_document() -> None:
    """R-STRAT-40 and more: each class that the page of the language names, and wrong ones."""
    found = Counter(tag for path in DOCUMENTS for tag in classes(path))
    assert {"trend", "mean reversion", "breakout", "volatility", "session", "pairs", "momentum", "rotation"} <= set(
        found
    )
    assert {"overfit trap": found["overfit trap"], "invalid": found["invalid"]} == {"overfit trap": 1, "invalid": 2}
    assert len(list(LIBRARY.glob("*.yaml"))) >= 12
    assert {"strategy_ma_crossover", "strategy_invalid_lookahead"} <= {path.stem for path in DOCUMENTS}


def classes(path: Path) -> list[str]:
    found = re.search(r"tags: \[(.*?)\]", path.read_text(encoding="utf-8"))
    assert found is not None, path
    return [tag.strip() for tag in found[1].split(",")]


def golden(path: Path) -> dict[str, Any]:
    """The hash of a document's meaning, and how often it asks for each target on bars of one seed.

    A document that reads another instrument, and an allocation, has its hash alone.
    """
    document, program = compiled(path.read_text(encoding="utf-8"))
    made = strategy_class(document, program)()
    parts = textwrap.wrap(program.hash, 8)
    found: dict[str, Any] = {"hash": " ".join(parts)}
    if isinstance(made, BaseStrategy) and not any(each.of or each.timeframe for each in made.prepare_state()):
        asked = replay(made, bars_of(600, 42), np.zeros(600))[:, 0]
        found["asked"] = {f"{target:g}": int((asked == target).sum()) for target in (1.0, 0.0, -1.0)}
    return found


def test_what_ships_means_today_what_it_meant() -> None:
    """R-STRAT-42: a change of it is told here, and is a new version of the language or of the document."""
    assert {path.stem: golden(path) for path in VALID} == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_problem_has_the_shape_that_is_promised() -> None:
    """R-STRAT-37: code, message, place, hints."""
    validator = jsonschema.Draft202012Validator(Problem.model_json_schema())
    for case in CASES[::3]:
        for problem in check(planted(case["changes"])).problems:
            plain = problem.model_dump(mode="json")
            validator.validate(plain)
            assert plain["code"] in set(Code)
            assert plain["message"]
            assert {"path", "index", "line", "column"} == set(plain["loc"])


SIGNS = "abcdefz_0123456789.,:;()[]{}<>=!+-*/'\"#&|@%\\ \n\té\x07"
WORDS = ["close", "ma", "(", ")", ",", "1", "-", "not", "and", "or", ">", "<", "on", "of", "1d", "lag", "2.5", "e", "*"]
TEXTS = [path.read_text(encoding="utf-8") for path in sorted(LIBRARY.glob("*.yaml"))]


def damaged(text: str, order: random.Random) -> str:
    """A document with a few signs changed, or with a few words of one of its conditions."""
    if order.random() < 0.5:
        for _ in range(order.randint(1, 4)):
            place = order.randrange(len(text))
            text = (
                text[:place]
                + "".join(order.choices(SIGNS, k=order.randint(0, 3)))
                + text[place + order.randint(0, 9) :]
            )
        return text
    condition = order.choice(re.findall(r"if: (.+)", text))
    tokens = TOKEN.findall(condition)
    for _ in range(order.randint(1, 3)):
        tokens[order.randrange(len(tokens))] = order.choice([*WORDS, *tokens])
    return text.replace(condition, json.dumps(" ".join(tokens)))


def test_a_thousand_damaged_documents_have_problems_of_known_codes_and_none_fails() -> None:
    """R-STRAT-41, in every run; ten times as many where all is tried."""
    order, codes = random.Random(41), Counter[Code]()
    for _ in range(10_000 if is_whole() else 1_000):
        found = check(damaged(order.choice(TEXTS), order))
        assert found.program is not None or found.errors
        assert all(problem.code in set(Code) and problem.message for problem in found.problems)
        codes.update(problem.code for problem in found.errors)
    assert set(codes) == set(Code)


def test_a_thousand_rows_of_words_are_read_or_refused_at_a_place_inside_of_them() -> None:
    order = random.Random(25)
    for _ in range(10_000 if is_whole() else 1_000):
        text = " ".join(order.choices(WORDS, k=order.randint(0, 12)))
        error = refusal_of(text)
        assert error is None or (error.code is Code.PARSE_ERROR and 0 <= (error.index or 0) <= len(text))


def refusal_of(text: str) -> Refusal | None:
    try:
        parse(text)
    except Refusal as error:
        return error
    return None


if __name__ == "__main__":
    rows = {path.stem: golden(path) for path in VALID}
    GOLDEN.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")
