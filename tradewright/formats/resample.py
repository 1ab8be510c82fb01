"""Longer bars from shorter ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from tradewright.model.bar_rules import Mask, bars_of, frame_of, select
from tradewright.model.bars import Bars, Floats, Timeframe, Times
from tradewright.model.errors import DataError


class Sessions(NamedTuple):
    """Sessions in order: when each opens and closes, nanoseconds since 1970 UTC (int64, equally long)."""

    opens: Times
    closes: Times


def resample(
    frame: pd.DataFrame,
    source: Timeframe,
    target: Timeframe,
    sessions: Sessions | None = None,
    starts: Times | None = None,
) -> pd.DataFrame:
    """Bars of ``target`` length from bars of ``source`` length.

    Open is the first, close the last, high and low the extremes, volume the sum, spread the mean of the known ones.
    Intraday bars start at ``starts``, and bars outside of all of those are left out; without ``starts`` at whole
    multiples of the target since 00:00 UTC. Daily bars take what starts within a session and start with it; bars
    outside every session are left out; without ``sessions`` a day is a UTC day.

    A bucket without bars gives no bar, nothing is filled in. The last bucket holds what there is, so resample whole
    buckets. No bars give no bars.

    Args:
        starts: of intraday bars of the target, ascending, nanoseconds UTC: ``Calendar.grid``, which counts them from
            the session's opening.

    Raises:
        DataError: when the target is not longer than the source, and for weeks and months, which need a calendar
            (:func:`tradewright.calendars.resampling.resampled`).
    """
    if not source.makes(target) or target.seconds > Timeframe.D1.seconds:
        raise DataError(f"{target} bars cannot be made from {source} bars", remedy="choose a longer timeframe")
    bars = bars_of(frame)
    if target is Timeframe.D1 and sessions is not None:
        bars, begins = _within(bars, sessions)
    elif target is not Timeframe.D1 and starts is not None:
        bars, begins = _within(bars, Sessions(starts, starts + target.seconds * 1_000_000_000))
    else:
        length = target.seconds * 1_000_000_000
        begins = bars.ts // length * length
    return frame_of(grouped(bars, begins))


def _within(bars: Bars, sessions: Sessions) -> tuple[Bars, Times]:
    """The bars inside a session, and when the session of each opened."""
    index = np.searchsorted(sessions.opens, bars.ts, side="right") - 1
    inside: Mask = (index >= 0) & (bars.ts < sessions.closes[index]) if len(sessions.opens) else index >= 0
    return select(bars, inside), sessions.opens[index[inside]]


def grouped(bars: Bars, starts: Times) -> Bars:
    """One bar of all the bars that share a start.

    Open is the first, close the last, high and low the extremes. Volume is the sum, and unknown where one of them is;
    the spread is the mean of the known ones, and unknown where none is.

    Args:
        starts: of the longer bar to which each bar belongs, ascending.
    """
    first = np.flatnonzero(np.diff(starts, prepend=starts[:1] - 1))
    if len(first) == 0:
        return bars
    last = np.append(first[1:], len(starts)) - 1
    return Bars(
        starts[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
        _means(bars.spread, first),
    )


def _means(values: Floats, first: Times) -> Floats:
    known = ~np.isnan(values)
    counts = np.add.reduceat(known.astype(np.float64), first)
    sums = np.add.reduceat(np.where(known, values, 0.0), first)
    means: Floats = np.divide(sums, counts, out=np.full(len(first), np.nan), where=counts > 0)
    return means
