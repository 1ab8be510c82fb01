"""The folder of one series of bars: its key, its files, and the change of some of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from tradewright.model.bar_rules import select
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.store.dataset import REMEDY, DamagedFile, Merge, Part, join, merge, read_part, write_part

LOCK, ARRIVALS = "_lock", "_arrivals"
"""Files beside the manifest: the lock of writers, and the log of :mod:`tradewright.store.arrivals`."""
_ALL_YEARS = "all"

Parts = dict[str, Part]
"""The files of a series by year, or ``all``."""


class Series(NamedTuple):
    """The key of a series of bars: instrument, timeframe, kind."""

    instrument: str
    timeframe: Timeframe
    kind: BarKind

    @property
    def folder(self) -> str:
        """Its place in the dataset, hive style; odd characters of the symbol are percent-encoded."""
        return f"kind={self.kind}/timeframe={self.timeframe}/instrument={quote(self.instrument, safe='')}"


def possible(root: Path, instrument: str, kind: BarKind) -> list[Series]:
    """The series of an instrument that may be stored, the shortest timeframe first.

    Those at timeframes of which no bars of anything are stored are left out: most houses have two or three, and to look
    for a file of each costs more.
    """
    try:
        there = {path.name.partition("=")[2] for path in (root / "bars" / f"kind={kind}").iterdir()}
    except FileNotFoundError:
        return []
    return [Series(instrument, each, kind) for each in Timeframe if each in there]


def quarantined(root: Path, series: Series) -> Path:
    """Where the bars are that people set aside: outside the dataset, which readers take as one table."""
    return root / "quarantined" / series.folder


def superseded(root: Path, series: Series) -> Path:
    """Where the bars are that revisions replaced: outside the dataset as well."""
    return root / "superseded" / series.folder


def manifest_path(folder: Path) -> Path:
    """The manifest in the folder of a series."""
    return folder / "_manifest.json"


def merged(folder: Path, timeframe: Timeframe, parts: Mapping[str, Part], new: Bars) -> tuple[Parts, list[Merge]]:
    """The files of a series with further bars, written where they changed, and what happened in each.

    Raises:
        DamagedFile: when a file is not what was written.
        StoreError: when one cannot be written.
    """
    changed, merges = dict(parts), []
    for key, bars in _by_part(timeframe, new):
        old = {year: part for year, part in sorted(changed.items()) if key in (year, _ALL_YEARS)}
        merges.append(merge(join([read_or_damaged(folder, part) for part in old.values()]), bars))
        if merges[-1].changed:
            for year in old:
                del changed[year]
            changed[key] = write_part(folder, _subfolder(key), merges[-1].bars)
    return changed, merges


def parted(folder: Path, parts: Mapping[str, Part], first: int, last: int) -> tuple[Parts, Bars]:
    """The files of a series without the bars that start from ``first`` to ``last``, written anew, and these bars.

    Raises:
        DamagedFile, StoreError: as :func:`merged`.
    """
    left, out = dict(parts), []
    for key, part in sorted(parts.items()):
        if part.first > last or part.last < first:
            continue
        bars = read_or_damaged(folder, part)
        chosen = (bars.ts >= first) & (bars.ts <= last)
        if chosen.any():
            out.append(select(bars, chosen))
            del left[key]
            if not chosen.all():
                left[key] = write_part(folder, _subfolder(key), select(bars, ~chosen))
    return left, join(out)


def read_or_damaged(folder: Path, part: Part) -> Bars:
    """The bars of a part, under the lock.

    Raises:
        DamagedFile: when its file is missing or not what was written.
    """
    try:
        return read_part(folder, part)
    except FileNotFoundError as error:
        raise DamagedFile("is missing", where=str(folder / part.file), remedy=REMEDY) from error


def sweep(folder: Path, named: Iterable[Part]) -> None:
    """Remove the files that the manifest no longer names, and what a crash left behind; only under the lock."""
    kept = {folder / part.file for part in named} | {manifest_path(folder), folder / LOCK, folder / ARRIVALS}
    for path in folder.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


def _subfolder(key: str) -> str:
    return f"years={key}" if key == _ALL_YEARS else f"year={key}"


def _by_part(timeframe: Timeframe, bars: Bars) -> Iterator[tuple[str, Bars]]:
    if timeframe.of_sessions:
        yield _ALL_YEARS, bars
        return
    years = bars.ts.view("datetime64[ns]").astype("datetime64[Y]")
    for year in np.unique(years):
        yield str(year), select(bars, years == year)
