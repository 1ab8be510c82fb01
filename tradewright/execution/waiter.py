"""Waiting for a time or a condition without being deaf to urgent commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tradewright.model.clock import Clock

SLICE = 1.0
"""Seconds between two looks at the inbox during a long wait: a kill waits no longer."""


async def nothing_urgent() -> None:
    """Do nothing: the work of a waiter to which no urgent command can come."""


class Waiter:
    """Every wait of the account's actor goes through here, so that an urgent command is served during each of them.

    Args:
        pause: the longest single wait while a condition is awaited.
        urgent: serves urgent commands (a cancel of all orders); called at least every ``SLICE`` seconds. It is not
            called again while it runs itself.
    """

    def __init__(self, clock: Clock, pause: float, urgent: Callable[[], Awaitable[None]] = nothing_urgent) -> None:
        self._clock, self._pause, self._urgent = clock, pause, urgent
        self._serving = False

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of the clock's monotonic time."""
        deadline = self._clock.monotonic() + seconds
        await self.serve()
        while (remaining := deadline - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(SLICE, remaining))
            await self.serve()

    async def until(self, received: asyncio.Event, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until ``done()``, asking again whenever ``received`` is set and at least every ``pause`` seconds.

        Returns:
            False when ``seconds`` of the clock's monotonic time went by first.
        """
        deadline = self._clock.monotonic() + seconds
        while not done():
            remaining = deadline - self._clock.monotonic()
            if remaining <= 0:
                return False
            received.clear()
            pause = self._clock.sleep(min(self._pause, remaining))
            await _first(asyncio.ensure_future(received.wait()), asyncio.ensure_future(pause))
            await self.serve()
        return True

    async def serve(self) -> None:
        """Serve what is urgent now."""
        if self._serving:
            return
        self._serving = True
        try:
            await self._urgent()
        finally:
            self._serving = False


async def _first(*tasks: asyncio.Future[object]) -> None:
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
