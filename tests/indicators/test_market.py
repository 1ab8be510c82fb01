import math
import statistics
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from tests.indicators.conftest import HOUR, make_bars, walk
from tradewright.indicators.arrays import IndicatorArguments
from tradewright.indicators.market import correlation, largest_correlation, liquidity_score, liquidity_scores


def test_liquidity_is_half_volume_and_half_spread(market):
    scores = liquidity_scores(market.close, market.volume, market.spread)
    assert np.isnan(scores[:249]).all()
    for i in range(249, 400):
        now = statistics.median(market.volume[i - 19 : i + 1])
        usual = statistics.median(market.volume[i - 249 : i + 1])
        expected = 0.5 * min(1, now / usual) + 0.5 * max(0, 1 - market.spread[i] / 50)
        assert scores[i] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("recent_volume", "spread", "score"),
    [(1000, 0, 1.0), (1000, 25, 0.75), (400, 10, 0.6), (5000, 0, 1.0), (0, 80, 0.0), (1000, -5, math.nan)],
)
def test_liquidity_by_hand(recent_volume, spread, score):
    volume = np.full(250, 1000.0)
    volume[-20:] = recent_volume
    assert liquidity_score(volume, volume, spread) == pytest.approx(score, abs=1e-15, nan_ok=True)


def test_low_volume_falls_below_the_limit_of_the_gate():
    volume = np.full(300, 1000.0)
    volume[-20:] = 300
    assert liquidity_score(volume, volume, 5) < 0.7


@pytest.mark.parametrize(("still", "spread", "score"), [(0, 0, 1.0), (5, 1, 0.865), (20, 0, 0.5), (20, 50, 0.0)])
def test_without_volume_a_bar_that_does_not_move_is_illiquid(still, spread, score):
    close = np.arange(300.0)
    close[len(close) - still :] = close[len(close) - still - 1]
    assert liquidity_score(close, np.full(300, np.nan), spread) == pytest.approx(score, abs=1e-15)


def test_without_volume_the_column_counts_the_closes_that_moved(market):
    close, unknown = np.round(market.close), np.full(400, np.nan)
    scores = liquidity_scores(close, unknown, market.spread, 20, 50)
    assert np.isnan(scores[:49]).all()
    for i in range(49, 400):
        moved = sum(close[j] != close[j - 1] for j in range(i - 19, i + 1))
        assert scores[i] == pytest.approx(0.5 * moved / 20 + 0.5 * max(0, 1 - market.spread[i] / 50), rel=1e-14)
    close[300] = np.nan
    holed = liquidity_scores(close, unknown, market.spread, 20, 50)
    assert np.flatnonzero(np.isnan(holed[49:])).tolist() == list(range(251, 272))
    assert math.isnan(liquidity_score(market.close, np.where(np.arange(400) < 399, np.nan, 5.0), 1.0)), "half known"


def test_the_score_of_now_is_the_last_of_the_column(market):
    close, volume = market.close, market.volume
    column = liquidity_scores(close, volume, market.spread)
    assert liquidity_score(close, volume, market.spread[-1]) == column[-1]
    column = liquidity_scores(close, volume, np.full(400, 10.0), 50, 20)
    assert liquidity_score(close, volume, 10, recent=50, usual=20) == column[-1]
    column = liquidity_scores(close, np.full(400, np.nan), np.full(400, 10.0), 50, 20)
    assert liquidity_score(close, np.full(400, np.nan), 10, recent=50, usual=20) == column[-1] > 0


def test_what_is_not_known_has_no_score():
    volume = np.full(250, 1000.0)
    holed = volume.copy()
    holed[3] = np.nan
    assert math.isnan(liquidity_score(volume, volume, math.nan))
    assert math.isnan(liquidity_score(volume[1:], volume[1:], 10))
    assert math.isnan(liquidity_score(volume[:0], volume[:0], 10))
    assert math.isnan(liquidity_score(volume, holed, 10))
    assert liquidity_score(volume, np.zeros(250), 0) == 0.5


@given(arrays(np.float64, 31, elements=st.floats(0, 1e9)), st.floats(0, 1000))
def test_liquidity_stays_between_zero_and_one(volume, spread):
    assert 0 <= liquidity_score(volume, volume, spread, 5, 30) <= 1
    assert 0 <= liquidity_score(volume, np.full(31, np.nan), spread, 5, 30) <= 1


def test_correlation_is_pearsons_of_common_log_returns():
    one, other = make_bars(walk(300, seed=1)), make_bars(walk(300, seed=2))
    changes = [np.diff(np.log(bars.close))[-100:].tolist() for bars in (one, other)]
    assert correlation(one, other) == pytest.approx(statistics.correlation(*changes), rel=1e-12)


def test_bars_are_matched_by_time_and_not_by_place():
    prices = walk(300)
    full, shifted = make_bars(prices), make_bars(prices[50:], start=50 * HOUR)
    assert correlation(full, shifted) == pytest.approx(1.0)
    gappy = type(full)(*(np.delete(values, [210, 250, 251]) for values in full))
    assert correlation(full, gappy) == pytest.approx(1.0)
    assert math.isnan(correlation(full, make_bars(prices, start=400 * HOUR)))


def test_bars_without_a_price_are_left_out():
    prices = walk(300)
    holed = prices.copy()
    holed[[200, 280]] = [np.nan, 0.0]
    assert correlation(make_bars(prices), make_bars(holed)) == pytest.approx(1.0)


def test_only_the_newest_returns_count():
    one, other = walk(300, seed=1), walk(300, seed=2)
    changed = np.concatenate([other[:199] * 3, other[199:]])
    assert correlation(make_bars(one), make_bars(other)) == correlation(make_bars(one), make_bars(changed))


def test_the_largest_correlation_is_absolute():
    prices = walk(300, seed=1)
    held = {"other": make_bars(walk(300, seed=2)), "mirror": make_bars(1e4 / prices)}
    assert largest_correlation(make_bars(prices), held) == pytest.approx(1.0)
    assert largest_correlation(make_bars(prices), {}) == 0.0
    del held["mirror"]
    assert_allclose(largest_correlation(make_bars(prices), held), abs(correlation(make_bars(prices), held["other"])))


@pytest.mark.parametrize("unknown", [walk(20), np.full(300, 7.0), np.full(300, np.nan), []])
def test_what_cannot_be_correlated_counts_as_wholly_correlated(unknown):
    candidate, held = make_bars(walk(300, seed=9)), make_bars(unknown)
    assert math.isnan(correlation(candidate, held))
    assert largest_correlation(candidate, {"a": make_bars(walk(300, seed=1)), "b": held}) == 1.0


def test_short_counts_are_allowed_and_senseless_ones_refused():
    one, other = make_bars([1.0, 2.0, 3.0]), make_bars([2.0, 3.0, 5.0])
    assert correlation(one, other, 2) == pytest.approx(-1.0)
    with pytest.raises(IndicatorArguments, match=">= 2"):
        correlation(one, other, 1)
    with pytest.raises(IndicatorArguments, match="one length"):
        liquidity_scores(np.ones(3), np.ones(3), np.ones(2))


@pytest.mark.parametrize("module", ["market", "catalogue"])
def test_the_light_modules_do_without_numba(module):
    code = f"import sys, tradewright.indicators.{module}; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
