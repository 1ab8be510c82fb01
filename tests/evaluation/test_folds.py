"""Folds of a walk-forward: contiguous tests, each after its train span, and no bar in two roles of one fold."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tradewright.backtest.span import run_span
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.fold_metrics import spread_over_folds
from tradewright.evaluation.folds import LEAST_BARS, BarSpan, Fold, FoldRules, folds_of
from tradewright.evaluation.metrics import evaluate
from tradewright.model.errors import ConfigError

RULES = st.builds(
    FoldRules,
    folds=st.integers(1, 40),
    train_share=st.floats(0.05, 0.95),
    anchored=st.booleans(),
    embargo=st.integers(0, 60),
)


def divided(bars: int, rules: FoldRules) -> tuple[Fold, ...] | None:
    try:
        return folds_of(bars, rules)
    except ConfigError:
        return None


@settings(max_examples=400)
@given(bars=st.integers(0, 3_000), rules=RULES)
def test_the_laws_of_folds(bars: int, rules: FoldRules) -> None:
    found = divided(bars, rules)
    unit = (bars - rules.embargo) / (rules.folds * (1.0 - rules.train_share) + rules.train_share)
    if found is None:
        assert min(rules.train_share, 1.0 - rules.train_share) * unit < LEAST_BARS + 1
        return
    assert len(found) == rules.folds
    assert all(before.test.stop == after.test.start for before, after in pairwise(found))
    assert found[-1].test.stop == bars
    assert all(fold.train.stop + rules.embargo == fold.test.start for fold in found)
    lengths = [[span.stop - span.start for span in (fold.train, fold.test)] for fold in found]
    assert min(map(min, lengths)) >= LEAST_BARS
    assert max(test for _, test in lengths) - min(test for _, test in lengths) <= 1
    assert found[0].train.start == 0
    if rules.anchored:
        assert {fold.train.start for fold in found} == {0}
    else:
        assert len({train for train, _ in lengths}) == 1
    train, test = lengths[0]
    assert train / (train + test) == pytest.approx(rules.train_share, abs=1.5 / (train + test))


def test_seventy_to_thirty_in_five_steps() -> None:
    """1,100 bars: 350 to train on and 150 to test on, five times."""
    rolling = folds_of(1_100, FoldRules(5, 0.7))
    assert rolling[0] == Fold(BarSpan(0, 350), BarSpan(350, 500))
    assert rolling[4] == Fold(BarSpan(600, 950), BarSpan(950, 1_100))
    anchored = folds_of(1_130, FoldRules(5, 0.7, anchored=True, embargo=30))
    assert anchored[0] == Fold(BarSpan(0, 350), BarSpan(380, 530))
    assert anchored[4] == Fold(BarSpan(0, 950), BarSpan(980, 1_130))


@pytest.mark.parametrize(
    ("bars", "rules", "words"),
    [
        (0, FoldRules(), "5 folds of 0 bars with no embargo leave 0 bars to train on and 0 to test on"),
        (60, FoldRules(), "leave 19 bars to train on and 8 to test on; it takes 10 of each"),
        (500, FoldRules(embargo=490), "with an embargo of 490 bars leave 3 bars to train on"),
        (500, FoldRules(embargo=600), "leave 0 bars to train on and 0 to test on"),
        (500, FoldRules(folds=0), "no folds are made by"),
        (500, FoldRules(train_share=1.0), "no folds are made by"),
        (500, FoldRules(embargo=-1), "no folds are made by"),
    ],
)
def test_what_cannot_be_divided_is_refused(bars: int, rules: FoldRules, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        folds_of(bars, rules)
    assert words in told.value.what
    assert told.value.where.startswith("walkforward")


def test_the_spread_has_every_figure_in_every_fold_and_no_nan() -> None:
    bars, spec = random_bars(3, 300), BacktestSpec()
    still = SmaCrossover(50, 299)
    figures = [evaluate(run_span(made, bars, spec, 60 * k, 60 * k + 60)) for k, made in enumerate([SmaCrossover()] * 4)]
    figures.append(evaluate(run_span(still, bars, spec, 240, 300)))
    assert figures[-1].trades == 0
    spread = {each.name: each for each in spread_over_folds(figures)}
    numbers = {name for name, value in figures[0].as_dict().items() if type(value) in (int, float)}
    assert numbers - set(spread) == {"days_per_year", "risk_free", "periods_per_year"}
    for name, each in spread.items():
        values = [float(getattr(row, name)) for row in figures]
        mean = sum(values) / 5
        assert each.mean == pytest.approx(mean)
        assert each.variance == pytest.approx(sum((value - mean) ** 2 for value in values) / 4)
        assert (each.least, each.greatest) == (min(values), max(values))
        assert all(map(math.isfinite, (each.mean, each.variance, each.least, each.greatest)))
    assert {each.variance for each in spread_over_folds(figures[:1])} == {0.0}
