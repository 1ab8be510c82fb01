"""A stored series as it was at an earlier moment: every change that was recorded after it is undone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tradewright.model.bar_rules import Mask, select
from tradewright.model.bars import Bars, Times
from tradewright.store.arrivals import arrivals, newest_held
from tradewright.store.dataset import END, REMEDY, DamagedFile, Manifest, join, merge, read_part
from tradewright.store.late import read_runs, within_runs
from tradewright.store.series import Series, manifest_path, quarantined, superseded

_ATTEMPTS = 3


class PastBars(NamedTuple):
    """The bars of a series at a moment.

    Args:
        undated_through: of bars that start so early the store did not keep when they came (nanoseconds UTC); they are
            of a store that was written before it did.
        revisions: how many revisions had been recorded.
    """

    bars: Bars
    undated_through: int
    revisions: int


def bars_at(root: Path, series: Series, moment: datetime) -> PastBars:
    """The bars of a series as they were at a moment, changes of that very moment included.

    A bar has the value that it had, and is there if it had come; one that was set aside then is missing, and one that
    was set aside later is there.

    Args:
        root: the storage folder.

    Raises:
        StoreError: when the store is damaged.
    """
    folder = root / "bars" / series.folder
    for _ in range(_ATTEMPTS):
        manifest = Manifest.load(manifest_path(folder)) or Manifest()
        try:
            held = join([read_part(folder, part) for _, part in sorted(manifest.parts.items())])
            return _undone(root, series, manifest, held, moment)
        except FileNotFoundError as error:
            missing = error.filename  # a change may just have replaced it: the new manifest names another
    raise DamagedFile("is missing", where=str(missing), remedy=REMEDY)


def _undone(root: Path, series: Series, manifest: Manifest, held: Bars, moment: datetime) -> PastBars:
    log = arrivals(root / "bars" / series.folder)
    kept, before = quarantined(root, series), superseded(root, series)
    for row in manifest.in_force:
        if row.at > moment:
            held = merge(held, read_part(kept, row.bars)).bars
    for revision in reversed(manifest.revisions):
        if revision.recorded_at > moment:
            if revision.replaced is not None:
                held = merge(held, read_part(before, revision.replaced)).bars
            if revision.late is not None:
                held = select(held, ~within_runs(held.ts, read_runs(before, revision.late)))
    known = (held.ts <= newest_held(log, moment)) & ~_aside_at(manifest, held.ts, moment)
    recorded = sum(revision.recorded_at <= moment for revision in manifest.revisions)
    return PastBars(select(held, known), int(log["newest"][0]) if len(log) else END, recorded)


def _aside_at(manifest: Manifest, ts: Times, moment: datetime) -> Mask:
    found = np.zeros(len(ts), dtype=np.bool_)
    for row in manifest.quarantines:
        if row.at <= moment and (row.released is None or row.released.at > moment):
            found |= (ts >= row.bars.first) & (ts <= row.bars.last)
    return found
