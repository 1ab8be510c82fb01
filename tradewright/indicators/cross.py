"""Crossings of two lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.indicators.arrays import equal_lengths, series

Flags = npt.NDArray[np.bool_]


def crossover(line: npt.ArrayLike, other: npt.ArrayLike) -> Flags:
    """True where ``line`` is above ``other`` and was not above it on the bar before.

    Equality counts as "not above": a line that touches and turns back up crosses again. Both bars need both values: a
    NaN makes False, so nothing crosses on the first bar or at the end of a warm-up.

    Raises:
        IndicatorArguments: the lines differ in length.
    """
    upper, lower = series(line), series(other)
    equal_lengths(upper, lower)
    crossed = np.zeros(len(upper), dtype=np.bool_)
    crossed[1:] = (upper[1:] > lower[1:]) & (upper[:-1] <= lower[:-1])
    return crossed


def crossunder(line: npt.ArrayLike, other: npt.ArrayLike) -> Flags:
    """True where ``line`` is below ``other`` and was not below it on the bar before: a crossover seen from below."""
    return crossover(other, line)
