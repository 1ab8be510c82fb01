import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tests.indicators import naive
from tests.indicators.conftest import walk
from tradewright.indicators.arrays import IndicatorArguments
from tradewright.indicators.moving import ema, macd, sma

cents = st.integers(1, 1_000_000).map(lambda units: units / 100)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 10, 20, 63, 64, 65, 200])
@pytest.mark.parametrize("decimals", [None, 0, 2, 5, 8])
def test_sma_agrees_with_exact_arithmetic(n, decimals):
    prices = walk(300, decimals=decimals)
    assert_allclose(sma(prices, n), naive.sma(prices.tolist(), n), rtol=2e-15 if decimals is None else 0)


@given(st.lists(cents, min_size=1, max_size=60), st.integers(1, 20), st.integers(1, 20))
def test_averages_of_decimals_that_are_equal_on_paper_are_equal(prices, short, long):
    units = [round(price * 100) for price in prices]
    fast, slow = sma(prices, short), sma(prices, long)
    for i in range(max(short, long) - 1, len(prices)):
        exact = sum(units[i - short + 1 : i + 1]) * long - sum(units[i - long + 1 : i + 1]) * short
        assert np.sign(fast[i] - slow[i]) == np.sign(exact)


def test_a_naive_mean_breaks_the_tie_that_ours_keeps():
    prices = [0.1, 0.2, 0.3, 0.3, 0.2, 0.1]
    assert sum(prices[3:]) / 3 != sum(prices) / 6
    assert sma(prices, 3)[-1] == sma(prices, 6)[-1] == 0.2


@pytest.mark.parametrize("price", [100.01, 0.1, 1234.5678, 60000.12345678])
def test_a_flat_stretch_averages_to_its_price(price):
    prices = np.concatenate([walk(50, decimals=2), np.full(80, price)])
    for n in (2, 3, 7, 10, 37, 80):
        assert_array_equal(sma(prices, n)[50 + n - 1 :], price)


def test_sma_does_not_drift_on_a_long_series_with_a_large_offset_and_spikes():
    noise = np.random.default_rng(3).normal(size=1_000_000)
    values = 1e9 + noise
    values[::100_000] = 1e19
    ours = sma(values, 50)
    checked = np.random.default_rng(4).integers(49, len(values), 2000)
    exact = [math.fsum(values[i - 49 : i + 1]) / 50 for i in checked]
    assert_allclose(ours[checked], exact, rtol=1e-14)
    running = np.cumsum(np.concatenate([values[:50], values[50:] - values[:-50]])) / 50
    assert np.max(np.abs(running[checked] / exact - 1)) > 1e-9


@pytest.mark.parametrize("decimals", [None, 2])
def test_a_window_gives_the_same_bits_wherever_the_series_begins(decimals):
    prices = walk(40_000, decimals=decimals)
    assert_array_equal(sma(prices, 37)[5000:], sma(prices[4900:], 37)[100:])


def test_a_stretch_of_other_numbers_leaves_the_decimals_exact():
    prices = walk(400, decimals=2)
    mixed = prices.copy()
    mixed[200] = math.pi
    assert_array_equal(np.delete(sma(mixed, 10), range(200, 210)), np.delete(sma(prices, 10), range(200, 210)))
    assert_allclose(sma(mixed, 10), naive.sma(mixed.tolist(), 10), rtol=1e-15)


def test_what_is_only_near_a_decimal_is_not_taken_for_it():
    values = 100.0 + 4e-12 * np.arange(1, 41)
    assert_allclose(sma(values, 4), naive.sma(values.tolist(), 4), rtol=3e-16)


def test_integers_beyond_the_exact_range_are_summed_as_floats():
    values = np.array([9e15 + 2, 1.0, 5e7, 123456789.25, 3e8, 1e300, 2e300])
    assert_allclose(sma(values, 3), naive.sma(values.tolist(), 3), rtol=1e-15)


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("decimals", [None, 2])
def test_sma_forgets_a_nan_when_it_leaves_the_window(n, decimals):
    prices = walk(60, decimals=decimals)
    prices[25] = np.nan
    assert_allclose(sma(prices, n), naive.sma(prices.tolist(), n), rtol=0 if decimals else 1e-15)
    assert_array_equal(np.flatnonzero(np.isnan(sma(prices, n))), [*range(n - 1), *range(25, 25 + n)])


@pytest.mark.parametrize("n", [1, 2, 9, 18])
def test_ema_is_seeded_with_the_mean_of_the_first_values(n):
    prices = walk(200)
    assert_allclose(ema(prices, n), naive.ema(prices.tolist(), n), rtol=1e-13)
    assert ema(prices, n)[n - 1] == pytest.approx(prices[:n].mean(), rel=1e-15)


def test_ema_of_one_is_the_price_itself():
    prices = walk(100)
    assert_array_equal(ema(prices, 1), prices)


def test_ema_of_a_flat_series_is_the_price():
    assert_array_equal(ema(np.full(500, 100.01), 14)[13:], 100.01)


@pytest.mark.parametrize("gap", [0, 3, 5, 20, 199])
def test_recursive_averages_treat_a_nan_as_absent(gap):
    prices = walk(200)
    holed = prices.copy()
    holed[gap] = np.nan
    result = ema(holed, 5)
    assert np.isnan(result[gap])
    assert_array_equal(np.delete(result, gap), ema(np.delete(prices, gap), 5))


def test_an_infinite_price_counts_as_absent():
    assert_array_equal(ema([1.0, 2.0, np.inf, 3.0], 2), [np.nan, 1.5, np.nan, 2.5])


def test_macd_seeds_both_means_with_their_own_first_values():
    prices = walk(120)
    for ours, expected in zip(macd(prices, 5, 12, 4), naive.macd(prices.tolist(), 5, 12, 4), strict=True):
        assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)
    line, signal, histogram = macd(prices, 5, 12, 4)
    assert [int(np.isnan(x).sum()) for x in (line, signal, histogram)] == [11, 14, 14]


@pytest.mark.parametrize("average", [sma, ema])
def test_short_and_empty_series(average):
    assert np.isnan(average([1.0, 2.0], 3)).all()
    assert len(average([], 3)) == 0
    assert np.isnan(average([np.nan] * 5, 2)).all()
    assert_array_equal(average([7.0], 1), [7.0])
    assert np.isnan(average([1.0, 2.0], 10**9)).all()


@pytest.mark.parametrize("n", [0, -1, 1.5, np.nan, np.inf])
def test_a_window_is_a_whole_number_of_at_least_one(n):
    with pytest.raises(IndicatorArguments, match="whole number >= 1"):
        sma([1.0], n)


def test_results_go_into_a_given_array():
    out = np.empty(5)
    assert sma(np.arange(5.0), 2, out) is out
    for wrong in (np.empty(4), np.empty(5, dtype=np.float32), np.empty(10)[::2]):
        with pytest.raises(IndicatorArguments, match="contiguous float64 array of 5"):
            sma(np.arange(5.0), 2, wrong)


def test_inputs_of_any_kind_are_taken_and_left_alone():
    frozen = np.arange(6.0)
    frozen.flags.writeable = False
    immutable = np.frombuffer(np.arange(6.0).tobytes())
    for values in (frozen, immutable, range(6), np.arange(6, dtype=np.int32), np.arange(12.0)[::2] / 2):
        assert_array_equal(sma(values, 2)[1:], [0.5, 1.5, 2.5, 3.5, 4.5])
    assert_array_equal(frozen, np.arange(6.0))
    assert not frozen.flags.writeable
    with pytest.raises(IndicatorArguments, match="one dimension"):
        sma(np.ones((2, 2)), 1)
