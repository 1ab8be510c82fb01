"""From dates and instants to nanoseconds. Both ends of a span are inclusive; a date as an end means its whole day.

The day of a date is the trading day of an instrument where its calendar is given, else the UTC day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from tradewright.model.errors import DataError

Moment = str | date | datetime | None
"""A date (``2014-01-31``), an instant with a zone (also pandas' own), or None for "as far as there is"."""

DayBounds = Callable[[date], tuple[int, int]]
"""The first and the last nanosecond (UTC) of a date's trading day: ``Calendar.day_bounds``."""

_EPOCH = date(1970, 1, 1)
_DAY = 86_400_000_000_000
_BEGINNING, _END = -(2**63), 2**63 - 1


def first_instant(moment: Moment, bounds: DayBounds | None = None) -> int:
    """The first nanosecond of a span that starts with ``moment``.

    Args:
        bounds: of the trading days that dates mean; None for UTC days.

    Raises:
        DataError: when it is no date or time, or a time without a zone.
    """
    return _BEGINNING if moment is None else _span(moment, bounds)[0]


def last_instant(moment: Moment, bounds: DayBounds | None = None) -> int:
    """The last nanosecond of a span that ends with ``moment``: of a date, the end of its day.

    Args:
        bounds: as for :func:`first_instant`.

    Raises:
        DataError: when it is no date or time, or a time without a zone.
    """
    return _END if moment is None else _span(moment, bounds)[1]


def _span(moment: str | date | datetime, bounds: DayBounds | None) -> tuple[int, int]:
    instant, is_date = _instant(moment)
    if not is_date:
        return instant, instant
    return (instant, instant + _DAY - 1) if bounds is None else bounds(_EPOCH + timedelta(days=instant // _DAY))


def _instant(moment: str | date | datetime) -> tuple[int, bool]:
    import pandas as pd

    remedy = "give a date such as 2014-01-31 or a time such as 2014-01-31T14:30:00+00:00"
    try:
        stamp = pd.Timestamp(moment)
        if pd.isna(stamp):
            raise ValueError("nothing")
        stamp = stamp.as_unit("ns")
    except (ValueError, TypeError) as error:
        raise DataError(f"{moment!r} is no date or time", remedy=remedy) from error
    is_date = isinstance(moment, date) and not isinstance(moment, datetime)
    if isinstance(moment, str):
        is_date = len(moment.strip()) <= len("2014-01-31")
    if is_date:
        return stamp.tz_localize("UTC").value, True
    if stamp.tzinfo is None:
        raise DataError(f"{moment} has no zone", remedy=remedy)
    return stamp.value, False
