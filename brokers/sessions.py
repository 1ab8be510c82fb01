"""Trading sessions by an instrument's calendar, for venues: when an order's day ends, when a bar is complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from tradewright.model.bars import Timeframe


class Session(NamedTuple):
    """Opening and close of one session, in UTC."""

    open: datetime
    close: datetime


def session_ending_after(calendar_name: str, moment: datetime) -> Session | None:
    """The first session that closes after ``moment`` (not at it); None beyond the calendar's last day."""
    from tradewright.calendars.registry import calendar  # needs pandas, and a market that nobody moves needs neither

    known = calendar(calendar_name)
    row = int(np.searchsorted(known.closes, _nanoseconds(moment), side="right"))
    if row >= len(known.closes):
        return None
    return Session(_moment(int(known.opens[row])), _moment(int(known.closes[row])))


def bar_end(calendar_name: str, timeframe: Timeframe, start: datetime) -> datetime:
    """When a bar that starts at ``start`` is complete.

    A daily bar is complete at its session's close, any other one timeframe after its start, or at the session's close
    where that comes first.
    """
    session = session_ending_after(calendar_name, start)
    regular = start + timedelta(seconds=timeframe.seconds)
    if session is None or session.open > start:
        return regular
    return session.close if timeframe is Timeframe.D1 else min(regular, session.close)


def _nanoseconds(moment: datetime) -> int:
    whole = int(moment.timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
