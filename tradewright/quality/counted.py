"""A finding about single bars: how many, which share, the gravest places."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradewright.model.bar_rules import Mask
from tradewright.model.bars import Bars, Floats, Times
from tradewright.quality.report import Code, Figure, Finding, Severity, places_of

EXAMPLES = 5


def counted(
    code: Code,
    severity: Severity,
    what: str,
    bars: Bars,
    rows: Mask,
    details: Floats | None = None,
    *,
    with_places: bool = False,
) -> Finding | None:
    """A finding on some rows; None where there are none.

    Args:
        what: what is the matter with them, as the end of the sentence "3 of 60 bars (5.0%) ...".
        details: a figure for each row; the largest in size come first among the examples.
        with_places: whether the bars are identified, so that a person can accept them.
    """
    total = int(rows.sum())
    if total == 0:
        return None
    where = np.flatnonzero(rows)
    if details is not None:
        where = where[np.argsort(-np.abs(details[where]), kind="stable")]
    figures: dict[str, Figure] = {"bars": total, "share": total / len(rows)}
    if with_places:
        figures |= places_of(bars, rows)
    if details is not None:
        figures["largest"] = float(details[where[0]])
    examples = tuple(_example(bars.ts, row, details) for row in where[:EXAMPLES])
    message = f"{total} of {len(rows)} bars ({total / len(rows):.1%}) {what}"
    return Finding(code=code, severity=severity, message=message, figures=figures, examples=examples)


def is_among(ts: Times, others: Times) -> Mask:
    """Which of some ascending times are among other ascending times."""
    place = np.searchsorted(others, ts)
    found: Mask = place < len(others)
    found[found] = others[place[found]] == ts[found]
    return found


def stamp_text(ns: np.int64 | int) -> str:
    """A bar's start as text, in UTC."""
    return pd.Timestamp(int(ns), tz="UTC").isoformat()


def _example(ts: Times, row: np.int64, details: Floats | None) -> str:
    text = stamp_text(ts[row])
    return text if details is None else f"{text}: {details[row]:+.3f}"
