"""The sessions of a market as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.model.bars import Times

Days = npt.NDArray[np.datetime64]
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class SessionTable:
    """When a market trades. All times are nanoseconds since 1970 UTC.

    Args:
        days: the date of each session (datetime64[D], ascending).
        opens, closes: of each session; none overlaps the next.
        cuts: the breaks inside sessions, shape (n, 2), ascending and apart.
        segments: sessions without their breaks, shape (m, 2), ascending.
        segment_rows: the row of the session to which each segment belongs.
        intervals: segments joined where one starts as the other ends, shape (k, 2).
        regular: the usual length of a session; shorter ones close early.
        utc_days: whether daily bars are UTC days rather than sessions.
        zone: of the wall-clock times ``nominal_open`` and ``nominal_close``, which count from the midnight at which
            the session's date begins; an opening on the evening before is negative.
    """

    days: Days
    opens: Times
    closes: Times
    cuts: Times
    segments: Times
    segment_rows: npt.NDArray[np.int64]
    intervals: Times
    regular: int
    utc_days: bool
    zone: str
    nominal_open: pd.Timedelta
    nominal_close: pd.Timedelta


def session_table(
    days: Days,
    opens: Times,
    closes: Times,
    cuts: Times,
    *,
    utc_days: bool,
    zone: str,
    nominal_open: pd.Timedelta,
    nominal_close: pd.Timedelta,
) -> SessionTable:
    """The table of these sessions.

    Args:
        cuts: breaks, shape (n, 2), in any order; what lies outside of every session is left out.
    """
    inside = _inside(cuts, opens, closes)
    starts = np.sort(np.concatenate([opens, inside[:, 1]]))
    ends = np.sort(np.concatenate([closes, inside[:, 0]]))
    segments = np.column_stack([starts, ends])[ends > starts]
    apart = segments[1:, 0] > segments[:-1, 1]
    return SessionTable(
        days=days,
        opens=opens,
        closes=closes,
        cuts=inside,
        segments=segments,
        segment_rows=np.searchsorted(opens, segments[:, 0], side="right") - 1,
        intervals=np.column_stack([segments[np.append(True, apart), 0], segments[np.append(apart, True), 1]]),
        regular=int(np.median(closes - opens)),
        utc_days=utc_days,
        zone=zone,
        nominal_open=nominal_open,
        nominal_close=nominal_close,
    )


def local_instants(days: Days, offset: pd.Timedelta, zone: str) -> Times:
    """The moments at which clocks in a zone show ``offset`` after the midnight that begins each date.

    A time that the clocks skip is the moment at which they are put forward; one that they show twice, the first.
    """
    local = pd.DatetimeIndex(days.astype("datetime64[ns]")) + offset
    moments = local.tz_localize(zone, ambiguous=np.ones(len(local), np.bool_), nonexistent="shift_forward")
    found: Times = moments.tz_convert("UTC").as_unit("ns").asi8
    return found


def _inside(cuts: Times, opens: Times, closes: Times) -> Times:
    """Breaks cut down to the session in which they begin or which begins in them, joined where they overlap."""
    ordered = cuts[np.argsort(cuts[:, 0], kind="stable")]
    row = np.minimum(np.searchsorted(closes, ordered[:, 0], side="right"), len(closes) - 1)
    starts, ends = np.maximum(ordered[:, 0], opens[row]), np.minimum(ordered[:, 1], closes[row])
    starts, ends = starts[ends > starts], ends[ends > starts]
    if len(starts) == 0:
        return np.empty((0, 2), np.int64)
    ends = np.maximum.accumulate(ends)
    apart = starts[1:] > ends[:-1]
    return np.column_stack([starts[np.append(True, apart)], ends[np.append(apart, True)]])
