"""Declared suites, run by Great Expectations."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.suites import read_suite
from tests.data.tables import bars_table
from tradewright.model.errors import ConfigError
from tradewright.quality.expectations import QualityExtraMissing, run_suite
from tradewright.quality.suites import Suite

BARS = Path(__file__).parents[2] / "conf" / "expectations" / "bars.yaml"


def suite(*expectations: dict[str, object]) -> Suite:
    return Suite.model_validate({"name": "tiny", "expectations": expectations})


def test_good_bars_pass_the_shipped_suite_and_have_their_docs(tmp_path: Path) -> None:
    declared, docs = read_suite(BARS), tmp_path / "docs"
    result = run_suite(bars_table(50).assign(spread=1.0), declared, docs)
    assert result.failed == ()
    assert not result.blocking
    assert [outcome.type for outcome in result.outcomes[:2]] == [e.type for e in declared.expectations[:2]]
    assert len(result.outcomes) == len(declared.expectations)
    assert result.docs == docs / "index.html"
    assert "bars" in result.docs.read_text(encoding="utf-8")
    assert list(docs.rglob("validations/**/*.html"))


@pytest.mark.parametrize(
    ("change", "about", "blocks"),
    [
        (lambda f: f[:0], "table", True),
        (lambda f: f.drop(columns="volume"), "table", True),
        (lambda f: f.assign(high=f["high"].where(f.index != 3, 1.0)), "high, low", True),
        (lambda f: f.assign(close=f["close"].where(f.index != 3)), "close", True),
        (lambda f: f.assign(ts=f["ts"].where(f.index != 3, f["ts"].iloc[2])), "ts", True),
        (lambda f: f.assign(volume=f["volume"].where(f.index != 3, -1.0)), "volume", True),
        (lambda f: f.assign(volume=0.0), "volume", False),
        (lambda f: f.assign(volume=f["volume"].where(f.index != 3)), "volume", False),
        (lambda f: f.assign(volume=float("nan")), "volume", False),
        (lambda f: f.assign(spread=f["spread"].where(f.index != 3, -2.0)), "spread", False),
    ],
)
def test_the_shipped_suite_fails_where_it_should(change: object, about: str, blocks: bool) -> None:
    frame = change(bars_table(20).assign(spread=1.0))  # type: ignore[operator]
    result = run_suite(frame, read_suite(BARS))
    assert about in {outcome.about for outcome in result.failed}
    assert result.blocking == blocks


def test_unknown_spreads_are_no_failure() -> None:
    assert run_suite(bars_table(20), read_suite(BARS)).failed == ()


def test_figures_and_examples_of_a_failure() -> None:
    wanted = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "close", "min_value": 0}}
    frame = pd.DataFrame({"close": [1.0, -2.0, -3.0, np.nan]})
    (outcome,) = run_suite(frame, suite(wanted | {"severity": "warning"})).outcomes
    assert (outcome.passed, outcome.severity, outcome.unexpected) == (False, "warning", 2)
    assert outcome.examples == ("-2.0", "-3.0")
    assert outcome.share == pytest.approx(2 / 3)


def test_an_expectation_about_a_missing_column_fails_with_a_reason() -> None:
    wanted = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "nope"}}
    result = run_suite(bars_table(3), suite(wanted))
    assert result.blocking
    assert '"nope" in BatchData does not exist' in result.failed[0].error


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"type": "expect_nonsense"}, "expect_nonsense not found"),
        ({"type": "expect_column_values_to_be_unique", "kwargs": {"colum": "ts"}}, "field required"),
    ],
)
def test_an_unknown_expectation_or_argument_is_refused(wanted: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run_suite(bars_table(3), suite(wanted))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\nexpectations: []\n", "expectations"),
        ("name: x\nexpectation: []\n", "expectation: is not a key here"),
        ("name: x\nexpectations: [{type: drop_table}]\n", "expectations.0.type: must be an expectation, such as"),
        ("name: x\nexpectations: [{type: expect_x, severity: fatal}]\n", "severity"),
        (
            "name: x\nexpectations:\n  - {type: expect_x}\n  - {type: expect_column_to_exits}\n",
            "mean 'expect_column_to_exist'",
        ),
        ("a: [", "a bracket is opened and not closed"),
        ("just words", "must be a mapping of keys to values"),
        ("# nothing\n", "is empty: a suite has name and expectations"),
    ],
)
def test_a_wrong_suite_file_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as refusal:
        read_suite(path)
    assert str(path) in str(refusal.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_suite(tmp_path / "absent.yaml")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    with pytest.raises(QualityExtraMissing, match=r"pip install tradewright\[quality\]"):
        run_suite(bars_table(3), read_suite(BARS))
