"""Several strategies side by side: shared days, correlation, suggested weights (R-PORT-04 to R-PORT-06)."""

from __future__ import annotations

import numpy as np
import pytest

from tradewright.evaluation.strategy_mix import (
    LEAST_DAYS,
    DailyReturns,
    Weighting,
    common_returns,
    correlation,
    risk_contributions,
    suggested_weights,
)
from tradewright.model.bars import Floats
from tradewright.model.errors import ConfigError

DAYS = 250


def returns(count: int, seed: int, days: int = DAYS) -> DailyReturns:
    random = np.random.default_rng(seed)
    own = random.normal(0.0005, 0.01, (days, count)) * random.uniform(0.5, 2.0, count)
    market = random.normal(0.0, 0.005, (days, 1))
    return DailyReturns(tuple(f"s{place}" for place in range(count)), np.arange(days), own + market)


def test_returns_are_those_between_the_days_that_all_have() -> None:
    one = (np.array([1, 2, 3, 5]), np.array([100.0, 110.0, 121.0, 242.0]))
    other = (np.array([2, 3, 4, 5]), np.array([50.0, 25.0, 1.0, 75.0]))
    found = common_returns({"one": one, "other": other})
    assert found.days.tolist() == [3, 5]
    np.testing.assert_allclose(found.values, [[0.1, -0.5], [1.0, 2.0]])
    assert common_returns({}).values.shape == (0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_correlation_is_symmetric_with_a_unit_diagonal_and_is_pearsons(seed: int) -> None:
    given = returns(4, seed)
    found = correlation(given)
    np.testing.assert_array_equal(found, found.T)
    assert (np.diag(found) == 1.0).all()
    np.testing.assert_allclose(found, np.corrcoef(given.values, rowvar=False), atol=1e-12)


def test_what_does_not_vary_or_is_too_short_has_no_correlation() -> None:
    given = returns(3, 1)
    given.values[:, 1] = 0.0
    assert correlation(given)[1].tolist() == [0.0, 1.0, 0.0]
    assert (correlation(returns(3, 1, LEAST_DAYS - 1)) == np.eye(3)).all()


def mixtures(count: int, most: float) -> Floats:
    """Random weights that are admitted."""
    drawn = np.random.default_rng(9).dirichlet(np.full(count, 0.7), 4_000)
    return drawn[drawn.max(axis=1) <= most]


@pytest.mark.parametrize("way", Weighting)
@pytest.mark.parametrize(("count", "most"), [(1, 1.0), (2, 0.5), (3, 0.4), (6, 0.3)])
def test_weights_add_up_to_one_within_their_caps(way: Weighting, count: int, most: float) -> None:
    found = suggested_weights(returns(count, count), way, most)
    assert found.shape == (count,)
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    assert (found >= 0.0).all()
    assert (found <= most + 1e-9).all()


@pytest.mark.parametrize("most", [1.0, 0.5])
def test_no_other_mixture_has_less_variance_or_a_greater_ratio(most: float) -> None:
    given = returns(4, 7)
    covariance, mean = np.cov(given.values, rowvar=False), given.values.mean(axis=0)
    tried = mixtures(4, most)
    variances = np.einsum("ij,jk,ik->i", tried, covariance, tried)
    least = suggested_weights(given, Weighting.MIN_VARIANCE, most)
    assert least @ covariance @ least <= variances.min() + 1e-15
    best = suggested_weights(given, Weighting.MAX_SHARPE, most)
    assert mean @ best / np.sqrt(best @ covariance @ best) >= (tried @ mean / np.sqrt(variances)).max() - 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_equal_risk_is_equal_and_inverse_volatility_is_that_without_correlation(seed: int) -> None:
    given = returns(5, seed)
    parts = risk_contributions(given, suggested_weights(given, Weighting.EQUAL_RISK))
    np.testing.assert_allclose(parts, 0.2, atol=1e-9)
    inverse = suggested_weights(given, Weighting.INVERSE_VOLATILITY) * given.values.std(axis=0, ddof=1)
    np.testing.assert_allclose(inverse, inverse[0])


def test_a_cap_of_one_strategy_is_kept_and_shared_by_the_others() -> None:
    given = returns(3, 2)
    plain, held = (suggested_weights(given, Weighting.INVERSE_VOLATILITY, most) for most in (1.0, (0.1, 1.0, 1.0)))
    assert held[0] == pytest.approx(0.1)
    assert held[1] / held[2] == pytest.approx(plain[1] / plain[2])


def test_edges() -> None:
    falling = DailyReturns(("a", "b"), np.arange(DAYS), -np.abs(returns(2, 3).values))
    np.testing.assert_array_equal(
        *(suggested_weights(falling, Weighting(way)) for way in ("max_sharpe", "min_variance"))
    )
    still = DailyReturns(("a", "b"), np.arange(DAYS), np.zeros((DAYS, 2)))
    assert all(suggested_weights(still, way).tolist() == [0.5, 0.5] for way in Weighting)
    assert risk_contributions(still, np.array([0.5, 0.5])).tolist() == [0.0, 0.0]
    assert suggested_weights(DailyReturns((), np.empty(0), np.empty((0, 0))), Weighting.EQUAL).shape == (0,)
    for most in (0.4, 0.0, (-1.0, 2.0)):
        with pytest.raises(ConfigError, match="the caps of 2 strategies"):
            suggested_weights(returns(2, 1), Weighting.EQUAL, most)
