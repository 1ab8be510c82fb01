"""Momentum: returns, rate of change, RSI, TSI, TRIX, CCI, the least-squares slope and its t-value."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.indicators.arrays import output, quotient, series, shifted, skip_gaps, window, without_gaps
from tradewright.indicators.candles import typical_price
from tradewright.indicators.moving import ema, sma
from tradewright.indicators.windows import LEVEL_NOISE, deviation_kernel, fma, slope_kernel
from tradewright.model.bars import Floats

FADED = 1e-290
"""Average moves below this count as none: a market this flat has no direction."""

LEAST_RESIDUAL = 1e-14
"""Residuals below this share of the variance are rounding."""


def returns(values: npt.ArrayLike) -> Floats:
    """Simple returns, ``values[i] / values[i - 1] - 1``; NaN first, beside a NaN, and where a price is not positive."""
    inputs = _positive(values)
    result = np.full(len(inputs), np.nan)
    result[1:] = inputs[1:] / inputs[:-1] - 1.0
    return result


def log_returns(values: npt.ArrayLike) -> Floats:
    """Log returns, ``log(values[i] / values[i - 1])``; NaN as in :func:`returns`."""
    inputs = _positive(values)
    result = np.full(len(inputs), np.nan)
    result[1:] = np.log(inputs[1:] / inputs[:-1])
    return result


def momentum(values: npt.ArrayLike, n: float) -> Floats:
    """``values[i] - values[i - n]``; first value at index ``n``, NaN beside a NaN.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    inputs = series(values)
    return inputs - shifted(inputs, window(n))


def rate_of_change(values: npt.ArrayLike, n: float) -> Floats:
    """``100 x (values[i] / values[i - n] - 1)``, in percent; NaN as in :func:`returns`, first value at index ``n``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    inputs = _positive(values)
    return 100.0 * (inputs / shifted(inputs, window(n)) - 1.0)


def trix(values: npt.ArrayLike, n: float) -> Floats:
    """The change of a triple :func:`~tradewright.indicators.moving.ema` per bar, in percent (Hutson).

    First value at index ``3 x (n - 1) + 1``. A NaN input is treated as absent: the next change is measured from the
    last value.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """

    def change(inputs: Floats) -> tuple[Floats, ...]:
        return (100.0 * returns(ema(ema(ema(inputs, n), n), n)),)

    return without_gaps(change, series(values))[0]


def tsi(values: npt.ArrayLike, slow: float = 25, fast: float = 13) -> Floats:
    """Blau's true strength index, -100 to 100; first value at index ``slow + fast - 1``.

    100 x the changes over their sizes, both smoothed by EMA(``slow``) and then by EMA(``fast``); 0 where nothing moved.
    A NaN input is treated as absent.

    Raises:
        IndicatorArguments: a length is not a whole number >= 1.
    """

    def strength(inputs: Floats) -> tuple[Floats, ...]:
        changes = np.diff(inputs)
        smooth, size = (ema(ema(each, slow), fast) for each in (changes, np.abs(changes)))
        result = np.full(len(inputs), np.nan)
        result[1:] = 100.0 * quotient(smooth, size, idle=0.0, least=FADED)
        return (result,)

    return without_gaps(strength, series(values))[0]


def cci(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float) -> Floats:
    """Lambert's commodity channel index; first value at index ``n - 1``.

    (typical price - its SMA) / (0.015 x the mean distance from that SMA); 0 in a flat window. A window that holds a NaN
    gives NaN. Takes time in proportion to ``n``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 2, or the columns differ in length.
    """
    typical, length = typical_price(high, low, close), window(n, least=2)
    mean = sma(typical, length)
    distance = np.empty(len(mean))
    _distance_kernel(typical, mean, length, distance)
    return quotient(typical - mean, 0.015 * distance, idle=0.0, least=LEVEL_NOISE * np.abs(mean))


def rsi(values: npt.ArrayLike, n: float, out: Floats | None = None) -> Floats:
    """Wilder's relative strength index, 0 to 100; first value after ``n`` changes, at index ``n``.

    The mean gain and the mean loss start as means of the first ``n`` changes, then move by 1 / ``n``. Only gains give
    100, only losses 0, no move at all 50 (TA-Lib says 0 there). A NaN input is treated as absent: the next change is
    measured from the last value.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1.
    """
    inputs = series(values)
    result = output(len(inputs), out)
    skip_gaps(_rsi_kernel, (inputs,), window(n), result)
    return result


def slope(values: npt.ArrayLike, n: float, out: Floats | None = None) -> Floats:
    """The least-squares slope over the last ``n`` values, per bar; exactly 0 in a flat window.

    A window that holds a NaN gives NaN. First value at index ``n - 1``.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 2.
    """
    inputs = series(values)
    result = output(len(inputs), out)
    slope_kernel(inputs, window(n, least=2), result)
    return result


def slope_t(values: npt.ArrayLike, n: float) -> Floats:
    """The t-value of :func:`slope`: the slope over its standard error with ``n - 2`` degrees of freedom.

    0 in a flat window. The residual counts as at least 1e-14 of the variance, so an exact line gives a large finite
    value. A window that holds a NaN gives NaN.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 3.
    """
    inputs = series(values)
    length = window(n, least=3)
    result = np.empty(len(inputs))
    deviations = np.empty(len(inputs))
    slope_kernel(inputs, length, result)
    deviation_kernel(inputs, length, 0, deviations)
    _t_kernel(result, deviations, length)
    return result


def _positive(values: npt.ArrayLike) -> Floats:
    inputs = series(values)
    return np.where(inputs > 0.0, inputs, np.nan)


@njit(cache=True, error_model="numpy")
def _rsi_kernel(values: Floats, n: int, out: Floats) -> None:
    size = len(values)
    out[: min(n, size)] = np.nan
    if n >= size:
        return
    gain, loss = 0.0, 0.0
    for i in range(1, n + 1):
        change = values[i] - values[i - 1]
        gain += max(change, 0.0)
        loss += max(-change, 0.0)
    gain, loss = gain / n, loss / n
    decay = (n - 1.0) / n
    weight = 1.0 - decay
    out[n] = 50.0 if gain + loss <= FADED else 100.0 * (gain / (gain + loss))
    for i in range(n + 1, size):
        change = values[i] - values[i - 1]
        gain = fma(decay, gain, weight * max(change, 0.0))
        loss = fma(decay, loss, weight * max(-change, 0.0))
        out[i] = 50.0 if gain + loss <= FADED else 100.0 * (gain / (gain + loss))


@njit(cache=True, error_model="numpy")
def _t_kernel(slopes: Floats, deviations: Floats, n: int) -> None:
    """Turn slopes into t-values in place."""
    spread = n * (n * n - 1.0) / 12.0
    for i in range(len(slopes)):
        total = n * deviations[i] * deviations[i]
        if total == 0.0:
            slopes[i] = 0.0
            continue
        residual = max(total - slopes[i] * slopes[i] * spread, LEAST_RESIDUAL * total)
        slopes[i] *= math.sqrt(spread * (n - 2) / residual)


@njit(cache=True, error_model="numpy")
def _distance_kernel(values: Floats, means: Floats, n: int, out: Floats) -> None:
    """The mean distance of the last ``n`` values from their mean."""
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    for i in range(n - 1, size):
        total = 0.0
        for j in range(i - n + 1, i + 1):
            total += abs(values[j] - means[i])
        out[i] = total / n
