"""Which evaluations were made on the same bars: a small sketch of a set of bars, whatever its instruments are called.

Each bar but the first of an instrument is one number, made of its start and of its close against the close before. A
sketch is the smallest :data:`SIZE` of these numbers, so that two sketches share numbers as two sets share bars (A.
Broder, "On the resemblance and containment of documents", 1997). A further bar, an earlier start, another name or an
adjustment for splits leaves the rest of them as they are; other prices or another length of bars leave none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Bars, Floats, Times

Sketch = npt.NDArray[np.uint64]

SIZE = 256
"""Numbers of a sketch; bars that are a hundredth of others still share two or three with them."""
SHARED = 2
"""So many shared numbers say that bars are shared: one by accident is one in 10^14 of two sketches."""
DIGITS = 6
"""Decimals of a bar's logarithmic return that count; what an adjustment for splits changes lies beyond them."""


def sketch_of(tables: Iterable[Bars]) -> Sketch:
    """The sketch of the bars of one or more instruments, ascending; empty where no instrument has two bars.

    A close at or below zero has no return; such a bar counts with its start alone.
    """
    found = [_numbers(bars) for bars in tables if len(bars.ts) > 1]
    if not found:
        return np.empty(0, np.uint64)
    return np.unique(np.concatenate(found))[:SIZE]


def sketch_of_rates(series: Iterable[tuple[str, Times, Floats]]) -> Sketch:
    """The sketch of exchange rates; empty where there are none.

    Args:
        series: of each the two currencies, the bars that were converted, and the rate at the close of each bar.
    """
    found = []
    for pair, ts, rates in series:
        steps = np.rint(np.log(rates) * 10.0**DIGITS).astype(np.int64)
        salt = np.uint64(int(hashlib.sha256(pair.encode()).hexdigest()[:16], 16))
        found.append(mixed(mixed(ts.astype(np.uint64) ^ salt) ^ steps.view(np.uint64)))
    return np.unique(np.concatenate(found))[:SIZE] if found else np.empty(0, np.uint64)


def share_rates(one: Sketch, other: Sketch) -> bool:
    """Whether two sketches are of the same exchange rates; without any, they are only where neither has one."""
    return share_bars(one, other) or len(one) == len(other) == 0


def share_bars(one: Sketch, other: Sketch) -> bool:
    """Whether two sketches are of sets that have bars in common."""
    needed = min(SHARED, len(one), len(other))
    return needed > 0 and len(np.intersect1d(one, other, assume_unique=True)) >= needed


def _numbers(bars: Bars) -> Sketch:
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.log(bars.close[1:] / bars.close[:-1])
    steps = np.rint(np.where(np.isfinite(moves), moves, 0.0) * 10.0**DIGITS).astype(np.int64)
    return mixed(mixed(bars.ts[1:].astype(np.uint64)) ^ steps.view(np.uint64))


def mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Each number scattered over all 64 bits, one to one.

    Source: the finaliser of splitmix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators",
    2014).
    """
    with np.errstate(over="ignore"):
        scattered = values + np.uint64(0x9E3779B97F4A7C15)
        scattered = (scattered ^ (scattered >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        scattered = (scattered ^ (scattered >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: npt.NDArray[np.uint64] = scattered ^ (scattered >> np.uint64(31))
    return result
