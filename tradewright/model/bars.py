"""Bars: timeframes, kinds, price views, and the columns of the table."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # a second of import and 80 MB that kernels do without
    import pandas as pd

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

OHLCV = ("open", "high", "low", "close", "volume")


class Timeframe(StrEnum):
    """The allowed bar lengths (R-CFG-14), the shortest first."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"
    MO1 = "1mo"

    @property
    def seconds(self) -> int:
        """The length of a bar in seconds; of a day, a week or the longest month by the calendar on the wall."""
        return _SECONDS[self.value]

    @property
    def of_sessions(self) -> bool:
        """Whether a bar holds whole sessions (days, weeks, months), so that its place is a date and no time of day."""
        return self.seconds >= _DAY

    def makes(self, longer: Timeframe) -> bool:
        """Whether bars of this length add up to bars of another; weeks make no months."""
        divides = longer.of_sessions or longer.seconds % self.seconds == 0
        return self.seconds < longer.seconds and self.seconds <= _DAY and divides


_DAY = 86_400
_SECONDS = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "4h": 14_400,
    "1d": _DAY,
    "1w": 7 * _DAY,
    "1mo": 31 * _DAY,
}


class BarKind(StrEnum):
    """The price that a bar summarises."""

    TRADE = "trade"
    QUOTE = "quote"


class PriceView(StrEnum):
    """The adjustment of stored raw prices when they are read (D9)."""

    RAW = "raw"
    SPLIT_ADJUSTED = "split_adjusted"
    TOTAL_RETURN = "total_return"


class Bars(NamedTuple):
    """Bars as plain arrays, the form that kernels take.

    Shapes: all 1-d and equally long, ascending in ``ts``. Units: ``ts`` is the bar's start in nanoseconds since
    1970-01-01 UTC (int64); prices in the quote currency, volume in units (float64). ``spread`` is the mean relative
    spread in basis points; all NaN where unknown.
    """

    ts: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    spread: Floats

    @classmethod
    def none(cls) -> Bars:
        """No bars."""
        return cls(np.empty(0, np.int64), *(np.empty(0) for _ in cls._fields[1:]))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Bars:
        """From a bars table: a column ``ts`` (UTC) and float64 columns; ``spread`` is optional."""
        ts = frame["ts"].astype("datetime64[ns, UTC]").astype(np.int64).to_numpy()
        opens, highs, lows, closes, volumes = (
            np.ascontiguousarray(frame[name].to_numpy(dtype=np.float64)) for name in OHLCV
        )
        spread = frame["spread"].to_numpy(dtype=np.float64) if "spread" in frame else np.full(len(ts), np.nan)
        return cls(np.ascontiguousarray(ts), opens, highs, lows, closes, volumes, np.ascontiguousarray(spread))

    def head(self, count: int) -> Bars:
        """The first ``count`` bars: those known at the close of bar ``count - 1``."""
        return Bars(
            self.ts[:count],
            self.open[:count],
            self.high[:count],
            self.low[:count],
            self.close[:count],
            self.volume[:count],
            self.spread[:count],
        )
