"""Corrections of a market's hours: what ``conf/calendars`` declares about a calendar."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from tradewright.model.base import FrozenModel

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)
MOST_ROWS = 1000
"""Rows of one list; a century of holidays is far below it."""
_TIME = re.compile(r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")
_BREAK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")
_YEARLY = re.compile(r"^\d\d-\d\d$")


def _is_break(text: str) -> str:
    if not _BREAK.match(text):
        raise ValueError("must be two times of day, such as 15:15-15:30")
    start, end = text.split("-")
    if start >= end:
        raise ValueError("must start before it ends; write a break over midnight as two, 23:00-24:00 and 00:00-01:00")
    return text


def _is_date(text: str) -> str:
    """A date as it is written, or a day of every year."""
    try:
        date.fromisoformat(f"2024-{text}" if _YEARLY.match(text) else text)
    except ValueError as error:
        raise ValueError("must be a date such as 2026-06-19, or a day of every year such as 12-25") from error
    return text


def known_zone(name: str) -> str:
    """The name of a zone of the IANA database, or an empty one.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("must be a time zone of the IANA database, such as America/Chicago") from error
    return name


def _is_time(text: str) -> str:
    if not _TIME.match(text):
        raise ValueError("must be a time of day such as 16:00")
    return text


WallTime = Annotated[str, AfterValidator(_is_time)]
"""A time of day on the market's clock, ``HH:MM``; ``24:00`` is the midnight that ends the day."""
Break = Annotated[str, AfterValidator(_is_break)]
OnDate = Annotated[str, AfterValidator(_is_date)]
Dates = Annotated[tuple[OnDate, ...], Field(max_length=MOST_ROWS)]


class HoursRule(FrozenModel):
    """The regular hours of some sessions. Of several rules about a session the later times win, and breaks add up.

    Args:
        since, until: the first and last date that it is about, both included; None for all.
        weekdays: of the session's date; empty for all.
        open, close: wall-clock times; None keeps those of before. An opening not before the close is on the evening
            before. Sessions that close earlier than usual keep their close.
        breaks: when there is no trading.
    """

    since: date | None = None
    until: date | None = None
    weekdays: tuple[Weekday, ...] = ()
    open: WallTime | None = None
    close: WallTime | None = None
    breaks: Annotated[tuple[Break, ...], Field(max_length=MOST_ROWS)] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.since and self.until and self.since > self.until:
            raise ValueError("since must not be after until")
        if not (self.open or self.close or self.breaks):
            raise ValueError("must say open, close or breaks")
        return self


class SpecialTimes(FrozenModel):
    """Dates on which a session closes early, or opens late, at a wall-clock time."""

    at: WallTime
    dates: Annotated[tuple[OnDate, ...], Field(min_length=1, max_length=MOST_ROWS)]


class MarketHours(FrozenModel):
    """How the hours of a market differ from those of a known calendar.

    Args:
        base: the calendar that is corrected; empty for the one of the same name.
        zone: of all times here; empty for the calendar's own.
        days: ``session`` stamps a daily bar with its session's open, ``utc`` with 00:00 UTC; None as the base does.
        hours: regular hours.
        holidays: dates without a session.
        sessions: dates with a session that the base does not have.
        early_closes, late_opens: sessions of other hours. A date without a session is left out.
    """

    base: str = ""
    zone: Annotated[str, AfterValidator(known_zone)] = ""
    days: Literal["session", "utc"] | None = None
    hours: Annotated[tuple[HoursRule, ...], Field(max_length=MOST_ROWS)] = ()
    holidays: Dates = ()
    sessions: Dates = ()
    early_closes: Annotated[tuple[SpecialTimes, ...], Field(max_length=MOST_ROWS)] = ()
    late_opens: Annotated[tuple[SpecialTimes, ...], Field(max_length=MOST_ROWS)] = ()
