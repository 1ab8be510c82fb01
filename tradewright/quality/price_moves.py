"""Moves from one bar to the next that no market makes: jumps, splits without an action, changes of units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bar_rules import Mask
from tradewright.model.bars import Bars, Floats, Times
from tradewright.quality.counted import counted
from tradewright.quality.report import Code, Finding, Severity
from tradewright.quality.thresholds import SHIPPED, QualityRules, SplitRules

Rows = npt.NDArray[np.intp]

_MAD_TO_DEVIATION = 1.4826


class _Gaps(NamedTuple):
    """Opening gaps that the bar's close keeps, at the ratio of a split or of units.

    Args:
        rows: the bars that open so.
        ratio: the close before, divided by the open.
        is_unit: whether it is a change of units.
    """

    rows: Rows
    ratio: Floats
    is_unit: Mask


def price_findings(bars: Bars, grid: Times | None = None, rules: QualityRules = SHIPPED) -> list[Finding]:
    """Jumps, possible splits and changes of units.

    The yardstick of a jump is the robust deviation (1.4826 x median absolute deviation) of close-to-close log returns;
    across missing bars the limit grows by the square root of the steps, as a random walk does. A possible split is an
    opening gap near a usual ratio, or above a sure one, that the bar's close keeps, away from the level of the bars
    before, with few bars missing before it. Near 100 and 1000 it is a change of units, unless the volumes around it
    changed the other way, as they do when shares are split. Prices at or below zero, and fewer than three bars, have no
    such findings.

    Args:
        bars: as traded, or adjusted for the splits that are known: those then explain themselves.
        grid: the starts of a complete history; None takes every bar for the next one.
    """
    if len(bars.ts) < 3 or np.any(bars.low <= 0):
        return []
    returns = np.diff(np.log(bars.close))
    limit = max(rules.jump.jump_deviations * _deviation(returns), rules.jump.least_jump)
    jumps = np.zeros(len(bars.ts), dtype=np.bool_)
    far = np.flatnonzero(np.abs(returns) > limit) + 1
    jumps[far] = np.abs(returns[far - 1]) > limit * np.sqrt(_steps(bars.ts, grid, far))
    moves = np.zeros(len(bars.ts))
    moves[far] = bars.close[far] / bars.close[far - 1] - 1
    text = f"close more than {np.expm1(limit):.1%} away from the one before"
    gaps = _gaps(bars, grid, rules.split)
    found = [
        counted(Code.JUMPS, rules.severities.jumps, text, bars, jumps, moves),
        _gap_finding(Code.POSSIBLE_SPLIT, "open as after a split", bars, gaps, ~gaps.is_unit),
        _gap_finding(Code.UNIT_CHANGE, "open as in other units, of which one is a hundred or more", bars, gaps,
                     gaps.is_unit),
    ]  # fmt: skip
    return [finding for finding in found if finding is not None]


def _gap_finding(code: Code, what: str, bars: Bars, gaps: _Gaps, chosen: Mask) -> Finding | None:
    rows, ratio = np.zeros(len(bars.ts), dtype=np.bool_), np.ones(len(bars.ts))
    rows[gaps.rows[chosen]] = True
    ratio[gaps.rows] = gaps.ratio
    return counted(code, Severity.WARN, what, bars, rows, ratio, with_places=True)


def _steps(ts: Times, grid: Times | None, rows: Rows) -> Floats:
    """How many slots of the grid lie from the bar before to each of these rows, at least 1."""
    if grid is None:
        return np.ones(len(rows))
    steps = np.searchsorted(grid, ts[rows]) - np.searchsorted(grid, ts[rows - 1])
    return np.asarray(np.maximum(steps, 1), dtype=np.float64)


def _deviation(returns: Floats) -> float:
    return float(_MAD_TO_DEVIATION * np.median(np.abs(returns - np.median(returns))))


def _gaps(bars: Bars, grid: Times | None, rules: SplitRules) -> _Gaps:
    """Where a bar opens at such a ratio to the close before, and closes near its open."""
    least = min(min(rules.split_ratios) / np.exp(rules.split_tolerance), rules.sure_split)
    gap = bars.close[:-1] / bars.open[1:]
    rows = np.flatnonzero((gap > least) | (gap < 1 / least)) + 1
    ratio = gap[rows - 1]
    size = np.abs(np.log(ratio))
    near = (_near(size, usual, rules.split_tolerance) for usual in (rules.unit_ratios, rules.split_ratios))
    is_unit, is_split = near
    chosen = is_unit | is_split | (size >= np.log(rules.sure_split))
    chosen &= np.abs(np.log(bars.close[rows] / bars.open[rows])) < size / 3
    chosen &= _steps(bars.ts, grid, rows) <= rules.longest_hole
    rows, ratio, is_unit = rows[chosen], ratio[chosen], is_unit[chosen]
    new = _at_a_new_level(bars, rows, ratio, rules.volume_window)
    rows, ratio, is_unit = rows[new], ratio[new], is_unit[new]
    return _Gaps(rows, ratio, is_unit & ~_answered_by_volume(bars.volume, rows, ratio, rules.volume_window))


def _at_a_new_level(bars: Bars, rows: Rows, ratio: Floats, window: int) -> Mask:
    """Whether an open left the median close of the bars before by more than the root of the ratio, in its direction.

    After one false close the next bar opens where prices were before: that is no split.
    """
    before = np.array([np.median(bars.close[max(0, row - window) : row]) for row in rows])
    left: Mask = np.log(before / bars.open[rows]) * np.sign(np.log(ratio)) > np.abs(np.log(ratio)) / 2
    return left


def _near(size: Floats, ratios: tuple[float, ...], tolerance: float) -> Mask:
    if len(size) == 0:
        return np.zeros(0, dtype=np.bool_)
    near: Mask = np.min(np.abs(size[:, None] - np.log(ratios)[None, :]), axis=1) < tolerance
    return near


def _answered_by_volume(volume: Floats, rows: Rows, ratio: Floats, window: int) -> Mask:
    """Whether the median volume changes by more than the square root of the ratio, as a split makes it.

    Without known volumes on both sides there is no answer.
    """
    answered = np.zeros(len(rows), dtype=np.bool_)
    for place, (row, times) in enumerate(zip(rows, ratio, strict=True)):
        before, after = volume[max(0, row - window) : row], volume[row : row + window]
        before, after = before[before > 0], after[after > 0]
        if len(before) and len(after):
            change = np.log(np.median(after) / np.median(before))
            answered[place] = change * np.sign(np.log(times)) > abs(np.log(times)) / 2
    return answered
