"""The event calendar: windows around earnings, macro releases and other events in which nothing is entered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from tradewright.model.base import FrozenModel, Instant, Name
from tradewright.model.currency import base_currency
from tradewright.model.instrument import Instrument
from tradewright.model.market_hours import known_zone

MOST_WINDOWS = 10_000
LONGEST_REASON = 200
_NEEDS_ZONE = "a time needs a zone: an offset (Z, -05:00) at its end, or the window's zone for both times"


def _placed(value: datetime, info: ValidationInfo) -> datetime:
    """A time with an offset, or one on the wall clock of the window's zone, in UTC.

    A time that the clock skips or shows twice on that day is refused, unless it has an offset.
    """
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    zone = info.data.get("zone", "")
    if not zone:
        raise ValueError(_NEEDS_ZONE)
    earlier, later = (value.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    if earlier == later:
        return earlier
    skipped = earlier.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != value
    happens = "does not exist" if skipped else "is shown twice"
    raise ValueError(f"{happens} on the clock of {zone} that day: write the time with its offset, such as -05:00")


_Moment = Annotated[datetime, AfterValidator(_placed)]


class Blackout(NamedTuple):
    """Whether an event window is open at one moment; None for "not known". ``reason`` tells why, in either case."""

    active: bool | None
    reason: str = ""


class EventWindow(FrozenModel):
    """A span in which nothing is entered: from ``start`` (included) to ``end`` (excluded). Exits go on.

    It is about exactly one of: an ``instrument``, all instruments that are in a ``currency`` (that quote it, or whose
    base it is: USD stops EURUSD, USDJPY and AAPL), or every instrument.

    Args:
        zone: of times that are written without an offset, such as the wall clock of an exchange: America/New_York.
        reason: what happens, told by the decision: earnings, FOMC.
    """

    zone: Annotated[str, AfterValidator(known_zone)] = ""
    start: _Moment
    end: _Moment
    instrument: Name | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3,5}$")
    every_instrument: bool = False
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)

    @model_validator(mode="after")
    def _is_about_one_thing(self) -> Self:
        said = (self.instrument is not None, self.currency is not None, self.every_instrument)
        if sum(said) != 1:
            raise ValueError("must name one of instrument, currency, or every_instrument: true")
        return self

    def concerns(self, instrument: Instrument) -> bool:
        """Whether the window is about an instrument."""
        currencies = (instrument.currency, base_currency(instrument))
        by_currency = self.currency is not None and self.currency in currencies
        return self.every_instrument or by_currency or instrument.symbol == self.instrument


class EventCalendar(FrozenModel):
    """Every declared window, and until when the list is complete.

    Args:
        complete_until: from this moment on, what is not listed is not known, and entries are refused; None where the
            windows are the whole list for all time, as without any.
    """

    windows: Annotated[tuple[EventWindow, ...], Field(max_length=MOST_WINDOWS)]
    complete_until: Instant | None = None

    def of(self, instrument: Instrument) -> tuple[EventWindow, ...]:
        """The windows about an instrument, by their start."""
        return tuple(sorted((row for row in self.windows if row.concerns(instrument)), key=lambda row: row.start))

    def blackout(self, instrument: Instrument, now: datetime) -> Blackout:
        """Whether an event window of an instrument is open at ``now``.

        An open window counts whenever the list ends. Without one, it is not known from ``complete_until`` on.
        """
        if reasons := [row.reason for row in self.of(instrument) if row.start <= now < row.end]:
            return Blackout(True, ", ".join(dict.fromkeys(reasons)))
        if self.complete_until is not None and now >= self.complete_until:
            return Blackout(None, f"the event calendar is complete until {_told(self.complete_until)} only")
        return Blackout(False)


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
