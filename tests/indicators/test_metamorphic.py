"""Laws between indicators and between markets, on any prices."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tests.indicators.conftest import make_bars, walk
from tradewright.indicators.momentum import log_returns, returns, rsi, slope, slope_t
from tradewright.indicators.moving import ema, macd, sma
from tradewright.indicators.registry import column, columns
from tradewright.indicators.volatility import atr, bbands, percentile_rank, rolling_volatility
from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature

bounded = settings(max_examples=80)
cents = st.lists(st.integers(100, 100_000), min_size=1, max_size=80).map(lambda row: np.array(row) / 100.0)
factors = st.sampled_from([1e-6, 0.01, 0.5, 3.0, 1024.0, 1e6])
windows = st.integers(1, 15)


@bounded
@given(cents, windows, factors, st.sampled_from([-0.75, 0.0, 12.5]))
def test_means_and_bands_follow_scale_and_shift(close: Floats, n: int, factor: float, shift: float) -> None:
    moved = close * factor + shift
    size = np.abs(close * factor).max() + abs(shift)
    for mean in (sma, ema):
        assert_allclose(mean(moved, n), mean(close, n) * factor + shift, rtol=1e-9, atol=1e-9 * size)
    here, there = bbands(close, n, 2.0), bbands(moved, n, 2.0)
    assert_allclose(there.upper - there.lower, (here.upper - here.lower) * factor, rtol=1e-6, atol=1e-6 * size)


@bounded
@given(cents, st.integers(2, 15), factors)
def test_what_has_no_unit_does_not_see_the_currency(close: Floats, n: int, factor: float) -> None:
    scaled = close * factor
    assert_allclose(rsi(scaled, n), rsi(close, n), atol=1e-5)
    assert_allclose(returns(scaled), returns(close), rtol=1e-9, atol=1e-12)
    assert_allclose(rolling_volatility(scaled, n), rolling_volatility(close, n), rtol=1e-6, atol=1e-9)
    assert_array_equal(percentile_rank(close * 1024.0, n), percentile_rank(close, n))


@bounded
@given(cents, cents, windows)
def test_means_are_linear(one: Floats, other: Floats, n: int) -> None:
    count = min(len(one), len(other))
    one, other = one[:count], other[:count]
    for mean in (sma, ema):
        assert_allclose(mean(one + other, n), mean(one, n) + mean(other, n), rtol=1e-9)


@bounded
@given(cents, st.integers(3, 15), windows)
def test_every_prefix_has_the_same_past(close: Floats, n: int, fast: int) -> None:
    signals = [
        lambda x: sma(x, n), lambda x: ema(x, n), lambda x: rsi(x, n), lambda x: slope(x, n), lambda x: slope_t(x, n),
        lambda x: macd(x, fast, fast + n, 3).signal, lambda x: bbands(x, n, 1.0).upper, lambda x: percentile_rank(x, n),
    ]  # fmt: skip
    cut = len(close) // 2
    for signal in signals:
        assert_array_equal(signal(close[:cut]), signal(close)[:cut])


@bounded
@given(st.integers(1, 10_000_000), st.integers(1, 40), windows)
def test_a_market_that_stands_still(price: int, count: int, n: int) -> None:
    close = np.full(count, price / 100.0)
    known = np.arange(count) >= n - 1
    for mean in (sma(close, n), bbands(close, n, 2.0).upper, bbands(close, n, 2.0).lower):
        assert_array_equal(mean, np.where(known, close, np.nan))
    assert_allclose(ema(close, n), np.where(known, close, np.nan), rtol=1e-14)
    assert_array_equal(atr(close, close, close, n), np.where(np.arange(count) >= n, 0.0, np.nan))
    assert_array_equal(rsi(close, n), np.where(np.arange(count) >= n, 50.0, np.nan))
    assert_array_equal(returns(close)[1:], np.zeros(count - 1))
    assert_array_equal(slope(close, n + 1), np.where(np.arange(count) >= n, 0.0, np.nan))


@bounded
@given(cents)
def test_log_returns_add_up_and_returns_multiply(close: Floats) -> None:
    assert np.nansum(log_returns(close)) == pytest.approx(np.log(close[-1] / close[0]), abs=1e-9)
    assert np.nanprod(1.0 + returns(close)) == pytest.approx(close[-1] / close[0], rel=1e-9)


@bounded
@given(cents, windows)
def test_ranges_hold_the_move_of_the_close(close: Floats, n: int) -> None:
    """A bar of one price has the move of its close as its true range; wider bars have no smaller one."""
    bare = atr(close, close, close, n)
    moves = np.abs(np.diff(close))
    if len(close) > n:
        assert bare[n] == pytest.approx(moves[:n].mean(), rel=1e-12, abs=1e-12)
    assert np.all(atr(close + 1.0, close - 1.0, close, n)[n:] >= bare[n:] - 1e-9)


@bounded
@given(cents, st.integers(2, 15))
def test_bounds(close: Floats, n: int) -> None:
    strength, rank = rsi(close, n), percentile_rank(close, n)
    for values, least, most in ((strength, 0.0, 100.0), (rank, 0.0, 1.0)):
        known = values[~np.isnan(values)]
        assert np.all((known >= least) & (known <= most))
    mean = ema(close, n)[n - 1 :]
    assert np.all((mean >= close.min() - 1e-9) & (mean <= close.max() + 1e-9))


@bounded
@given(cents, st.integers(3, 15))
def test_the_slope_of_a_ramp_added_to_prices_adds_to_their_slope(close: Floats, n: int) -> None:
    ramp = 0.25 * np.arange(len(close))
    assert_allclose(slope(close + ramp, n), slope(close, n) + 0.25, atol=1e-7)


TALIB = {
    Feature("log_returns"): lambda b: np.log(talib.ROCR(b.close, 1)),
    Feature("slope", (2,)): lambda b: talib.LINEARREG_SLOPE(b.close, 2),
    Feature("sma", (1,)): lambda b: b.close,
    Feature("sma", (200,)): lambda b: talib.SMA(b.close, 200),
    Feature("ema", (2,)): lambda b: talib.EMA(b.close, 2),
    Feature("rsi", (2,)): lambda b: talib.RSI(b.close, 2),
    Feature("atr", (2,)): lambda b: talib.ATR(b.high, b.low, b.close, 2),
    Feature("bbands_upper", (5, 0.5)): lambda b: talib.BBANDS(b.close, 5, 0.5, 0.5)[0],
    Feature("rolling_vol", (20,)): lambda b: sample_deviation(np.log(talib.ROCR(b.close, 1)), 20),
}


def sample_deviation(values: Floats, n: int) -> Floats:
    """TA-Lib knows the population's deviation of series without a hole only."""
    found = np.full(len(values), np.nan)
    found[1:] = talib.STDDEV(values[1:], n) * np.sqrt(n / (n - 1))
    return found


@pytest.mark.parametrize("feature", TALIB)
def test_equal_to_talib_at_other_windows(feature: Feature) -> None:
    noise = np.random.default_rng(5)
    close = walk(2_000, seed=5, decimals=2)
    bars = make_bars(close, high=close + noise.random(2_000), low=close - noise.random(2_000))
    assert_allclose(column(feature, bars), TALIB[feature](bars), rtol=1e-6, atol=1e-8)


def test_the_macd_of_talib_is_ours_once_the_seeds_are_forgotten() -> None:
    close = walk(3_000, seed=8, decimals=2)
    theirs = talib.MACD(close, 12, 26, 9)
    ours = columns([Feature(name, (12, 26, 9)) for name in ("macd", "macd_signal", "macd_hist")], make_bars(close))
    for mine, other in zip(ours, theirs, strict=True):
        assert_allclose(mine[-2_000:], other[-2_000:], atol=1e-9)
