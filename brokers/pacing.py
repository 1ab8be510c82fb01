"""How many requests a venue or a vendor is asked in a time: the rest waits."""

from __future__ import annotations

from collections import deque

from tradewright.model.clock import Clock


class Pace:
    """At most so many requests within any span of so many seconds.

    Args:
        most: how many.
        seconds: the span.
        clock: whose monotonic seconds are counted.
    """

    def __init__(self, most: int, seconds: float, clock: Clock) -> None:
        self._seconds, self._clock = seconds, clock
        self._taken: deque[float] = deque(maxlen=most)

    def wait(self) -> float:
        """Seconds until the next request may go; 0 where it may go at once."""
        if len(self._taken) < (self._taken.maxlen or 1):
            return 0.0
        return max(0.0, self._taken[0] + self._seconds - self._clock.monotonic())

    def take(self) -> None:
        """Count a request that goes now."""
        self._taken.append(self._clock.monotonic())
