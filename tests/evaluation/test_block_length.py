"""The automatic block length against its definition in plain Python and against the theory of one process."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation.block_length import stationary_block_length
from tradewright.evaluation.return_samples import ReturnsRefused
from tradewright.model.bars import Floats


def autoregressive(rho: float, count: int, seed: int) -> Floats:
    noise = np.random.default_rng(seed).standard_normal(count)
    series = np.empty(count)
    level = 0.0
    for place in range(count):
        level = rho * level + noise[place]
        series[place] = level
    return series


def plain(values: list[float]) -> float:
    """Politis and White 2004, section 3.2, with the correction of 2009, lag by lag."""
    n = len(values)
    mean = math.fsum(values) / n
    centred = [value - mean for value in values]

    def covariance(lag: int) -> float:
        return math.fsum(centred[t] * centred[t + lag] for t in range(n - lag)) / n

    quiet = max(5, math.ceil(math.sqrt(math.log10(n))))
    lags = min(n - 1, math.ceil(math.sqrt(n)) + quiet)
    limit = 2 * math.sqrt(math.log10(n) / n)
    small = [abs(covariance(lag) / covariance(0)) < limit for lag in range(1, lags + 1)]
    candidates = [m for m in range(lags - quiet + 1) if all(small[m : m + quiet])]
    last = max((lag for lag in range(1, lags + 1) if not small[lag - 1]), default=0)
    window = min(2 * max(1, candidates[0] if candidates else last), lags)
    spectrum, slope = covariance(0), 0.0
    for lag in range(1, window + 1):
        share = lag / window
        weight = 1.0 if share <= 0.5 else 2 * (1 - share)
        spectrum += 2 * weight * covariance(lag)
        slope += 2 * weight * lag * covariance(lag)
    length = (2 * slope**2 / (2 * spectrum**2)) ** (1 / 3) * n ** (1 / 3)
    return min(math.ceil(min(3 * math.sqrt(n), n / 3)), max(1.0, length))


@settings(max_examples=40)
@given(st.floats(-0.9, 0.95), st.integers(10, 200), st.integers(0, 1000))
def test_against_plain_python(rho, count, seed):
    series = autoregressive(rho, count, seed)
    assert stationary_block_length(series) == pytest.approx(plain(series.tolist()), rel=1e-9)


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.7])
def test_an_autoregression_as_in_theory(rho):
    """Of covariances rho^i: G / g(0) = 2 rho / (1 - rho^2), so the length is (4 rho^2 / (1 - rho^2)^2 n)^(1/3)."""
    count = 20_000
    found = [stationary_block_length(autoregressive(rho, count, seed)) for seed in range(4)]
    assert np.mean(found) == pytest.approx((4 * rho**2 / (1 - rho**2) ** 2 * count) ** (1 / 3), rel=0.2)


def test_no_correlation_needs_short_blocks():
    assert stationary_block_length(np.random.default_rng(1).standard_normal(5000)) < 6


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, 0.2, 0.3], [0.01] * 50])
def test_nothing_to_go_by_is_one(returns):
    assert stationary_block_length(returns) == 1


@pytest.mark.parametrize(("count", "most"), [(30, 10), (400, 60)])
def test_a_mean_that_hardly_varies_gets_the_longest_blocks(count, most):
    """min(3 sqrt(n), n / 3), where the spectrum at zero is nearly nothing."""
    wave = np.sin(np.arange(count) * 2 * math.pi / 5)
    assert stationary_block_length(wave) == most


def test_a_missing_return_is_refused():
    with pytest.raises(ReturnsRefused, match=r"returns\[1\]"):
        stationary_block_length([0.0, math.nan])
