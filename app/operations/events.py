"""The declared event windows, with the state of each now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.event_calendar import EventWindow

State = Literal["open", "to come", "ended"]


@dataclass(frozen=True)
class DeclaredWindow:
    """One window; ``about`` is an instrument, a currency, or every instrument."""

    state: State
    start: datetime
    end: datetime
    about: str
    reason: str


@dataclass(frozen=True)
class DeclaredEvents:
    """The windows by their start, and until when they are all; ``remark`` says so in words."""

    at: datetime
    complete_until: datetime | None
    windows: tuple[DeclaredWindow, ...]
    remark: str


def declared_events(settings: Settings, instrument: str = "", *, every: bool = False) -> DeclaredEvents:
    """The event calendar of ``conf/events``.

    Args:
        instrument: only the windows about it; empty for all.
        every: those that have ended too.

    Raises:
        ConfigError: for an instrument that is not defined.
    """
    calendar = settings.events
    with Container(settings) as house:
        now = house.clock.now()
        about = calendar.of(house.instrument(instrument)) if instrument else calendar.windows
    rows = sorted((row for row in about if every or now < row.end), key=lambda row: row.start)
    windows = tuple(DeclaredWindow(_state(row, now), row.start, row.end, _about(row), row.reason) for row in rows)
    return DeclaredEvents(now, calendar.complete_until, windows, _remark(calendar.complete_until, now))


def _state(window: EventWindow, now: datetime) -> State:
    if now >= window.end:
        return "ended"
    return "open" if now >= window.start else "to come"


def _about(window: EventWindow) -> str:
    if window.every_instrument:
        return "every instrument"
    return window.instrument or f"all in {window.currency}"


def _remark(until: datetime | None, now: datetime) -> str:
    if until is None:
        return "declared complete for all time (events.complete_until is null)"
    told = f"complete until {until:%Y-%m-%d %H:%M} UTC"
    return told if now < until else f"{told}: since then entries are rejected (EVENT_BLACKOUT_UNKNOWN), exits pass"
