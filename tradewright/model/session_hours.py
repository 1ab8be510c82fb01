"""The hours of an instrument's own sessions, as indicators ask for them: the session of a bar, and how far into it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tradewright.model.bars import Times
from tradewright.model.errors import DataError

OUTSIDE = np.iinfo(np.int64).min
"""The day of a bar that starts outside of a session."""

OWN = "_session"
"""How the names of indicators end that begin anew with each session of their instrument: ``vwap_session``."""


class SessionHours:
    """The sessions of one instrument's bars; two are equal where their names are.

    Args:
        name: of the calendar with its corrections, and whether bars are of whole sessions.
        days: from starts of bars (nanoseconds UTC) to the dates of their sessions in days since 1970, ``OUTSIDE`` for a
            bar that starts outside of all. It never falls where time rises.
        seconds: from starts of bars to the seconds since their session opened; not below 0 inside of one.
    """

    def __init__(self, name: str, days: Callable[[Times], Times], seconds: Callable[[Times], Times]) -> None:
        self.name, self.days, self.seconds = name, days, seconds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionHours) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


_DAY = 86_400 * 10**9

UTC_HOURS = SessionHours("UTC days", lambda ts: ts // _DAY, lambda ts: ts % _DAY // 10**9)
"""The days in UTC, for made-up bars and markets round the clock."""


def is_of_own_session(indicator: str) -> bool:
    """Whether an indicator, by its name, follows the sessions of its instrument."""
    return indicator.lower().endswith(OWN)


def missing_hours(label: str) -> DataError:
    """The refusal of a feature whose instrument's sessions are not known: no other hours stand in for them."""
    return DataError(
        f"the sessions of the instrument of {label} were not given",
        where="session hours",
        remedy="give the hours of its calendar, or name other ones: vwap_rth, vwap_utc",
    )
