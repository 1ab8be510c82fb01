"""The reality check and Hansen's test against their formulas in plain Python, and on trials of known worth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation import data_snooping as module
from tradewright.evaluation.data_snooping import data_snooping, mean_deviation, typical_block_length
from tradewright.evaluation.resampling import STATIONARY, counts_of, paths_of
from tradewright.evaluation.return_samples import ReturnsRefused


def plain(columns: list[list[float]], draws: int, block: float, seed: int) -> list[float]:
    """The four p-values with every draw taken element by element."""
    n = len(columns[0])
    means = [math.fsum(column) / n for column in columns]
    omegas = [_omega(column, mean, block) for column, mean in zip(columns, means, strict=True)]
    root = math.sqrt(n)
    floor = -math.sqrt(2 * math.log(math.log(n)))
    centres = {
        "lower": [max(mean, 0.0) for mean in means],
        "consistent": [
            mean if root * mean / omega >= floor else 0.0 for mean, omega in zip(means, omegas, strict=True)
        ],
        "upper": means,
    }
    check = root * max(means)
    spa = max(0.0, *(root * mean / omega for mean, omega in zip(means, omegas, strict=True)))
    counts = [0] * 4
    for places in paths_of(draws, n, n, STATIONARY, block, seed).tolist():
        drawn = [math.fsum(column[place] for place in places) / n for column in columns]
        counts[0] += root * max(d - m for d, m in zip(drawn, means, strict=True)) >= check
        for place, centre in enumerate(centres.values()):
            best = max(0.0, *(root * (d - c) / o for d, c, o in zip(drawn, centre, omegas, strict=True)))
            counts[place + 1] += best >= spa
    return [(1 + count) / (1 + draws) for count in counts]


def _omega(column: list[float], mean: float, block: float) -> float:
    n, keep = len(column), 1 - 1 / block
    total = math.fsum((value - mean) ** 2 for value in column) / n
    for lag in range(1, n):
        weight = (n - lag) / n * keep**lag + lag / n * keep ** (n - lag)
        total += 2 * weight * math.fsum((column[t] - mean) * (column[t + lag] - mean) for t in range(n - lag)) / n
    return math.sqrt(total)


@pytest.mark.parametrize(("seed", "block", "drift"), [(1, 3.0, 0.0), (2, 1.0, 0.004), (3, 7.5, -0.004)])
def test_against_plain_python(seed, block, drift):
    excess = np.random.default_rng(seed).normal(drift, 0.01, (30, 5)) + np.array([0.0, 0.001, -0.02, 0.0, 0.002])
    found = data_snooping(excess, draws=150, block=block, seed=seed)
    expected = plain(excess.T.tolist(), 150, block, seed)
    assert [found.reality_check, found.spa_lower, found.spa_consistent, found.spa_upper] == expected


def test_the_deviation_is_that_of_many_draws():
    series = np.cumsum(np.random.default_rng(4).normal(0, 0.01, (60, 3)), axis=0)
    drawn = counts_of(40_000, 60, 5.0, 1) @ series / 60
    np.testing.assert_allclose(mean_deviation(series, 5.0), drawn.std(axis=0), rtol=0.02)


def test_worthless_trials_keep_the_level():
    """Of 20 trials, half of them alike; 5 % of the worlds at the 5 % level, within three binomial errors."""
    random, worlds = np.random.default_rng(5), 200
    found = []
    for _ in range(worlds):
        common = random.standard_normal((120, 1))
        excess = random.standard_normal((120, 20)) + common * (np.arange(20) < 10)
        answer = data_snooping(excess, draws=199, block=1.0)
        found.append((answer.reality_check <= 0.05, answer.spa_consistent <= 0.05))
    assert np.mean(found, axis=0) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / worlds))


def test_worth_is_found_and_named():
    excess = np.random.default_rng(6).normal(0.0, 0.01, (300, 12))
    excess[:, 4] += 0.003
    found = data_snooping(excess)
    assert found.best == 4
    assert max(found.reality_check, found.spa_upper) < 0.01
    assert found.reality_check >= 1 / 1001


def test_hopeless_trials_hide_nothing_from_the_consistent_test():
    random = np.random.default_rng(7)
    excess = random.normal(0.0, 0.01, (250, 3))
    excess += np.array([0.0013, 0.0, 0.0]) - excess.mean(axis=0)
    few = data_snooping(excess)
    many = data_snooping(np.hstack((excess, random.normal(-0.02, 0.04, (250, 60)))))
    assert few.reality_check < 0.1 < 0.5 < many.reality_check
    assert many.spa_consistent == pytest.approx(few.spa_consistent, abs=0.02)
    assert many.spa_upper > many.spa_consistent + 0.1


def test_memory_is_bounded_without_a_change(monkeypatch):
    excess = np.random.default_rng(8).normal(0.0, 0.01, (50, 7))
    whole = data_snooping(excess, draws=100)
    monkeypatch.setattr(module, "CHUNK_VALUES", 300)
    assert data_snooping(excess, draws=100) == whole


def test_flat_trials_are_left_out():
    assert data_snooping(np.full((20, 3), 0.01)) == module.DataSnooping(1.0, 1.0, 1.0, 1.0, -1, 1.0, 1000)
    excess = np.random.default_rng(9).normal(0.0, 0.01, (40, 2))
    padded = np.column_stack((np.zeros(40), excess))
    assert data_snooping(padded, block=2.0) == replace(
        data_snooping(excess, block=2.0), best=data_snooping(excess, block=2.0).best + 1
    )


def test_trials_below_the_benchmark_are_no_finding():
    assert data_snooping(np.random.default_rng(10).normal(-0.02, 0.01, (50, 3))).spa_consistent == 1.0


def test_block_length_is_of_the_trials():
    noise = np.random.default_rng(11).normal(0.0, 0.01, (400, 4))
    slow = np.array([np.convolve(column, np.ones(8), "valid") for column in noise.T]).T
    assert typical_block_length(slow) > 2 * typical_block_length(noise)
    assert data_snooping(slow, draws=20).block == typical_block_length(slow)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 6), st.floats(1.0, 20.0))
def test_laws(seed, trials, block):
    excess = np.random.default_rng(seed).normal(0.0, 0.01, (40, trials))
    found = data_snooping(excess, draws=60, block=block, seed=seed)
    assert 0 < found.spa_lower <= found.spa_consistent <= found.spa_upper <= 1
    again = data_snooping(np.hstack((excess, excess)) * 3.0, draws=60, block=block, seed=seed)
    assert again == found


@pytest.mark.parametrize(
    "wrong", [{"draws": 0}, {"seed": -1}, {"block": 0.5}, {"block": 11.0}, {"block": math.nan}], ids=str
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ReturnsRefused):
        data_snooping(np.zeros((10, 2)), **wrong)


@pytest.mark.parametrize("bad", [[], [[0.1]], [[0.1], [math.inf]]])
def test_wrong_returns_are_refused(bad):
    with pytest.raises(ReturnsRefused):
        data_snooping(bad)
