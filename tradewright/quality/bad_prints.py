"""Bad prints: single prices of a bar that no neighbour came near, judged by the movement around them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.model.bars import Bars, Floats
from tradewright.quality.report import Code, Finding, Severity, places_of

LEAST = 0.05
"""A print beyond its neighbours by less than this (a natural logarithm, about 5 %) is never called bad."""
AROUND = 10
"""Bars on each side whose median true range is the yardstick."""
LONELY = {"open": 5.0, "high": 5.0, "low": 5.0, "close": 3.0}
"""How many yardsticks beyond its neighbours a price is bad.

In histories from 1998 to 2021 of two vendors the highs, lows and opens that a second source refutes are 5 to 500 away,
those that it confirms 4 at the most (the crash of 6 May 2010: 3.6). A close that all venues confirm is never 2 away."""
EXAMPLES = 5


Rows = npt.NDArray[np.intp]


class _Neighbours(NamedTuple):
    """The range of the bars before and after each bar, as logarithms; NaN where one of them is not there."""

    lowest: Floats
    highest: Floats


def bad_print_finding(bars: Bars) -> list[Finding]:
    """Opens, highs, lows and closes far beyond what the bars on both sides and the rest of the bar reached.

    A price is bad when it lies beyond the ranges of both neighbours and the bar's own other prices, by more than
    ``LEAST`` and by more than ``LONELY`` times the median true range of the bars around. Where a bar opens at the close
    before, as in a series that is made of trades without a pause, the close is compared with the bar after that. The
    first and the last bar have one neighbour and are not judged, nor are prices at or below zero, nor fewer than three
    bars.
    """
    if len(bars.ts) < 3 or np.any(bars.low <= 0):
        return []
    logs = {name: np.log(getattr(bars, name)) for name in LONELY}
    true_range, bad = _true_range(logs), {}
    beyond = {name: _beyond(name, logs) for name in LONELY}
    for name, far in beyond.items():
        lonely = far > LEAST  # NaN is not
        lonely[lonely] = far[lonely] > LONELY[name] * _median_around(true_range, np.flatnonzero(lonely))
        bad[name] = lonely
    rows = np.logical_or.reduce(list(bad.values()))
    total = int(rows.sum())
    if total == 0:
        return []
    places = sorted(
        ((float(beyond[name][row]), name, int(row)) for name in LONELY for row in np.flatnonzero(bad[name])),
        key=lambda place: -place[0],
    )
    message = f"{total} of {len(rows)} bars ({total / len(rows):.1%}) have a price that no neighbour came near"
    return [
        Finding(
            code=Code.BAD_PRINT,
            severity=Severity.WARN,
            message=message,
            figures={
                "bars": total,
                "share": total / len(rows),
                "largest": float(np.expm1(places[0][0])),
                **places_of(bars, rows),
            },
            examples=tuple(_example(bars, *place) for place in places[:EXAMPLES]),
        )
    ]


def _beyond(name: str, logs: dict[str, Floats]) -> Floats:
    """How far a price lies beyond its neighbours and the bar's other prices; NaN where a neighbour is missing."""
    near = _neighbours(logs, apart=name == "close")
    price, opened, closed = logs[name], logs["open"], logs["close"]
    others = {"open": (closed,), "close": (opened,)}.get(name, (opened, closed))
    above = price - np.maximum.reduce([near.highest, *others])
    below = np.minimum.reduce([near.lowest, *others]) - price
    chosen = {"high": above, "low": below}
    return np.asarray(chosen.get(name, np.maximum(above, below)))


def _neighbours(logs: dict[str, Floats], *, apart: bool) -> _Neighbours:
    """The range of the bars on both sides.

    Args:
        apart: whether a following bar that opens at the close before is passed over for the one after it.
    """
    count = len(logs["close"])
    after = np.arange(1, count + 1)
    if apart:
        joined = np.append(logs["open"][1:] == logs["close"][:-1], False)
        after = after + joined
    known = after < count
    after = np.minimum(after, count - 1)
    low, high = logs["low"], logs["high"]
    before_low, before_high = np.append(np.nan, low[:-1]), np.append(np.nan, high[:-1])
    lowest = np.where(known, np.minimum(before_low, low[after]), np.nan)
    return _Neighbours(lowest, np.where(known, np.maximum(before_high, high[after]), np.nan))


def _true_range(logs: dict[str, Floats]) -> Floats:
    """From the lowest to the highest of a bar and the close before it, as a difference of logarithms."""
    before = np.append(logs["close"][:1], logs["close"][:-1])
    return np.maximum(logs["high"], before) - np.minimum(logs["low"], before)


def _median_around(values: Floats, rows: Rows) -> Floats:
    """The median of up to ``AROUND`` values on each side of some rows, which are left out themselves."""
    padded = np.concatenate([np.full(AROUND, np.nan), values, np.full(AROUND, np.nan)])
    apart = np.delete(np.arange(2 * AROUND + 1), AROUND)
    return np.asarray(np.nanmedian(padded[rows[:, None] + apart[None, :]], axis=1)) if len(rows) else np.empty(0)


def _example(bars: Bars, beyond: float, name: str, row: int) -> str:
    stamp = pd.Timestamp(int(bars.ts[row]), tz="UTC").isoformat()
    return f"{stamp}: {name} {getattr(bars, name)[row]:g}, {np.expm1(beyond):.1%} beyond its neighbours"
