"""Random paths through a series: stationary and circular blocks, orders and subsets, and the figures of each path.

Every path has random numbers of its own, counted from the seed and the path's number (splitmix64, G. L. Steele, D. Lea
and C. H. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). So a path is the same whatever other
paths are drawn, in which order, and by how many threads. All compiled code of the statistics stays in this file:
stored machine code is renewed only when the file of its entry changes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.evaluation.equity_curve import CAP, NOISE
from tradewright.model.bars import Floats

STATIONARY, CIRCULAR, ORDER, SUBSET = range(4)
"""Kinds of paths. Stationary: blocks of random, geometric length with a mean (D. N. Politis and J. P. Romano, "The
Stationary Bootstrap", JASA 89, 1994); circular: blocks of one length (the same, 1992); both wrap around the end of the
series. Order: every element once, in random order. Subset: some elements, each at most once, in their own order."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
LOW = np.uint64(0xFFFFFFFF)
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
WORD = 4294967296.0
MOST_EQUITY = 1e300

Places = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _mixed(state: np.uint64) -> np.uint64:
    state = (state ^ (state >> S30)) * FIRST
    state = (state ^ (state >> S27)) * SECOND
    return state ^ (state >> S31)


@njit(cache=True, nogil=True)
def _start(seed: int, path: int) -> np.uint64:
    return _mixed(_mixed(np.uint64(seed) + GOLDEN) + np.uint64(path) * GOLDEN)


@njit(cache=True, nogil=True)
def _below(number: np.uint64, count: int) -> int:
    """An index below ``count`` from the high half of a random number."""
    return np.int64(((number >> S32) * np.uint64(count)) >> S32)  # type: ignore[return-value]


@njit(cache=True, nogil=True)
def _draw_blocks(places: Places, source: int, kind: int, block: float, state: np.uint64) -> None:
    restart = np.uint64(WORD / block)
    here, left = 0, 0
    for step in range(len(places)):
        state += GOLDEN
        number = _mixed(state)
        fresh = left == 0 if kind == CIRCULAR else step == 0 or (number & LOW) < restart
        if fresh:
            here, left = _below(number, source), int(block)
        places[step] = here
        here = here + 1 if here + 1 < source else 0
        left -= 1


@njit(cache=True, nogil=True)
def _draw_order(places: Places, state: np.uint64) -> None:
    for step in range(len(places)):
        state += GOLDEN
        other = _below(_mixed(state), step + 1)
        places[step] = places[other]
        places[other] = step


@njit(cache=True, nogil=True)
def _draw_subset(places: Places, source: int, state: np.uint64) -> None:
    """Selection sampling (Knuth, The Art of Computer Programming 2, algorithm S)."""
    taken = 0
    for place in range(source):
        state += GOLDEN
        if _below(_mixed(state), source - place) < len(places) - taken:
            places[taken] = place
            taken += 1


@njit(cache=True, nogil=True)
def _draw(places: Places, source: int, kind: int, block: float, seed: int, path: int) -> None:
    state = _start(seed, path)
    if kind == ORDER:
        _draw_order(places, state)
    elif kind == SUBSET:
        _draw_subset(places, source, state)
    else:
        _draw_blocks(places, source, kind, block, state)


@njit(cache=True, nogil=True)
def _draw_all(table: Places, source: int, kind: int, block: float, seed: int, first: int) -> None:
    for row in range(len(table)):
        _draw(table[row], source, kind, block, seed, first + row)


@njit(cache=True, nogil=True)
def _count_all(counts: Floats, kind: int, block: float, seed: int, first: int) -> None:
    source = counts.shape[1]
    places = np.empty(source, np.int64)
    for row in range(len(counts)):
        _draw(places, source, kind, block, seed, first + row)
        counts[row] = 0.0
        for place in places:
            counts[row, place] += 1.0


@njit(cache=True, nogil=True)
def _figures_all(
    returns: Floats, steps: int, kind: int, block: float, seed: int, scale: float, figures: Floats
) -> None:
    places = np.empty(steps, np.int64)
    for path in range(figures.shape[1]):
        _draw(places, len(returns), kind, block, seed, path)
        equity, peak, fall, total, squares, gain, loss = 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for place in places:
            change = returns[place]
            total += change
            gain += max(change, 0.0)
            loss -= min(change, 0.0)
            if equity > 0.0:
                equity = min(equity * (1.0 + change), MOST_EQUITY)
                peak = max(peak, equity)
                fall = min(fall, equity / peak - 1.0)
        mean = total / steps if steps > 0 else 0.0
        for place in places:  # after the mean, since the difference of two sums would leave a constant path a spread
            squares += (returns[place] - mean) ** 2
        spread = math.sqrt(squares / (steps - 1)) if steps > 1 else 0.0
        figures[0, path] = min(equity - 1.0, CAP)
        figures[1, path] = fall
        figures[2, path] = mean / spread * scale if spread > NOISE else 0.0
        figures[3, path] = 0.0 if gain == 0.0 else CAP if loss == 0.0 else min(gain / loss, CAP)


def paths_of(paths: int, steps: int, source: int, kind: int, block: float, seed: int, first: int = 0) -> Places:
    """paths x steps: the places in a series of ``source`` elements that each path visits.

    Args:
        kind: one of the four above; a path of ``ORDER`` has as many steps as elements, one of ``SUBSET`` at most.
        block: the mean length of a stationary block, or the length of a circular one, at least 1; else without effect.
        first: the number of the first path.
    """
    table = np.empty((paths, steps), np.int64)
    _draw_all(table, source, kind, float(block), seed, first)
    return table


def counts_of(paths: int, source: int, block: float, seed: int, first: int = 0) -> Floats:
    """paths x source: how often a stationary path as long as the series visits each of its elements."""
    counts = np.empty((paths, source))
    _count_all(counts, STATIONARY, float(block), seed, first)
    return counts


def figures_of(returns: Floats, paths: int, steps: int, kind: int, block: float, seed: int, scale: float) -> Floats:
    """4 x paths: total return, maximum drawdown, Sharpe ratio x ``scale`` and profit factor of each path.

    Equity starts at 1 and compounds; from zero or below it stays where it is. All zero for paths of no steps.

    Args:
        returns: contiguous, finite, at least one.
        steps: the length of a path.
    """
    figures = np.zeros((4, paths))
    if steps:
        _figures_all(returns, steps, kind, float(block), seed, scale, figures)
    return figures
