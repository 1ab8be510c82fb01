"""Whether bars are in order and finite, in one pass over all columns. Compiled by numba."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.model.bars import Floats


@njit(cache=True, error_model="numpy")
def are_sound(ts: npt.NDArray[np.int64], open_: Floats, high: Floats, low: Floats, close: Floats) -> bool:
    """Whether each bar comes after the one before, and all prices are finite; columns of one length.

    The difference of a finite number and itself is 0, of any other NaN.
    """
    faults = 0
    for i in range(len(ts)):
        none = (open_[i] - open_[i]) + (high[i] - high[i]) + (low[i] - low[i]) + (close[i] - close[i])
        faults += none != 0.0
    for i in range(1, len(ts)):
        faults += ts[i] <= ts[i - 1]
    return faults == 0
