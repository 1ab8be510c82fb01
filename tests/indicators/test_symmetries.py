"""Symmetries of the indicators: another currency, another level, a mirror, another time, a longer past."""

from __future__ import annotations

import numpy as np
import pytest

from tests.indicators.conftest import make_bars, walk
from tradewright.indicators.momentum import rsi, slope, slope_t
from tradewright.indicators.moving import ema, macd, sma
from tradewright.indicators.registry import columns
from tradewright.indicators.volatility import atr, bbands, percentile_rank
from tradewright.model.bars import Bars
from tradewright.model.strategy import Feature


def feature(name: str, *arguments: float) -> Feature:
    return Feature(name, arguments)


def column(spoken: tuple, bars: Bars) -> np.ndarray:
    return columns((feature(*spoken),), bars)[0]


@pytest.mark.parametrize("level", [50.0, -30.0])
def test_another_level_moves_the_means_and_not_the_ranges(level):
    close = walk(200, decimals=2)
    moved = close + level
    np.testing.assert_allclose(sma(moved, 9), sma(close, 9) + level, rtol=1e-12)
    np.testing.assert_allclose(ema(moved, 9), ema(close, 9) + level, rtol=1e-12)
    np.testing.assert_allclose(macd(moved, 4, 9, 3).line, macd(close, 4, 9, 3).line, atol=1e-9)
    np.testing.assert_allclose(atr(moved + 1, moved - 1, moved, 6), atr(close + 1, close - 1, close, 6), rtol=1e-9)
    np.testing.assert_allclose(slope(moved, 8), slope(close, 8), atol=1e-9)
    np.testing.assert_allclose(rsi(moved, 7), rsi(close, 7), rtol=1e-6)
    widths = [bands.upper - bands.lower for bands in (bbands(moved, 9), bbands(close, 9))]
    np.testing.assert_allclose(widths[0], widths[1], rtol=1e-6)


def test_in_a_mirror_gains_are_losses():
    close = walk(200, decimals=2)
    mirrored = 300.0 - close
    np.testing.assert_allclose(rsi(mirrored, 7), 100.0 - rsi(close, 7), atol=1e-7)
    np.testing.assert_allclose(slope(mirrored, 8), -slope(close, 8), atol=1e-9)
    np.testing.assert_allclose(slope_t(mirrored, 8), -slope_t(close, 8), rtol=1e-6)
    np.testing.assert_allclose(sma(mirrored, 9), 300.0 - sma(close, 9), rtol=1e-12)
    np.testing.assert_allclose(percentile_rank(mirrored, 12), 1.0 - percentile_rank(close, 12), atol=1e-12)
    here, there = bbands(close, 9), bbands(mirrored, 9)
    np.testing.assert_allclose(there.upper, 300.0 - here.lower, rtol=1e-9)


@pytest.mark.parametrize(("name", "n"), [("sma", 9), ("slope", 9), ("slope_t", 9), ("rolling_vol", 9)])
def test_a_window_does_not_remember_what_left_it(name, n):
    close = walk(120, decimals=2)
    other = np.concatenate((walk(60, seed=99, decimals=2), close))
    short = column((name, n), make_bars(close))
    long = column((name, n), make_bars(other))[60:]
    np.testing.assert_allclose(long[n:], short[n:], rtol=1e-7)


@pytest.mark.parametrize("n", [2, 5, 20])
def test_a_recursive_mean_forgets_its_seed(n):
    close = walk(600, decimals=2)
    shorter = close[100:]
    np.testing.assert_allclose(ema(close, n)[-1], ema(shorter, n)[-1], rtol=1e-9)
    np.testing.assert_allclose(rsi(close, n)[-1], rsi(shorter, n)[-1], rtol=1e-7)


def test_means_lie_within_their_window_and_bands_around_them():
    close = walk(300, decimals=2)
    for n in (1, 2, 7, 30):
        mean, bands = sma(close, n), bbands(close, n, 1.5)
        for i in range(n - 1, 300):
            past = close[i - n + 1 : i + 1]
            assert past.min() <= mean[i] <= past.max()
            assert bands.lower[i] <= mean[i] <= bands.upper[i]


def test_a_mean_of_means_is_between_them():
    close = walk(200, decimals=2)
    line = macd(close, 5, 12, 4)
    np.testing.assert_array_equal(line.histogram, line.line - line.signal)
    np.testing.assert_allclose(line.line, ema(close, 5) - ema(close, 12), rtol=1e-12)
