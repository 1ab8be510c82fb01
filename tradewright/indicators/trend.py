"""Trends: Wilder's directional movement (ADX) and parabolic SAR, and the Supertrend.

All treat a bar with a NaN as absent: it has NaN, and the next bar follows the last one that is known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.indicators.arrays import IndicatorArguments, equal_lengths, series, window, without_gaps
from tradewright.indicators.momentum import FADED
from tradewright.indicators.volatility import atr
from tradewright.indicators.windows import fma
from tradewright.model.bars import Floats


class DirectionalMovement(NamedTuple):
    """Wilder's lines of directional movement, each as long as the bars."""

    plus: Floats
    minus: Floats
    adx: Floats


def directional_movement(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float
) -> DirectionalMovement:
    """Wilder's +DI, -DI and ADX, 0 to 100; the first two start at index ``n``, ADX at ``2 x n - 1``.

    A bar moves up by its high over the high before, or down by its low under the low before, whichever is more; +DI and
    -DI are the smoothed moves over the smoothed true range, ADX is smoothed 100 x |+DI - -DI| / (+DI + -DI). Each
    smoothing starts as the mean of its first ``n`` values and moves by 1 / ``n``, as Wilder wrote it (TA-Lib starts +DI
    and -DI of ``n - 1`` values, and forgets it as slowly). A market without range has 0 everywhere.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    columns, length = (series(high), series(low), series(close)), window(n)
    equal_lengths(*columns)

    def smooth(highs: Floats, lows: Floats, closes: Floats) -> tuple[Floats, ...]:
        lines = tuple(np.full(len(closes), np.nan) for _ in range(3))
        _directional_kernel(highs, lows, closes, length, FADED, *lines)
        return lines

    return DirectionalMovement(*without_gaps(smooth, *columns))


class Supertrend(NamedTuple):
    """The line of a Supertrend, and its direction: 1 up, -1 down; each as long as the bars."""

    line: Floats
    direction: Floats


def supertrend(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, n: float = 10, multiplier: float = 3.0
) -> Supertrend:
    """Seban's Supertrend: a stop that follows the price and never yields; first value at index ``n``.

    The bands are (high + low) / 2 -+ ``multiplier`` x ATR(``n``). The lower one only rises until a close falls below
    it, the upper one only falls until a close exceeds it; such a close turns the trend. The line is the lower band in a
    trend up, the upper one in a trend down. The first bar counts as a trend down, as in TradingView.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, ``multiplier`` is negative or not finite, or the columns
            differ in length.
    """
    columns, length = (series(high), series(low), series(close)), window(n)
    equal_lengths(*columns)
    if not 0.0 <= multiplier < np.inf:
        raise IndicatorArguments(f"{multiplier} ranges", remedy="a finite number >= 0 is needed")

    def follow(highs: Floats, lows: Floats, closes: Floats) -> tuple[Floats, ...]:
        middle, reach = (highs + lows) / 2.0, multiplier * atr(highs, lows, closes, length)
        line, direction = np.full(len(closes), np.nan), np.full(len(closes), np.nan)
        _supertrend_kernel(middle - reach, middle + reach, closes, length, line, direction)
        return line, direction

    return Supertrend(*without_gaps(follow, *columns))


def parabolic_sar(high: npt.ArrayLike, low: npt.ArrayLike, step: float = 0.02, maximum: float = 0.2) -> Floats:
    """Wilder's parabolic stop and reverse, a price; first value at index 1.

    The stop moves towards the extreme price of the trend by ``step`` of the distance, by ``step`` more after each new
    extreme, at most by ``maximum``, and never into the last two bars; a bar that reaches it turns the trend. The start
    is that of TA-Lib: a trend down if the second bar's low falls further below the first than its high rises, else up;
    the first stop is the other end of the first bar, and the next one keeps out of the second bar alone.

    Raises:
        IndicatorArguments: not 0 <= ``step`` <= ``maximum``, or the columns differ in length.
    """
    highs, lows = series(high), series(low)
    equal_lengths(highs, lows)
    if not 0.0 <= step <= maximum < np.inf:
        raise IndicatorArguments(f"step {step}, maximum {maximum}", remedy="0 <= step <= maximum is needed")

    def stops(tops: Floats, bottoms: Floats) -> tuple[Floats, ...]:
        result = np.full(len(tops), np.nan)
        _sar_kernel(tops, bottoms, float(step), float(maximum), result)
        return (result,)

    return without_gaps(stops, highs, lows)[0]


@njit(cache=True, error_model="numpy")
def _smoothed(mean: float, value: float, count: int, n: int) -> float:
    """Wilder's mean after the ``count``-th value: a sum before the ``n``-th, then a mean that moves by 1 / ``n``."""
    if count < n:
        return mean + value
    if count == n:
        return (mean + value) / n
    decay = (n - 1.0) / n
    return fma(decay, mean, (1.0 - decay) * value)


