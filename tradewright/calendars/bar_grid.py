"""The starts of intraday bars: counted from the session's opening, or on the clock."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from tradewright.calendars.session_table import SessionTable
from tradewright.model.bars import Times


class Anchor(StrEnum):
    """From where intraday bars are counted."""

    SESSION = "session"
    """The session's opening: 09:30, 10:30 ... in New York."""
    CLOCK = "clock"
    """00:00 UTC: 14:00, 15:00 ..., of which the first of a session that opens at half past is half empty."""


def anchored_starts(table: SessionTable, step: int, first: int, last: int) -> Times:
    """The starts of bars of ``step`` nanoseconds in the sessions that touch a span, counted from each opening.

    After a break that is as long as a bar the count begins anew: hours of Hong Kong start at 09:30, 10:30, 11:30,
    13:00, 14:00 and 15:00. A shorter break lies inside a bar.

    Args:
        first, last: the span, in nanoseconds UTC; starts somewhat outside of it are given too.
    """
    low, high = np.searchsorted(table.closes, first, "right"), np.searchsorted(table.opens, last, "right")
    rows = slice(*np.searchsorted(table.segment_rows, [low, high]))
    segments, session = table.segments[rows], table.segment_rows[rows]
    if len(segments) == 0:
        return np.empty(0, np.int64)
    opens, position = table.opens[session], np.arange(len(segments))
    is_first = np.diff(session, prepend=session[0] - 1) > 0
    since = segments[:, 0] - np.where(is_first, opens, np.roll(segments[:, 1], 1))
    anchors = np.where(is_first & (since < step), opens, segments[:, 0])
    counted_from = np.maximum.accumulate(np.where(is_first | (since >= step), position, 0))
    return _starts(segments, anchors[counted_from], step)


def clock_starts(intervals: Times, step: int, first: int, last: int) -> Times:
    """The whole multiples of ``step`` since 1970 UTC whose bar overlaps trading, from ``first`` to ``last``."""
    near = intervals[(intervals[:, 1] > first - step) & (intervals[:, 0] < last + step)]
    clipped = np.column_stack([np.maximum(near[:, 0], first - first % step), np.minimum(near[:, 1], last + step)])
    return _starts(clipped, np.zeros(len(clipped), np.int64), step)


def is_among(values: Times, grid: Times) -> npt.NDArray[np.bool_]:
    """Whether each value is one of ``grid``, which ascends; much faster than ``numpy.isin`` where both ascend."""
    if len(grid) == 0:
        return np.zeros(len(values), dtype=np.bool_)
    place = np.minimum(np.searchsorted(grid, values), len(grid) - 1)
    found: npt.NDArray[np.bool_] = grid[place] == values
    return found


def intraday_starts(table: SessionTable, step: int, first: int, last: int, anchor: Anchor) -> Times:
    """The starts of bars of ``step`` nanoseconds between two moments, and of some around them, by either anchor."""
    if anchor is Anchor.CLOCK:
        return clock_starts(table.intervals, step, first, last)
    return anchored_starts(table, step, first, last)


def anchor_of(table: SessionTable, step: int, ts: Times) -> Anchor:
    """How bars of ``step`` nanoseconds are counted: from the opening, unless the clock explains more of their starts.

    Args:
        ts: at least one start, ascending.
    """

    def explained(anchor: Anchor) -> int:
        return int(is_among(ts, intraday_starts(table, step, int(ts[0]), int(ts[-1]), anchor)).sum())

    by_session = explained(Anchor.SESSION)
    if by_session == len(ts) or explained(Anchor.CLOCK) <= by_session:
        return Anchor.SESSION
    return Anchor.CLOCK


def expected_intraday(table: SessionTable, step: int, ts: Times) -> Times:
    """The grid from the first to the last of these starts, counted as they are.

    The first bar of an opening may be stamped with the opening instead of the whole hour before.
    """
    first, last = int(ts[0]), int(ts[-1])
    found = intraday_starts(table, step, first, last, anchor_of(table, step, ts))
    row = np.minimum(np.searchsorted(table.intervals[:, 0], found), len(table.intervals) - 1)
    opening = table.intervals[row, 0]
    is_late = (opening > found) & (opening < found + step)
    is_late[is_late] = is_among(opening[is_late], ts)
    stamps = np.where(is_late, opening, found)
    return stamps[(stamps >= first) & (stamps <= last)]


def _starts(spans: Times, anchors: npt.NDArray[np.int64], step: int) -> Times:
    """Every ``anchor + k * step`` whose bar overlaps its span; two spans may share a bar."""
    begins = (spans[:, 0] - anchors) // step
    counts = np.maximum(-(-(spans[:, 1] - anchors) // step) - begins, 0)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts: Times = np.repeat(anchors, counts) + (np.repeat(begins, counts) + offsets) * step
    return starts[np.diff(starts, prepend=starts[:1] - 1) > 0]
