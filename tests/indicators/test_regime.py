import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.indicators.conftest import make_bars
from tradewright.indicators.momentum import slope_t
from tradewright.indicators.regime import REGIMES, Regime, labels, regime
from tradewright.indicators.volatility import volatility_rank

WARM = 14 + 252 - 1


def drifting(drift, calm_from=200, size=400):
    """A wide-ranging start, then a calm market with this drift per bar: no bar of it is volatile for its window."""
    rng = np.random.default_rng(1)
    close = 100 + np.cumsum(np.where(np.arange(size) < calm_from, 0.0, drift)) + rng.normal(0, 0.05, size)
    reach = np.where(np.arange(size) < calm_from, 3.0, 0.3)
    return make_bars(close, high=close + reach, low=close - reach)


@pytest.mark.parametrize(("drift", "expected"), [(0.05, Regime.TREND_UP), (-0.05, Regime.TREND_DOWN)])
def test_a_steady_climb_and_a_steady_fall_are_trends(drift, expected):
    assert set(labels(regime(drifting(drift))[300:], REGIMES)) == {expected}


def test_a_wave_around_a_level_is_a_range():
    bars = drifting(0.0)
    wave = bars._replace(close=100 + np.sin(np.arange(400) * 2 * np.pi / 5))
    assert set(labels(regime(wave)[300:], REGIMES)) == {Regime.RANGE}


def test_a_burst_of_range_is_high_volatility_whatever_the_slope():
    bars = drifting(0.05)
    burst = bars._replace(high=bars.high + np.where(np.arange(400) >= 380, 20.0, 0.0))
    assert set(labels(regime(burst)[390:], REGIMES)) == {Regime.HIGH_VOL}


@pytest.mark.parametrize("over", [6, 101])  # a rank of exactly 0.8 occurs among 5 others
def test_the_thresholds_are_strict_and_both_inputs_are_needed(market, over):
    codes = regime(market, 14, over, 50)
    rank = volatility_rank(market.high, market.low, market.close, 14, over)
    steepness = slope_t(market.close, 50)
    for code, r, t in zip(codes, rank, steepness, strict=True):
        if np.isnan(r) or np.isnan(t):
            assert np.isnan(code)
        else:
            expected = "high_vol" if r > 0.8 else "trend_up" if t > 2 else "trend_down" if t < -2 else "range"
            assert REGIMES[int(code)] == expected
    assert set(codes[~np.isnan(codes)]) == {0.0, 1.0, -1.0, 2.0}


def test_a_market_that_does_not_move_is_a_range():
    flat = np.full(300, 33.123456789012345)
    codes = regime(make_bars(flat, high=flat, low=flat))
    assert np.isnan(codes[:WARM]).all()
    assert_array_equal(codes[WARM:], 0.0)


def test_labels_are_null_in_the_warm_up_and_refuse_what_is_no_code():
    assert labels(np.array([np.nan, 2.0]), REGIMES) == [None, Regime.HIGH_VOL]
    with pytest.raises(KeyError):
        labels(np.array([7.0]), REGIMES)
