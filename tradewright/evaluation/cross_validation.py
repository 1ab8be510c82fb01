"""Purged and embargoed cross-validation: choosing on some stretches of time, and looking at the others.

Source: M. Lopez de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapters 7 (purging, embargo) and 12
(combinatorial purged cross-validation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import NOISE, Indices
from tradewright.evaluation.return_samples import ReturnsRefused, return_table
from tradewright.model.bars import Floats

GROUPS, TESTED = 10, 2
"""45 splits, of which 9 paths over the whole time are put together."""
PURGE = 5
"""Periods before and after a test that train nothing: what is held over the border earns on both sides."""
EMBARGO = 0.01
"""Periods after a test that train nothing, as a share of all."""
LEAST = 20
"""Periods of a group: of fewer a Sharpe ratio says nothing."""


class Split(NamedTuple):
    """The periods on which to choose, and those at which to look then, each ascending."""

    train: Indices
    test: Indices


@dataclass(frozen=True)
class CrossValidated:
    """What choosing the best set was worth on time that had no part in the choice.

    Args:
        paths: the Sharpe ratio per period of each path: every period of it is one at which a set was looked at that was
            chosen without it.
        retained: the median of the paths by the Sharpe ratio of the set that is best on all periods; 0 where that is
            not above zero.
    """

    paths: Floats
    retained: float

    @property
    def loss_share(self) -> float:
        """The paths with a Sharpe ratio below zero, as a share of all."""
        return float((self.paths < 0.0).mean())


def purged_folds(periods: int, folds: int, purge: int = 0, embargo: int = 0) -> tuple[Split, ...]:
    """Each of ``folds`` contiguous stretches as a test, the earliest first; they differ in length by one at most.

    Args:
        purge: periods before and after a test that do not train.
        embargo: further periods after it that do not.

    Raises:
        ReturnsRefused: fewer than two folds or than one period each, or a negative purge or embargo.
    """
    return tuple(split for split, _members in _splits(periods, folds, 1, purge, embargo))


def combinatorial_splits(
    periods: int, groups: int = GROUPS, tested: int = TESTED, purge: int = 0, embargo: int = 0
) -> tuple[Split, ...]:
    """Every choice of ``tested`` of the ``groups`` stretches as a test, in lexicographic order.

    Raises:
        ReturnsRefused: as :func:`purged_folds`, and where ``tested`` is not from 1 to below ``groups``.
    """
    return tuple(split for split, _members in _splits(periods, groups, tested, purge, embargo))


def cross_validated(
    returns: npt.ArrayLike, groups: int = GROUPS, tested: int = TESTED, purge: int = PURGE, embargo: float = EMBARGO
) -> CrossValidated | None:
    """Choose the best set of each split on its train periods, and put the tests together to paths.

    A group is tested in as many splits as there are paths; path ``j`` takes each group from the ``j``-th of them. Sets
    are measured by their Sharpe ratio per period; one that does not vary has 0, and of equally good ones the first is
    chosen. None where a group would have fewer than :data:`LEAST` periods, or there is one set alone.

    Args:
        returns: periods x sets.
        embargo: as a share of all periods.

    Raises:
        ReturnsRefused: a value that is not finite, no set, or wrong numbers of groups.
    """
    table = return_table(np.asarray(returns, dtype=np.float64))
    periods, sets = table.shape
    if periods < groups * LEAST or sets < 2:
        return None
    edges = _edges(periods, groups)
    found: list[list[Floats]] = [[] for _group in range(groups)]
    for split, members in _splits(periods, groups, tested, purge, round(embargo * periods)):
        best = int(_sharpe(table[split.train]).argmax())
        for group in members:
            found[group].append(table[edges[group] : edges[group + 1], best])
    paths = np.array([float(_sharpe(np.concatenate(parts)[:, None])[0]) for parts in zip(*found, strict=True)])
    whole = float(_sharpe(table).max())
    return CrossValidated(paths, float(np.median(paths)) / whole if whole > 0.0 else 0.0)


def _splits(
    periods: int, groups: int, tested: int, purge: int, embargo: int
) -> Iterator[tuple[Split, tuple[int, ...]]]:
    if groups < 2 or periods < groups or not 1 <= tested < groups or min(purge, embargo) < 0:
        what = f"{groups} groups of {periods} periods, {tested} tested, purge {purge}, embargo {embargo}"
        raise ReturnsRefused(what, where="groups", remedy="two groups or more, of one period or more; some are left")
    edges = _edges(periods, groups)
    for members in combinations(range(groups), tested):
        yield _split(edges, members, periods, purge, embargo), members


def _split(edges: Indices, members: Sequence[int], periods: int, purge: int, embargo: int) -> Split:
    test, train = np.zeros(periods, np.bool_), np.ones(periods, np.bool_)
    for group in members:
        start, stop = int(edges[group]), int(edges[group + 1])
        test[start:stop] = True
        train[max(0, start - purge) : stop + purge + embargo] = False
    return Split(np.flatnonzero(train), np.flatnonzero(test))


def _edges(periods: int, groups: int) -> Indices:
    return np.linspace(0, periods, groups + 1).astype(np.intp)


def _sharpe(table: Floats) -> Floats:
    """Mean / sample deviation of each column; 0 where one does not vary, or there are fewer than two rows."""
    if len(table) < 2:
        return np.zeros(table.shape[1])
    spread = table.std(axis=0, ddof=1)
    ratios: Floats = np.divide(table.mean(axis=0), spread, out=np.zeros(table.shape[1]), where=spread > NOISE)
    return ratios
