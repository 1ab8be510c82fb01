"""The sessions of an instrument by its calendar, for indicators that begin anew with each of them."""

from __future__ import annotations

import numpy as np

from tradewright.calendars.calendar import Calendar
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import Timeframe, Times
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import Instrument
from tradewright.model.session_hours import OUTSIDE, UTC_HOURS, SessionHours

_BEFORE_ALL = 86_400


def session_hours(instrument: Instrument, timeframe: Timeframe) -> SessionHours:
    """The sessions of an instrument's bars; the calendar is made where an indicator asks for one.

    The date of a session is that of :meth:`~tradewright.calendars.calendar.Calendar.session_dates`. A bar of whole
    sessions is of the one that it starts with. A shorter one that starts before the opening or after the close is
    outside; breaks are a part of the session. Before the first session that the calendar knows, a bar counts by its
    date and is at no opening.

    Args:
        timeframe: of the bars.
    """
    hours = instrument.hours
    corrected = "" if hours is None else f" {content_hash(hours.model_dump(mode='json'))}"
    whole = timeframe.of_sessions
    name = f"{instrument.calendar}{corrected}{' whole sessions' if whole else ''}"

    def days(ts: Times) -> Times:
        market = calendar_of(instrument)
        if market.utc_days and not whole:
            return UTC_HOURS.days(ts)
        dates = market.session_dates(ts).astype(np.int64)
        return dates if whole else np.where(_is_inside(market, ts), dates, OUTSIDE)

    def seconds(ts: Times) -> Times:
        market = calendar_of(instrument)
        if market.utc_days:
            return UTC_HOURS.seconds(ts)
        row = np.searchsorted(market.opens, ts, side="right") - 1
        return np.where(row < 0, _BEFORE_ALL, (ts - market.opens[np.maximum(row, 0)]) // 10**9)

    return SessionHours(name, days, seconds)


def _is_inside(market: Calendar, ts: Times) -> np.ndarray:
    row = np.searchsorted(market.opens, ts, side="right") - 1
    return (row < 0) | (ts < market.closes[np.maximum(row, 0)])
