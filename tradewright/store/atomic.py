"""Whole files or none: write beside the target, flush to the disk, rename."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

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
