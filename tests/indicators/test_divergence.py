import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.indicators.conftest import walk
from tradewright.indicators.arrays import IndicatorArguments
from tradewright.indicators.momentum import rsi
from tradewright.indicators.regime import rsi_divergence

REACH, LOOKBACK, N = 5, 60, 14


def zigzag(*points):
    """Straight lines through (bars, price) points, the first at bar 0."""
    bars = np.cumsum([0, *(length for length, _ in points[1:])])
    return np.interp(np.arange(bars[-1] + 1), bars, [price for _, price in points])


# a steep fall to the first low, a rally, then a slow fall to a lower one: momentum has recovered
BULLISH = zigzag((0, 150), (70, 149), (10, 100), (8, 110), (18, 99), (16, 112))
FIRST, SECOND = 80, 106


def test_a_lower_low_on_more_strength_is_bullish_once_it_is_known():
    result = rsi_divergence(BULLISH, N, REACH, LOOKBACK)
    strength = rsi(BULLISH, N)
    assert BULLISH[SECOND] < BULLISH[FIRST]
    assert strength[SECOND] > strength[FIRST]
    assert_array_equal(result[N + LOOKBACK - 1 : SECOND + REACH], 0.0)
    assert_array_equal(result[SECOND + REACH :], 1.0)


def test_a_higher_high_on_less_strength_is_bearish():
    result = rsi_divergence(250 - BULLISH, N, REACH, LOOKBACK)
    assert_array_equal(result[N + LOOKBACK - 1 : SECOND + REACH], 0.0)
    assert_array_equal(result[SECOND + REACH :], -1.0)


def test_a_higher_low_or_a_weaker_one_is_none():
    higher = zigzag((0, 150), (70, 149), (10, 100), (8, 110), (18, 101), (16, 112))
    weaker = zigzag((0, 100), (70, 149), (10, 140), (8, 148), (18, 80), (16, 82))
    for prices in (higher, weaker):
        assert_array_equal(rsi_divergence(prices, N, REACH, LOOKBACK)[N + LOOKBACK - 1 :], 0.0)


def test_a_divergence_ends_when_its_first_low_is_too_old():
    prices = np.concatenate([BULLISH, BULLISH[-1] + 0.01 * np.arange(1, 60)])
    result = rsi_divergence(prices, N, REACH, LOOKBACK)
    last = FIRST + LOOKBACK - 1
    assert_array_equal(result[SECOND + REACH : last + 1], 1.0)
    assert_array_equal(result[last + 1 :], 0.0)


def test_of_two_divergences_the_newer_turning_point_counts():
    prices = zigzag((0, 100), (70, 100.7), (4, 112), (6, 90), (6, 105), (6, 113), (7, 89.5), (8, 96))
    strength = rsi(prices, N)
    assert prices[92] > prices[74]
    assert strength[92] < strength[74]
    assert prices[99] < prices[80]
    assert strength[99] > strength[80]
    result = rsi_divergence(prices, N, REACH, LOOKBACK)
    assert_array_equal(result[92 + REACH : 99 + REACH], -1.0)
    assert_array_equal(result[99 + REACH :], 1.0)
    assert_array_equal(rsi_divergence(200 - prices, N, REACH, LOOKBACK), -result)


def test_the_first_bar_of_a_flat_bottom_is_the_low():
    flat = BULLISH.copy()
    flat[SECOND : SECOND + 3] = flat[SECOND]
    assert_array_equal(rsi_divergence(flat, N, REACH, LOOKBACK)[SECOND + REACH - 1 :][:2], [0.0, 1.0])


def test_a_nan_beside_a_low_hides_it_and_gives_nan_on_its_own_bar():
    holed = BULLISH.copy()
    holed[SECOND + 3] = np.nan
    result = rsi_divergence(holed, N, REACH, LOOKBACK)
    assert np.flatnonzero(np.isnan(result[N + LOOKBACK - 1 :])).tolist() == [SECOND + 3 - (N + LOOKBACK - 1)]
    assert np.nanmax(result) == 0.0


def test_agrees_with_searching_the_turning_points_afresh_on_every_bar():
    prices, n, reach, lookback = walk(500, decimals=2), 10, 3, 50
    strength = rsi(prices, n)
    seen = set()
    for i, value in enumerate(rsi_divergence(prices, n, reach, lookback)):
        if i < n + lookback - 1:
            assert np.isnan(value)
            continue
        assert value == _searched(prices, strength, i, reach, lookback)
        seen.add(value)
    assert seen == {-1.0, 0.0, 1.0}


def _searched(prices, strength, now, reach, lookback):
    found = {}
    for sign in (1, -1):
        line = sign * prices[: now + 1]
        turns = [
            t
            for t in range(reach, now - reach + 1)
            if line[t] < line[t - reach : t].min() and line[t] <= line[t + 1 : t + reach + 1].min()
        ][-2:]
        if len(turns) == 2 and turns[0] > now - lookback:
            first, second = turns
            if line[second] < line[first] and sign * strength[second] > sign * strength[first]:
                found[second] = sign
    return found[max(found)] if found else 0


@pytest.mark.parametrize("arguments", [(0, 5, 60), (14, 0, 60), (14, 5, 11)])
def test_lengths_are_checked(arguments):
    with pytest.raises(IndicatorArguments, match="whole number"):
        rsi_divergence(BULLISH, *arguments)


def test_short_series():
    assert len(rsi_divergence([])) == 0
    assert np.isnan(rsi_divergence(BULLISH[:73])).all()
