"""Luck: standard error, probabilistic and deflated Sharpe against the literature's formulas in plain Python."""

from __future__ import annotations

import math
from statistics import NormalDist, fmean, pstdev, stdev

import numpy as np
import pytest

from tradewright.evaluation.significance import (
    ReturnShape,
    cautious,
    deflated_sharpe,
    expected_best_sharpe,
    probabilistic_sharpe,
    shape_of,
    sharpe_standard_error,
    sharpe_statistic,
)
from tradewright.evaluation.verdict import LUCK_CHANCE, luck_chance


def test_moments_against_plain_python():
    returns = np.random.default_rng(2).standard_t(4, 500) * 0.01 + 0.001
    plain = returns.tolist()
    mean, spread = fmean(plain), pstdev(plain)
    shape = shape_of(returns)
    assert shape.sharpe == pytest.approx(mean / stdev(plain), abs=1e-12)
    assert shape.skewness == pytest.approx(fmean([((r - mean) / spread) ** 3 for r in plain]), abs=1e-9)
    assert shape.kurtosis == pytest.approx(fmean([((r - mean) / spread) ** 4 for r in plain]), abs=1e-9)


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.01, 0.01]])
def test_no_variation_is_normal_without_a_ratio(returns):
    assert shape_of(np.array(returns)) == ReturnShape(len(returns), 0.0, 0.0, 3.0)


def test_standard_error_of_lo():
    assert sharpe_standard_error(0.0, 100) == pytest.approx(0.1)
    assert sharpe_standard_error(2.0, 3) == pytest.approx(1.0)
    assert sharpe_standard_error(0.0, 0) == 1.0


def test_standard_error_covers_what_simulation_shows():
    draws = np.random.default_rng(11).normal(0.1, 1.0, (4000, 250))
    ratios = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    assert ratios.std() == pytest.approx(sharpe_standard_error(0.1, 250), rel=0.05)


def test_probabilistic_sharpe_by_hand():
    normal = ReturnShape(101, 0.2, 0.0, 3.0)
    assert probabilistic_sharpe(normal) == pytest.approx(NormalDist().cdf(2 / math.sqrt(1.02)), abs=1e-12)
    assert probabilistic_sharpe(normal, 0.2) == 0.5
    crooked = ReturnShape(101, 0.2, -2.0, 12.0)
    assert probabilistic_sharpe(crooked) == pytest.approx(NormalDist().cdf(2 / math.sqrt(1.4 + 0.11)), abs=1e-12)
    assert probabilistic_sharpe(crooked) < probabilistic_sharpe(normal)


@pytest.mark.parametrize(("skewness", "kurtosis"), [(3.0, 3.0), (9.0, 190.0), (24.0, 600.0), (0.0, 1.5)])
def test_moments_make_no_ratio_more_certain(skewness, kurtosis):
    """Where the formula has no variance at all the statistic was 0, and the best of a sweep worth nothing."""
    seen, normal = ReturnShape(2_520, 0.06, skewness, kurtosis), ReturnShape(2_520, 0.06, 0.0, 3.0)
    assert cautious(seen) == normal
    assert luck_chance(seen, 100) == luck_chance(normal, 100)


def test_moments_that_make_a_ratio_less_certain_count():
    for seen in (ReturnShape(100, 0.2, -1.0, 3.0), ReturnShape(100, 0.2, 0.1, 60.0), ReturnShape(100, -0.2, 1.0, 3.0)):
        assert cautious(seen) is seen
        assert abs(sharpe_statistic(seen)) < abs(sharpe_statistic(ReturnShape(100, seen.sharpe, 0.0, 3.0)))


@pytest.mark.parametrize(("freedom", "invested"), [(3.0, 10), (3.0, 100), (np.inf, 30)])
def test_the_best_of_rarely_invested_sets_is_luck(freedom, invested):
    """The best of 100 sets without skill, each invested in a few of 1,000 bars: its luck shows as skewness too."""
    draws, sets, worlds, found = np.random.default_rng(85), 100, 100, np.zeros(2)
    for _ in range(worlds):
        steps = draws.standard_normal((invested, sets))
        if np.isfinite(freedom):
            steps /= np.sqrt(draws.chisquare(freedom, steps.shape) / freedom)
        best = steps[:, (steps.sum(axis=0) / np.sqrt(np.square(steps).sum(axis=0))).argmax()]
        shape = shape_of(np.concatenate((best, np.zeros(1_000 - invested))))
        alone = NormalDist().cdf(-sharpe_statistic(shape))
        found += [luck_chance(shape, sets) <= LUCK_CHANCE, 1.0 - (1.0 - alone) ** sets <= LUCK_CHANCE]
    assert found[0] / worlds <= 0.05
    assert found[1] / worlds > 0.1, "the formula without caution"


def test_probabilistic_sharpe_without_ground_is_even():
    assert probabilistic_sharpe(ReturnShape(1, 0.0, 0.0, 3.0)) == 0.5
    assert probabilistic_sharpe(ReturnShape(100, 1.0, 2.0, 1.0)) == 0.5


def test_the_best_of_worthless_trials_as_simulated():
    best = np.random.default_rng(7).normal(0, 0.1, (20_000, 50)).max(axis=1).mean()
    assert expected_best_sharpe(50, 0.01) == pytest.approx(best, rel=0.02)
    assert expected_best_sharpe(1, 0.01) == 0


def test_more_trials_deflate_more():
    shape = ReturnShape(250, 0.12, 0.0, 3.0)
    chances = [deflated_sharpe(shape, trials) for trials in (1, 2, 10, 100, 10_000)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] == probabilistic_sharpe(shape)
    assert deflated_sharpe(shape, 10, 0.0) == probabilistic_sharpe(shape)
    assert deflated_sharpe(shape, 10, 0.04) < deflated_sharpe(shape, 10, 0.001)
    assert 0 <= deflated_sharpe(ReturnShape(0, 0.0, 0.0, 3.0), 10) <= 1
