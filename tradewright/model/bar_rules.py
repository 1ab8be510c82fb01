"""The contract of a bars table: one fast pass that decides, and an explanation that names rows and values.

Volume and spread may be unknown (NaN): bars of quotes and midpoints have no volume, and 0 would say that nothing was
traded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import OHLCV, Bars, Timeframe
from tradewright.model.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Mask = npt.NDArray[np.bool_]

_NAMED_ROWS = 5
_HALF_HOUR = 1800
NOISE_TICKS, NOISE_SHARE = 0.1, 1e-4
"""What is told from a real difference of two prices: a tenth of a tick, and a basis point of the price."""


Rows = Mask | npt.NDArray[np.int64] | slice


class Violation(NamedTuple):
    """One broken rule: how many rows break it, and the first few of them (0-based positions) with their values."""

    rule: str
    column: str
    total: int
    rows: tuple[int, ...]
    values: tuple[str, ...]


def intact(bars: Bars, timeframe: Timeframe, *, negative_prices: bool = False) -> bool:
    """Whether every rule holds; a NaN price fails its comparison and needs no test of its own. No rows are intact."""
    low_bound = -np.inf if negative_prices else 0.0
    ordered = (bars.low <= np.minimum(bars.open, bars.close)) & (bars.high >= np.maximum(bars.open, bars.close))
    finite = (bars.low > low_bound) & (bars.high < np.inf) & ~((bars.volume < 0) | (bars.volume == np.inf))
    return bool(
        np.all(bars.ts[1:] > bars.ts[:-1])
        and not np.any(bars.ts % grid_nanoseconds(timeframe))
        and np.all(ordered & finite)
        and not np.any(np.isinf(bars.spread))
    )


def violations(bars: Bars, timeframe: Timeframe, *, negative_prices: bool = False) -> list[Violation]:
    """Every broken rule with its rows; empty when :func:`intact` says yes, and never empty when it says no."""
    found = []
    for rule, column, mask in _broken(bars, timeframe, negative_prices):
        rows = np.flatnonzero(mask)
        if len(rows):
            named = tuple(int(row) for row in rows[:_NAMED_ROWS])
            found.append(Violation(rule, column, len(rows), named, tuple(_value(bars, column, row) for row in named)))
    return found


def bad_rows(bars: Bars, timeframe: Timeframe, *, negative_prices: bool = False) -> Mask:
    """The rows that break any rule; what is left without them is intact."""
    bad = np.zeros(len(bars.ts), dtype=np.bool_)
    for _rule, _column, mask in _broken(bars, timeframe, negative_prices):
        bad |= mask
    return bad


def bad_values(bars: Bars, timeframe: Timeframe, *, negative_prices: bool = False) -> Mask:
    """The rows with a broken value, whatever their time."""
    bad = np.zeros(len(bars.ts), dtype=np.bool_)
    for _rule, column, mask in _broken(bars, timeframe, negative_prices):
        if column != "ts":
            bad |= mask
    return bad


def without_noise(bars: Bars, tick: float) -> Bars:
    """Bars whose high and low reach open and close where rounding alone kept them from it.

    Noise is less than a tenth of a tick and less than a basis point of the price: no market shows such a difference.
    Every other row stays as it is, bit by bit.

    Args:
        tick: the instrument's smallest price step; with 0 nothing is noise.
    """
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    bound = np.minimum(tick * NOISE_TICKS, np.abs(bars.close) * NOISE_SHARE)
    with np.errstate(invalid="ignore"):  # infinite prices, which the rules refuse
        short = (bars.high < top) & (top - bars.high < bound)
        deep = (bars.low > bottom) & (bars.low - bottom < bound)
    return bars._replace(high=np.where(short, top, bars.high), low=np.where(deep, bottom, bars.low))


def bars_of(frame: pd.DataFrame, where: str = "") -> Bars:
    """A bars table as arrays.

    Raises:
        DataError: for a missing column, a column that is not numeric, or time stamps without a zone.
    """
    import pandas as pd

    missing = [name for name in ("ts", *OHLCV) if name not in frame]
    if missing:
        raise DataError(
            f"missing column {', '.join(missing)}; it has {', '.join(map(str, frame.columns)) or 'none'}",
            where=where,
            remedy="a bars table has ts, open, high, low, close, volume and, where known, spread",
        )
    if not isinstance(frame["ts"].dtype, pd.DatetimeTZDtype):
        raise DataError(f"ts is {frame['ts'].dtype}, without a zone", where=where, remedy="give times in UTC")
    for name in (*OHLCV, "spread"):
        if name in frame and not pd.api.types.is_numeric_dtype(frame[name]):
            raise DataError(f"column {name} is {frame[name].dtype}, not a number", where=where)
    return Bars.from_frame(frame)


def frame_of(bars: Bars) -> pd.DataFrame:
    """Bars as a table with ``ts`` as datetime64[ns, UTC]: the inverse of :func:`bars_of`."""
    import pandas as pd

    ts = pd.DatetimeIndex(bars.ts.view("datetime64[ns]")).tz_localize("UTC")
    return pd.DataFrame({"ts": ts, **dict(zip(Bars._fields[1:], bars[1:], strict=True))})


def select(bars: Bars, rows: Rows) -> Bars:
    """Some of the bars, by mask, positions or slice."""
    return Bars(
        bars.ts[rows],
        bars.open[rows],
        bars.high[rows],
        bars.low[rows],
        bars.close[rows],
        bars.volume[rows],
        bars.spread[rows],
    )


def grid_nanoseconds(timeframe: Timeframe) -> int:
    """Nanoseconds that a bar's start is a multiple of: sessions open at half hours, so longer bars may too."""
    seconds = 1 if timeframe.of_sessions else min(timeframe.seconds, _HALF_HOUR)
    return seconds * 1_000_000_000


def _broken(bars: Bars, timeframe: Timeframe, negative_prices: bool) -> Iterator[tuple[str, str, Mask]]:
    before = np.maximum.accumulate(bars.ts)[:-1]
    yield "a time stamp occurs once", "ts", np.concatenate(([False], bars.ts[1:] == before))[: len(bars.ts)]
    yield "each row is later than the one before", "ts", np.concatenate(([False], bars.ts[1:] < before))[: len(bars.ts)]
    yield f"a bar starts on the grid of {timeframe}", "ts", bars.ts % grid_nanoseconds(timeframe) != 0
    for name in OHLCV[:4]:
        yield "a value is a finite number", name, ~np.isfinite(getattr(bars, name))
    yield "a volume is finite or unknown", "volume", np.isinf(bars.volume)
    if not negative_prices:
        for name in OHLCV[:4]:
            yield "a price is positive", name, getattr(bars, name) <= 0
    yield "the high is not below the low", "high", bars.high < bars.low
    yield "the high is not below open and close", "high", bars.high < np.maximum(bars.open, bars.close)
    yield "the low is not above open and close", "low", bars.low > np.minimum(bars.open, bars.close)
    yield "a volume is not negative", "volume", bars.volume < 0
    yield "a spread is finite or unknown", "spread", np.isinf(bars.spread)


def _value(bars: Bars, column: str, row: int) -> str:
    if column == "ts":
        import pandas as pd

        return pd.Timestamp(int(bars.ts[row]), tz="UTC").isoformat()
    return repr(float(getattr(bars, column)[row]))
