"""When bars close, for a whole column of them."""

from __future__ import annotations

import numpy as np

from tradewright.calendars.calendar import Calendar
from tradewright.model.bars import Timeframe, Times

_SECOND = 1_000_000_000


def bar_closes(market: Calendar, timeframe: Timeframe, starts: Times) -> Times:
    """The close of each bar in nanoseconds UTC, as :meth:`Calendar.bar_close` defines it; shape (bars,).

    Args:
        starts: bar starts, ascending, nanoseconds UTC.
    """
    length = timeframe.seconds * _SECOND
    if len(starts) == 0:
        return starts
    if timeframe in (Timeframe.W1, Timeframe.MO1):
        return np.array([market.bar_close(timeframe, start) for start in starts.tolist()], np.int64)
    if timeframe is Timeframe.D1 and not market.utc_days:
        return _session_closes(market, starts, length)
    rows = np.searchsorted(market.intervals[:, 0], starts + length, side="left") - 1
    closes = np.where(rows >= 0, market.intervals[rows, 1], starts)
    return np.where(closes > starts, np.minimum(starts + length, closes), starts + length)


def _session_closes(market: Calendar, starts: Times, length: int) -> Times:
    """Daily bars close with the session that they start with, any other after its length."""
    rows = np.searchsorted(market.opens, starts)
    found = np.minimum(rows, len(market.opens) - 1)
    return np.where(market.opens[found] == starts, market.closes[found], starts + length)
