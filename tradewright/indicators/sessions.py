"""Trading sessions of the day: is a bar inside Asia, London, New York, or regular trading hours? (R-FEAT-12)."""

from __future__ import annotations

from datetime import time
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from tradewright.indicators.arrays import IndicatorArguments
from tradewright.model.bars import Floats, Times

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


def session_flags(ts: Times, session: Session) -> Floats:
    """1 where a bar starts inside the session, else 0; right on both sides of a change to summer time.

    Args:
        ts: starts of bars, nanoseconds since 1970-01-01 UTC. A daily bar counts by its start alone.
        session: the hours.

    Raises:
        IndicatorArguments: the zone is unknown.
    """
    try:
        zone = ZoneInfo(session.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise IndicatorArguments(
            f"zone {session.zone!r}", where=f"session {session.name}", remedy="use a name like Europe/London"
        ) from error
    import pandas as pd  # sweeps load this module for its registry, and need neither the second nor the memory

    local = pd.DatetimeIndex(ts, tz="UTC").tz_convert(zone)
    second = (local.hour * 3600 + local.minute * 60 + local.second).to_numpy()
    start, end = _seconds(session.start), _seconds(session.end)
    begins_today = np.isin(local.day_of_week, session.days)
    if start < end:
        inside = begins_today & (second >= start) & (second < end)
    else:
        began_yesterday = np.isin((local.day_of_week - 1) % 7, session.days)
        inside = (begins_today & (second >= start)) | (began_yesterday & (second < end))
    return inside.astype(np.float64)


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second
