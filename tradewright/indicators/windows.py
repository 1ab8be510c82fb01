"""Statistics of sliding windows: no drift, no poison, and ties that are ties.

The sum of a window is built from the sums of its halves, so it depends on the values inside that window alone: nothing
drifts over a long series, a NaN or a spike is forgotten as soon as it leaves, the same window gives the same bits
wherever the series begins (history and live agree), and the relative error is at most 2 log2(n) roundings.

All kernels write NaN to the first ``n - 1`` places, and to every place if ``n`` exceeds the series. They work in tiles,
so that the partial sums stay in the second-level cache.

The functions under the kernels take a stretch of values and give one result per full window in it; ``scratch`` is four
rows at least as long, and is overwritten. They stay in this file because numba does not compile a
cached kernel anew when a function changes that it calls in another file. For the same reason a change of :func:`fma`
needs the ``__pycache__`` folders removed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from tradewright.model.bars import Floats


@intrinsic
def _fma(_typing: Any, _a: Any, _b: Any, _c: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: tuple[Any, ...]) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


fma = cast(Callable[[float, float, float], float], _fma)
"""``fma(a, b, c)`` = a * b + c, rounded once, on every machine; inside kernels only.

With ``c = (1 - a) * x`` it keeps a mean that has reached ``x`` exactly there, in less time than two roundings take."""


TILE = 16384

DECIMAL = 1e8
"""Values that are decimals of at most eight places are summed as exact integers of 1 / ``DECIMAL``."""

EXACT = 2.0**53
"""Integers up to here are exact in float64."""

ROUNDER = 1.5 * 2.0**52
"""Adding and subtracting it rounds numbers up to 2**51 to the nearest integer."""

EPSILON = 2.0**-52
LEVEL_NOISE = 8 * EPSILON
"""A spread of values below this share of their mean is rounding, not movement."""


@njit(cache=True, error_model="numpy")
def mean_kernel(values: Floats, n: int, out: Floats) -> None:
    """The mean of each window; see :func:`tradewright.indicators.moving.sma` for what is exact."""
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    tile, scratch = _workspace(n, size)
    for start in range(n - 1, size, tile):
        stop = min(start + tile, size)
        _means(values[start - n + 1 : stop], n, scratch, out[start:stop])


@njit(cache=True, error_model="numpy")
def deviation_kernel(values: Floats, n: int, degrees: int, out: Floats) -> None:
    """The standard deviation of each window, its squares divided by ``n - degrees``; exactly 0 in a flat window."""
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    tile, scratch = _workspace(n, size)
    for start in range(n - 1, size, tile):
        stop = min(start + tile, size)
        _deviations(values[start - n + 1 : stop], n, degrees, scratch, out[start:stop])


@njit(cache=True, error_model="numpy")
def slope_kernel(values: Floats, n: int, out: Floats) -> None:
    """The least-squares slope per bar of each window; exactly 0 in a flat window."""
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    tile, scratch = _workspace(n, size)
    for start in range(n - 1, size, tile):
        stop = min(start + tile, size)
        _slopes(values[start - n + 1 : stop], n, scratch, out[start:stop])


@njit(cache=True, error_model="numpy")
def band_kernel(values: Floats, n: int, width: float, upper: Floats, middle: Floats, lower: Floats) -> None:
    """The mean of each window, and ``width`` population deviations above and below it."""
    size = len(values)
    for line in (upper, middle, lower):
        line[: min(n - 1, size)] = np.nan
    tile, scratch = _workspace(n, size)
    for start in range(n - 1, size, tile):
        stop = min(start + tile, size)
        inputs = values[start - n + 1 : stop]
        top, centre, bottom = upper[start:stop], middle[start:stop], lower[start:stop]
        _means(inputs, n, scratch, centre)
        _deviations(inputs, n, 0, scratch, top)
        for j in range(len(centre)):
            reach = width * top[j]
            top[j] = centre[j] + reach
            bottom[j] = centre[j] - reach


@njit(cache=True, error_model="numpy")
def _workspace(n: int, size: int) -> tuple[int, Floats]:
    """The outputs per tile, and scratch for as many inputs as they take; little if no window fits the series."""
    tile = max(TILE, n) if n <= size else 1
    return tile, np.empty((4, tile + n if n <= size else 0))


@njit(cache=True, error_model="numpy")
def _means(values: Floats, n: int, scratch: Floats, out: Floats) -> None:
    """The means of windows; exact to the last bit where a window holds decimals only."""
    if n == 1:
        for j in range(len(out)):
            out[j] = values[j]
        return
    limit = min(EXACT / 4.0, EXACT / n)
    units = scratch[2][: len(values)]
    decimals = _as_decimals(values, limit, units)
    if decimals:
        halves = _half_sums(units, n, scratch)
        _add_halves(halves, units, n, n * DECIMAL, False, out)
    if decimals < len(values):
        halves = _half_sums(values, n, scratch)
        _add_halves(halves, values, n, float(n), decimals > 0, out)


@njit(cache=True, error_model="numpy")
def _deviations(values: Floats, n: int, degrees: int, scratch: Floats, out: Floats) -> None:
    """The standard deviations of windows, squares divided by ``n - degrees``; exactly 0 in a flat window."""
    sums, next_sums, spare = values, scratch[0], scratch[1]
    squares, next_squares = scratch[2], scratch[3]
    squares[: len(values)] = 0.0
    length, block = len(values), 1
    for shift in range(_highest_bit(n) - 1, -1, -1):
        odd = (n >> shift) & 1
        length -= block + odd
        _join_squares(sums, squares, values, block, odd, next_squares[:length])
        _join_sums(sums, values, block, odd, next_sums[:length])
        squares, next_squares = next_squares, squares
        sums, next_sums, spare = next_sums, spare, next_sums
        block += block + odd
    flat = LEVEL_NOISE * LEVEL_NOISE / n
    share = 1.0 / (n - degrees)
    for j in range(len(out)):
        out[j] = 0.0 if squares[j] <= sums[j] * sums[j] * flat else math.sqrt(squares[j] * share)


@njit(cache=True, error_model="numpy")
def _slopes(values: Floats, n: int, scratch: Floats, out: Floats) -> None:
    """The least-squares slopes of windows, per place; exactly 0 in a flat window."""
    sums, next_sums, spare = values, scratch[0], scratch[1]
    leans, next_leans = scratch[2], scratch[3]
    leans[: len(values)] = 0.0
    length, block = len(values), 1
    for shift in range(_highest_bit(n) - 1, -1, -1):
        odd = (n >> shift) & 1
        length -= block + odd
        _join_leans(sums, leans, values, block, odd, next_leans[:length])
        _join_sums(sums, values, block, odd, next_sums[:length])
        leans, next_leans = next_leans, leans
        sums, next_sums, spare = next_sums, spare, next_sums
        block += block + odd
    flat = LEVEL_NOISE * n / 8.0
    spread = n * (n * n - 1.0) / 12.0
    for j in range(len(out)):
        out[j] = 0.0 if abs(leans[j]) <= abs(sums[j]) * flat else leans[j] / spread


@njit(cache=True, error_model="numpy")
def _as_decimals(values: Floats, limit: float, units: Floats) -> int:
    """Write each value in units of 1 / ``DECIMAL`` (NaN if it is no such decimal or beyond ``limit``); count them.

    A value within one rounding of a decimal is taken for it: the nearest float64 of a decimal is just that.
    """
    count = 0
    for i in range(len(values)):
        scaled = values[i] * DECIMAL
        integer = (scaled + ROUNDER) - ROUNDER
        decimal = (abs(scaled - integer) <= abs(integer) * EPSILON) & (abs(integer) <= limit)
        units[i] = integer if decimal else np.nan
        count += decimal
    return count


@njit(cache=True, error_model="numpy")
def _highest_bit(n: int) -> int:
    bit = 0
    while n >> (bit + 1):
        bit += 1
    return bit


@njit(cache=True, error_model="numpy")
def _join_sums(sums: Floats, values: Floats, block: int, odd: int, out: Floats) -> None:
    """Join neighbouring blocks, and one value more if ``odd``: ``out[j]`` is the sum of ``2 * block + odd`` values."""
    seconds = sums[block : block + len(out)]
    if odd:
        lasts = values[2 * block : 2 * block + len(out)]
        for j in range(len(out)):
            out[j] = (sums[j] + seconds[j]) + lasts[j]
    else:
        for j in range(len(out)):
            out[j] = sums[j] + seconds[j]


@njit(cache=True, error_model="numpy")
def _half_sums(values: Floats, n: int, scratch: Floats) -> Floats:
    """The sums of all windows of ``n // 2``, doubling from 1 along the binary digits of ``n``."""
    sums, block, left, right = values, 1, scratch[0], scratch[1]
    for shift in range(_highest_bit(n) - 1, 0, -1):
        odd = (n >> shift) & 1
        joined = left[: len(sums) - block - odd]
        _join_sums(sums, values, block, odd, joined)
        left, right = right, left
        sums, block = joined, 2 * block + odd
    return sums


