"""New bars against stored ones: added, unchanged or revised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewright.model.bars import Bars, Floats
from tradewright.model.bars_schema import Mask, select
from tradewright.store.parquet import join


class Merge(NamedTuple):
    """``bars`` is the union with the new values; ``replaced`` are the old rows that gave way."""

    bars: Bars
    replaced: Bars
    added: int
    unchanged: int

    @property
    def changed(self) -> bool:
        """Whether the union differs from what was stored."""
        return bool(self.added or len(self.replaced.ts))


def merge(old: Bars, new: Bars) -> Merge:
    """Union by time stamp; both sides strictly ascending. Two NaN spreads are equal; no value is rounded."""
    slot = np.searchsorted(old.ts, new.ts)
    known = np.zeros(len(new.ts), dtype=np.bool_)
    inside = slot < len(old.ts)
    known[inside] = old.ts[slot[inside]] == new.ts[inside]
    differs = np.zeros(len(new.ts), dtype=np.bool_)
    for before, after in zip(old[1:], new[1:], strict=True):
        differs[known] |= ~_same(before[slot[known]], after[known])
    gone = np.zeros(len(old.ts), dtype=np.bool_)
    gone[slot[differs]] = True
    fresh = differs | ~known
    order = np.argsort(np.concatenate([old.ts[~gone], new.ts[fresh]]), kind="stable")
    union = select(join([select(old, ~gone), select(new, fresh)]), order)
    return Merge(union, select(old, gone), int(np.sum(~known)), int(np.sum(known & ~differs)))


def _same(before: Floats, after: Floats) -> Mask:
    return np.asarray((before == after) | (np.isnan(before) & np.isnan(after)))
