"""The waits between tries: each twice as long as the one before, longer by chance, and never too long.

Source: Marc Brooker, Exponential Backoff and Jitter, AWS Architecture Blog (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom

_CHANCE = SystemRandom().random
_MOST_DOUBLINGS = 30


class Backoff:
    """Waits in seconds.

    Args:
        first: before the first further try.
        longest: before chance makes it longer.
        jitter: the largest share by which chance makes a wait longer, so that clients do not come back all at once.
        chance: a number in [0, 1); a test gives its own.
    """

    def __init__(
        self, first: float = 1.0, longest: float = 60.0, jitter: float = 0.25, chance: Callable[[], float] = _CHANCE
    ) -> None:
        self._first, self._longest, self._jitter, self._chance = first, longest, jitter, chance
        self.tries = 0

    def next(self) -> float:
        """Seconds before the next try."""
        plain = min(self._first * 2.0 ** min(self.tries, _MOST_DOUBLINGS), self._longest)
        self.tries += 1
        return plain * (1 + self._jitter * self._chance())

    def reset(self) -> None:
        """A try succeeded: the next failure waits as the first one did."""
        self.tries = 0
