"""Calendars by name: exchanges from ``exchange_calendars``, the two round-the-clock ones, and corrected ones."""

from __future__ import annotations

import difflib
import functools
import warnings
from collections.abc import Callable
from datetime import time
from typing import Any

import numpy as np
import pandas as pd

from tradewright.calendars.calendar import Calendar
from tradewright.calendars.corrections import corrected
from tradewright.calendars.session_table import session_table
from tradewright.model.bars import Times
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.model.market_hours import MarketHours

FIRST, LAST = pd.Timestamp("1985-01-01"), pd.Timestamp("2045-12-31")
"""The span of every calendar, unless its source covers less. It limits no data: of before nothing is expected."""

_NEW_YORK = "America/New_York"
_DAY = pd.Timedelta(days=1)
_FIVE_PM = pd.Timedelta(hours=17)
_FRIDAY = 4


def calendar_of(instrument: Instrument) -> Calendar:
    """The calendar of an instrument's market, with the corrections that the configuration declares."""
    if instrument.hours is None:
        return calendar(instrument.calendar)
    return calendar(instrument.calendar, instrument.hours)


@functools.cache
def calendar(name: str, hours: MarketHours | None = None) -> Calendar:
    """The calendar ``name``; made once per process (about 0.1 s for an exchange).

    ``24/7`` never closes; its sessions are UTC days. ``24/5`` is foreign exchange: Sunday 17:00 to Friday 17:00 New
    York, each weekday's session ending at 17:00 New York; public holidays are not known to it.

    Args:
        hours: corrections; the calendar that they name as their ``base`` is corrected, else ``name``.

    Raises:
        DataError: for an unknown name, with the nearest ones, and for corrections that contradict each other.
    """
    if hours is not None:
        return Calendar(name, corrected(name, calendar(hours.base or name).table, hours))
    match name:
        case "24/7":
            return _always()
        case "24/5":
            return _weekdays()
        case _:
            return _exchange(name)


def _always() -> Calendar:
    days = pd.date_range(FIRST, LAST, freq="D")
    opens = days.tz_localize("UTC").as_unit("ns").asi8
    closes = opens + _DAY.value
    return _made("24/7", days, opens, closes, utc_days=True, zone="UTC", usual=(pd.Timedelta(0), _DAY))


def _weekdays() -> Calendar:
    every = pd.date_range(FIRST, LAST, freq="D")
    days = every[every.day_of_week <= _FRIDAY]
    opens = (days - _DAY + _FIVE_PM).tz_localize(_NEW_YORK).tz_convert("UTC").as_unit("ns").asi8
    closes = (days + _FIVE_PM).tz_localize(_NEW_YORK).tz_convert("UTC").as_unit("ns").asi8
    return _made("24/5", days, opens, closes, utc_days=False, zone=_NEW_YORK, usual=(_FIVE_PM - _DAY, _FIVE_PM))


def _exchange(name: str) -> Calendar:
    import exchange_calendars  # takes a second, and only exchanges need it

    names = exchange_calendars.get_calendar_names()
    if name not in names:
        near = ", ".join(difflib.get_close_matches(name, names, n=3)) or "XNYS, XLON, 24/7, 24/5"
        raise DataError(f"no calendar {name!r}", remedy=f"nearest: {near}")
    with warnings.catch_warnings():
        # exchange_calendars 4.13 uses accessors that pandas 3.1 deprecates for pandas 4; they give what they gave.
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        source = _bounded(exchange_calendars.get_calendar, name)
        schedule, zone = source.schedule, str(source.tz)
        usual = (
            _usual(source.open_times[-1][1], source.open_offset),
            _usual(source.close_times[-1][1], source.close_offset),
        )
    opens, closes = (_nanoseconds(schedule[column]) for column in ("open", "close"))
    breaks = schedule.dropna(subset=["break_start"])
    cuts = np.column_stack([_nanoseconds(breaks["break_start"]), _nanoseconds(breaks["break_end"])])
    return _made(name, schedule.index, opens, closes, cuts, utc_days=False, zone=zone, usual=usual)


def _usual(clock: time, days: int) -> pd.Timedelta:
    """A wall-clock time of the library, counted from the midnight that begins the session's date."""
    return pd.Timedelta(days=days, hours=clock.hour, minutes=clock.minute)


def _bounded(get: Callable[..., Any], name: str) -> Any:
    """The whole span, or as much of it as the source knows (some exchanges publish a few years)."""
    try:
        return get(name, start=FIRST, end=LAST)
    except ValueError:
        usual = get(name)
        first, last = usual.bound_min(), usual.bound_max()
    return get(name, start=FIRST if first is None else max(FIRST, first), end=LAST if last is None else min(LAST, last))


def _made(
    name: str,
    days: pd.DatetimeIndex,
    opens: Times,
    closes: Times,
    cuts: Times | None = None,
    *,
    utc_days: bool,
    zone: str,
    usual: tuple[pd.Timedelta, pd.Timedelta],
) -> Calendar:
    table = session_table(
        days.to_numpy().astype("datetime64[D]"),
        opens,
        closes,
        np.empty((0, 2), dtype=np.int64) if cuts is None else cuts,
        utc_days=utc_days,
        zone=zone,
        nominal_open=usual[0],
        nominal_close=usual[1],
    )
    return Calendar(name, table)


def _nanoseconds(column: pd.Series) -> Times:
    return pd.DatetimeIndex(column).as_unit("ns").asi8