@njit(cache=True, error_model="numpy")
def _add_halves(halves: Floats, values: Floats, n: int, divisor: float, keep: bool, out: Floats) -> None:
    """Write (first half + second half + last value if ``n`` is odd) / ``divisor``; ``keep`` what is no NaN yet."""
    seconds = halves[n // 2 : n // 2 + len(out)]
    lasts = values[n - 1 : n - 1 + len(out)]
    if keep:
        for j in range(len(out)):
            if np.isnan(out[j]):
                out[j] = (halves[j] + seconds[j] + (lasts[j] if n & 1 else 0.0)) / divisor
    elif n & 1:
        for j in range(len(out)):
            out[j] = (halves[j] + seconds[j] + lasts[j]) / divisor
    else:
        for j in range(len(out)):
            out[j] = (halves[j] + seconds[j]) / divisor


@njit(cache=True, error_model="numpy")
def _join_squares(sums: Floats, squares: Floats, values: Floats, block: int, odd: int, out: Floats) -> None:
    """Join neighbouring blocks as :func:`_join_sums` does: squared distances from the mean of the joint block.

    The pairwise update of Chan, Golub and LeVeque (1983): only non-negative terms are added, so nothing cancels.
    """
    size = len(out)
    next_sums, next_squares = sums[block : block + size], squares[block : block + size]
    share = 1.0 / (2 * block)
    for j in range(size):
        apart = next_sums[j] - sums[j]
        out[j] = squares[j] + next_squares[j] + apart * apart * share
    if odd:
        count = 2.0 * block
        share = 1.0 / (count * (count + 1.0))
        lasts = values[2 * block : 2 * block + size]
        for j in range(size):
            apart = count * lasts[j] - (sums[j] + next_sums[j])
            out[j] += apart * apart * share


@njit(cache=True, error_model="numpy")
def _join_leans(sums: Floats, leans: Floats, values: Floats, block: int, odd: int, out: Floats) -> None:
    """Join neighbouring blocks as :func:`_join_sums` does: sums of value times distance from the joint centre."""
    size = len(out)
    next_sums, next_leans = sums[block : block + size], leans[block : block + size]
    half = block / 2.0
    for j in range(size):
        out[j] = leans[j] + next_leans[j] + half * (next_sums[j] - sums[j])
    if odd:
        lasts = values[2 * block : 2 * block + size]
        for j in range(size):
            out[j] += block * lasts[j] - 0.5 * (sums[j] + next_sums[j])
