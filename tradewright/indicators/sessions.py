"""Trading sessions of the day (R-FEAT-12), and the weekday and time of day of a bar, on the wall clock of a place."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from tradewright.indicators.arrays import IndicatorArguments
from tradewright.model.bars import Floats, Times
from tradewright.model.session_hours import OUTSIDE

if TYPE_CHECKING:  # sweeps load this module for its registry, and need neither the second nor the memory
    from pandas import DatetimeIndex

WEEKDAYS = (0, 1, 2, 3, 4)


class Session(NamedTuple):
    """Daily hours on the wall clock of a zone: from ``start`` until before ``end``.

    An ``end`` at or before ``start`` lies on the next day. ``days`` are those on which the session begins, 0 = Monday.
    Holidays and half days are the business of the trading calendars.
    """

    name: str
    zone: str
    start: time
    end: time
    days: tuple[int, ...] = WEEKDAYS


SESSIONS = (
    Session("asia", "Asia/Tokyo", time(9), time(18)),
    Session("london", "Europe/London", time(8), time(17)),
    Session("new_york", "America/New_York", time(8), time(17)),
    Session("rth", "America/New_York", time(9, 30), time(16)),
)
"""The usual ones; rth = regular trading hours of US equities."""

ANCHORS = (*SESSIONS, Session("utc", "UTC", time(0), time(0), tuple(range(7))))
"""Where VWAP and pivot points may begin beside the instrument's own sessions: the usual ones, and the day in UTC."""

CLOCKS = tuple(each for each in ANCHORS if each.name != "rth")
"""Whose wall clocks tell the weekday and the time of day; that of regular trading hours is New York's."""


def session_flags(ts: Times, session: Session) -> Floats:
    """1 where a bar starts inside the session, else 0; see :func:`session_days`."""
    inside: Floats = (session_days(ts, session) != OUTSIDE).astype(np.float64)
    return inside


def session_days(ts: Times, session: Session) -> Times:
    """The day on which the session of each bar began, in days since 1970 on its zone's clock; ``OUTSIDE`` without one.

    Right on both sides of a change to summer time.

    Args:
        ts: starts of bars, nanoseconds since 1970-01-01 UTC. A daily bar counts by its start alone.
        session: the hours.

    Raises:
        IndicatorArguments: the zone is unknown.
    """
    local = _local(ts, session)
    second = _second_of_day(local)
    start, end = _seconds(session.start), _seconds(session.end)
    today = local.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)
    begins_today = np.isin(local.day_of_week, session.days)
    if start < end:
        return np.where(begins_today & (second >= start) & (second < end), today, OUTSIDE)
    began_yesterday = np.isin((local.day_of_week - 1) % 7, session.days)
    late, early = begins_today & (second >= start), began_yesterday & (second < end)
    return np.where(late, today, np.where(early, today - 1, OUTSIDE))


def seconds_since_opening(ts: Times, session: Session) -> Times:
    """Seconds from the newest ``session.start`` of the wall clock to the start of each bar, on any day: 0 to 86399."""
    return (_second_of_day(_local(ts, session)) - _seconds(session.start)) % 86_400


def clock(ts: Times, session: Session) -> tuple[Floats, Floats]:
    """Weekday (0 = Monday) and minute of the day (0 to 1439) at which each bar starts, on the wall clock of a session.

    A daily bar counts by its start alone: the opening of its session, or 00:00 UTC in markets round the clock.
    """
    local = _local(ts, session)
    return local.day_of_week.to_numpy().astype(np.float64), (_second_of_day(local) // 60).astype(np.float64)


def _local(ts: Times, session: Session) -> DatetimeIndex:
    """Starts of bars on the wall clock of a session's zone."""
    try:
        zone = ZoneInfo(session.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise IndicatorArguments(
            f"zone {session.zone!r}", where=f"session {session.name}", remedy="use a name like Europe/London"
        ) from error
    import pandas as pd

    return pd.DatetimeIndex(ts, tz="UTC").tz_convert(zone)


def _second_of_day(local: DatetimeIndex) -> Times:
    seconds: Times = (local.hour * 3600 + local.minute * 60 + local.second).to_numpy().astype(np.int64)
    return seconds


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second
