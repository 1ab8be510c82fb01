"""The clock port: nothing below ``app`` and ``assets`` reads the wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The source of time: wall time for records, monotonic seconds for time-outs, and a way to wait."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        import asyncio  # loads sockets and TLS, which a command that only reads settings does without

        await asyncio.sleep(seconds)


class ShiftedClock(SystemClock):
    """A clock that showed ``start`` at the moment ``since`` and runs at the machine's pace.

    The demo and the bundled gateway share one, just after the last bar, so that they work on a Sunday. Processes that
    name the same two moments agree.

    Args:
        since: by the machine's own clock; the making of the clock when None.
    """

    def __init__(self, start: datetime, since: datetime | None = None) -> None:
        now = datetime.now(UTC)
        elapsed = now - since.astimezone(UTC) if since else timedelta(0)
        self._start, self._origin = start.astimezone(UTC) + elapsed, time.monotonic()

    def now(self) -> datetime:
        """The simulated moment in UTC."""
        return self._start + timedelta(seconds=time.monotonic() - self._origin)


class ManualClock:
    """A clock that a test moves; a wait moves it at once by the time waited."""

    def __init__(self, start: datetime) -> None:
        self._now, self._seconds = start.astimezone(UTC), 0.0

    def now(self) -> datetime:
        """The moment it was moved to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Move on.

        Raises:
            ValueError: for a negative step.
        """
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds} s")
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds

    async def sleep(self, seconds: float) -> None:
        """Move on and let others run."""
        self.advance(seconds)
        import asyncio

        await asyncio.sleep(0)
