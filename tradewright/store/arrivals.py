"""When the bars of a series came: a log beside its manifest, of which each record stands before a newer bar."""

from __future__ import annotations

import os
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tradewright.model.errors import StoreError
from tradewright.store.dataset import END, REMEDY, DamagedFile
from tradewright.store.series import ARRIVALS

_RECORD = np.dtype([("at", "<i8"), ("newest", "<i8"), ("check", "<u4")])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Arrivals = npt.NDArray[np.void]
"""Records in the order in which they were written: until ``at``, no bar was held that starts after ``newest``."""


def nanoseconds(moment: datetime) -> int:
    """A moment with a zone in nanoseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def note_arrival(folder: Path, at: datetime, newest: int) -> None:
    """Note that bars come which start after the newest one that is held; under the lock, before they are readable.

    A crash between the two leaves a record that says nothing wrong: until the next one no such bar was held either. A
    record that a crash left in half is written over.

    Args:
        newest: the start of the newest bar that is held, in nanoseconds UTC.

    Raises:
        StoreError: when it cannot be written.
    """
    record = np.array([(nanoseconds(at), newest, 0)], dtype=_RECORD)
    record["check"] = _check(record.tobytes())
    path = folder / ARRIVALS
    try:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            file.seek(_whole(path.stat().st_size))
            file.write(record.tobytes())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        remedy = "free disk space or choose another storage.root; nothing was changed"
        raise StoreError(f"cannot be written: {error.strerror or error}", where=str(path), remedy=remedy) from error


def arrivals(folder: Path) -> Arrivals:
    """The log of a series; empty where none was kept.

    Raises:
        DamagedFile: when a record is not the one that was written.
    """
    path = folder / ARRIVALS
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return np.empty(0, dtype=_RECORD)
    data = data[: _whole(len(data))]
    found = np.frombuffer(data, dtype=_RECORD)
    size = _RECORD.itemsize
    checks = [_check(data[begin : begin + size]) for begin in range(0, len(data), size)]
    if not np.array_equal(found["check"], np.array(checks, dtype=np.uint32)):
        raise DamagedFile("a record was altered: its checksum is another", where=str(path), remedy=REMEDY)
    return found


def newest_held(log: Arrivals, moment: datetime) -> int:
    """The start of the newest bar that may have been held at a moment; ``END`` where no newer one has come since."""
    later = np.flatnonzero(log["at"] > nanoseconds(moment))
    return int(log["newest"][later[0]]) if len(later) else END


def _whole(size: int) -> int:
    return size - size % _RECORD.itemsize


def _check(record: bytes) -> int:
    return zlib.crc32(record[:-4])
