"""WorkingOrder for a condition with a deadline, and the limit on the rate of orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from tradewright.execution.types import SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock


async def wait_until(
    clock: Clock, heard: asyncio.Event, done: Callable[[], bool], seconds: float, pause: float
) -> bool:
    """Wait until ``done()``, asking again whenever ``heard`` is set and at least every ``pause`` seconds.

    Returns:
        False when ``seconds`` of the clock's monotonic time went by first.
    """
    deadline = clock.monotonic() + seconds
    while not done():
        remaining = deadline - clock.monotonic()
        if remaining <= 0:
            return False
        heard.clear()
        await _first(asyncio.ensure_future(heard.wait()), asyncio.ensure_future(clock.sleep(min(pause, remaining))))
    return True


async def _first(*tasks: asyncio.Future[object]) -> None:
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class RateLimiter:
    """Counts the orders in the ledger, so that restarts and other senders count as well."""

    def __init__(self, ledger: Ledger, clock: Clock, settings: SenderSettings) -> None:
        self._ledger, self._clock, self._account = ledger, clock, settings.account
        self._limits = ((1.0, settings.per_second), (60.0, settings.per_minute))

    async def keep(self) -> None:
        """Wait until one more order is allowed."""
        while (seconds := self.wait()) > 0:
            await self._clock.sleep(seconds)

    def wait(self) -> float:
        """Seconds until one more order is allowed; 0 when it is now."""
        now = self._clock.now()
        longest = 0.0
        for window, most in self._limits:
            sent = self._ledger.attempts.sent_at(self._account, now - timedelta(seconds=window))
            if len(sent) >= most:
                longest = max(longest, window - (now - sent[-most]).total_seconds())
        return longest
