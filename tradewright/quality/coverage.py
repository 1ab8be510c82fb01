"""How complete a series is on each day of the market."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Times
from tradewright.quality.counted import is_among

Days = npt.NDArray[np.datetime64]


class DailyCoverage(NamedTuple):
    """The days on which bars are expected, ascending, and on each the number of bars expected and the number there."""

    days: Days
    expected: npt.NDArray[np.int64]
    there: npt.NDArray[np.int64]

    @property
    def share(self) -> npt.NDArray[np.float64]:
        """The bars that are there among those expected, from 0 to 1."""
        return np.asarray(self.there / self.expected)


def daily_coverage(ts: Times, grid: Times, dates: Days) -> DailyCoverage:
    """Count the bars of each day.

    Args:
        ts: starts of the bars, ascending, nanoseconds UTC.
        grid: the starts of a complete history, ascending; bars outside of it are not counted.
        dates: the day of each start of the grid, never falling.
    """
    days, row, expected = np.unique(dates, return_inverse=True, return_counts=True)
    there = np.bincount(row[is_among(grid, ts)], minlength=len(days))
    return DailyCoverage(days, expected.astype(np.int64), there.astype(np.int64))
