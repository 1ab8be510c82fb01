"""Weeks and months as groups of sessions: a session counts to the week and the month of its date."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.calendars.session_table import Days
from tradewright.model.bars import Timeframe

Numbers = npt.NDArray[np.int64]

_MONDAY, _SUNDAY = 4, 3
"""The days of 1970 (from 0, a Thursday) with which the first weeks begin."""
_USUAL = 0.5
"""Of the weeks: a weekday is one of trading from this share on. Special sessions on Saturdays change no week."""


def period_numbers(timeframe: Timeframe, dates: Days, *, from_sunday: bool = False) -> Numbers:
    """The day, week or month of each date, counted from 1970; it never falls where dates rise.

    Args:
        from_sunday: whether weeks run from Sunday to Saturday (:func:`begins_on_sunday`), else from Monday to Sunday.
    """
    if timeframe is Timeframe.MO1:
        return dates.astype("datetime64[M]").astype(np.int64)
    days = dates.astype("datetime64[D]").astype(np.int64)
    if timeframe is Timeframe.D1:
        return days
    return (days - (_SUNDAY if from_sunday else _MONDAY)) // 7


def first_dates(timeframe: Timeframe, periods: Numbers, *, from_sunday: bool = False) -> Days:
    """The first date of each period: the inverse of :func:`period_numbers`."""
    if timeframe is Timeframe.MO1:
        return periods.astype("datetime64[M]").astype("datetime64[D]")
    if timeframe is Timeframe.D1:
        return periods.astype("datetime64[D]")
    return (periods * 7 + (_SUNDAY if from_sunday else _MONDAY)).astype("datetime64[D]")


def begins_on_sunday(days: Days) -> bool:
    """Whether the weeks of a market begin on Sunday: it trades then, and not on Saturday, as in Riyadh.

    Args:
        days: dates with trading, ascending.
    """
    numbers = days.astype("datetime64[D]").astype(np.int64)
    weeks = len(np.unique(period_numbers(Timeframe.W1, days)))
    sundays, saturdays = (int(np.sum(numbers % 7 == weekday)) for weekday in (3, 2))
    return sundays > _USUAL * weeks and saturdays < _USUAL * weeks
