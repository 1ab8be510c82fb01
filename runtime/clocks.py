"""The clock of a scenario that stands at a fixed end, shared by all processes of one storage folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from tradewright.model.clock import Clock, ShiftedClock, SystemClock
from tradewright.model.errors import StoreError
from tradewright.store.files import private_folder


def scenario_clock(folder: Path, end: datetime) -> Clock:
    """A clock that shows the moment after the scenario's last bar when ``folder`` is first used, and then runs.

    The folder remembers the moment of its first use, so that all processes agree.

    Raises:
        StoreError: when the remembered moment cannot be read.
    """
    path = folder / "clocks" / f"{end:%Y%m%dT%H%M%SZ}"
    private_folder(path.parent)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as fresh:
        fresh.write(SystemClock().now().isoformat())
        fresh.flush()
        with contextlib.suppress(FileExistsError):
            os.link(fresh.name, path)  # whole or not at all, and the first one stays
    try:
        begun = datetime.fromisoformat(path.read_text())
        return ShiftedClock(end + timedelta(seconds=1), begun)
    except (ValueError, TypeError) as error:
        remedy = "remove the file: the scenario begins anew, and orders that are open at its venue should be cancelled"
        raise StoreError(
            f"the clock of the scenario cannot be read: {error}", where=str(path), remedy=remedy
        ) from error
