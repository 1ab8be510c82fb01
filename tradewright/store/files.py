"""Whole files or none, and one writer at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tradewright.model.errors import StoreError


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``: after a crash at any moment the file is the old one or the new one.

    Raises:
        StoreError: when the disk is full or the place cannot be written; nothing is left behind.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise _refusal(path, error) from error


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refusal(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot be written: {error.strerror or error}",
        where=str(path),
        remedy="free disk space or choose another storage.root; nothing was changed",
    )


_POLL_SECONDS = 0.02


@contextmanager
def exclusive(path: Path, timeout: float = 30.0) -> Iterator[None]:
    """Hold the lock file ``path`` alone, among all threads and processes; not re-entrant.

    The operating system releases the lock when its holder dies, so a file that a crash left behind blocks nothing.

    Args:
        timeout: seconds to wait for a living holder.

    Raises:
        StoreError: when a living holder keeps the lock for longer, or the folder cannot be written.
    """
    lock = FileLock(path, timeout=timeout, poll_interval=_POLL_SECONDS, is_singleton=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"another process has been writing here for more than {timeout:g} s",
            where=str(path),
            remedy="wait for it to end, or end it; nothing was changed",
        ) from None
    except OSError as error:
        raise StoreError(f"cannot be locked: {error.strerror}", where=str(path), remedy="check its folder") from error
    try:
        yield
    finally:
        lock.release()
