"""Bad prints: single prices of a bar that no neighbour came near, judged by the movement around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bar_rules import Mask
from tradewright.model.bars import Bars, Floats
from tradewright.quality.counted import EXAMPLES, stamp_text
from tradewright.quality.report import Code, Finding, Severity, places_of
from tradewright.quality.thresholds import SHIPPED, PrintRules

Rows = npt.NDArray[np.intp]
NEWEST_CLOSES = 4.0
"""How many times farther the close of the newest bar has to lie: no bar after it tells a fall from a bad print."""


class _Place(NamedTuple):
    """One bad price: how far beyond its neighbours (a log return), its column and its row."""

    beyond: float
    name: str
    row: int


class _Neighbours(NamedTuple):
    """The range of the bars before and after some rows, as logarithms; NaN where one of them is not there."""

    lowest: Floats
    highest: Floats


def bad_print_finding(
    bars: Bars, rules: PrintRules = SHIPPED.bad_print, confirmed: Sequence[Mask] = ()
) -> list[Finding]:
    """Opens, highs, lows and closes far beyond what the bars on both sides and the rest of the bar reached.

    A price is bad when it lies beyond the ranges of both neighbours and the bar's own other prices, by more than
    ``least_print`` and by more than its number of ranges times the median true range of the bars around: in histories
    from 1998 to 2021 of two vendors the highs, lows and opens that a second source refutes are 5 to 500 away, those
    that it confirms 4 at the most (the crash of 6 May 2010: 3.6), and a close that all venues confirm is never 2 away.
    Where a bar opens at the close before, as in a series that is made of trades without a pause, the close is compared
    with the bar after that. The newest bar, on which orders are decided, has one neighbour: its close has to be
    ``NEWEST_CLOSES`` times as many ranges away, and the bar after it may take the finding back. The first bar is not
    judged, nor are prices at or below zero, nor fewer than three bars.

    Args:
        confirmed: bars that a second source has as well, which are not bad.
    """
    if len(bars.ts) < 3 or np.any(bars.low <= 0):
        return []
    rows = _candidates(bars, rules.least_print)
    for each in confirmed:
        rows = rows[~each[rows]]
    places = _places(bars, rows, rules) if len(rows) else []
    if not places:
        return []
    bad = np.zeros(len(bars.ts), dtype=np.bool_)
    bad[[place.row for place in places]] = True
    total = int(bad.sum())
    message = f"{total} of {len(bad)} bars ({total / len(bad):.1%}) have a price that no neighbour came near"
    largest = float(np.expm1(places[0].beyond))
    return [
        Finding(
            code=Code.BAD_PRINT,
            severity=Severity.WARN,
            message=message,
            figures={"bars": total, "share": total / len(bad), "largest": largest, **places_of(bars, bad)},
            examples=tuple(_example(bars, place) for place in places[:EXAMPLES]),
        )
    ]


def _candidates(bars: Bars, least: float) -> Rows:
    """The rows that reach beyond the bar before by more than the least on any side: no other one can be bad.

    In most series they are few, so that a million bars cost two comparisons each and few logarithms.
    """
    factor = np.exp(least) * (1 - 1e-12)
    far = (bars.high[1:] > bars.high[:-1] * factor) | (bars.low[1:] * factor < bars.low[:-1])
    return np.flatnonzero(far) + 1


def _places(bars: Bars, rows: Rows, rules: PrintRules) -> list[_Place]:
    """Every bad price among some rows, the farthest first."""
    yardstick, found = _median_range_around(bars, rows, rules.range_window), []
    for name, ranges in _ranges(rules).items():
        beyond = _beyond(name, bars, rows)
        wanted = np.where(rows == len(bars.ts) - 1, ranges * (NEWEST_CLOSES if name == "close" else 1.0), ranges)
        is_bad = (beyond > rules.least_print) & (beyond > wanted * yardstick)  # NaN is not
        found += [_Place(float(beyond[at]), name, int(rows[at])) for at in np.flatnonzero(is_bad)]
    return sorted(found, key=lambda place: -place.beyond)


def _ranges(rules: PrintRules) -> dict[str, float]:
    return {
        "open": rules.ranges_of_open,
        "high": rules.ranges_of_high,
        "low": rules.ranges_of_low,
        "close": rules.ranges_of_close,
    }


def _beyond(name: str, bars: Bars, rows: Rows) -> Floats:
    """How far a price lies beyond its neighbours and the bar's other prices; NaN where a neighbour is missing."""
    near = _neighbours(bars, rows, apart=name == "close")
    price, opened, closed = (np.log(getattr(bars, column)[rows]) for column in (name, "open", "close"))
    others = {"open": (closed,), "close": (opened,)}.get(name, (opened, closed))
    above = price - np.maximum.reduce([near.highest, *others])
    below = np.minimum.reduce([near.lowest, *others]) - price
    chosen = {"high": above, "low": below}
    return np.asarray(chosen.get(name, np.maximum(above, below)))


def _neighbours(bars: Bars, rows: Rows, *, apart: bool) -> _Neighbours:
    """The range of the bars on both sides of rows that have one before them; before the newest bar, of that one.

    Args:
        apart: whether a following bar that opens at the close before is passed over for the one after it.
    """
    last = len(bars.ts) - 1
    after = rows + 1
    if apart:
        after = after + (bars.open[np.minimum(after, last)] == bars.close[rows])
    known, after = (after <= last) | (rows == last), np.where(rows == last, last - 1, np.minimum(after, last))
    lowest = np.log(np.minimum(bars.low[rows - 1], bars.low[after]))
    highest = np.log(np.maximum(bars.high[rows - 1], bars.high[after]))
    return _Neighbours(np.where(known, lowest, np.nan), np.where(known, highest, np.nan))


def _median_range_around(bars: Bars, rows: Rows, window: int) -> Floats:
    """The median true range of up to ``window`` bars on each side of some rows, which are left out themselves.

    The true range of a bar reaches from the lowest to the highest of it and the close before; a difference of logs.
    """
    apart = np.delete(np.arange(-window, window + 1), window)
    around = rows[:, None] + apart[None, :]
    is_there = (around >= 0) & (around < len(bars.ts))
    around = np.clip(around, 0, len(bars.ts) - 1)
    before = bars.close[np.maximum(around - 1, 0)]
    ranges = np.log(np.maximum(bars.high[around], before) / np.minimum(bars.low[around], before))
    return np.asarray(np.nanmedian(np.where(is_there, ranges, np.nan), axis=1))


def _example(bars: Bars, place: _Place) -> str:
    price = getattr(bars, place.name)[place.row]
    return (
        f"{stamp_text(bars.ts[place.row])}: {place.name} {price:g}, {np.expm1(place.beyond):.1%} beyond its neighbours"
    )
