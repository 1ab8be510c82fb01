"""Drawdown: how far equity stood below its highest value so far, for how long, and when it came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class DrawdownFigures:
    """The deepest and the longest fall of an account."""

    max_drawdown: float
    """The deepest fall from a peak, as a negative fraction, over the sampled equity; 0 if it never fell. Below -1 when
    the account ended up owing money."""
    bar_drawdown: float
    """The deepest fall over every bar, whatever the sampling: never shallower than the sampled one (for an account
    that never owed money)."""
    drawdown_bars: int
    """The longest run of bars under water, whatever its depth."""
    recovery_bars: int
    """Bars from the peak before the deepest fall (over bars) to the bar that regained it, or to the last bar."""
    recovered: bool
    """Whether that peak was regained; true if there never was a fall (Q-31)."""


def underwater(values: Floats) -> Floats:
    """Each value relative to the highest one so far, as a fraction <= 0; the first value must be positive."""
    depth: Floats = np.maximum.accumulate(values)
    np.divide(values, depth, out=depth)
    depth -= 1.0
    return depth


def drawdown_figures(sampled: Floats, per_bar: Floats) -> DrawdownFigures:
    """The figures; both series hold the starting cash first (see :func:`levels`)."""
    depth = underwater(per_bar)
    peaks = np.flatnonzero(depth == 0)
    recovery_bars, recovered = _recovery(depth, peaks)
    return DrawdownFigures(
        max_drawdown=float(depth.min() if sampled is per_bar else underwater(sampled).min()),
        bar_drawdown=float(depth.min()),
        drawdown_bars=int(np.diff(peaks, append=len(depth)).max()) - 1,
        recovery_bars=recovery_bars,
        recovered=recovered,
    )


def _recovery(depth: Floats, peaks: Indices) -> tuple[int, bool]:
    trough = int(depth.argmin())
    if depth[trough] == 0:
        return 0, True
    regained = int(np.searchsorted(peaks, trough))
    peak = int(peaks[regained - 1])
    if regained == len(peaks):
        return len(depth) - 1 - peak, False
    return int(peaks[regained]) - peak, True


def longest_span(flags: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The first longest run of true values as ``(start, stop)``, stop exclusive; ``(0, 0)`` if there is none."""
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if len(starts) == 0:
        return 0, 0
    best = int((stops - starts).argmax())
    return int(starts[best]), int(stops[best])
