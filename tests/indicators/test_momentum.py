import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.indicators import naive
from tests.indicators.conftest import walk
from tradewright.indicators.arrays import IndicatorArguments
from tradewright.indicators.momentum import log_returns, returns, rsi, slope, slope_t


@pytest.mark.parametrize("n", [1, 2, 5, 14])
def test_rsi_is_wilders(n):
    prices = walk(200)
    result = rsi(prices, n)
    assert_allclose(result, naive.rsi(prices.tolist(), n), rtol=1e-11)
    assert np.isnan(result[:n]).all()
    assert not np.isnan(result[n:]).any()


def test_rsi_by_hand():
    # changes +1 +3 | -2: mean gain 2 then (2 + 0) / 2 = 1, mean loss 0 then 1
    assert_array_equal(rsi([10.0, 11.0, 14.0, 12.0], 2), [np.nan, np.nan, 100.0, 50.0])


def test_rsi_at_its_limits():
    assert_array_equal(rsi(np.arange(1.0, 9.0), 3)[3:], 100.0)
    assert_array_equal(rsi(np.arange(9.0, 1.0, -1.0), 3)[3:], 0.0)
    assert_array_equal(rsi(np.full(8, 5.0), 3)[3:], 50.0)


def test_rsi_of_a_market_that_died_away_is_neutral():
    result = rsi(np.concatenate([walk(50), np.full(20_000, 100.0)]), 14)
    assert result[-1] == 50.0
    assert ((result[14:] >= 0) & (result[14:] <= 100)).all()


@pytest.mark.parametrize("gap", [0, 4, 30, 99])
def test_rsi_treats_a_nan_as_absent(gap):
    prices = walk(100)
    holed = prices.copy()
    holed[gap] = np.nan
    assert np.isnan(rsi(holed, 5)[gap])
    assert_array_equal(np.delete(rsi(holed, 5), gap), rsi(np.delete(prices, gap), 5))


def test_returns_and_log_returns():
    prices = [100.0, 110.0, 99.0]
    assert_allclose(returns(prices), [np.nan, 0.1, -0.1])
    assert_allclose(log_returns(prices), [np.nan, np.log(1.1), np.log(0.9)])


@pytest.mark.parametrize("bad", [0.0, -5.0, np.nan])
def test_a_price_that_is_none_has_no_returns(bad):
    prices = [100.0, 101.0, bad, 103.0, 104.0]
    for result in (returns(prices), log_returns(prices)):
        assert_array_equal(np.isnan(result), [True, False, True, True, False])


@pytest.mark.parametrize("n", [2, 3, 4, 7, 20, 50, 127])
def test_slope_is_the_least_squares_line(n):
    prices = walk(200)
    fits = [naive.line_fit(prices[i - n + 1 : i + 1].tolist()) for i in range(n - 1, 200)]
    assert_allclose(slope(prices, n)[n - 1 :], [fit[0] for fit in fits], rtol=1e-9, atol=1e-12)
    if n > 2:
        assert_allclose(slope_t(prices, n)[n - 1 :], [fit[1] for fit in fits], rtol=1e-6, atol=1e-10)
    assert np.isnan(slope(prices, n)[: n - 1]).all()


def test_slope_of_a_line_is_its_step_and_its_t_value_is_large_and_finite():
    line = 100.0 + 0.25 * np.arange(300)
    assert_allclose(slope(line, 50)[49:], 0.25, rtol=1e-13)
    rising, falling = slope_t(line, 50)[49:], slope_t(-line, 50)[49:]
    assert (rising > 1e6).all()
    assert (falling < -1e6).all()
    assert np.isfinite(rising).all()


@pytest.mark.parametrize("price", [33.123456789012345, 100.01, 1e-7 / 3, -250.1 / 7])
def test_slope_and_t_value_of_a_flat_window_are_exactly_zero(price):
    flat = np.full(300, price)
    for n in (3, 5, 14, 50, 111, 252):
        assert_array_equal(slope(flat, n)[n - 1 :], 0.0)
        assert_array_equal(slope_t(flat, n)[n - 1 :], 0.0)


@pytest.mark.parametrize("function", [slope, slope_t])
def test_slope_forgets_a_nan_when_it_leaves_the_window(function):
    prices = walk(60)
    holed = prices.copy()
    holed[25] = np.nan
    result = function(holed, 10)
    assert np.isnan(result[25:35]).all()
    assert_array_equal(result[35:], function(prices, 10)[35:])


@pytest.mark.parametrize(("function", "least"), [(rsi, 1), (slope, 2), (slope_t, 3)])
def test_least_windows_and_short_series(function, least):
    with pytest.raises(IndicatorArguments, match=f">= {least}"):
        function([1.0, 2.0], least - 1)
    assert np.isnan(function([1.0, 2.0], 5)).all()
    assert len(function([], 5)) == 0
    assert len(returns([])) == 0
