"""Volatility: ATR, Bollinger bands, Keltner channels, deviation, rolling volatility, volatility rank."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.indicators.arrays import (
    IndicatorArguments,
    equal_lengths,
    output,
    quotient,
    series,
    skip_gaps,
    window,
)
from tradewright.indicators.momentum import log_returns
from tradewright.indicators.moving import ema, sma
from tradewright.indicators.windows import band_kernel, deviation_kernel, fma
from tradewright.model.bars import Floats


def atr(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float, out: Floats | None = None) -> Floats:
    """Wilder's average true range, in price units; first value after ``n`` changes, at index ``n``.

    True range = max(high, previous close) - min(low, previous close); the first bar has none, for lack of a previous
    close. The average starts as the mean of the first ``n`` ranges, then moves by 1 / ``n``. A bar with a NaN is
    treated as absent: the next range is measured from the last close.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    highs, lows, closes = series(high), series(low), series(close)
    equal_lengths(highs, lows, closes)
    result = output(len(closes), out)
    skip_gaps(_atr_kernel, (highs, lows, closes), window(n), result)
    return result


class Bands(NamedTuple):
    """The lines of bands or of a channel, each as long as the series."""

    upper: Floats
    middle: Floats
    lower: Floats


def bbands(values: npt.ArrayLike, n: float, deviations: float = 2.0, out: Bands | None = None) -> Bands:
    """Bollinger bands: the SMA of ``n``, and ``deviations`` population standard deviations on both sides.

    The middle has the bits of :func:`sma`. In a flat window all three are the price. A window that holds a NaN gives
    NaN. First value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or ``deviations`` is negative or not finite.
    """
    inputs = series(values)
    length = window(n)
    _check_width(deviations, "deviations")
    lines = Bands(*(output(len(inputs), line) for line in out or (None, None, None)))
    band_kernel(inputs, length, float(deviations), *lines)
    return lines


def keltner(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float, atr_window: float, multiplier: float
) -> Bands:
    """Keltner channels: the EMA of ``n`` closes, and ``multiplier`` x ATR(``atr_window``) on both sides.

    The form of Raschke; Keltner's own has simple means. The middle starts at index ``n - 1``, the other lines at
    max(``n - 1``, ``atr_window``). NaN inputs as in ``ema`` and :func:`atr`.

    Raises:
        IndicatorArguments: a length is not a whole number >= 1, ``multiplier`` is negative or not finite, or the
            columns differ in length.
    """
    _check_width(multiplier, "ranges")
    middle, reach = ema(close, n), multiplier * atr(high, low, close, atr_window)
    return Bands(middle + reach, middle, middle - reach)


def stddev(values: npt.ArrayLike, n: float) -> Floats:
    """The population standard deviation of the last ``n`` values; exactly 0 in a flat window.

    A window that holds a NaN gives NaN. First value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    inputs = series(values)
    result = np.empty(len(inputs))
    deviation_kernel(inputs, window(n), 0, result)
    return result


def zscore(values: npt.ArrayLike, n: float) -> Floats:
    """How many population deviations of the last ``n`` values the newest stands off their mean; 0 in a flat window.

    A window that holds a NaN gives NaN. First value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 2.
    """
    inputs, length = series(values), window(n, least=2)
    return quotient(inputs - sma(inputs, length), stddev(inputs, length), idle=0.0)


def rolling_volatility(values: npt.ArrayLike, n: float = 20) -> Floats:
    """The sample standard deviation of the last ``n`` log returns, per bar, not annualised; first at index ``n``.

    A window that holds a NaN return gives NaN: one missing price makes two of them.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 2.
    """
    changes = log_returns(values)
    result = np.empty(len(changes))
    deviation_kernel(changes, window(n, least=2), 1, result)
    return result


def percentile_rank(values: npt.ArrayLike, n: float) -> Floats:
    """Where the newest of ``n`` values stands among the other ``n - 1``: 0 = the lowest, 1 = the highest.

    (number below it + half of the number equal to it) / (n - 1): a flat window gives 0.5. A window that holds a NaN
    gives NaN. First value at index ``n - 1``; takes time in proportion to ``n``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 2.
    """
    inputs = series(values)
    result = np.empty(len(inputs))
    _rank_kernel(inputs, window(n, least=2), result)
    return result


def volatility_rank(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float, over: float) -> Floats:
    """The percentile rank of ATR(``n``) / close within the last ``over`` bars (Q-11); first at index n + over - 1.

    Raises:
        IndicatorArguments: a length is not a whole number (``n`` >= 1, ``over`` >= 2), or the columns differ in length.
    """
    closes = series(close)
    return percentile_rank(atr(high, low, closes, n) / _positive_or_nan(closes), over)


def _check_width(width: float, unit: str) -> None:
    if not 0.0 <= width < np.inf:
        raise IndicatorArguments(f"{width} {unit}", remedy="a finite number >= 0 is needed")


def _positive_or_nan(values: Floats) -> Floats:
    return np.where(values > 0.0, values, np.nan)


@njit(cache=True, error_model="numpy")
def _true_range(high: float, low: float, before: float) -> float:
    """The span of a bar and the close before it; NaN if any is NaN."""
    upper = before if before > high else high
    lower = before if before < low else low
    return upper - lower + (before - before)


@njit(cache=True, error_model="numpy")
def _atr_kernel(high: Floats, low: Floats, close: Floats, n: int, out: Floats) -> None:
    size = len(close)
    out[: min(n, size)] = np.nan
    if n >= size:
        return
    mean = 0.0
    for i in range(1, n + 1):
        mean += _true_range(high[i], low[i], close[i - 1])
    mean /= n
    out[n] = mean
    decay = (n - 1.0) / n
    weight = 1.0 - decay
    for i in range(n + 1, size):
        span = _true_range(high[i], low[i], close[i - 1])
        mean = fma(decay, mean, weight * span)
        out[i] = mean


@njit(cache=True, error_model="numpy")
def _rank_kernel(values: Floats, n: int, out: Floats) -> None:
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    for i in range(n - 1, size):
        below, equal, known = 0, 0, 0
        newest = values[i]
        for j in range(i - n + 1, i + 1):
            below += values[j] < newest
            equal += values[j] == newest
            known += values[j] == values[j]
        out[i] = (below + 0.5 * (equal - 1)) / (n - 1) if known == n else np.nan
