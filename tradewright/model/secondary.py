"""Secondary series: bars of a longer timeframe or of another instrument, beside those that a strategy decides on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.errors import DataError
from tradewright.model.session_hours import SessionHours

STALE_BARS = 5
"""How many bars of a secondary series may be missing, by its own calendar, before its newest value is used no more."""


class SeriesName(NamedTuple):
    """The bars that a feature reads, as :class:`~tradewright.model.strategy.Feature` names them.

    Args:
        of: the instrument; empty for the one that is decided on.
        timeframe: empty for the one that is decided on.
    """

    of: str
    timeframe: str


@dataclass(frozen=True, eq=False)
class SecondaryBars:
    """One secondary series.

    Args:
        bars: its whole history up to the last decision.
        closes: when each of them ends, ascending, nanoseconds UTC; shape (bars,).
        due: when each bar of a complete history ends by the calendar of its instrument, ascending, nanoseconds UTC.
        hours: the sessions of its instrument; None where no feature asks for them.
    """

    bars: Bars
    closes: Times
    due: Times
    hours: SessionHours | None = None

    def known_at(self, moment: int) -> SecondaryBars:
        """What had ended at a moment, in nanoseconds UTC."""
        count, due = (int(np.searchsorted(ends, moment, side="right")) for ends in (self.closes, self.due))
        return SecondaryBars(select(self.bars, slice(0, count)), self.closes[:count], self.due[:due], self.hours)

    def newest(self, moments: Times) -> npt.NDArray[np.int64]:
        """The index of the newest bar that had ended at each moment; -1 where there is none, or where it is stale.

        It is stale once more than :data:`STALE_BARS` bars have come due after it. While its market is closed nothing
        comes due, so that a value is carried over nights, weekends and holidays.
        """
        found = np.searchsorted(self.closes, moments, side="right") - 1
        if len(self.closes) == 0:
            return found
        since = np.searchsorted(self.due, self.closes, side="right")[np.maximum(found, 0)]
        missing = np.searchsorted(self.due, moments, side="right") - since
        return np.where(missing > STALE_BARS, -1, found)

    @cached_property
    def digest(self) -> str:
        """The hash of everything that changes a value."""
        columns = (np.where(np.isnan(column), np.nan, column + 0.0) for column in self.bars[1:])
        parts = (self.bars.ts, *columns, self.closes, self.due)
        told = b"" if self.hours is None else self.hours.name.encode()
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts) + told).hexdigest()


@dataclass(frozen=True, eq=False)
class SecondarySeries:
    """What a strategy reads beside one instrument's bars, and the moment at which each of these bars is decided on.

    The value of a feature in bar ``i`` is that of the newest bar of its series which has ended when bar ``i`` ends. A
    bar that ends at the same moment counts, an unfinished one never does.

    Args:
        closes: when each of the instrument's own bars ends, ascending, nanoseconds UTC; shape (bars,).
        series: by name.
        hours: the sessions of the instrument itself; None where no feature asks for them.
    """

    closes: Times
    series: Mapping[SeriesName, SecondaryBars]
    hours: SessionHours | None = None

    def head(self, count: int) -> SecondarySeries:
        """What is known when the first ``count`` bars have ended: every series is cut by time."""
        closes = self.closes[:count]
        moment = int(closes[-1]) if len(closes) else np.iinfo(np.int64).min
        return SecondarySeries(closes, {name: each.known_at(moment) for name, each in self.series.items()}, self.hours)

    def part(self, start: int, stop: int) -> SecondarySeries:
        """The same for the bars ``[start, stop)``, with the whole history of every series."""
        head = self.head(stop)
        return SecondarySeries(head.closes[start:], head.series, self.hours)

    def of(self, name: SeriesName, label: str) -> SecondaryBars:
        """One series.

        Args:
            label: of the feature that reads it, for the refusal.

        Raises:
            DataError: it was not read.
        """
        if name not in self.series:
            raise missing_series(label)
        return self.series[name]

    def aligned(self, column: Floats, series: SecondaryBars) -> Floats:
        """A column of a series as one of the instrument's own bars; NaN where no bar is known, or it is stale."""
        places = series.newest(self.closes)
        found = np.full(len(places), np.nan)
        known = places >= 0
        found[known] = column[places[known]]
        return found

    def check(self, bars: int) -> None:
        """Refuse series that do not belong to ``bars`` bars.

        Raises:
            DataError: the moments are of another number of bars.
        """
        if len(self.closes) != bars:
            what = f"the moments of {len(self.closes)} decisions for {bars} bars"
            raise DataError(what, where="secondary series", remedy="make them for these bars")

    @cached_property
    def digest(self) -> str:
        """The hash of everything that changes a value."""
        told = [f"{name.of} {name.timeframe} {each.digest}" for name, each in sorted(self.series.items())]
        told += [] if self.hours is None else [self.hours.name]
        return hashlib.sha256(self.closes.tobytes() + "\0".join(told).encode()).hexdigest()


def missing_series(label: str) -> DataError:
    """The refusal of a feature whose bars were not read."""
    return DataError(
        f"the bars of {label} were not read",
        where="secondary series",
        remedy="a strategy reads the same instruments and timeframes with each of its parameters",
    )
