"""The files of one series of bars: manifest, checksummed Parquet parts, the merge of new bars, and fingerprints."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import Field, ValidationError

from tradewright.model.bar_rules import Mask, select
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.base import FrozenModel, Instant
from tradewright.model.errors import StoreError
from tradewright.model.hashing import SCHEMA_VERSION
from tradewright.model.plain_words import plain_rule
from tradewright.store.files import write_bytes

if TYPE_CHECKING:  # loaded where a file is read or written
    import pyarrow as pa


BEGINNING, END = -(2**63), 2**63 - 1
"""The ends of time, in nanoseconds since 1970 UTC."""


def bars_hash(bars: Bars) -> str:
    """SHA-256 over the columns, as 64 hexadecimal digits.

    Every NaN counts as the same NaN and -0.0 as 0.0; nothing else is rounded. Which instrument, timeframe or view the
    bars are is not part of it: equal rows are equal data.
    """
    digest = hashlib.sha256(np.ascontiguousarray(bars.ts, dtype="<i8").tobytes())
    for column in bars[1:]:
        canonical = np.where(np.isnan(column), np.nan, column + 0.0)
        digest.update(canonical.astype("<f8").tobytes())
    return digest.hexdigest()


class Part(FrozenModel):
    """One file: the bars of one year or of all (or the rows that one revision replaced)."""

    file: str
    """Relative to the folder of the manifest."""
    rows: int
    first: int
    last: int
    """Starts of the first and the last bar, nanoseconds since 1970 UTC."""
    sha256: str


class Revision(FrozenModel):
    """A change of what was known of the past: a vendor's correction, bars that came late, or both.

    Args:
        number: from 1, in the series.
        replaced: the bars that had other values, as they were; None where none had.
        late: the bars that came after later ones, as runs (:mod:`tradewright.store.late`); None where none did, and in
            manifests that were written before they were noted.
    """

    number: int
    recorded_at: Instant
    source: str
    replaced: Part | None = None
    late: Part | None = None

    @property
    def changed(self) -> tuple[Part, ...]:
        """What changed: the replaced bars, those that came late."""
        return tuple(part for part in (self.replaced, self.late) if part is not None)

    @property
    def first(self) -> int:
        """Start of the first bar that changed, nanoseconds since 1970 UTC."""
        return min(part.first for part in self.changed)

    @property
    def last(self) -> int:
        """Start of the last bar that changed."""
        return max(part.last for part in self.changed)

    @property
    def told(self) -> str:
        """What changed, in words."""
        late = [f"{self.late.rows:,} came late"] if self.late else []
        return ", ".join([*([f"{self.replaced.rows:,} corrected"] if self.replaced else []), *late])


class Release(FrozenModel):
    """The end of a quarantine: its bars are read again."""

    actor: str
    reason: str
    at: Instant


class Quarantine(FrozenModel):
    """Bars that a person set aside: they are kept, and not read while this is in force.

    Args:
        number: from 1, in the series.
        bars: the file that keeps them; after a release they are among the others again, and the file is gone.
        released: None while it is in force.
    """

    number: int
    bars: Part
    actor: str
    reason: str
    at: Instant
    released: Release | None = None


class Manifest(FrozenModel):
    """The one file whose rename changes what a reader sees. ``parts`` is keyed by year, or ``all``.

    Args:
        quarantines: what people set aside, oldest first.
        source: where the newest change came from; empty in manifests that were written before it was kept.
        updated_at: when the bars last changed; None as for the source.
    """

    schema_version: str = SCHEMA_VERSION
    parts: dict[str, Part] = Field(default_factory=dict)
    revisions: tuple[Revision, ...] = ()
    source: str = ""
    updated_at: Instant | None = None
    quarantines: tuple[Quarantine, ...] = ()

    def next_moment(self, now: datetime) -> datetime:
        """When a change made now is dated: later than every change before it, also where a clock went back."""
        return now if self.updated_at is None else max(now, self.updated_at + timedelta(microseconds=1))

    @property
    def newest(self) -> int:
        """Start of the newest bar that is held, one that is set aside included; ``BEGINNING`` without any."""
        held = (*self.parts.values(), *(row.bars for row in self.in_force))
        return max((part.last for part in held), default=BEGINNING)

    @property
    def in_force(self) -> tuple[Quarantine, ...]:
        """The quarantines that were not released."""
        return tuple(row for row in self.quarantines if row.released is None)

    def set_aside(self, ts: Times) -> Mask:
        """Which of some bars are of times that are set aside: from the first to the last bar of a quarantine."""
        found = np.zeros(len(ts), dtype=np.bool_)
        for row in self.in_force:
            found |= (ts >= row.bars.first) & (ts <= row.bars.last)
        return found

    @property
    def rows(self) -> int:
        """Bars in all parts."""
        return sum(part.rows for part in self.parts.values())

    @classmethod
    def load(cls, path: Path) -> Manifest | None:
        """The manifest at ``path``; None when there is none.

        Raises:
            StoreError: when it is damaged, or written by another version.
        """
        try:
            digest, _, body = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if hashlib.sha256(body).hexdigest().encode() != digest:
            raise StoreError("the manifest is damaged", where=str(path), remedy=REMEDY)
        try:
            manifest = cls.model_validate_json(body)
        except ValidationError as error:
            raise StoreError(
                f"the manifest has another form: {plain_rule(error.errors()[0])}", where=str(path), remedy=REMEDY
            ) from error
        if manifest.schema_version != SCHEMA_VERSION:
            raise StoreError(
                f"written as schema {manifest.schema_version}, this is {SCHEMA_VERSION}", where=str(path), remedy=REMEDY
            )
        return manifest

    def save(self, path: Path) -> None:
        """Write it, its own SHA-256 on the first line.

        Raises:
            StoreError: when it cannot be written.
        """
        body = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True).encode()
        write_bytes(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


REMEDY = "restore it from a backup, or remove the instrument's folder and import again"


class DamagedFile(StoreError):
    """A stored file is missing, truncated or altered."""


def write_part(folder: Path, subfolder: str, bars: Bars) -> Part:
    """Write bars to a content-named file under ``folder / subfolder``; at least one row.

    Raises:
        StoreError: when it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("ts", pa.timestamp("ns", tz="UTC")), *((name, pa.float64()) for name in Bars._fields[1:])])
    columns = [pa.array(bars.ts).cast(schema.field("ts").type), *(pa.array(column) for column in bars[1:])]
    buffer = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(columns, schema=schema), buffer, compression="lz4", use_dictionary=False, version="2.6"
    )
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    name = f"{subfolder}/{digest[:16]}.parquet"
    write_bytes(folder / name, data)
    return Part(file=name, rows=len(bars.ts), first=int(bars.ts[0]), last=int(bars.ts[-1]), sha256=digest)


