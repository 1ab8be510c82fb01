"""What a bars store holds, read from the manifests alone: no bar, and no pandas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from tradewright.model.errors import StoreError
from tradewright.store.dataset import Manifest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StoredSeries:
    """One stored series of bars.

    Args:
        first, last: starts of the first and the last bar, UTC; None without a bar.
        revisions: how often a vendor corrected it.
        source: where the newest bars came from; empty where the store was written before sources were kept.
        updated_at: when it last changed; None as for the source.
        problem: why nothing of it can be told; empty where it is sound.
    """

    instrument: str
    timeframe: str
    kind: str
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    revisions: int = 0
    source: str = ""
    updated_at: datetime | None = None
    problem: str = ""


def stored_series(root: Path) -> list[StoredSeries]:
    """Every series of the store under ``root``, by instrument, timeframe and kind; a damaged one has its problem."""
    manifests = (root / "bars").glob("kind=*/timeframe=*/instrument=*/_manifest.json")
    return sorted(map(_series, manifests), key=lambda found: (found.instrument, found.timeframe, found.kind))


def _series(path: Path) -> StoredSeries:
    kind, timeframe, instrument = (unquote(part.partition("=")[2]) for part in path.parent.parts[-3:])
    try:
        manifest = Manifest.load(path)
    except (StoreError, OSError) as error:
        return StoredSeries(instrument, timeframe, kind, problem=str(error))
    if manifest is None or not manifest.parts:
        return StoredSeries(instrument, timeframe, kind)
    return StoredSeries(
        instrument,
        timeframe,
        kind,
        rows=manifest.rows,
        first=_moment(min(part.first for part in manifest.parts.values())),
        last=_moment(max(part.last for part in manifest.parts.values())),
        revisions=len(manifest.revisions),
        source=manifest.source,
        updated_at=manifest.updated_at,
    )


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
