"""What the check of a file cannot know: values given later, the bars there are, the policy, a file written again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.operations.documents import explain_file
from conf.compose import compose
from conf.problems import ConfigProblems
from runtime.enough_bars import demand_enough_bars
from strategies.base import BaseStrategy
from strategies.discovery import found_in, with_documents
from strategies.documents import LIBRARY, strategy_class
from tests.dsl.evaluator import Evaluator
from tests.dsl.random_documents import NUMBERS
from tests.dsl.support import bars_of, text_of, unexamined
from tests.support.extent import runs
from tests.support.houses import conf_copy
from tradewright.dsl.check import check, compiled
from tradewright.dsl.effort import MOST_VALUES, values_in_a_bar
from tradewright.dsl.grammar import Syntax, printed
from tradewright.dsl.meaning import Reader
from tradewright.dsl.reach import needed_bars
from tradewright.dsl.terms import ROLLING, Op, walk
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError
from tradewright.research.bars import InstrumentBars
from tradewright.research.certify import synthetic_instrument

WIDE = text_of(
    params={"size_pct": 0.01, "window": 20, "length": 5},
    rules=[
        {"if": "ma(ma(close + open, window), window) > length", "then": "buy"},
        {"if": "close < lowest(lag(low, 1), length)", "then": "close"},
    ],
)


def test_a_value_given_later_is_refused_with_its_bound() -> None:
    """The check knows the values of the file and its grid; the bound that is told is the greatest that is admitted."""
    document, program = compiled(WIDE)
    kind = strategy_class(document, program)
    with pytest.raises(ConfigError, match=r"window = 10000: it computes .* at most 200000") as refused:
        kind(window=10_000)
    bound = int(refused.value.remedy.split("at most ")[1].split()[0])
    assert refused.value.remedy.startswith("window may be at most")
    kind(window=bound)
    with pytest.raises(ConfigError, match=f"window = {bound + 1}"):
        kind(window=bound + 1)
    assert values_in_a_bar(program, {"window": bound, "length": 5}) <= MOST_VALUES


def test_arguments_in_a_wrong_order_are_refused_as_those_of_a_strategy_in_python_are() -> None:
    kind = strategy_class(*compiled((LIBRARY / "macd_trend_document.yaml").read_text()))
    with pytest.raises(ConfigError, match="macd has fast = 30 and slow = 26"):
        kind(fast=30)
    assert kind(fast=25).parameters()[0] == 25.0


def test_an_override_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = conf_copy(tmp_path)
    (folder / "strategy" / "planted.yaml").write_text(WIDE)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    with pytest.raises(ConfigProblems, match=r"command line: strategy\.window: window = 5000: .*may be at most 258"):
        compose(["strategy=planted", "strategy.window=5000"])


SLOWLY = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(SLOWLY, max_examples=runs(60, 1_000))
@given(NUMBERS, st.integers(0, 1_000))
def test_no_value_is_known_before_as_many_bars_as_are_needed(number: Syntax, seed: int) -> None:
    """But that of ``bars_since``, whose window counts whole, and of windows over constants, which the check refuses."""
    document, _ = unexamined(("close > 1", "buy"))
    text, bars, values = printed(number), bars_of(60, seed), document.values()
    term = Reader(document).figure(text)
    rolled = [each for each in walk(term) if each.op in ROLLING]
    assume("bars_since" not in text and all(any(one.op is Op.COLUMN for one in walk(each)) for each in rolled))
    needed = max(needed_bars(values, term).values())
    found = Evaluator(bars, values).node(number)
    assert np.isnan(found[: needed - 1]).all()


NEEDS: dict[str, tuple[str, int]] = {
    "a mean": ("close > ma(close, 21)", 21),
    "a cross": ("crossover(close, ma(close, 21))", 22),
    "a lag": ("close > lag(ma(close, 21), 4)", 25),
    "a window over an exponential mean": ("close > ma(ema(close, 7) + 1, 4)", 10),
    "a window over the signal of the MACD": ("ma(macd_hist(close, 4, 9, 5) * 2, 4) > 1", 16),
    "a window over a window": ("close > highest(lowest(low + 1, 5), 6)", 10),
}


def planted(condition: str, **changes: Any) -> str:
    rules = [{"if": condition, "then": "buy"}, {"if": "close < open", "then": "close"}]
    return text_of(rules=rules, **changes)


def item(bars: Bars) -> InstrumentBars:
    return InstrumentBars(synthetic_instrument("S1", "USD"), bars)


@pytest.mark.parametrize("name", NEEDS)
def test_check_and_backtest_ask_for_the_same_number_of_bars(name: str) -> None:
    """R-STRAT-34, at the check and where the bars are known; ``cooldown_bars`` waits for none."""
    condition, needed = NEEDS[name]
    text = planted(condition, params={"size_pct": 0.01, "cooldown_bars": 9})
    made = strategy_class(*compiled(text))()
    for bars in (needed - 1, needed):
        found = [each.message for each in check(text, bars).errors]
        assert found == ([f"it needs {needed} bars, and there are {bars}"] if bars < needed else [])
    demand_enough_bars(made, {"S1": item(bars_of(needed)), "young": item(bars_of(1))})
    with pytest.raises(ConfigError, match=f"it needs {needed} bars of S1 .* there are {needed - 1}") as refused:
        demand_enough_bars(made, {"S1": item(bars_of(needed - 1))})
    assert refused.value.code == "DSL_STATIC_FAIL"


def test_a_strategy_in_python_is_not_judged_by_its_bars() -> None:
    class Plain(BaseStrategy):
        name = "plain"

    demand_enough_bars(Plain(), {"S1": item(bars_of(1))})


@pytest.mark.parametrize(
    ("confidence", "overrides", "told"),
    [
        (0.5, [], "0.5, below policy.min_confidence = 0.6: each of its entries waits for a person (REVIEW)"),
        (0.6, [], "0.6, not below policy.min_confidence = 0.6"),
        (0.6, ["policy.min_confidence=0.61"], "0.6, below policy.min_confidence = 0.61"),
        (0.6, ["policy.min_confidence=many"], "0.6; below policy.min_confidence each of its entries waits"),
    ],
)
def test_it_is_explained_what_the_policy_does_with_its_confidence(
    confidence: float, overrides: list[str], told: str, tmp_path: Path
) -> None:
    file = tmp_path / "planted.yaml"
    file.write_text(text_of(confidence=confidence))
    assert [told in line for line in explain_file(file, overrides).trades if "confidence" in line] == [True]


def test_a_document_written_again_with_its_size_and_its_time_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "planted.yaml"
    hashes = set()
    for length in ("21", "34"):
        file.write_text(planted(f"close > ma(close, {length})"))
        os.utime(file, (1_700_000_000, 1_700_000_000))
        kind = with_documents(found_in(None), tmp_path).strategy_class("planted")
        hashes.add(kind.program.hash)  # type: ignore[union-attr]
    assert len(hashes) == 2
