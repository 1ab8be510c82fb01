"""Times of foreign tables as bar starts in UTC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.formats.column_mapping import ColumnMapping
from tradewright.formats.plain_files import shown
from tradewright.model.bars import Timeframe, Times
from tradewright.model.errors import DataError

SessionOpens = Callable[[pd.DatetimeIndex], pd.DatetimeIndex]
"""From calendar dates (naive) to the times of the open (UTC), which are the stamps of daily bars."""

SessionDates = Callable[[Times], npt.NDArray[np.datetime64]]
"""From moments (nanoseconds UTC) to the dates of the sessions that they belong to: ``Calendar.session_dates``."""

_Unit = Literal["s", "ms", "us", "ns"]
_EPOCHS = get_args(_Unit)
_SLASHED = ("%m/%d/%Y", "%d/%m/%Y")
_OFFSET = r"\s*(?:Z|[+-]\d\d:?\d\d|(?<=:\d\d)[+-]\d\d)$"
_NUMBER = r"-?\d+(\.\d+)?"
_CLOCKS = ("", " %H:%M", " %H:%M:%S")
"""The time of day that may follow a date, by its colons."""
_DAY, _SUNDAY = pd.Timedelta(days=1), 6
_REMEDY = "say --time-format and --zone, or time_format and zone in a mapping file"


def bar_starts(
    values: pd.Series,
    mapping: ColumnMapping,
    timeframe: Timeframe,
    opens: SessionOpens | None,
    where: str,
    dates: SessionDates | None = None,
) -> pd.DatetimeIndex:
    """The starts of bars as datetime64[ns, UTC].

    A daily bar starts when the session of its date opens; without ``opens`` (markets that never close) at 00:00 UTC.
    Its date is the one that its time shows in ``mapping.zone`` where that is not UTC, else the one on its own clock:
    midnight with an offset keeps its date. A moment in UTC that is no midnight has no date of its own, so it has that
    of the session it belongs to, by ``dates``; without ``dates`` its date in UTC.

    A weekly or monthly bar starts with the first session of the week or month of its date. With ``stamp: close`` that
    is the first date after the bar, or the last one in it. A week dated on a Sunday, which may begin or end it, is
    refused where the mapping does not say ``stamp``.

    Raises:
        DataError: when a value is no time, has two readings, or does not exist in its zone; naming the row (from 1).
    """
    if len(values) == 0:
        return pd.DatetimeIndex([], dtype="datetime64[ns, UTC]")
    local = _parsed(values, mapping, where)
    if timeframe.of_sessions:
        days = _dates(values, local, mapping, dates)
        if timeframe is not Timeframe.D1:
            days = _inside_period(days, timeframe, mapping, opens, where)
        return session_starts(days, opens)
    shift = pd.Timedelta(seconds=timeframe.seconds if mapping.stamp == "close" else 0)
    return local.tz_convert("UTC") - shift


def session_starts(dates: pd.DatetimeIndex, opens: SessionOpens | None) -> pd.DatetimeIndex:
    """When the sessions of naive dates open, as datetime64[ns, UTC]."""
    starts = dates.tz_localize("UTC") if opens is None else opens(dates)
    return pd.DatetimeIndex(starts).as_unit("ns")


def _inside_period(
    days: pd.DatetimeIndex, timeframe: Timeframe, mapping: ColumnMapping, opens: SessionOpens | None, where: str
) -> pd.DatetimeIndex:
    """A date in the week or month that each row is about; without ``opens`` the first date of it.

    Raises:
        DataError: for weeks that are dated on Sundays, where nothing says whether these begin or end them.
    """
    if mapping.stamp == "close":
        days = days - _DAY
    elif timeframe is Timeframe.W1 and (sundays := np.flatnonzero(days.day_of_week == _SUNDAY)).size:
        sunday = days[sundays[:1]]
        if opens is None or opens(sunday)[0] != opens(sunday + _DAY)[0]:  # else the market's weeks begin on Sunday
            if "stamp" not in mapping.model_fields_set:
                told = f"row {sundays[0] + 1}: {sunday[0]:%Y-%m-%d} is a Sunday, which may begin or end a week"
                raise DataError(told, where=where, remedy="say stamp: start or stamp: close in a mapping file")
            days = days.where(days.day_of_week != _SUNDAY, days + _DAY)
    if opens is not None:
        return days
    return days.to_period("W-SUN" if timeframe is Timeframe.W1 else "M").start_time.as_unit("ns")


def localized(naive: pd.DatetimeIndex, zone: str, where: str) -> pd.DatetimeIndex:
    """Wall-clock times of a zone as moments.

    The hour that occurs twice in autumn is resolved by the order of the rows.

    Raises:
        DataError: for a time that did not exist, or a doubled hour whose two passes the rows do not distinguish.
    """
    try:
        return naive.tz_localize(zone, ambiguous="infer").as_unit("ns")
    except ValueError as error:
        raise DataError(f"not a time of {zone}: {error}", where=where, remedy="export the times in UTC") from error


def _dates(
    values: pd.Series, moments: pd.DatetimeIndex, mapping: ColumnMapping, dates: SessionDates | None
) -> pd.DatetimeIndex:
    """The naive date of each row; see :func:`bar_starts`."""
    if mapping.zone != "UTC":
        return moments.tz_convert(mapping.zone).tz_localize(None).normalize()
    shown = _own_clock(values, moments, mapping.time_format)
    universal = moments.tz_convert("UTC").tz_localize(None)
    if shown is None or dates is None:
        return (universal if shown is None else shown).normalize()
    is_moment = (shown == universal) & (shown != shown.normalize())
    found = np.where(is_moment, dates(moments.asi8), shown.to_numpy().astype("datetime64[D]"))
    return pd.DatetimeIndex(found.astype("datetime64[ns]"))


def _own_clock(values: pd.Series, moments: pd.DatetimeIndex, time_format: str | None) -> pd.DatetimeIndex | None:
    """The times as they are written, without their offsets; None where they carry none."""
    universal = moments.tz_convert("UTC").tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        own = pd.DatetimeIndex(values)
        return None if own.tz is None else own.tz_localize(None).as_unit("ns")
    if pd.api.types.is_numeric_dtype(values.dtype):
        return universal
    texts = values.astype("str").str.strip()
    if time_format in _EPOCHS or (time_format is None and texts.str.fullmatch(_NUMBER).all()):
        return universal
    if time_format is not None and not time_format.endswith("%z"):
        return universal if "%z" in time_format else None
    if not texts.str.contains(_OFFSET, regex=True).all():
        return None
    plain = texts.str.replace(_OFFSET, "", regex=True)
    pattern = "ISO8601" if time_format is None else time_format.removesuffix("%z").rstrip()
    return pd.DatetimeIndex(pd.to_datetime(plain.tolist(), format=pattern)).as_unit("ns")


def _parsed(values: pd.Series, mapping: ColumnMapping, where: str) -> pd.DatetimeIndex:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        if mapping.time_format is not None:
            what = f"the file holds times, and no text or number that could be read as {mapping.time_format}"
            raise DataError(what, where=where, remedy="leave time_format out")
        stamps = pd.DatetimeIndex(values)
    elif pd.api.types.is_numeric_dtype(values.dtype):
        stamps = _numbers(values, mapping.time_format, where)
    else:
        stamps = _texts(values.astype("str").str.strip(), mapping.time_format, where)
    _refuse_gaps(stamps, values, where)
    try:
        stamps = stamps.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime as error:
        raise DataError(
            "not a time of this age: a day before 1678 or after 2261, or a number in another unit",
            where=where,
            remedy=_REMEDY,
        ) from error
    return stamps if stamps.tz is not None else localized(stamps, mapping.zone, where)


def _texts(values: pd.Series, time_format: str | None, where: str) -> pd.DatetimeIndex:
    if time_format in _EPOCHS or (time_format is None and values.str.fullmatch(_NUMBER).all()):
        return _numbers(pd.to_numeric(values, errors="coerce"), time_format, where)
    if time_format is not None:
        return _strptime(values, time_format)
    if values.str.contains("/", regex=False).any():
        return _slashed(values, where)
    if values.str.match(r"\d{1,2}\.\d{1,2}\.\d{4}").all():
        return _strptime(values, "%d.%m.%Y" + _CLOCKS[min(values.iloc[0].count(":"), 2)])
    zoned = values.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True)
    if zoned.any() and not zoned.all():
        row = int(np.flatnonzero(~zoned)[0])
        raise DataError(
            f"row {row + 1}: {shown(values.iloc[row])} has no zone, others have", where=where, remedy=_REMEDY
        )
    return pd.DatetimeIndex(pd.to_datetime(values.to_numpy(), format="ISO8601", errors="coerce", utc=bool(zoned.any())))


def _strptime(values: pd.Series, pattern: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(values.to_numpy(), format=pattern, errors="coerce", utc="%z" in pattern))


def _slashed(values: pd.Series, where: str) -> pd.DatetimeIndex:
    """American or European dates; a table that reads as both is refused, never guessed."""
    clock = _CLOCKS[min(values.iloc[0].count(":"), 2)]
    readings = [_strptime(values, day + clock) for day in _SLASHED]
    possible = [reading for reading in readings if not reading.hasnans]
    if len(possible) > 1 and not possible[0].equals(possible[1]):
        raise DataError(f"{shown(values.iloc[0])} may be month/day or day/month", where=where, remedy=_REMEDY)
    return possible[0] if possible else readings[0]


def _numbers(values: pd.Series, unit: str | None, where: str) -> pd.DatetimeIndex:
    finite = values.to_numpy(dtype=np.float64)
    size = float(np.nanmax(np.abs(finite))) if np.isfinite(finite).any() else 0.0
    if unit is None and 19_000_101 <= size <= 21_001_231:
        return _strptime(values.astype("Int64").astype("str"), "%Y%m%d")
    if unit is None:
        unit = next((name for name, top in zip(_EPOCHS, (1e11, 1e14, 1e17, 1e20), strict=True) if size < top), "ns")
    if unit not in _EPOCHS or size < 1e8:
        raise DataError(f"{size:g} is no time", where=where, remedy=_REMEDY)
    return pd.DatetimeIndex(pd.to_datetime(values, unit=cast(_Unit, unit), errors="coerce", utc=True))


def _refuse_gaps(stamps: pd.DatetimeIndex, values: pd.Series, where: str) -> None:
    missing = np.flatnonzero(stamps.isna())
    if len(missing):
        raise DataError(
            f"row {missing[0] + 1}: {shown(values.iloc[missing[0]])} is no time ({len(missing)} such rows)",
            where=where,
            remedy=_REMEDY,
        )
