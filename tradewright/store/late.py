"""Bars that came after later ones, as runs: stretches of a series in which there was no bar before them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tradewright.model.bar_rules import Mask
from tradewright.model.bars import Times
from tradewright.store.dataset import REMEDY, DamagedFile, Manifest, Merge, Part
from tradewright.store.files import write_bytes

Runs = npt.NDArray[np.int64]
"""Shape (runs, 2): starts of the first and the last bar of each, nanoseconds UTC, ascending."""


def late_runs(found: Merge, before: Manifest) -> Runs:
    """The new bars of a merge that start before the newest bar that was held, as runs.

    Args:
        before: the series without them. Bars that are set aside end a run, as stored ones do.
    """
    late = found.new[found.new < before.newest]
    held = np.union1d(found.bars.ts, [row.bars.first for row in before.in_force])
    places = np.searchsorted(held, late)
    breaks = np.flatnonzero(np.diff(places) != 1)
    firsts = np.concatenate(([0], breaks + 1)) if len(late) else breaks
    lasts = np.concatenate((breaks, [len(late) - 1])) if len(late) else breaks
    return np.stack((late[firsts], late[lasts]), axis=1)


def join_runs(pieces: list[Runs]) -> Runs:
    """Runs one after the other."""
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *pieces])


def within_runs(ts: Times, runs: Runs) -> Mask:
    """Which of some starts lie in a run, its ends included."""
    places = np.searchsorted(runs[:, 0], ts, side="right") - 1
    found: Mask = (places >= 0) & (ts <= np.append(runs[:, 1], 0)[places])
    return found


def write_runs(folder: Path, subfolder: str, runs: Runs, rows: int) -> Part:
    """Write runs to a content-named file under ``folder / subfolder``; at least one.

    Args:
        rows: how many bars came late.

    Raises:
        StoreError: when it cannot be written.
    """
    buffer = io.BytesIO()
    np.save(buffer, runs.astype("<i8"), allow_pickle=False)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    name = f"{subfolder}/{digest[:16]}.npy"
    write_bytes(folder / name, data)
    return Part(file=name, rows=rows, first=int(runs[0, 0]), last=int(runs[-1, 1]), sha256=digest)


def read_runs(folder: Path, part: Part) -> Runs:
    """The runs of a part.

    Raises:
        DamagedFile: when its file is missing or not what was written.
    """
    path = folder / part.file
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedFile("is missing", where=str(path), remedy=REMEDY) from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise DamagedFile("truncated or altered: its checksum is another", where=str(path), remedy=REMEDY)
    runs: Runs = np.load(io.BytesIO(data), allow_pickle=False)
    return runs
