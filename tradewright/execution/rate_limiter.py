"""How many orders may go out per second and per minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from tradewright.execution.types import SenderSettings
from tradewright.execution.waiter import Waiter
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock


class RateLimiter:
    """No more orders per second and per minute than allowed (control 8).

    It counts the orders in the ledger, so that restarts and other senders count as well. A clock that was set back
    holds nothing up for longer than the window: an order of the future counts as one of the moment at which it was
    first seen, by the monotonic clock.
    """

    def __init__(self, ledger: Ledger, clock: Clock, settings: SenderSettings, waiter: Waiter) -> None:
        self._ledger, self._clock, self._account, self._waiter = ledger, clock, settings.account, waiter
        self._limits = ((1.0, settings.per_second), (60.0, settings.per_minute))
        self._first_seen: dict[datetime, float] = {}

    async def acquire(self) -> None:
        """Wait until one more order is allowed."""
        while (seconds := self.wait()) > 0:
            await self._waiter.sleep(seconds)

    def wait(self) -> float:
        """Seconds until one more order is allowed, at most a window's length; 0 when it is allowed now."""
        now = self._clock.now()
        longest = 0.0
        for window, most in self._limits:
            sent = self._ledger.attempts.sent_at(self._account, now - timedelta(seconds=window))
            ages = sorted(self._age(moment, now) for moment in sent)
            if len(ages) >= most:
                longest = max(longest, window - ages[most - 1])
        return longest

    def _age(self, sent: datetime, now: datetime) -> float:
        if sent <= now:
            return (now - sent).total_seconds()
        seconds = self._clock.monotonic()
        return seconds - self._first_seen.setdefault(sent, seconds)
