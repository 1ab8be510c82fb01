"""One writer at a time, across processes and threads."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradewright.model.errors import StoreError

_POLL_SECONDS = 0.02


@contextmanager
def exclusive(path: Path, timeout: float = 30.0) -> Iterator[None]:
    """Hold the lock file ``path``.

    The kernel releases the lock when its holder dies, so a file that a crash left behind blocks nobody.

    Args:
        timeout: seconds to wait for a living holder.

    Raises:
        StoreError: when a living holder keeps the lock for longer, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"cannot be locked: {error.strerror}", where=str(path), remedy="check its folder") from error
    try:
        _wait(handle, path, timeout)
        yield
    finally:
        os.close(handle)


def _wait(handle: int, path: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreError(
                    f"another process has been writing here for more than {timeout:g} s",
                    where=str(path),
                    remedy="wait for it to end, or end it; nothing was changed",
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return
