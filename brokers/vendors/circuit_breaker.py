"""The circuit breaker of a client: a vendor that fails again and again is left alone for a while.

Source: Michael T. Nygard, Release It!, 2nd edition (2018), chapter 5.
"""

from __future__ import annotations

from enum import StrEnum

from tradewright.model.clock import Clock


class Circuit(StrEnum):
    """The states of a circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Opens after so many failures in a row; after the pause one try is let through, whose end decides.

    Args:
        failures: in a row, after which nothing is asked.
        pause: seconds until one try is let through.
    """

    def __init__(self, clock: Clock, failures: int = 3, pause: float = 60.0) -> None:
        self.pause = pause
        self._clock, self._most = clock, failures
        self._failed, self._opened_at = 0, 0.0

    @property
    def state(self) -> Circuit:
        """Closed lets everything through, open nothing, half-open a single try."""
        if self._failed < self._most:
            return Circuit.CLOSED
        return Circuit.OPEN if self.wait() > 0 else Circuit.HALF_OPEN

    def wait(self) -> float:
        """Seconds until a try is let through; 0 where it is now."""
        if self._failed < self._most:
            return 0.0
        return max(0.0, self._opened_at + self.pause - self._clock.monotonic())

    def succeeded(self) -> None:
        """A request was answered: the circuit is closed."""
        self._failed = 0

    def failed(self) -> None:
        """A request was not answered; it opens the circuit, or opens it again."""
        self._failed += 1
        self._opened_at = self._clock.monotonic()
