"""Which stored series research has read, in which revision: what a correction of them touches."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import Field, ValidationError

from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.base import FrozenModel, Instant, Name
from tradewright.model.errors import StoreError
from tradewright.model.hashing import content_hash
from tradewright.store.files import exclusive, write_bytes

MOST = 5_000
"""Uses that are kept: of more, those that are oldest by their newest run are forgotten."""
DAMAGED = ".damaged"
"""The ending of a file that could not be read when its use ran again."""


class UseKind(StrEnum):
    """What read a series."""

    BACKTEST = "backtest"
    SWEEP = "sweep"
    WALK_FORWARD = "walkforward"
    FEATURES = "features"
    SIGNALS = "signals"


class UsedSeries(FrozenModel):
    """A stored series as it was read.

    Args:
        revision: how many revisions it had then.
        first, last: of the time that was read, nanoseconds UTC.
        fingerprint: of the bars that were read; empty where only rates were taken from them.
    """

    instrument: Name
    timeframe: Timeframe
    kind: BarKind
    revision: int
    first: int
    last: int
    fingerprint: str = ""


class Use(FrozenModel):
    """One backtest, sweep, walk-forward, table of features or making of signals, however often on the same revisions.

    Args:
        name: of the strategy, or of the instrument of a table of features.
        detail: what else tells it from others, such as parameters and the hash of the configuration.
        begun, at: when it began to read, in its first and in its newest run.
    """

    kind: UseKind
    name: Name
    detail: dict[str, str] = Field(default_factory=dict)
    series: tuple[UsedSeries, ...]
    begun: Instant
    at: Instant
    runs: int = 1

    @property
    def key(self) -> str:
        """The hash of what it is and of the revisions that it read, by which it is kept."""
        read = [[each.instrument, each.timeframe, each.kind, each.revision] for each in self.series]
        return content_hash([self.kind, self.name, self.detail, read])

    def after(self, before: Use) -> Use:
        """This use as a further run of an earlier one: it reaches over the time that both have read."""
        spans = [
            mine.model_copy(update={"first": min(mine.first, theirs.first), "last": max(mine.last, theirs.last)})
            for mine, theirs in zip(self.series, before.series, strict=True)
        ]
        moments = {"begun": min(self.begun, before.begun), "at": max(self.at, before.at)}
        return self.model_copy(update={"series": tuple(spans), "runs": before.runs + 1, **moments})


class Uses:
    """The uses of stored series under ``<root>/uses``, a small file for each, named by its content.

    A run on grown bars of the same revisions is told in the same file, so that a loop makes no file a bar.

    Args:
        root: the storage folder.
        most: how many are kept.
    """

    def __init__(self, root: Path, most: int = MOST) -> None:
        self._folder, self._most = root / "uses", most

    def record(self, use: Use) -> None:
        """Note a use; what it read must not be newer than its revisions say.

        A damaged file of its earlier runs is kept aside, for :meth:`all` to name: it stops no run.

        Raises:
            StoreError: when it cannot be written.
        """
        path = self._folder / f"{use.key}.json"
        with exclusive(self._folder / "_lock"):
            known = path.exists()
            told = use.after(earlier) if known and (earlier := _earlier(path)) else use
            write_bytes(path, json.dumps(told.model_dump(mode="json"), indent=1, sort_keys=True).encode())
            if not known:
                self._forget()

    def all(self) -> list[Use]:
        """Every use that is kept, the oldest first.

        Raises:
            StoreError: when a file is damaged.
        """
        files = [*self._folder.glob("*.json"), *self._folder.glob(f"*{DAMAGED}")]
        return sorted(map(_read, files), key=lambda use: (use.begun, use.key))

    def prune(self, before: datetime) -> int:
        """Forget the uses whose newest run was before a moment; how many there were. Damaged files stay."""
        if not self._folder.is_dir():
            return 0
        with exclusive(self._folder / "_lock"):
            found = {path: _known(path) for path in self._folder.glob("*.json")}
            old = [path for path, use in found.items() if use is not None and use.at < before]
            for path in old:
                path.unlink()
        return len(old)

    def _forget(self) -> None:
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in files[self._most :]:
            path.unlink()


def _earlier(path: Path) -> Use | None:
    """The use in a file; None where it is damaged, which is kept aside then."""
    found = _known(path)
    if found is None:
        path.replace(path.with_suffix(DAMAGED))
    return found


def _known(path: Path) -> Use | None:
    try:
        return _read(path)
    except StoreError:
        return None


def _read(path: Path) -> Use:
    try:
        return Use.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        remedy = "remove it: one use of stored bars is forgotten, and nothing else"
        raise StoreError("is damaged or cannot be read", where=str(path), remedy=remedy) from error
