"""Moving averages and their differences: SMA, EMA, MACD.

All take a 1-d float64 series and give one of equal length, NaN until there is a value; a window longer than the series
gives NaN throughout.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.indicators.arrays import output, series, skip_gaps, window
from tradewright.indicators.windows import fma, mean_kernel
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
    inputs = series(values)
    result = output(len(inputs), out)
    skip_gaps(_ema_kernel, (inputs,), window(n), result)
    return result


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


@njit(cache=True, error_model="numpy")
def _ema_kernel(values: Floats, n: int, out: Floats) -> None:
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    if n > size:
        return
    total = 0.0
    for i in range(n):
        total += values[i]
    mean = total / n
    out[n - 1] = mean
    decay = (n - 1.0) / (n + 1.0)
    weight = 1.0 - decay
    for i in range(n, size):
        mean = fma(decay, mean, weight * values[i])
        out[i] = mean
