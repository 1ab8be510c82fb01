"""When a market is open: its sessions, the date of each bar's session, and the bars of a complete history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from tradewright.calendars.bar_grid import Anchor, anchor_of, clock_starts, expected_intraday, intraday_starts
from tradewright.calendars.periods import Numbers, begins_on_sunday, first_dates, period_numbers
from tradewright.calendars.session_table import DAY, Days, SessionTable, local_instants
from tradewright.model.bars import Timeframe, Times
from tradewright.model.errors import DataError

Moment = datetime | pd.Timestamp
Day = date | str

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_LONGEST_PERIOD = 32 * _DAY
LONGEST_CLOSURE = timedelta(days=15)
"""Longer than any market closes."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """The hours of one market.

    Args:
        name: an ``exchange_calendars`` name, ``24/7``, ``24/5``, or one that ``conf/calendars`` declares.
        table: the sessions as plain arrays.
    """

    name: str
    table: SessionTable = field(repr=False)

    @property
    def utc_days(self) -> bool:
        """Whether daily bars are UTC days, stamped 00:00 UTC, rather than sessions, stamped with their open."""
        return self.table.utc_days

    @property
    def days(self) -> Days:
        """The date of each session (datetime64[D], ascending): the day its trading counts to."""
        return self.table.days

    @property
    def opens(self) -> Times:
        """When each session opens, in nanoseconds since 1970 UTC; the market is open from then on."""
        return self.table.opens

    @property
    def closes(self) -> Times:
        """When each session closes, in nanoseconds since 1970 UTC; the market is closed then."""
        return self.table.closes

    @property
    def intervals(self) -> Times:
        """Spans of uninterrupted trading, shape (n, 2), ascending; sessions that touch are joined."""
        return self.table.intervals

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
        return pd.DatetimeIndex(self.days[rows][(self.closes - self.opens)[rows] < self.table.regular])

    def next_open(self, instant: Moment) -> pd.Timestamp | None:
        """When trading next starts after ``instant`` (not at it); None for a market that never closes."""
        return self._next(self.intervals[:, 0], instant)

    def next_close(self, instant: Moment) -> pd.Timestamp | None:
        """When trading next stops after ``instant`` (not at it); None for a market that never closes."""
        return self._next(self.intervals[:, 1], instant)

    def session_dates(self, ts: Times) -> Days:
        """The date of the session to which each bar belongs, by the bar's start; the one rule of what day a bar is of.

        A start inside a session has that session's date, also where the session opened on the evening before: Sunday
        17:00 New York is Monday. One outside of every session has its date on the exchange's clock, which changes at
        midnight, or at the usual opening where that lies on the evening before. Markets that trade round the clock
        count UTC days. There is no first and no last date: before the calendar's first session the clock decides.

        Args:
            ts: starts in nanoseconds since 1970 UTC, in any order.

        Returns:
            datetime64[D], one date for each start; it never falls where ``ts`` rises.
        """
        if len(ts) == 0:
            return np.empty(0, "datetime64[D]")
        ends = np.array([ts.min(), ts.max()]).astype("datetime64[ns]").astype("datetime64[D]")
        days = np.arange(ends[0] - 2 * DAY, ends[1] + 3 * DAY)
        found: Days = days[np.searchsorted(self._first_instants(days), ts, side="right") - 1]
        return found

    def day_bounds(self, day: Day) -> tuple[int, int]:
        """The first and the last nanosecond (UTC) whose bars belong to ``day`` by :meth:`session_dates`."""
        wanted = _date(day)
        first, after = self._first_instants(np.array([wanted, wanted + DAY]))
        return int(first), int(after) - 1

    def daily_starts(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The stamps (UTC) of daily bars of naive dates.

        A date without a session, or before the calendar's first one, gets the usual opening time, so that a vendor's
        stray row stays on its date; the quality report names such rows.

        Raises:
            DataError: for a date after the calendar's last one.
        """
        if self.utc_days:
            return days.tz_localize("UTC")
        wanted = days.to_numpy().astype("datetime64[D]")
        if len(wanted) and wanted.max() > self._last_day:
            raise self._beyond(str(wanted.max()))
        row, has_session = self._sessions_of(wanted)
        nominal = local_instants(wanted, self.table.nominal_open, self.table.zone)
        starts = np.where(has_session, self.opens[row], nominal)
        return pd.DatetimeIndex(starts.view("datetime64[ns]")).tz_localize("UTC")

    def dated_starts(self, timeframe: Timeframe, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The stamps (UTC) of the daily, weekly or monthly bars to which naive dates belong.

        A week or a month starts with its first session: Tuesday's opening where Monday is a holiday. One without a
        session, or before the calendar's first one, gets the usual opening of its first date.

        Raises:
            DataError: for a date after the calendar's last one.
        """
        if timeframe is Timeframe.D1 or len(days) == 0:
            return self.daily_starts(days)
        numbers = self.periods(timeframe, days.to_numpy().astype("datetime64[D]"))
        periods, place = np.unique(numbers, return_inverse=True)
        firsts = first_dates(timeframe, periods, from_sunday=self._from_sunday)
        starts = self.daily_starts(pd.DatetimeIndex(firsts.astype("datetime64[ns]"))).as_unit("ns").asi8
        daily = self._day_starts(int(starts[0]) - _DAY, int(starts[-1]) + _LONGEST_PERIOD)
        known = np.append(self.periods(timeframe, self.session_dates(daily)), periods[-1] + 1)
        row = np.searchsorted(known, periods)
        found = np.where(known[row] == periods, np.append(daily, 0)[row], starts)
        return pd.DatetimeIndex(found[place].view("datetime64[ns]")).tz_localize("UTC")

    def periods(self, timeframe: Timeframe, dates: Days) -> Numbers:
        """The number of the day, week or month of each date; see :func:`period_numbers`.

        Weeks run from Monday to Sunday, and from Sunday to Saturday where the market trades on Sundays and rests on
        Saturdays.
        """
        return period_numbers(timeframe, dates, from_sunday=self._from_sunday)

    def grid(self, timeframe: Timeframe, start: Moment, end: Moment, anchor: Anchor = Anchor.SESSION) -> Times:
        """The starts (nanoseconds UTC) of the bars of a complete history from ``start`` to ``end``, both included.

        Intraday bars are counted from the session's opening, and anew after a break that is as long as a bar; the last
        one may be short: hours of New York start at 09:30, 10:30 ... 15:30. Daily bars: one per session, stamped with
        its open, or per UTC day with any trading. Weekly and monthly bars start with the first of their days. Nothing
        is known, and so nothing expected, before the first session.

        Args:
            anchor: ``Anchor.CLOCK`` counts intraday bars in whole multiples of their length since 00:00 UTC instead.

        Raises:
            DataError: for an ``end`` after the calendar's last day, or a time without a zone.
        """
        first, last = max(self._covered(start), self._first_known), self._covered(end)
        if timeframe.of_sessions:
            starts = self._period_starts(timeframe, first, last)
        else:
            starts = intraday_starts(self.table, timeframe.seconds * _SECOND, first, last, anchor)
        return starts[(starts >= first) & (starts <= last)]

    def expected_starts(self, timeframe: Timeframe, ts: Times) -> Times:
        """The starts of a complete history from the first to the last of these bars, in the form of their own stamps.

        What lacks in ``ts`` is missing, and what lacks here lies outside the market's hours. Daily bars are compared by
        session date, whatever their time of day; a bar of a date without a session on which there is trading all the
        same (a vendor's Sunday evening) is neither. Intraday bars are compared with the grid from the session's
        opening, or with the grid of the clock where that holds more of them: some vendors count whole hours. Of weeks
        and months only those without any bar are missing. Bars before the calendar's first session or after its last
        one are neither missing nor outside.

        Args:
            ts: bar starts, ascending, nanoseconds UTC.
        """
        low, high = np.searchsorted(ts, self._first_known), np.searchsorted(ts, self.closes[-1], "right")
        known = ts[low:high]
        if len(known) == 0:
            return ts
        if timeframe is Timeframe.D1:
            found = self._expected_days(known)
        elif timeframe.of_sessions:
            found = self._expected_periods(timeframe, known)
        else:
            found = expected_intraday(self.table, timeframe.seconds * _SECOND, known)
        return np.concatenate([ts[:low], found, ts[high:]])

    def bar_close(self, timeframe: Timeframe, start: int) -> int:
        """When the bar that starts at ``start`` closes; both in nanoseconds UTC.

        An intraday bar closes after its length, or when trading ends before that. A daily bar that starts with its
        session closes with it; one of a market that trades round the clock at midnight UTC, or when trading ends before
        that. A weekly or monthly bar closes with the last session (or UTC day) of its week or month. A bar of sessions
        that starts at another moment than its first session (a vendor's midnight) lasts its 24 hours, 7 or 31 days: it
        is not known earlier.
        """
        length = timeframe.seconds * _SECOND
        if timeframe in (Timeframe.W1, Timeframe.MO1):
            days = self._days_of_period(timeframe, start)
            return self.bar_close(Timeframe.D1, int(days[-1])) if len(days) and days[0] == start else start + length
        if timeframe is Timeframe.D1 and not self.utc_days:
            rows, has_session = self._sessions_of(self.session_dates(np.array([start])))
            starts_with_it = has_session[0] and start == self.opens[rows[0]]
            return int(self.closes[rows[0]]) if starts_with_it else start + _DAY
        row = int(np.searchsorted(self.intervals[:, 0], start + length, side="left")) - 1
        close = int(self.intervals[row, 1]) if row >= 0 else start
        return min(start + length, close) if close > start else start + length

    def anchor_of(self, timeframe: Timeframe, ts: Times) -> Anchor:
        """How a series of bars is counted: from the opening, unless the clock explains more of its starts."""
        if timeframe.of_sessions or len(ts) == 0:
            return Anchor.SESSION
        return anchor_of(self.table, timeframe.seconds * _SECOND, ts)

    def newest_closed(self, timeframe: Timeframe, now: Moment, like: int | None = None) -> int | None:
        """The start (nanoseconds UTC) of the newest bar of a complete history that has closed by ``now``.

        None when none has closed within ``LONGEST_CLOSURE`` and two lengths of a bar of sessions.

        Args:
            like: the start of a bar of the same series, which tells how its intraday bars are counted.
        """
        end = pd.Timestamp(now)
        present = self._covered(end)
        anchor = Anchor.SESSION if like is None else self.anchor_of(timeframe, np.array([like]))
        reach = LONGEST_CLOSURE + 2 * timedelta(seconds=timeframe.seconds if timeframe.of_sessions else 0)
        for start in self.grid(timeframe, end - reach, end, anchor)[::-1]:
            if self.bar_close(timeframe, int(start)) <= present:
                return int(start)
        return None

    @cached_property
    def _from_sunday(self) -> bool:
        """Whether weeks begin on Sunday, by the newest ten years of the calendar."""
        newest = int(self.closes[-1])
        return begins_on_sunday(self.session_dates(self._day_starts(newest - 3652 * _DAY, newest - 1)))

    def _day_starts(self, first: int, last: int) -> Times:
        """The starts of the daily bars from ``first`` to ``last`` (nanoseconds UTC), and maybe of some around them."""
        if self.utc_days:
            return clock_starts(self.intervals, _DAY, first, last)
        return self.opens[np.searchsorted(self.opens, first) : np.searchsorted(self.opens, last, "right")]

    def _period_starts(self, timeframe: Timeframe, first: int, last: int) -> Times:
        """The starts of the bars of sessions from ``first`` to ``last``, and maybe of some before."""
        reach = 0 if timeframe is Timeframe.D1 else _LONGEST_PERIOD
        daily = self._day_starts(first - reach, last)
        numbers = self.periods(timeframe, self.session_dates(daily))
        return daily[np.diff(numbers, prepend=numbers[:1] - 1) > 0]

    def _days_of_period(self, timeframe: Timeframe, start: int) -> Times:
        """The starts of the daily bars of the week or month in which ``start`` lies."""
        daily = self._day_starts(start - _LONGEST_PERIOD, start + _LONGEST_PERIOD)
        own = self.periods(timeframe, self.session_dates(np.array([start])))
        found: Times = daily[self.periods(timeframe, self.session_dates(daily)) == own]
        return found

    def _expected_periods(self, timeframe: Timeframe, ts: Times) -> Times:
        """The bars that are there, and the starts of the weeks or months between them that have none."""
        own = self.periods(timeframe, self.session_dates(ts))
        starts = self._period_starts(timeframe, int(ts[0]), int(ts[-1]))
        numbers = self.periods(timeframe, self.session_dates(starts))
        return np.union1d(ts, starts[(numbers > own[0]) & (numbers < own[-1]) & ~np.isin(numbers, own)])

    def _expected_days(self, ts: Times) -> Times:
        if self.utc_days:
            return clock_starts(self.intervals, _DAY, int(ts[0]), int(ts[-1]))
        dates = self.session_dates(ts)
        low, high = np.searchsorted(self.days, dates[0], "left"), np.searchsorted(self.days, dates[-1], "right")
        missing = ~np.isin(self.days[low:high], dates)
        _row, has_session = self._sessions_of(dates)
        return np.union1d(self.opens[low:high][missing], ts[has_session | self.has_trading(dates)])

    def has_trading(self, dates: Days) -> np.ndarray:
        """Whether the market trades at any time of each date on the exchange's clock."""
        midnights = local_instants(dates, pd.Timedelta(0), self.table.zone)
        row = np.minimum(np.searchsorted(self.intervals[:, 1], midnights, side="right"), len(self.intervals) - 1)
        found: np.ndarray = (self.intervals[row, 0] < midnights + _DAY) & (self.intervals[row, 1] > midnights)
        return found

    def _first_instants(self, days: Days) -> Times:
        """The first nanosecond of each of these neighbouring days, ascending; see :meth:`session_dates`."""
        if self.utc_days:
            return days.astype("datetime64[ns]").astype(np.int64)
        begins = local_instants(days, min(self.table.nominal_open, pd.Timedelta(0)), self.table.zone)
        row, has_session = self._sessions_of(days)
        begins = np.where(has_session, np.minimum(begins, self.opens[row]), begins)
        before = np.searchsorted(self.days, days) - 1
        earlier = np.where(before >= 0, self.closes[before], begins)  # a session that is still on keeps its date
        return np.maximum.accumulate(np.maximum(begins, np.minimum(earlier, begins + _DAY)))

    def _sessions_of(self, days: Days) -> tuple[np.ndarray, np.ndarray]:
        """The row of each date's session, and whether it has one; the row of a date without one means nothing."""
        row = np.minimum(np.searchsorted(self.days, days), len(self.days) - 1)
        return row, self.days[row] == days

    def _rows(self, start: Day, end: Day) -> slice:
        first, last = _date(start), _date(end)
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
        """A moment in nanoseconds UTC; before the first session nothing is known, and the market counts as closed."""
        stamp = pd.Timestamp(instant)
        if stamp.tzinfo is None:
            raise DataError(f"{instant} has no zone", remedy="give times in UTC")
        if np.datetime64(stamp.tz_convert("UTC").tz_localize(None), "D") > self._last_day:
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
    def _first_known(self) -> int:
        return int(self.opens[0])

    @property
    def _first_day(self) -> np.datetime64:
        """A week of slack, because the first session may come some days after the first day that is known."""
        return np.datetime64(self.days[0] - np.timedelta64(7, "D"))

    @property
    def _last_day(self) -> np.datetime64:
        return np.datetime64(self.days[-1])


def _date(day: Day) -> np.datetime64:
    return np.datetime64(str(day)[:10], "D")


def _stamp(ns: np.int64) -> pd.Timestamp:
    return pd.Timestamp(int(ns), tz="UTC")
