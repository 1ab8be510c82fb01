"""The effective number of trials against known mixtures, and the deflated Sharpe ratio with it against honest luck."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation import effective_trials as module
from tradewright.evaluation.effective_trials import effective_trials, sample_of
from tradewright.evaluation.return_samples import ReturnsRefused
from tradewright.evaluation.significance import NORMAL, deflated_sharpe, shape_of
from tradewright.evaluation.verdict import luck_chance
from tradewright.model.bars import Floats


def independent(seed: int, periods: int, trials: int) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.01, (periods, trials))


def equicorrelated(random: np.random.Generator, rho: float, periods: int, trials: int) -> Floats:
    common, own = random.standard_normal((periods, 1)), random.standard_normal((periods, trials))
    return 0.01 * (math.sqrt(rho) * common + math.sqrt(1 - rho) * own)


def crossover_rules(random: np.random.Generator, periods: int) -> Floats:
    """The returns of 80 pairs of moving averages, long or short, on one random walk: a sweep over nothing."""
    returns = 0.01 * random.standard_normal(periods + 100)
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate(([0.0], np.cumsum(returns))))))
    now = np.arange(100, periods + 100) + 1
    means = {span: (sums[now] - sums[now - span]) / span for span in (*range(2, 18, 2), *range(25, 95, 7))}
    pairs = ((fast, slow) for fast in range(2, 18, 2) for slow in range(25, 95, 7))
    return np.column_stack([np.sign(means[fast] - means[slow]) * returns[100:] for fast, slow in pairs])


@pytest.mark.parametrize("trials", [2, 20, 100, 200])
def test_independent_trials_count_in_full(trials):
    effective = effective_trials(independent(trials, 1000, trials))
    assert effective.estimate == pytest.approx(trials, rel=0.3)
    assert effective.estimate <= effective.trials <= trials
    assert effective.trials >= 0.95 * trials


@pytest.mark.parametrize("groups", [1, 3, 17, 60])
def test_copies_of_few_series_count_once(groups):
    """Whatever the size of their positions, which does not change a Sharpe ratio."""
    random = np.random.default_rng(groups)
    chosen = np.concatenate((np.arange(groups), random.integers(0, groups, 240)))
    copies = independent(1, 500, groups)[:, chosen] * random.uniform(0.5, 2.0, len(chosen))
    effective = effective_trials(copies)
    assert (effective.trials, effective.distinct) == (groups, groups)
    if groups <= 17:  # each half of the sample has a copy of all
        assert effective_trials(copies, tried=50_000).trials == groups


def best_of_equicorrelated(level: float, rho: float, trials: int) -> float:
    """The probability that none of n equally correlated normals exceeds a level: Gauss-Hermite over the common part."""
    points, weights = np.polynomial.hermite_e.hermegauss(120)
    inside = [NORMAL.cdf((level - math.sqrt(rho) * point) / math.sqrt(1 - rho)) ** trials for point in points]
    return float(np.dot(weights, inside) / weights.sum())


@pytest.mark.parametrize(("rho", "trials"), [(0.3, 100), (0.5, 100), (0.9, 100), (0.5, 10)])
def test_equal_correlation_as_in_theory(rho, trials):
    """The level that the best stays below in 98 % of all worlds, found by bisection, and its independent number."""
    low, high = 0.0, 6.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if best_of_equicorrelated(middle, rho, trials) < module.LEVEL else (low, middle)
    theory = math.log(module.LEVEL) / math.log(NORMAL.cdf(low))
    found = effective_trials(equicorrelated(np.random.default_rng(3), rho, 2000, trials))
    assert found.estimate == pytest.approx(theory, rel=0.25)
    assert theory * 0.95 <= found.trials <= theory * 1.6


def test_more_trials_than_periods():
    """Where the sample correlation has no full rank, eigenvalues would count 99 at most."""
    assert effective_trials(independent(5, 100, 600)).estimate == pytest.approx(600, rel=0.2)


def test_a_sample_stands_for_all(monkeypatch):
    """Against the direct count: high where growth slows, and never above all trials."""
    random = np.random.default_rng(6)
    centres = random.standard_normal((60, 60))
    returns = np.repeat(centres, 30, axis=1) + 0.3 * random.standard_normal((60, 1800))
    monkeypatch.setattr(module, "REPRESENTATIVES", 1800)
    direct = effective_trials(returns).estimate
    assert 60 < direct < 600
    sampled = effective_trials(returns[:, sample_of(1800, 300)], tried=1800)
    assert direct < sampled.trials < 3 * direct
    assert effective_trials(independent(7, 80, 300), tried=3000).trials > 2000


def test_sample_is_even_and_fixed():
    chosen = sample_of(100_000)
    assert (chosen // 100 == np.arange(1000)).all()
    assert len(set((chosen % 100).tolist())) > 50
    assert (sample_of(100_000) == chosen).all()
    assert (sample_of(7) == np.arange(7)).all()


def test_same_answer_every_time():
    returns = independent(8, 50, 30)
    assert effective_trials(returns) == effective_trials(returns.copy(order="F"))


def test_constant_trials_add_nothing():
    flat = np.zeros((100, 4))
    assert effective_trials(flat).trials == 1
    assert effective_trials(flat).distinct == 0
    assert effective_trials(np.hstack((flat, independent(9, 100, 2)))).trials == 2
    assert effective_trials(flat).tried == 4


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((1, 3)), np.zeros((5, 0)), [[0.1, math.nan], [0.0, 0.0]]])
def test_wrong_returns_are_refused(bad):
    with pytest.raises(ReturnsRefused):
        effective_trials(bad)


def test_the_place_of_a_missing_return_is_named():
    with pytest.raises(ReturnsRefused, match=r"returns\[1, 2\]: nan"):
        effective_trials([[0, 0, 0], [0, 0, math.nan]])


def test_fewer_tried_than_given_is_refused():
    with pytest.raises(ReturnsRefused, match="2 tried, 3 given"):
        effective_trials(np.zeros((5, 3)), tried=2)


@settings(max_examples=8)
@given(st.integers(0, 1000), st.integers(1, 12), st.floats(0.0, 0.95))
def test_between_one_and_all_and_blind_to_order_of_copies(seed, trials, rho):
    returns = equicorrelated(np.random.default_rng(seed), rho, 60, trials)
    effective = effective_trials(returns)
    assert 1 <= effective.estimate <= trials
    assert 1 <= effective.trials <= trials
    doubled = effective_trials(np.hstack((returns, 3.0 * returns)))
    assert (doubled.trials, doubled.distinct) == (effective.trials, trials)


@pytest.mark.parametrize("luck", ["rules", "equal"])
def test_honest_luck_is_told_as_luck(luck, monkeypatch):
    """The chance of luck of the best of many worthless trials is 10 % or less in 10 % of the worlds at most."""
    monkeypatch.setattr(module, "DRAWS", 1024)
    random, worlds, periods = np.random.default_rng(10), 200, 250
    chances, deflated = [], []
    for _ in range(worlds):
        returns = crossover_rules(random, periods) if luck == "rules" else equicorrelated(random, 0.5, periods, 60)
        ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
        number = effective_trials(returns).trials
        shape = shape_of(returns[:, ratios.argmax()])
        chances.append(luck_chance(shape, number))
        deflated.append(deflated_sharpe(shape, number))
    binomial = math.sqrt(0.1 * 0.9 / worlds)
    assert 0.02 <= np.mean(np.array(chances) <= 0.1) <= 0.1 + 2 * binomial
    assert np.mean(np.array(deflated) > 0.95) <= 0.05
