"""Thinning: fewer points for a plot without losing a peak or a trough."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats


def thin(values: Floats, limit: int) -> npt.NDArray[np.intp]:
    """Ascending indices of about ``limit`` points that keep the first, the last, and every bucket's extremes.

    All indices for a series that is short enough; ``limit`` is at least 4.
    """
    size = len(values)
    if size <= limit:
        return np.arange(size)
    edges = np.linspace(0, size, max(2, limit // 2) + 1).astype(np.intp)
    buckets = list(pairwise(edges))
    lows = [start + values[start:stop].argmin() for start, stop in buckets]
    highs = [start + values[start:stop].argmax() for start, stop in buckets]
    return np.unique(np.array([0, *lows, *highs, size - 1], dtype=np.intp))
