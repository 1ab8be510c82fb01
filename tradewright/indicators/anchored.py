"""Indicators that begin anew with each session: anchored VWAP, opening range and pivot points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.indicators.candles import typical_price
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.session_hours import OUTSIDE


def session_vwap(bars: Bars, days: Times) -> Floats:
    """The mean by volume of the typical prices since the newest session began; NaN before the first one.

    A bar that starts outside of the session keeps the value. A bar whose volume or price is NaN gives NaN until the
    next session, since the sum is not known; so does a session without volume so far.

    Args:
        days: a number for the session of each bar, ``OUTSIDE`` without one.
    """
    result = np.empty(len(bars.ts))
    typical = typical_price(bars.high, bars.low, bars.close)
    _vwap_kernel(typical * bars.volume, bars.volume, days, OUTSIDE, result)
    return result


class OpeningRange(NamedTuple):
    """The highest high and the lowest low of the opening of a session, each as long as the bars."""

    high: Floats
    low: Floats


def opening_range(bars: Bars, minutes: float, days: Times, seconds: Times) -> OpeningRange:
    """The range of the bars that start in the first ``minutes`` of the newest session; NaN before the first one.

    While the opening lasts it is the range so far, with the bar itself. After it, also outside of the session, it
    stands until the next one begins. A NaN among those bars gives NaN until then, and so does a session without any.

    Args:
        days: as for :func:`session_vwap`.
        seconds: since the opening of the session of each bar.
    """
    high, low = np.empty(len(bars.ts)), np.empty(len(bars.ts))
    is_opening = seconds < minutes * 60.0
    _opening_kernel(bars.high, bars.low, days, is_opening, OUTSIDE, high, low)
    return OpeningRange(high, low)


class Pivots(NamedTuple):
    """Pivot point, resistances and supports, each as long as the bars."""

    pivot: Floats
    r1: Floats
    s1: Floats
    r2: Floats
    s2: Floats
    r3: Floats
    s3: Floats


def pivot_points(bars: Bars, days: Times) -> Pivots:
    """The classic (floor traders') pivot points, of high, low and close of the session before the newest one.

    They change with the first bar of a session, stand until the next one begins, and are NaN before the second. With
    P = (high + low + close) / 3: R1 = 2 P - low, S1 = 2 P - high, R2 and S2 = P +- (high - low), R3 = high + 2 (P -
    low), S3 = low - 2 (high - P). A NaN among the highs and lows of that session, or as its last close, gives NaN. The
    session before is the newest earlier one that has bars.

    Args:
        days: as for :func:`session_vwap`.
    """
    inside = np.flatnonzero(days != OUTSIDE)
    opening = np.flatnonzero(np.append(True, days[inside][1:] != days[inside][:-1])[: len(inside)])
    high, low, close = (np.full(len(bars.ts), np.nan) for _ in range(3))
    if len(opening) > 1:
        newest = np.searchsorted(inside[opening], np.arange(len(bars.ts)), side="right") - 1
        known = newest > 0
        before = newest[known] - 1
        high[known] = np.maximum.reduceat(bars.high[inside], opening)[before]
        low[known] = np.minimum.reduceat(bars.low[inside], opening)[before]
        close[known] = bars.close[inside][np.append(opening[1:], len(inside)) - 1][before]
    pivot, span = (high + low + close) / 3.0, high - low
    return Pivots(
        pivot=pivot,
        r1=2.0 * pivot - low,
        s1=2.0 * pivot - high,
        r2=pivot + span,
        s2=pivot - span,
        r3=high + 2.0 * (pivot - low),
        s3=low - 2.0 * (high - pivot),
    )


@njit(cache=True, error_model="numpy")
def _vwap_kernel(money: Floats, volume: Floats, days: Times, outside: int, out: Floats) -> None:
    day, paid, traded = outside, 0.0, 0.0
    for i in range(len(money)):
        if days[i] != outside:
            if days[i] != day:
                day, paid, traded = days[i], 0.0, 0.0
            paid += money[i]
            traded += volume[i]
        out[i] = paid / traded if traded > 0.0 else np.nan


@njit(cache=True, error_model="numpy")
def _opening_kernel(
    high: Floats,
    low: Floats,
    days: Times,
    is_opening: npt.NDArray[np.bool_],
    outside: int,
    top: Floats,
    bottom: Floats,
) -> None:
    day, best, least, count = outside, np.nan, np.nan, 0
    for i in range(len(high)):
        if days[i] != outside:
            if days[i] != day:
                day, best, least, count = days[i], np.nan, np.nan, 0
            if is_opening[i]:
                best = high[i] if count == 0 else np.maximum(best, high[i])
                least = low[i] if count == 0 else np.minimum(least, low[i])
                count += 1
        top[i], bottom[i] = best, least
