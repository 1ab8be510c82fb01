"""Statistics of sliding windows: no drift, no poison, and ties that are ties.

The sum of a window is built from the sums of its halves, so it depends on the values inside that window alone: nothing
drifts over a long series, a NaN or a spike is forgotten as soon as it leaves, the same window gives the same bits
wherever the series begins (history and live agree), and the relative error is at most 2 log2(n) roundings.

All kernels write NaN to the first ``n - 1`` places, and to every place if ``n`` exceeds the series. They work in tiles,
so that the partial sums stay in the second-level cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tradewright.indicators.blocks import deviations, means, slopes
from tradewright.model.bars import Floats

TILE = 16384


@njit(cache=True, error_model="numpy")
def mean_kernel(values: Floats, n: int, out: Floats) -> None:
    """The mean of each window; see :func:`tradewright.indicators.moving.sma` for what is exact."""
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    tile, scratch = _workspace(n, size)
    for start in range(n - 1, size, tile):
        stop = min(start + tile, size)
        means(values[start - n + 1 : stop], n, scratch, out[start:stop])


@njit(cache=True, error_model="numpy")
def deviation_kernel(values: Floats, n: int, degrees: int, out: Floats) -> None:
    """The standard deviation of each window, its squares divided by ``n - degrees``; exactly 0 in a flat window."""
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    tile, scratch = _workspace(n, size)
    for start in range(n - 1, size, tile):
        stop = min(start + tile, size)
        deviations(values[start - n + 1 : stop], n, degrees, scratch, out[start:stop])


@njit(cache=True, error_model="numpy")
def slope_kernel(values: Floats, n: int, out: Floats) -> None:
    """The least-squares slope per bar of each window; exactly 0 in a flat window."""
    size = len(values)
    out[: min(n - 1, size)] = np.nan
    tile, scratch = _workspace(n, size)
    for start in range(n - 1, size, tile):
        stop = min(start + tile, size)
        slopes(values[start - n + 1 : stop], n, scratch, out[start:stop])


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
        means(inputs, n, scratch, centre)
        deviations(inputs, n, 0, scratch, top)
        for j in range(len(centre)):
            reach = width * top[j]
            top[j] = centre[j] + reach
            bottom[j] = centre[j] - reach


@njit(cache=True, error_model="numpy")
def _workspace(n: int, size: int) -> tuple[int, Floats]:
    """The outputs per tile, and scratch for as many inputs as they take; little if no window fits the series."""
    tile = max(TILE, n) if n <= size else 1
    return tile, np.empty((4, tile + n if n <= size else 0))
