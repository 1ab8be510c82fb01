"""Moving averages and their differences: SMA, EMA, Wilder's, WMA, HMA, KAMA, MACD.

All take a 1-d float64 series and give one of equal length, NaN until there is a value; a window longer than the series
gives NaN throughout.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.indicators.arrays import output, series, skip_gaps, window, without_gaps
from tradewright.indicators.windows import fma, mean_kernel, slope_kernel
from tradewright.model.bars import Floats


def sma(values: npt.ArrayLike, n: float, out: Floats | None = None) -> Floats:
    """The simple mean of the last ``n`` values; first value at index ``n - 1``.

    A window that holds a NaN gives NaN, no other does. Where all values of a window are decimals of at most eight
    places (prices in ticks are) of at most 9e7 / ``n``, the result is the float64 nearest to the exact mean. So
    averages that are equal on paper are equal here, whatever their lengths, and a flat stretch averages to its price:
    no cross is decided by rounding noise. Other values are summed in pairs, within 2 log2(n) roundings.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    inputs = series(values)
    result = output(len(inputs), out)
    mean_kernel(inputs, window(n), result)
    return result


def ema(values: npt.ArrayLike, n: float, out: Floats | None = None) -> Floats:
    """The exponential mean with weight 2 / (n + 1), seeded with the mean of the first ``n`` values (D17).

    The first value stands at the ``n``-th input; ``n`` = 1 gives the input itself. A NaN input is treated as absent:
    NaN on its own bar, and the next value continues from the last mean. In a flat stretch the mean approaches the
    price and may stay some roundings off: unlike those of the SMA, its crosses with an unmoving price are not exact.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    length = window(n)
    return _smoothed(values, length, (length - 1.0) / (length + 1.0), out)


def wilder(values: npt.ArrayLike, n: float) -> Floats:
    """Wilder's smoothing: an exponential mean with weight 1 / n, seeded with the mean of the first ``n`` values.

    Also known as RMA and SMMA. The first value stands at the ``n``-th input; NaN inputs as in :func:`ema`.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    length = window(n)
    return _smoothed(values, length, (length - 1.0) / length, None)


def wma(values: npt.ArrayLike, n: float) -> Floats:
    """The linearly weighted mean of the last ``n`` values, the newest with weight ``n``, the oldest with 1.

    Computed as SMA + slope x (n - 1) / 6, which is the same number: so a flat window gives its price, and only a window
    that holds a NaN gives NaN. First value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    inputs, length = series(values), window(n)
    mean = sma(inputs, length)
    if length == 1:
        return mean
    steepness = np.empty(len(inputs))
    slope_kernel(inputs, length, steepness)
    return mean + steepness * ((length - 1) / 6.0)


def hma(values: npt.ArrayLike, n: float) -> Floats:
    """Hull's moving average: the WMA over floor(sqrt(n)) of 2 x WMA(floor(n / 2)) - WMA(n).

    First value at index ``n + floor(sqrt(n)) - 2``; a window that holds a NaN gives NaN.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 2.
    """
    inputs, length = series(values), window(n, least=2)
    return wma(2.0 * wma(inputs, length // 2) - wma(inputs, length), math.isqrt(length))


def kama(values: npt.ArrayLike, n: float = 10, fast: float = 2, slow: float = 30) -> Floats:
    """Kaufman's adaptive moving average; first value at index ``n``, moved from the value before it.

    Its weight is the square of a number between 2 / (slow + 1) and 2 / (fast + 1), in proportion to the efficiency of
    the last ``n`` changes: |their sum| / the sum of their sizes, 1 where nothing moved. A NaN input is treated as
    absent.

    Raises:
        IndicatorArguments: a length is not a whole number >= 1.
    """
    length, quick, lazy = window(n), 2.0 / (window(fast) + 1.0), 2.0 / (window(slow) + 1.0)

    def adapt(inputs: Floats) -> tuple[Floats, ...]:
        result = np.full(len(inputs), np.nan)
        if length < len(inputs):
            path = length * sma(np.abs(np.diff(inputs)), length)[length - 1 :]
            moved = np.abs(inputs[length:] - inputs[:-length])
            efficiency = np.divide(moved, path, out=np.ones(len(path)), where=path > moved)
            _adaptive_kernel(inputs, (efficiency * (quick - lazy) + lazy) ** 2, result)
        return (result,)

    return without_gaps(adapt, series(values))[0]


class Macd(NamedTuple):
    """The lines of a MACD, each as long as the series."""

    line: Floats
    signal: Floats
    histogram: Floats


def macd(values: npt.ArrayLike, fast: float = 12, slow: float = 26, signal: float = 9) -> Macd:
    """MACD by D17: EMA(fast) - EMA(slow), each seeded with its own first values; signal = EMA of that line.

    The line starts at the ``slow``-th input, signal and histogram ``signal - 1`` values later. TA-Lib differs: there
    the fast mean is seeded late, so that both begin together.

    Raises:
        IndicatorArguments: a length is not a whole number >= 1.
    """
    inputs = series(values)
    line = ema(inputs, fast) - ema(inputs, slow)
    smoothed = ema(line, signal)
    return Macd(line, smoothed, line - smoothed)


def _smoothed(values: npt.ArrayLike, n: int, decay: float, out: Floats | None) -> Floats:
    inputs = series(values)
    result = output(len(inputs), out)
    skip_gaps(partial(_smoothing_kernel, decay), (inputs,), n, result)
    return result


@njit(cache=True, error_model="numpy")
def _smoothing_kernel(decay: float, values: Floats, n: int, out: Floats) -> None:
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    if n > size:
        return
    total = 0.0
    for i in range(n):
        total += values[i]
    mean = total / n
    out[n - 1] = mean
    weight = 1.0 - decay
    for i in range(n, size):
        mean = fma(decay, mean, weight * values[i])
        out[i] = mean


@njit(cache=True, error_model="numpy")
def _adaptive_kernel(values: Floats, weights: Floats, out: Floats) -> None:
    """Move from value to value by ``weights``, which are those of the last values."""
    first = len(values) - len(weights)
    mean = values[first - 1]
    for i in range(first, len(values)):
        mean += weights[i - first] * (values[i] - mean)
        out[i] = mean
