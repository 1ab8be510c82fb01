"""Runs of bars that repeat the one before them: a feed that stands still."""

from __future__ import annotations

import numpy as np

from tradewright.model.bar_rules import Mask, select
from tradewright.model.bars import Bars, Times
from tradewright.quality.counted import EXAMPLES, is_among, stamp_text
from tradewright.quality.report import Code, Finding, Severity
from tradewright.quality.thresholds import SHIPPED, QualityRules, StaleRules


def stale_finding(bars: Bars, grid: Times | None = None, rules: QualityRules = SHIPPED) -> list[Finding]:
    """Runs of bars with the prices of the bar before, longer than such runs are in the rest of the series.

    In a market that trades now and then many bars repeat the one before. If a repeated bar is followed by another one
    with the chance ``p``, the longest of ``m`` runs is about ``1 + log(m) / log(1 / p)`` bars long. A run is stale when
    it is longer than ``usual_runs`` times that, and than ``least_repeats``. ``m`` is counted in the series without its
    longest run; ``p`` there and in the ``run_window`` bars on both sides, of which the higher counts: nights are
    quieter than days. In these bars other runs that are stale do not count.

    Args:
        grid: the starts of a complete history; other bars are left out, because quotes stand still while the market is
            closed. None takes all.
    """
    bars = bars if grid is None else select(bars, is_among(bars.ts, grid))
    repeats = _repeats(bars)
    starts, lengths = _runs(repeats)
    count, further = _usual(np.delete(lengths, [np.argmax(lengths)])) if len(lengths) else (0, 0.0)
    limit = _limit(count, further, rules.stale)
    stale = _beyond_their_time(repeats, starts, lengths, np.flatnonzero(lengths > limit), count, rules.stale)
    return [_stale(bars, starts[stale], lengths[stale], limit, rules.severities.stale_run)] if stale else []


def _beyond_their_time(
    repeats: Mask, starts: Times, lengths: Times, far: Times, count: int, rules: StaleRules
) -> list[int]:
    """Which of some long runs are too long for the bars around them as well, in order of time.

    The shortest is judged first, and counts for the others when it is usual.
    """
    usual, stale = repeats.copy(), []
    for row in far:
        usual[starts[row] : starts[row] + lengths[row]] = False
    for row in far[np.argsort(lengths[far], kind="stable")]:
        if lengths[row] > _limit(count, _further_around(usual, starts[row], lengths[row], rules.run_window), rules):
            stale.append(int(row))
        else:
            usual[starts[row] : starts[row] + lengths[row]] = True
    return sorted(stale)


def _stale(bars: Bars, starts: Times, lengths: Times, limit: float, severity: Severity) -> Finding:
    order = np.argsort(-lengths, kind="stable")[:EXAMPLES]
    rows, total, longest = len(bars.ts), int(lengths.sum()), int(lengths.max())
    text = f"repeat the one before them in runs of more than {limit:.0f}, the longest of {longest}"
    return Finding(
        code=Code.STALE_RUN,
        severity=severity,
        message=f"{total} of {rows} bars ({total / rows:.1%}) {text}",
        figures={"bars": total, "share": total / rows, "runs": len(lengths), "longest": longest},
        examples=tuple(f"{stamp_text(bars.ts[starts[i]])}: {lengths[i]} bars" for i in order),
    )


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


def _usual(lengths: Times) -> tuple[int, float]:
    """How many runs there are, and the chance that a repeated bar is followed by another one; 0 where none is."""
    count, repeated = len(lengths), int(lengths.sum())
    return count, (repeated - count) / repeated if repeated else 0.0


def _further_around(repeats: Mask, start: int, length: int, window: int) -> float:
    """That chance in the bars on both sides of a run."""
    after = start + length
    around = np.concatenate([repeats[max(0, start - window) : start], repeats[after : after + window]])
    return _usual(_runs(around)[1])[1]


def _limit(count: int, further: float, rules: StaleRules) -> float:
    """The length that no run exceeds by chance; the shortest limit where there are no others to tell."""
    usual = 1.0 + float(np.log(count) / np.log(1 / further)) if count and further else 1.0
    return max(float(rules.least_repeats), rules.usual_runs * usual)
