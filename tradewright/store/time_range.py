"""From dates and instants to nanoseconds. Both ends of a span are inclusive; a date as an end means its whole day."""

from __future__ import annotations

from datetime import date, datetime

from tradewright.model.errors import DataError

Moment = str | date | datetime | None
"""A date (``2014-01-31``, a UTC day), an instant with a zone (also pandas' own), or None for "as far as there is"."""

_DAY = 86_400_000_000_000
_BEGINNING, _END = -(2**63), 2**63 - 1


def first_instant(moment: Moment) -> int:
    """The first nanosecond of a span that starts with ``moment``.

    Raises:
        DataError: when it is no date or time, or a time without a zone.
    """
    return _BEGINNING if moment is None else _instant(moment)[0]


def last_instant(moment: Moment) -> int:
    """The last nanosecond of a span that ends with ``moment``: of a date, the end of its day.

    Raises:
        DataError: when it is no date or time, or a time without a zone.
    """
    if moment is None:
        return _END
    instant, is_date = _instant(moment)
    return instant + _DAY - 1 if is_date else instant


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
