"""Runs of bars that repeat the one before them: a feed that stands still."""

from __future__ import annotations

import numpy as np

from tradewright.model.bar_rules import Mask
from tradewright.model.bars import Bars, Times
from tradewright.quality.counted import EXAMPLES, stamp_text
from tradewright.quality.report import Code, Finding, Severity

REPEATS, TIMES = 5, 4.0
"""A run is stale beyond so many repeated bars, and beyond so many times the longest run that is usual."""


def stale_finding(bars: Bars) -> list[Finding]:
    """Runs of bars with the prices of the bar before, longer than such runs are in the rest of the series.

    In a market that trades now and then many bars repeat the one before. If a repeated bar is followed by another one
    with the chance ``p``, the longest of ``m`` runs is about ``1 + log(m) / log(1 / p)`` bars long. A run is stale when
    it is longer than ``TIMES`` times that, and than ``REPEATS``. ``p`` and ``m`` are those of
    the series without its longest run.
    """
    repeats = _repeats(bars)
    starts, lengths = _runs(repeats)
    if len(lengths) == 0:
        return []
    limit = max(float(REPEATS), TIMES * _usual_longest(lengths))
    stale = lengths > limit
    if not stale.any():
        return []
    starts, lengths = starts[stale], lengths[stale]
    order = np.argsort(-lengths, kind="stable")[:EXAMPLES]
    rows, total, longest = len(bars.ts), int(lengths.sum()), int(lengths.max())
    text = f"repeat the one before them in runs of more than {limit:.0f}, the longest of {longest}"
    return [
        Finding(
            code=Code.STALE_RUN,
            severity=Severity.WARN,
            message=f"{total} of {rows} bars ({total / rows:.1%}) {text}",
            figures={"bars": total, "share": total / rows, "runs": len(lengths), "longest": longest},
            examples=tuple(f"{stamp_text(bars.ts[starts[i]])}: {lengths[i]} bars" for i in order),
        )
    ]


def _repeats(bars: Bars) -> Mask:
    """Which bars have the four prices of the bar before; never the first."""
    same = bars.close[1:] == bars.close[:-1]
    rows = np.flatnonzero(same) + 1
    whole = np.ones(len(rows), dtype=np.bool_)
    for column in (bars.open, bars.high, bars.low):
        whole &= column[rows] == column[rows - 1]
    found = np.zeros(len(bars.ts), dtype=np.bool_)
    found[rows[whole]] = True
    return found


def _runs(repeats: Mask) -> tuple[Times, Times]:
    """Where each run begins, and how many bars repeat in it."""
    steps = np.diff(repeats.astype(np.int8), prepend=0, append=0)
    starts = np.flatnonzero(steps == 1)
    return starts, np.flatnonzero(steps == -1) - starts


def _usual_longest(lengths: Times) -> float:
    """The length that the longest run is expected to have; 1 where there are no others to tell."""
    count, repeated = len(lengths) - 1, int(lengths.sum() - lengths.max())
    if count < 1 or repeated <= count:
        return 1.0
    further = (repeated - count) / repeated
    return 1.0 + float(np.log(count) / np.log(1 / further))
