"""Bars as Parquet files: written whole, and never parsed before their checksum is verified."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tradewright.model.bars import Bars
from tradewright.model.errors import StoreError
from tradewright.store.atomic import write_bytes
from tradewright.store.manifest import REMEDY, Part

SCHEMA = pa.schema(
    [("ts", pa.timestamp("ns", tz="UTC")), *((name, pa.float64()) for name in Bars._fields[1:])],
)


class DamagedFile(StoreError):
    """A stored file is missing, truncated or altered."""


def write_part(folder: Path, subfolder: str, bars: Bars) -> Part:
    """Write bars to a content-named file under ``folder / subfolder``; at least one row.

    Raises:
        StoreError: when it cannot be written.
    """
    columns = [pa.array(bars.ts).cast(SCHEMA.field("ts").type), *(pa.array(column) for column in bars[1:])]
    buffer = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(columns, schema=SCHEMA), buffer, compression="lz4", use_dictionary=False, version="2.6"
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
        none = np.empty(0, dtype=np.float64)
        return Bars(np.empty(0, dtype=np.int64), none, none, none, none, none, none)
    return Bars(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))


def _arrays(table: pa.Table) -> Bars:
    ts = table.column("ts").cast(pa.int64()).to_numpy()
    return Bars(ts, *(table.column(name).to_numpy() for name in Bars._fields[1:]))
