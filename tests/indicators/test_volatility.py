import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.indicators import naive
from tests.indicators.conftest import walk
from tradewright.indicators.arrays import IndicatorArguments
from tradewright.indicators.moving import sma
from tradewright.indicators.volatility import (
    Bands,
    atr,
    bbands,
    percentile_rank,
    rolling_volatility,
    volatility_rank,
)


@pytest.mark.parametrize("n", [1, 2, 14])
def test_atr_is_wilders(market, n):
    result = atr(market.high, market.low, market.close, n)
    assert_allclose(result, naive.atr(market.high, market.low, market.close, n), rtol=1e-12)
    assert np.isnan(result[:n]).all()
    assert not np.isnan(result[n:]).any()


def test_atr_by_hand_counts_gaps_between_bars():
    high, low, close = [10.0, 15.0, 12.0, 12.0], [9.0, 14.0, 11.0, 11.0], [9.5, 14.5, 11.5, 11.5]
    # ranges: none, 15 - 9.5, 14.5 - 11, 1
    assert_array_equal(atr(high, low, close, 2), [np.nan, np.nan, 4.5, 2.75])


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("gap", [0, 1, 7, 50, 399])
def test_atr_treats_a_bar_with_a_nan_as_absent(market, row, gap):
    columns = [market.high, market.low, market.close]
    holed = [values.copy() for values in columns]
    holed[row][gap] = np.nan
    result = atr(*holed, 14)
    assert np.isnan(result[gap])
    assert_array_equal(np.delete(result, gap), atr(*(np.delete(values, gap) for values in columns), 14))


def test_atr_of_a_constant_range_stays_exactly_there():
    flat = np.full(300, 100.01)
    assert len(set(atr(flat + 0.07, flat, flat, 14)[14:])) == 1


def test_atr_refuses_columns_of_different_length():
    with pytest.raises(IndicatorArguments, match=r"one length, not \[2, 2, 1\]"):
        atr([1.0, 2.0], [1.0, 2.0], [1.0], 1)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 20, 63, 100])
def test_bands_stand_population_deviations_off_the_mean(n):
    prices = walk(200, decimals=2)
    bands = bbands(prices, n, 2.5)
    width = 2.5 * np.asarray(naive.deviation(prices.tolist(), n, 0))
    assert_array_equal(bands.middle, sma(prices, n))
    assert_allclose(bands.upper, bands.middle + width, rtol=1e-13)
    assert_allclose(bands.lower, bands.middle - width, rtol=1e-13)


def test_deviation_keeps_its_digits_beside_a_large_offset():
    noise = np.random.default_rng(5).normal(size=10_000)
    values = 1e8 + noise
    expected = naive.deviation((values - 1e8).tolist(), 20, 0)
    upper, middle, _ = bbands(values, 20, 1.0)
    assert_allclose((upper - middle)[19:], expected[19:], rtol=1e-6)
    squares = np.convolve(values**2, np.ones(20) / 20, "valid") - np.convolve(values, np.ones(20) / 20, "valid") ** 2
    assert not np.allclose(np.sqrt(np.abs(squares)), expected[19:], rtol=0.1)


@pytest.mark.parametrize("price", [33.123456789012345, 100.01, 1e9 / 7])
def test_bands_of_a_flat_window_are_the_mean(price):
    flat = np.full(300, price)
    for n in (2, 5, 20, 50, 111):
        upper, middle, lower = bbands(flat, n)
        assert_array_equal(upper, middle)
        assert_array_equal(lower, middle)


def test_bands_forget_a_nan_and_fill_given_arrays():
    prices = walk(100)
    prices[40] = np.nan
    out = Bands(np.empty(100), np.empty(100), np.empty(100))
    assert bbands(prices, 10, 2.0, out) == out
    for line, known in zip(out, bbands(walk(100), 10), strict=True):
        assert np.isnan(line[40:50]).all()
        assert_array_equal(line[50:], known[50:])


@pytest.mark.parametrize("deviations", [-0.1, np.nan, np.inf])
def test_band_widths_are_finite_and_not_negative(deviations):
    with pytest.raises(IndicatorArguments, match="finite number >= 0"):
        bbands([1.0, 2.0], 2, deviations)


def test_rolling_volatility_is_the_sample_deviation_of_log_returns():
    prices = walk(100)
    changes = np.diff(np.log(prices))
    result = rolling_volatility(prices, 20)
    assert_allclose(result[20:], naive.deviation(changes.tolist(), 20, 1)[19:], rtol=1e-9)
    assert np.isnan(result[:20]).all()
    assert rolling_volatility(np.full(30, 7.0))[-1] == 0.0


def test_rolling_volatility_after_a_missing_price():
    prices = walk(100)
    prices[50] = np.nan
    result = rolling_volatility(prices, 20)
    assert np.isnan(result[50:71]).all()
    assert np.isfinite(result[71:]).all()


def test_percentile_rank_counts_ties_by_half():
    assert_array_equal(percentile_rank([1.0, 2.0, 3.0, 2.0, 2.0], 3), [np.nan, np.nan, 1.0, 0.25, 0.25])
    assert_array_equal(percentile_rank(np.ones(5), 4)[3:], 0.5)


@pytest.mark.parametrize("gap", [None, 60])
def test_percentile_rank_agrees_with_counting(gap):
    values = walk(150, decimals=0)
    if gap is not None:
        values[gap] = np.nan
    assert_array_equal(percentile_rank(values, 25), naive.percentile_rank(values.tolist(), 25))


def test_volatility_rank_is_the_rank_of_relative_ranges(market):
    relative = np.asarray(naive.atr(market.high, market.low, market.close, 14)) / market.close
    result = volatility_rank(market.high, market.low, market.close, 14, 100)
    assert_array_equal(result, naive.percentile_rank(relative.tolist(), 100))
    assert np.flatnonzero(np.isfinite(result))[0] == 14 + 100 - 1


@pytest.mark.parametrize("size", [0, 1, 3])
def test_short_series(size):
    prices = walk(size)
    for result in (
        *bbands(prices, 5),
        rolling_volatility(prices, 5),
        percentile_rank(prices, 5),
        atr(*[prices] * 3, 5),
    ):
        assert len(result) == size
        assert np.isnan(result).all()
