"""Splits of samples whose labels last: purged and embargoed k-fold, and combinatorial purged cross-validation.

A label is known some time after its sample begins: a trade entered at ``starts[i]`` is closed at ``ends[i]``. A
training sample whose label shares time with one of a test sample has seen the test. Such samples are purged. Samples
that begin within an embargo after a test label may carry it on by serial correlation, and are left out too.
Source: M. Lopez de Prado, "Advances in Financial Machine Learning", 2018, chapters 7 and 12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import Indices
from tradewright.model.bars import Times
from tradewright.model.errors import DataError

MOST_SPLITS = 20_000

Mask = npt.NDArray[np.bool_]


class SplitRefused(DataError):
    """Samples cannot be split as asked, or a split would leave nothing to train on."""


@dataclass(frozen=True)
class Split:
    """Indices of samples, ascending; no sample is in both."""

    train: Indices
    test: Indices


@dataclass(frozen=True)
class CombinatorialSplits:
    """Every choice of some groups of time as the test, and the paths that their tests make."""

    splits: tuple[Split, ...]
    """In lexicographic order of the tested groups."""
    groups: tuple[Indices, ...]
    """The samples of each group, one stretch of time after the other."""
    paths: npt.NDArray[np.int64]
    """paths x groups: the split whose test of that group belongs to the path. Each path tests every group once, and
    each test of a group is in one path."""


def purged_folds(starts: npt.ArrayLike, ends: npt.ArrayLike, folds: int = 5, embargo: int = 0) -> tuple[Split, ...]:
    """Each of ``folds`` stretches of time once as the test, the purged rest as training.

    Args:
        starts: when each sample begins, ascending, nanoseconds UTC (or any whole unit).
        ends: when its label is known, not before its start; an end that is another's start counts as shared time.
        folds: from 2 to the number of samples; stretches differ by one sample at most.
        embargo: the time after each test label in which no training sample may begin, in the same unit.

    Raises:
        SplitRefused: wrong times, folds or embargo, or a fold whose training is purged to nothing.
    """
    first, last = _spans(starts, ends, embargo)
    groups = _stretches(len(first), folds, "folds")
    return tuple(_split(first, last, groups, (fold,), embargo) for fold in range(folds))


def combinatorial_splits(
    starts: npt.ArrayLike, ends: npt.ArrayLike, groups: int = 6, tested: int = 2, embargo: int = 0
) -> CombinatorialSplits:
    """Every choice of ``tested`` of ``groups`` stretches of time as the test, the purged rest as training.

    C(groups, tested) splits make C(groups - 1, tested - 1) paths through all of time, each put together from tests
    alone: a strategy gets as many histories out of sample instead of one.

    Args:
        starts, ends, embargo: as in :func:`purged_folds`.
        groups: from 2 to the number of samples.
        tested: from 1 to groups - 1; at most 20,000 splits.

    Raises:
        SplitRefused: wrong times, numbers or embargo, or a split whose training is purged to nothing.
    """
    first, last = _spans(starts, ends, embargo)
    stretches = _stretches(len(first), groups, "groups")
    if not 1 <= tested < groups or math.comb(groups, tested) > MOST_SPLITS:
        remedy = f"from 1 to {groups - 1}, and no more than {MOST_SPLITS:,} splits"
        raise SplitRefused(f"{tested} of {groups} groups tested", where="tested", remedy=remedy)
    chosen = list(combinations(range(groups), tested))
    splits = tuple(_split(first, last, stretches, each, embargo) for each in chosen)
    paths = np.array([[i for i, each in enumerate(chosen) if group in each] for group in range(groups)]).T
    return CombinatorialSplits(splits, stretches, paths)


def _spans(starts: npt.ArrayLike, ends: npt.ArrayLike, embargo: int) -> tuple[Times, Times]:
    first, last = np.asarray(starts), np.asarray(ends)
    if first.ndim != 1 or first.shape != last.shape or not first.size:
        shapes = f"{first.shape} starts and {last.shape} ends"
        raise SplitRefused(shapes, where="starts", remedy="pass one start and one end per sample")
    if not (np.issubdtype(first.dtype, np.integer) and np.issubdtype(last.dtype, np.integer)):
        raise SplitRefused(f"times of type {first.dtype} and {last.dtype}", where="starts", remedy="pass whole numbers")
    if (np.diff(first) < 0).any():
        place = int((np.diff(first) < 0).argmax()) + 1
        raise SplitRefused("starts before the sample before it", where=f"starts[{place}]", remedy="sort by start")
    if (last < first).any():
        place = int((last < first).argmax())
        raise SplitRefused("ends before its start", where=f"ends[{place}]", remedy="pass when each label is known")
    if embargo < 0:
        raise SplitRefused(f"an embargo of {embargo}", where="embargo", remedy="0 or a time after the test")
    return first.astype(np.int64), last.astype(np.int64)


def _stretches(samples: int, count: int, name: str) -> tuple[Indices, ...]:
    if not 2 <= count <= samples:
        raise SplitRefused(f"{count} {name} of {samples} samples", where=name, remedy=f"from 2 to {samples}")
    return tuple(np.array_split(np.arange(samples), count))


def _split(first: Times, last: Times, groups: tuple[Indices, ...], tested: tuple[int, ...], embargo: int) -> Split:
    test = np.concatenate([groups[group] for group in tested])
    barred = np.zeros(len(first), dtype=np.bool_)
    barred[test] = True
    for group in tested:
        barred |= _shares_time(first, last, groups[group], embargo)
    train = np.flatnonzero(~barred)
    if len(train) == 0:
        remedy = "use more folds or groups, test fewer of them, or shorten labels or embargo"
        raise SplitRefused("no training sample is left", where=f"test of {list(tested)}", remedy=remedy)
    return Split(train, test)


def _shares_time(first: Times, last: Times, group: Indices, embargo: int) -> Mask:
    """The samples that share time with the span of any one of the group, the embargo after it included.

    Test labels that begin no later than a sample ends come first in the group, because starts ascend; the sample shares
    time with one of them if the latest of their ends is not before its start.
    """
    latest_end = np.maximum.accumulate(last[group])
    begun = np.searchsorted(first[group], last, side="right")
    shared: Mask = (begun > 0) & (latest_end[np.maximum(begun - 1, 0)] + embargo >= first)
    return shared