@njit(cache=True, error_model="numpy")
def _directional_kernel(
    high: Floats, low: Floats, close: Floats, n: int, least: float, plus: Floats, minus: Floats, adx: Floats
) -> None:
    rise, fall, span, index = 0.0, 0.0, 0.0, 0.0
    for i in range(1, len(close)):
        up, down = high[i] - high[i - 1], low[i - 1] - low[i]
        rise = _smoothed(rise, up if up > down and up > 0.0 else 0.0, i, n)
        fall = _smoothed(fall, down if down > up and down > 0.0 else 0.0, i, n)
        span = _smoothed(span, max(high[i], close[i - 1]) - min(low[i], close[i - 1]), i, n)
        if i < n:
            continue
        plus[i] = 100.0 * (rise / span) if span > least else 0.0
        minus[i] = 100.0 * (fall / span) if span > least else 0.0
        both = plus[i] + minus[i]
        index = _smoothed(index, 100.0 * (abs(plus[i] - minus[i]) / both) if both > 0.0 else 0.0, i - n + 1, n)
        if i >= 2 * n - 1:
            adx[i] = index


@njit(cache=True, error_model="numpy")
def _supertrend_kernel(
    lower: Floats, upper: Floats, close: Floats, first: int, line: Floats, direction: Floats
) -> None:
    if first >= len(close):
        return
    floor, ceiling, rising = lower[first], upper[first], False
    for i in range(first, len(close)):
        if i > first:
            if lower[i] > floor or close[i - 1] < floor:
                floor = lower[i]
            if upper[i] < ceiling or close[i - 1] > ceiling:
                ceiling = upper[i]
            rising = close[i] >= floor if rising else close[i] > ceiling
        line[i] = floor if rising else ceiling
        direction[i] = 1.0 if rising else -1.0


@njit(cache=True, error_model="numpy")
def _sar_kernel(high: Floats, low: Floats, step: float, maximum: float, out: Floats) -> None:
    """Everything is counted in the trend's own direction: of a trend down, highs are negated lows."""
    if len(high) < 2:
        return
    fall = low[0] - low[1]
    sign = -1.0 if fall > 0.0 and fall > high[1] - high[0] else 1.0
    far, near = (high, low) if sign > 0.0 else (low, high)
    stop, extreme, pace = sign * near[0], sign * far[1], step
    for i in range(1, len(high)):
        before = max(i - 1, 1)
        far, near = (high, low) if sign > 0.0 else (low, high)
        if sign * near[i] <= stop:
            sign = -sign
            far, near = near, far
            stop = min(-extreme, sign * near[before], sign * near[i])
            out[i] = sign * stop
            extreme, pace = sign * far[i], step
        else:
            out[i] = sign * stop
            if sign * far[i] > extreme:
                extreme, pace = sign * far[i], min(pace + step, maximum)
        stop = min(stop + pace * (extreme - stop), sign * near[before], sign * near[i])
