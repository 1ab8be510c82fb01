"""The order in which the sets of a sweep are computed: what they share is computed once and fits into memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tradewright.backtest.kernel import Indices
from tradewright.backtest.strategy_errors import features_of
from tradewright.model.allocation import Allocation
from tradewright.model.strategy import Feature, Strategy

Tested = TypeVar("Tested", bound=Strategy | Allocation)

BLOCK = 64
"""Sets that one thread computes between two progress reports; an interruption loses at most as many per thread."""
LONG = 1 << 16
"""On more bars a block has fewer sets."""
COLUMN_BYTES = 24 << 20
"""What the columns of the sets that are prepared together may take."""


class PlanPart(NamedTuple):
    """Sets whose columns fit into memory together.

    Args:
        sets: a slice of the order of the plan.
        blocks: slices of the same order, one for a thread at a time.
    """

    sets: slice
    blocks: list[slice]


class SweepPlan(NamedTuple):
    """The order in which the sets are computed, and its parts."""

    order: Indices
    parts: list[PlanPart]

    @property
    def blocks(self) -> list[slice]:
        """Those of all parts."""
        return [block for part in self.parts for block in part.blocks]

    def chosen(self, strategies: Sequence[Tested], sets: slice) -> list[Tested]:
        """The strategies of a slice of the order."""
        return [strategies[row] for row in self.order[sets].tolist()]


def sweep_plan(strategies: Sequence[Strategy | Allocation], bars: int, tables: int = 1) -> SweepPlan:
    """A plan under which the columns of a part take no more than :data:`COLUMN_BYTES`.

    The features at each place of a set (the fast mean, the slow mean) are numbered as they appear. Sets whose numbers
    fall into the same tile, of equally many numbers at each place, make a part: of a grid of two means it has the
    columns of its two edges, and the sets of its whole area. Where all columns fit, the order is the given one. Of a
    set that needs more by itself there is a part with that set alone.

    Args:
        bars: the length of a column.
        tables: how many instruments each have columns of their own.
    """
    room = COLUMN_BYTES // (8 * max(bars, 1) * tables)
    numbers, columns = _numbers(strategies)
    distinct = numbers.max(axis=0, initial=-1) + 1
    if columns <= room or numbers.shape[1] == 0:
        order, borders = np.arange(len(strategies)), [0, len(strategies)]
    else:
        tiles = numbers // _edge(distinct, room)
        order = np.lexsort((np.arange(len(strategies)), *tiles.T[::-1]))
        changes = np.flatnonzero(np.any(np.diff(tiles[order], axis=0) != 0, axis=1)) + 1
        borders = [0, *changes.tolist(), len(strategies)]
    size = max(1, BLOCK * LONG // max(bars, LONG))
    spans = (slice(start, stop) for start, stop in itertools.pairwise(borders) if stop > start)
    return SweepPlan(order, [PlanPart(span, _blocks(span, size)) for span in spans])


def _blocks(sets: slice, size: int) -> list[slice]:
    return [slice(start, min(start + size, sets.stop)) for start in range(sets.start, sets.stop, size)]


def _numbers(strategies: Sequence[Strategy | Allocation]) -> tuple[Indices, int]:
    """The number of the feature at each place of each set (sets x places), and how many features all places have."""
    known: list[dict[Feature, int]] = []
    rows = []
    for strategy in strategies:
        features = features_of(strategy)
        known += [{} for _ in range(len(features) - len(known))]
        rows.append([seen.setdefault(feature, len(seen)) for seen, feature in zip(known, features, strict=False)])
    places = max(map(len, rows), default=0)
    if any(len(row) != places for row in rows):
        rows = [row + [0] * (places - len(row)) for row in rows]  # sets of different kinds, which are refused later
    return np.array(rows, np.int64).reshape(len(strategies), places), len(set().union(*known))


def _edge(distinct: Indices, room: int) -> int:
    """The most numbers at each place for which all places together need no more than ``room`` columns; at least 1."""
    edge, left, places = 1, room, len(distinct)
    for count in np.sort(distinct).tolist():
        edge = max(1, left // places)
        if count > edge:
            break
        left, places = left - count, places - 1
    return edge
