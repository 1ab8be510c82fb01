"""The probability of backtest overfitting against the definition in plain Python, and on trials of known worth."""

from __future__ import annotations

import math
import statistics
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation import overfitting as module
from tradewright.evaluation.overfitting import overfitting
from tradewright.evaluation.return_samples import ReturnsRefused


def plain(columns: list[list[float]], blocks: int) -> dict[str, object]:
    """Every split by its definition, with slices of the returns and no sums."""
    periods, trials = len(columns[0]), len(columns)
    edges = [periods * i // blocks for i in range(blocks + 1)]
    logits, chosen, earned = [], [], []
    for inside in combinations(range(blocks), blocks // 2):
        ratios = []
        for within in (True, False):
            rows = [t for b in range(blocks) if (b in inside) == within for t in range(edges[b], edges[b + 1])]
            ratios.append([_sharpe([column[t] for t in rows]) for column in columns])
        best = ratios[0].index(max(ratios[0]))
        there = ratios[1][best]
        ranks = [i + 1 for i, value in enumerate(sorted(ratios[1])) if value == there]
        share = statistics.fmean(ranks) / (trials + 1)
        logits.append(math.log(share / (1 - share)))
        chosen.append(ratios[0][best])
        earned.append(there)
    return {
        "logits": logits,
        "probability": sum(each <= 0 for each in logits) / len(logits),
        "loss": sum(each < 0 for each in earned) / len(earned),
        "slope": statistics.linear_regression(chosen, earned).slope,
    }


def _sharpe(values: list[float]) -> float:
    spread = statistics.stdev(values)
    return statistics.fmean(values) / spread if spread > 1e-14 else 0.0


@pytest.mark.parametrize(("periods", "trials", "blocks"), [(40, 5, 4), (53, 4, 6), (64, 7, 8), (9, 3, 2)])
def test_against_plain_python(periods, trials, blocks):
    returns = np.random.default_rng(periods).normal(0.001, 0.01, (periods, trials))
    found, witness = overfitting(returns, blocks), plain(returns.T.tolist(), blocks)
    np.testing.assert_allclose(found.logits, witness["logits"], atol=1e-12)
    assert found.probability == witness["probability"]
    assert found.loss_probability == witness["loss"]
    assert found.degradation == pytest.approx(witness["slope"], abs=1e-9)
    assert (found.splits, found.trials) == (math.comb(blocks, blocks // 2), trials)


def test_memory_is_bounded_without_a_change(monkeypatch):
    returns = np.random.default_rng(1).normal(0.0, 0.01, (80, 6))
    whole = overfitting(returns, 8)
    monkeypatch.setattr(module, "CHUNK_VALUES", 20)
    np.testing.assert_allclose(overfitting(returns, 8).logits, whole.logits, atol=1e-12)


def test_sixteen_blocks_are_all_splits():
    assert overfitting(np.random.default_rng(2).normal(0.0, 0.01, (320, 3))).splits == 12_870


def test_one_good_trial_is_no_overfitting():
    returns = np.random.default_rng(3).normal(0.0, 0.01, (400, 20))
    returns[:, 7] += 0.01
    found = overfitting(returns, 8)
    assert (found.probability, found.loss_probability) == (0.0, 0.0)


def test_worthless_trials_are_even():
    chances = [
        overfitting(np.random.default_rng(seed).normal(0.0, 0.01, (160, 10)), 8).probability for seed in range(60)
    ]
    assert np.mean(chances) == pytest.approx(0.5, abs=0.1)


def test_gains_that_only_move_are_overfitting():
    """Each trial earns in one block what it loses in the others: the best in sample is bad out of sample."""
    noise = np.random.default_rng(4).normal(0.0, 1e-4, (160, 8))
    returns = noise + np.kron(np.eye(8) * 0.02 - 0.0025, np.ones((20, 1)))
    found = overfitting(returns, 8)
    assert found.probability == 1.0
    assert found.loss_probability == 1.0
    assert found.degradation < 0


def test_equal_trials_were_no_choice():
    found = overfitting(np.tile(np.random.default_rng(5).normal(0.0, 0.01, (40, 1)), 19), 4)
    assert found.probability == 1.0
    assert (found.logits == 0).all()


def test_the_first_of_equally_best_is_chosen_and_flat_trials_have_no_ratio():
    found = overfitting(np.zeros((12, 2)), 4)
    assert (found.probability, found.degradation, found.loss_probability) == (1.0, 0.0, 0.0)
    constant = np.column_stack((np.full(12, 0.01), np.tile([-0.02, 0.01], 6)))
    assert overfitting(constant, 2).probability == 0.0  # the first has 0, the second loses


@pytest.mark.parametrize("blocks", [0, 1, 3, 22, -2])
def test_wrong_blocks_are_refused(blocks):
    with pytest.raises(ReturnsRefused, match=f"{blocks} blocks"):
        overfitting(np.zeros((100, 2)), blocks)


@pytest.mark.parametrize("shape", [(0, 2), (7, 2), (8, 1), (8,)])
def test_too_little_is_refused(shape):
    with pytest.raises(ReturnsRefused):
        overfitting(np.zeros(shape), 4)


def test_a_missing_return_is_refused():
    returns = np.zeros((8, 2))
    returns[3, 1] = math.nan
    with pytest.raises(ReturnsRefused, match=r"returns\[3, 1\]"):
        overfitting(returns, 4)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_blind_to_size_and_order_of_trials(seed, trials):
    random = np.random.default_rng(seed)
    returns = random.normal(0.0, 0.01, (36, trials))
    found = overfitting(returns, 6)
    changed = overfitting(returns[:, random.permutation(trials)] * random.uniform(0.5, 2.0), 6)
    np.testing.assert_allclose(changed.logits, found.logits, atol=1e-12)
    assert changed.probability == found.probability
    assert 0 <= found.probability <= 1
