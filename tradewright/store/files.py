"""Whole files or none, and one writer at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradewright.model.errors import StoreError


def private(path: str, flags: int) -> int:
    """An opener of files that their owner alone may read, whatever the umask says."""
    handle = os.open(path, flags, 0o600)
    if flags & os.O_CREAT:
        os.fchmod(handle, 0o600)
    return handle


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone; one that is there stays as it is.

    Raises:
        OSError: when it cannot be made.
    """
    missing, above = [], folder
    while not above.exists():
        missing.append(above)
        above = above.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process made it meanwhile
            each.mkdir(mode=0o700)
            each.chmod(0o700)
    folder.mkdir(exist_ok=True)  # tells of something else in its place


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``: after a crash at any moment the file is the old one or the new one.

    Its owner alone may read it.

    Raises:
        StoreError: when the disk is full, the place cannot be written, or something other than a file is there;
            nothing is left behind.
    """
    if path.exists() and not path.is_file():
        raise StoreError("is no plain file", where=str(path), remedy="name a file; nothing was changed")
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        private_folder(path.parent)
        with open(beside, "wb", opener=private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise _refusal(path, error) from error


def sync(path: Path) -> None:
    """Make a file, or what happened in a folder (a rename, a new file), durable.

    Raises:
        OSError: when the disk refuses.
    """
    handle = os.open(path, os.O_RDONLY)
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
    from filelock import FileLock, Timeout  # commands that write nothing do without

    lock = FileLock(path, timeout=timeout, poll_interval=_POLL_SECONDS, is_singleton=False, mode=0o600)
    try:
        private_folder(path.parent)
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
