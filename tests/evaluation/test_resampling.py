"""Random paths: their laws, the distribution of their blocks, and their figures in plain Python."""

from __future__ import annotations

import math
import statistics
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation.resampling import (
    CIRCULAR,
    ORDER,
    STATIONARY,
    SUBSET,
    counts_of,
    figures_of,
    paths_of,
)

WORD = 0xFFFFFFFFFFFFFFFF


def mixed(state: int) -> int:
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & WORD
    return state ^ (state >> 31)


def test_random_numbers_as_published():
    """The first numbers of splitmix64 from 1234567, from the test vector of its reference code."""
    state, numbers = 1234567, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) & WORD
        numbers.append(mixed(state))
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_stationary_path_in_plain_python():
    golden, block, source = 0x9E3779B97F4A7C15, 3.0, 11
    for seed, path in ((0, 0), (7, 3)):
        state = mixed((mixed((seed + golden) & WORD) + path * golden) & WORD)
        places: list[int] = []
        for step in range(40):
            state = (state + golden) & WORD
            number = mixed(state)
            fresh = step == 0 or (number & 0xFFFFFFFF) < int(2**32 / block)
            places.append((number >> 32) * source >> 32 if fresh else (places[-1] + 1) % source)
        assert paths_of(path + 1, 40, source, STATIONARY, block, seed)[path].tolist() == places


def test_blocks_have_their_mean_length_and_every_place_its_share():
    paths = paths_of(400, 500, 500, STATIONARY, 20.0, 1)
    breaks = (np.diff(paths, axis=1) % 500 != 1).mean()
    assert breaks == pytest.approx(1 / 20, rel=0.05)
    counts = np.bincount(paths.ravel(), minlength=500)
    assert counts.mean() == 400
    assert counts.std() < 3 * math.sqrt(400 * 20)
    assert abs(np.corrcoef(paths[:-1, 0], paths[1:, 0])[0, 1]) < 0.15


def test_circular_blocks_have_one_length():
    paths = paths_of(50, 100, 37, CIRCULAR, 10, 2)
    inside = np.diff(paths.reshape(50, 10, 10), axis=2) % 37
    assert (inside == 1).all()
    assert len(set(paths[:, 0].tolist())) > 20


def test_every_order_and_every_subset_is_as_likely():
    orders = Counter(map(tuple, paths_of(6000, 3, 3, ORDER, 1, 3).tolist()))
    assert len(orders) == 6
    assert all(abs(count - 1000) < 120 for count in orders.values())
    subsets = Counter(map(tuple, paths_of(6000, 2, 4, SUBSET, 1, 3).tolist()))
    assert len(subsets) == 6
    assert all(abs(count - 1000) < 120 for count in subsets.values())


@given(st.integers(1, 60), st.integers(0, 2**62), st.floats(1, 60))
def test_laws_of_paths(source, seed, block):
    orders = paths_of(3, source, source, ORDER, 1, seed)
    assert (np.sort(orders, axis=1) == np.arange(source)).all()
    subset = paths_of(3, source // 2, source, SUBSET, 1, seed)
    assert (np.diff(subset, axis=1) > 0).all()
    for kind in (STATIONARY, CIRCULAR):
        paths = paths_of(4, 30, source, kind, block, seed)
        assert ((paths >= 0) & (paths < source)).all()
        assert (paths_of(2, 30, source, kind, block, seed, first=2) == paths[2:]).all()
        assert (paths_of(2, 17, source, kind, block, seed) == paths[:2, :17]).all()


def test_counts_are_those_of_the_paths():
    paths = paths_of(5, 9, 9, STATIONARY, 2.5, 4)
    counts = counts_of(2, 9, 2.5, 4, first=3)
    assert (counts == [np.bincount(path, minlength=9) for path in paths[3:]]).all()


def plain_figures(returns: list[float], scale: float) -> list[float]:
    equity = peak = 1.0
    fall = 0.0
    for change in returns:
        if equity > 0:
            equity *= 1 + change
            peak = max(peak, equity)
            fall = min(fall, equity / peak - 1)
    spread = statistics.stdev(returns) if len(returns) > 1 else 0.0
    gain, loss = sum(r for r in returns if r > 0), -sum(r for r in returns if r < 0)
    return [
        min(equity - 1, 1e6),
        fall,
        statistics.fmean(returns) / spread * scale if spread > 1e-14 else 0.0,
        gain / loss if loss else 1e6 if gain else 0.0,
    ]


@settings(max_examples=60)
@given(st.lists(st.floats(-1.5, 2.0).map(lambda value: round(value, 4)), min_size=1, max_size=12), st.integers(0, 99))
def test_figures_in_plain_python(returns, seed):
    series = np.array(returns)
    for kind, steps in ((STATIONARY, 15), (CIRCULAR, 7), (ORDER, len(returns)), (SUBSET, len(returns) // 2)):
        figures = figures_of(series, 3, steps, kind, 4, seed, 2.0)
        for path, places in enumerate(paths_of(3, steps, len(returns), kind, 4, seed)):
            expected = plain_figures([returns[place] for place in places], 2.0) if steps else [0.0] * 4
            assert figures[:, path].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_an_account_without_limit_stays_finite():
    figures = figures_of(np.array([1e6, -0.5]), 20, 400, STATIONARY, 1, 0, 1.0)
    assert np.isfinite(figures).all()
    assert figures[0].max() == 1e6