def read_part(folder: Path, part: Part) -> Bars:
    """The bars of a part.

    Raises:
        FileNotFoundError: when the file is gone, as after another process replaced it.
        DamagedFile: when its bytes are not the ones that were written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / part.file
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise DamagedFile("truncated or altered: its checksum is another", where=str(path), remedy=REMEDY)
    return _arrays(pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False))


def join(pieces: list[Bars]) -> Bars:
    """Bars one after the other; no pieces give no bars."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return Bars.none()
    return Bars(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))


def _arrays(table: pa.Table) -> Bars:
    import pyarrow as pa

    ts = table.column("ts").cast(pa.int64()).to_numpy()
    return Bars(ts, *(table.column(name).to_numpy() for name in Bars._fields[1:]))


class Merge(NamedTuple):
    """``bars`` is the union with the new values; ``replaced`` are old rows that gave way, ``new`` are starts."""

    bars: Bars
    replaced: Bars
    new: Times
    unchanged: int

    @property
    def added(self) -> int:
        """How many bars there were none of."""
        return len(self.new)

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
    return Merge(union, select(old, gone), new.ts[~known], int(np.sum(known & ~differs)))


def _same(before: Floats, after: Floats) -> Mask:
    return np.asarray((before == after) | (np.isnan(before) & np.isnan(after)))
