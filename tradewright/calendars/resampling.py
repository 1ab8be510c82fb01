"""Longer bars from shorter ones by the sessions of a market: complete bars alone, and nothing that was not known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.calendars.calendar import Calendar
from tradewright.formats.resample import grouped
from tradewright.model.bar_rules import Mask, select
from tradewright.model.bars import Bars, Timeframe, Times
from tradewright.model.errors import DataError

_SECOND = 1_000_000_000


def resampled(market: Calendar, bars: Bars, source: Timeframe, target: Timeframe) -> Bars:
    """Bars of ``target`` length from bars of ``source`` length.

    Open is the first, close the last, high and low the extremes; volume is the sum, and unknown (NaN) where that of one
    bar is; spread is the mean of the known ones. Days, weeks and months start with their first session and take what
    lies in their sessions; intraday bars are counted as the source's are, from the session's opening or by the clock.
    Bars of which no part lies in a session are left out. A bar of which all source bars are missing is missing too.

    The first and the last bar are left out unless the source reaches over the whole of them: the source begins where
    the first one does, and the last one has closed when the newest source bar closes, or before. So a bar is known from
    its close on and never changes by source bars that are added later. Bars within are made of what there is.

    Args:
        bars: a whole series, ascending.

    Raises:
        DataError: when bars of the source do not add up to bars of the target.
    """
    if not source.makes(target):
        raise DataError(f"{target} bars cannot be made from {source} bars", remedy="choose a longer timeframe")
    inside = select(bars, _in_sessions(market, bars.ts, source))
    if len(inside.ts) == 0:
        return inside
    starts = _starts_of(market, inside.ts, source, target)
    longer = grouped(select(inside, starts.known), starts.values)
    if len(longer.ts) == 0:
        return longer
    first, newest = int(bars.ts[0]), int(bars.ts[-1])
    low = int(_begins_within(market, int(longer.ts[0]), first, source, target))
    over = market.bar_close(target, int(longer.ts[-1])) <= max(newest, market.bar_close(source, newest))
    return select(longer, slice(low, len(longer.ts) - int(not over)))


class _Starts(NamedTuple):
    """The start of the longer bar of each source bar that belongs to one, and which do."""

    values: Times
    known: Mask


def _starts_of(market: Calendar, ts: Times, source: Timeframe, target: Timeframe) -> _Starts:
    if target.of_sessions:
        dates = _session_dates(market, ts, source)
        first = np.flatnonzero(np.diff(market.periods(target, dates), prepend=np.iinfo(np.int64).min // 2))
        days = pd.DatetimeIndex(dates[first].astype("datetime64[ns]"))
        begins = market.dated_starts(target, days).as_unit("ns").asi8
        return _Starts(np.repeat(begins, np.diff(first, append=len(ts))), np.ones(len(ts), np.bool_))
    step = target.seconds * _SECOND
    begin, end = (pd.Timestamp(int(moment), tz="UTC") for moment in (ts[0] - step, ts[-1]))
    grid = market.grid(target, begin, end, market.anchor_of(source, ts))
    row = np.searchsorted(grid, ts, "right") - 1
    before = ts < market.opens[0]  # hours of before the calendar's first session are not known: by the clock
    begins = np.where(before, ts // step * step, grid[np.maximum(row, 0)] if len(grid) else ts)
    known = before | ((row >= 0) & (ts < begins + step))
    return _Starts(begins[known], known)


def _in_sessions(market: Calendar, ts: Times, source: Timeframe) -> Mask:
    """Which bars have a part in a session; all of before the calendar's first one."""
    if source.of_sessions:
        has_part = market.has_trading(market.session_dates(ts))
    else:
        intervals, end = market.intervals, ts + source.seconds * _SECOND
        row = np.minimum(np.searchsorted(intervals[:, 1], ts, "right"), len(intervals) - 1)
        has_part = (intervals[row, 0] < end) & (intervals[row, 1] > ts)
    found: Mask = has_part | (ts < market.opens[0])
    return found


def _session_dates(market: Calendar, ts: Times, source: Timeframe) -> npt.NDArray[np.datetime64]:
    """The session of each bar; a vendor's daily bar of a Sunday evening counts to the session that begins then."""
    dates = market.session_dates(ts)
    if not source.of_sessions or market.utc_days:
        return dates
    row = np.minimum(np.searchsorted(market.days, dates), len(market.days) - 1)
    return np.where(dates < market.days[0], dates, market.days[row])


def _begins_within(market: Calendar, start: int, first: int, source: Timeframe, target: Timeframe) -> bool:
    """Whether the source, which starts at ``first``, begins only within the first bar, which starts at ``start``."""
    if source.of_sessions:
        begun, begins = _session_dates(market, np.array([first, start]), source)
        return bool(begun > begins)
    return start < first < market.bar_close(target, start)
