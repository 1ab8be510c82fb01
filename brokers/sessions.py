"""Trading sessions by an instrument's calendar, for venues: when an order's day ends, when a bar is complete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from tradewright.model.bars import Timeframe
from tradewright.model.instrument import Instrument


class Session(NamedTuple):
    """Opening and close of one session, in UTC."""

    open: datetime
    close: datetime


def session_ending_after(instrument: Instrument, moment: datetime) -> Session | None:
    """The first session that closes after ``moment`` (not at it); None beyond the calendar's last day."""
    from tradewright.calendars.registry import calendar_of  # a market that nobody moves needs no pandas

    known = calendar_of(instrument)
    row = int(np.searchsorted(known.closes, _nanoseconds(moment), side="right"))
    if row >= len(known.closes):
        return None
    return Session(_moment(int(known.opens[row])), _moment(int(known.closes[row])))


def bar_end(instrument: Instrument, timeframe: Timeframe, start: datetime) -> datetime:
    """When a bar that starts at ``start`` is complete; see ``Calendar.bar_close``."""
    from tradewright.calendars.registry import calendar_of

    return _moment(calendar_of(instrument).bar_close(timeframe, _nanoseconds(start)))


def _nanoseconds(moment: datetime) -> int:
    whole = int(moment.timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
