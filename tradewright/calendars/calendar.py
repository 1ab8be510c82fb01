"""When a market is open: sessions, early closes, and the grid of bars that a complete history would have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.model.bars import Timeframe, Times
from tradewright.model.errors import DataError

Days = npt.NDArray[np.datetime64]
Moment = datetime | pd.Timestamp
Day = date | str

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
LONGEST_CLOSURE = timedelta(days=15)
"""Longer than any market closes."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """The sessions of one market, as plain arrays.

    Args:
        name: an ``exchange_calendars`` name, ``24/7`` or ``24/5``.
        days: the date of each session (datetime64[D], ascending): the day its trading counts to.
        opens, closes: nanoseconds since 1970 UTC. A market is open from ``opens`` on and closed at ``closes``.
        intervals: spans of uninterrupted trading, shape (n, 2), ascending: sessions cut at their breaks, and joined
            where one starts as the other ends.
        regular: the usual length of a session in nanoseconds; shorter ones close early.
        utc_days: whether daily bars are UTC days, stamped 00:00 UTC (markets that trade round the clock), rather than
            sessions, stamped with their open.
        zone: the zone that ``nominal_open`` is in, and the usual wall-clock time of opening.
    """

    name: str
    days: Days
    opens: Times
    closes: Times
    intervals: Times
    regular: int
    utc_days: bool
    zone: str
    nominal_open: pd.Timedelta

    @property
    def sessions_per_year(self) -> int:
        """How many sessions a year of 365.25 days has on average, rounded: 252 in New York, 261 of ``24/5``."""
        span = int((self.days[-1] - self.days[0]).astype(np.int64)) + 1
        return round(len(self.days) / span * 365.25)

    def is_open(self, instant: Moment) -> bool:
        """Whether the market trades at ``instant``: true at the open, false at the close and in a break."""
        ns = self._covered(instant)
        row = int(np.searchsorted(self.intervals[:, 0], ns, side="right")) - 1
        return row >= 0 and ns < self.intervals[row, 1]

    def sessions(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """The dates of the sessions from ``start`` to ``end``, both included."""
        return pd.DatetimeIndex(self.days[self._rows(start, end)])

    def trading_days(self, start: Day, end: Day) -> int:
        """The number of sessions from ``start`` to ``end``, both included."""
        return len(self.sessions(start, end))

    def session_bounds(self, start: Day, end: Day) -> tuple[Times, Times]:
        """Opens and closes (nanoseconds UTC) of the sessions from ``start`` to ``end``, both included."""
        rows = self._rows(start, end)
        return self.opens[rows], self.closes[rows]

    def session_open(self, day: Day) -> pd.Timestamp:
        """When the session of ``day`` opens, in UTC.

        Raises:
            DataError: when ``day`` has no session.
        """
        return _stamp(self.opens[self._row(day)])

    def session_close(self, day: Day) -> pd.Timestamp:
        """When the session of ``day`` closes, in UTC; 13:00 New York on the day after Thanksgiving.

        Raises:
            DataError: when ``day`` has no session.
        """
        return _stamp(self.closes[self._row(day)])

    def early_closes(self, start: Day, end: Day) -> pd.DatetimeIndex:
        """The dates of shortened sessions from ``start`` to ``end``, both included."""
        rows = self._rows(start, end)
        return pd.DatetimeIndex(self.days[rows][(self.closes - self.opens)[rows] < self.regular])

    def next_open(self, instant: Moment) -> pd.Timestamp | None:
        """When trading next starts after ``instant`` (not at it); None for a market that never closes."""
        return self._next(self.intervals[:, 0], instant)

    def next_close(self, instant: Moment) -> pd.Timestamp | None:
        """When trading next stops after ``instant`` (not at it); None for a market that never closes."""
        return self._next(self.intervals[:, 1], instant)

    def daily_starts(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The stamps (UTC) of daily bars of naive dates.

        A date without a session gets the usual opening time, so that a vendor's stray row stays on its date; the
        quality report names such rows.
        """
        if self.utc_days:
            return days.tz_localize("UTC")
        wanted = days.to_numpy().astype("datetime64[D]")
        nominal = (days.normalize() + self.nominal_open).tz_localize(self.zone).tz_convert("UTC").as_unit("ns").asi8
        if len(wanted):
            self._rows(str(wanted.min()), str(wanted.max()))
        row = np.minimum(np.searchsorted(self.days, wanted), len(self.days) - 1)
        starts = np.where(self.days[row] == wanted, self.opens[row], nominal)
        return pd.DatetimeIndex(starts.view("datetime64[ns]")).tz_localize("UTC")

    def grid(self, timeframe: Timeframe, start: Moment, end: Moment) -> Times:
        """The starts (nanoseconds UTC) of the bars of a complete history from ``start`` to ``end``, both included.

        Intraday bars start at whole multiples of the timeframe in UTC and overlap a span of trading: the 14:00 hour of
        a market that opens at 14:30 counts. Daily bars: one per session, or per UTC day with any trading (which makes
        Sunday a day of the 24/5 grid, though not a session).
        """
        first, last = self._covered(start), self._covered(end)
        if timeframe is Timeframe.D1 and not self.utc_days:
            starts = self.opens
        else:
            starts = _multiples(self.intervals, timeframe.seconds * _SECOND, first, last)
        return starts[(starts >= first) & (starts <= last)]

    def bar_close(self, timeframe: Timeframe, start: int) -> int:
        """When the bar that starts at ``start`` closes; both in nanoseconds UTC.

        An intraday bar closes after its length. A daily bar closes with its session; one of a market that trades round
        the clock at midnight UTC, or when the week ends. A daily bar on a day without a session lasts 24 hours.
        """
        if timeframe is not Timeframe.D1:
            return start + timeframe.seconds * _SECOND
        opens, closes = (self.intervals[:, 0], self.intervals[:, 1]) if self.utc_days else (self.opens, self.closes)
        row, day_after = int(np.searchsorted(closes, start, side="right")), start + _DAY
        if row == len(closes):
            return day_after
        if self.utc_days:
            return min(day_after, int(closes[row]))
        return int(closes[row]) if opens[row] <= start else day_after

    def newest_closed(self, timeframe: Timeframe, now: Moment) -> int | None:
        """The start (nanoseconds UTC) of the newest bar of a complete history that has closed by ``now``.

        None when none has closed within ``LONGEST_CLOSURE``.
        """
        end = pd.Timestamp(now)
        present = self._covered(end)
        for start in self.grid(timeframe, end - LONGEST_CLOSURE, end)[::-1]:
            if self.bar_close(timeframe, int(start)) <= present:
                return int(start)
        return None

    def _rows(self, start: Day, end: Day) -> slice:
        first, last = np.datetime64(str(start)[:10], "D"), np.datetime64(str(end)[:10], "D")
        if first <= last and (first < self._first_day or last > self._last_day):
            raise self._beyond(f"{first} .. {last}")
        low, high = np.searchsorted(self.days, first, "left"), np.searchsorted(self.days, last, "right")
        return slice(int(low), int(high))

    def _row(self, day: Day) -> int:
        rows = self._rows(day, day)
        if rows.stop == rows.start:
            raise DataError(f"{self.name} has no session on {day}", remedy="ask for a trading day")
        return int(rows.start)

    def _covered(self, instant: Moment) -> int:
        stamp = pd.Timestamp(instant)
        if stamp.tzinfo is None:
            raise DataError(f"{instant} has no zone", remedy="give times in UTC")
        day = np.datetime64(stamp.tz_convert("UTC").tz_localize(None), "D")
        if not self._first_day <= day <= self._last_day:
            raise self._beyond(stamp.isoformat())
        return int(stamp.as_unit("ns").value)

    def _next(self, moments: Times, instant: Moment) -> pd.Timestamp | None:
        row = int(np.searchsorted(moments, self._covered(instant), side="right"))
        return _stamp(moments[row]) if len(self.intervals) > 1 and row < len(moments) else None

    def _beyond(self, what: str) -> DataError:
        return DataError(
            f"{what} is outside the calendar {self.name}, which knows {self._first_day} .. {self._last_day}",
            remedy="ask for a time within it",
        )

    @property
    def _first_day(self) -> np.datetime64:
        """A week of slack, because the first session may come some days after the first day that is known."""
        return np.datetime64(self.days[0] - np.timedelta64(7, "D"))

    @property
    def _last_day(self) -> np.datetime64:
        return np.datetime64(self.days[-1])


def _multiples(intervals: Times, step: int, first: int, last: int) -> Times:
    """Whole multiples of ``step`` whose bar overlaps an interval, between ``first`` and ``last``."""
    near = intervals[(intervals[:, 1] > first - step) & (intervals[:, 0] < last + step)]
    starts = np.maximum(near[:, 0], first - first % step) // step
    ends = -(-np.minimum(near[:, 1], last + step) // step)
    counts = np.maximum(ends - starts, 0)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    multiples: Times = (np.repeat(starts, counts) + offsets) * step
    return multiples[np.diff(multiples, prepend=multiples[:1] - 1) > 0]  # two sessions may share a bar


def _stamp(ns: np.int64) -> pd.Timestamp:
    return pd.Timestamp(int(ns), tz="UTC")
