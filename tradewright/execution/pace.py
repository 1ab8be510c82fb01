"""The pace: no more orders per second and per minute than allowed (control 8)."""

from __future__ import annotations

from datetime import timedelta

from tradewright.execution.settings import SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock


class Pace:
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
