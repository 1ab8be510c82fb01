"""Highest and lowest values of sliding windows, and what follows from them: channels, stochastic, Aroon, Ichimoku.

A window that holds a NaN gives NaN, and no other does. Windows are joined from shorter ones in 1 + log2(n) passes, in
tiles that stay in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.indicators.arrays import equal_lengths, quotient, series, shifted, window
from tradewright.indicators.moving import sma
from tradewright.indicators.volatility import Bands
from tradewright.indicators.windows import TILE
from tradewright.model.bars import Floats


def highest(values: npt.ArrayLike, n: float) -> Floats:
    """The highest of the last ``n`` values; first value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    return _extreme(np.maximum, series(values), window(n))


def lowest(values: npt.ArrayLike, n: float) -> Floats:
    """The lowest of the last ``n`` values; first value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    return _extreme(np.minimum, series(values), window(n))


def donchian(high: npt.ArrayLike, low: npt.ArrayLike, n: float) -> Bands:
    """Donchian channels: the highest high and the lowest low of the last ``n`` bars, and the price between them.

    The newest bar is inside: no close lies above the upper line of its own bar. First value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    highs, lows = series(high), series(low)
    equal_lengths(highs, lows)
    upper, lower = highest(highs, n), lowest(lows, n)
    return Bands(upper, (upper + lower) / 2.0, lower)


def stochastic(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float, smooth: float = 1, signal: float = 1
) -> Floats:
    """Lane's stochastic, 0 to 100: where the close stands between lowest low and highest high of the last ``n`` bars.

    50 where these are equal (TA-Lib says 0 there). The SMA over ``smooth`` makes slow %K of fast %K, the SMA over
    ``signal`` makes %D of %K. First value at index ``n + smooth + signal - 3``.

    Raises:
        IndicatorArguments: a length is not a whole number >= 1, or the columns differ in length.
    """
    closes = series(close)
    channel = donchian(high, low, n)
    equal_lengths(channel.upper, closes)
    place = 100.0 * quotient(closes - channel.lower, channel.upper - channel.lower, idle=0.5)
    return sma(sma(place, smooth), signal)


def williams_r(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float) -> Floats:
    """Williams' %R, -100 to 0: fast %K of :func:`stochastic` less 100; first value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    return stochastic(high, low, close, n) - 100.0


class Aroon(NamedTuple):
    """The lines of Aroon, each as long as the bars."""

    up: Floats
    down: Floats
    oscillator: Floats


def aroon(high: npt.ArrayLike, low: npt.ArrayLike, n: float) -> Aroon:
    """Chande's Aroon, 0 to 100, and up less down, -100 to 100; first value at index ``n``.

    Up is 100 x (1 - bars since the highest high / ``n``) among the newest bar and the ``n`` before it, down the same of
    the lowest low. Of equal ones the newest counts.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    highs, lows, length = series(high), series(low), window(n)
    equal_lengths(highs, lows)
    up, down = (100.0 * (length - _bars_since_highest(each, length + 1)) / length for each in (highs, -lows))
    return Aroon(up, down, up - down)


def midpoint(high: npt.ArrayLike, low: npt.ArrayLike, n: float, shift: float = 0) -> Floats:
    """The price between highest high and lowest low of the last ``n`` bars, as it was ``shift`` bars ago.

    Ichimoku's tenkan and kijun, and with ``shift`` senkou B. First value at index ``n - 1 + shift``.

    Raises:
        IndicatorArguments: a length is not a whole number (``n`` >= 1, ``shift`` >= 0), or the columns differ.
    """
    return shifted(donchian(high, low, n).middle, window(shift, least=0))


def senkou_a(high: npt.ArrayLike, low: npt.ArrayLike, tenkan: float, kijun: float, shift: float) -> Floats:
    """Ichimoku's senkou A: the mean of tenkan and kijun, as it was ``shift`` bars ago.

    First value at index ``max(tenkan, kijun) - 1 + shift``.

    Raises:
        IndicatorArguments: a length is not a whole number (windows >= 1, ``shift`` >= 0), or the columns differ.
    """
    return shifted((midpoint(high, low, tenkan) + midpoint(high, low, kijun)) / 2.0, window(shift, least=0))


def _extreme(join: Callable[[Floats, Floats], Floats], values: Floats, n: int) -> Floats:
    result = np.full(len(values), np.nan)
    for start in range(n - 1, len(values), max(TILE, n)):
        found, block = values[start - n + 1 : start + max(TILE, n)], 1
        while block < n:
            step = min(block, n - block)
            found = join(found[step:], found[:-step])
            block += step
        result[start : start + len(found)] = found
    return result


def _bars_since_highest(values: Floats, n: int) -> Floats:
    """How many bars ago the newest of the highest of the last ``n`` values stood."""
    result = np.full(len(values), np.nan)
    if n <= len(values):
        found, since, block = values, np.zeros(len(values)), 1
        while block < n:
            step = min(block, n - block)
            later, earlier = found[step:], found[:-step]
            since = np.where(later >= earlier, since[step:], since[:-step] + step)
            found = np.maximum(later, earlier)
            block += step
        result[n - 1 :] = np.where(np.isnan(found), np.nan, since)
    return result
