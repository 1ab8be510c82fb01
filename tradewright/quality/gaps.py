"""Bars that are missing, and bars that should not be there, against the grid of a calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradewright.model.bars import Times
from tradewright.quality.report import Code, Finding, Severity

_EXAMPLES = 5


def gap_findings(ts: Times, grid: Times) -> list[Finding]:
    """Compare bar starts with the starts of a complete history; both ascending, nanoseconds UTC.

    Only the span from the first to the last bar counts. A gap is a run of neighbouring grid slots without a bar. With
    no bars, or no grid in that span, there is nothing to find.
    """
    if len(ts) == 0:
        return []
    slots = grid[(grid >= ts[0]) & (grid <= ts[-1])]
    missing = ~np.isin(slots, ts, assume_unique=True)
    outside = ~np.isin(ts, slots, assume_unique=True)
    found = []
    if missing.any():
        found.append(_gaps(slots, missing))
    if outside.any():
        found.append(_outside(ts, outside))
    return found


def _gaps(slots: Times, missing: np.ndarray) -> Finding:
    starts = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(missing.astype(np.int8), append=0) == -1)
    lengths = ends - starts + 1
    order = np.argsort(-lengths, kind="stable")[:_EXAMPLES]
    total, share = int(missing.sum()), float(missing.mean())
    longest = int(lengths.max())
    return Finding(
        code=Code.GAPS,
        severity=Severity.WARN,
        message=f"{total} of {len(slots)} bars are missing ({share:.1%}): {len(starts)} gaps, the longest of {longest}",
        figures={
            "expected": len(slots),
            "missing": total,
            "gaps": len(starts),
            "share": share,
            "longest": longest,
            "longest_from": _text(slots[starts[order[0]]]),
        },
        examples=tuple(f"{_text(slots[starts[i]])}: {lengths[i]} bars" for i in order),
    )


def _outside(ts: Times, outside: np.ndarray) -> Finding:
    total, share = int(outside.sum()), float(outside.mean())
    return Finding(
        code=Code.OUTSIDE_SESSION,
        severity=Severity.INFO,
        message=f"{total} bars ({share:.1%}) start outside trading hours (extended hours, or a wrong calendar)",
        figures={"bars": total, "share": share},
        examples=tuple(_text(value) for value in ts[outside][:_EXAMPLES]),
    )


def _text(ns: np.int64) -> str:
    return pd.Timestamp(int(ns), tz="UTC").isoformat()
