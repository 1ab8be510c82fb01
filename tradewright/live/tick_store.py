"""The last ticks of each instrument, in memory (R-DATA-12)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from tradewright.model.live import Tick

TICKS_PER_SYMBOL = 20
"""How many are kept where nothing else is said."""


class InMemoryTickStore:
    """A ring of the newest ticks of each symbol; see :class:`tradewright.model.ports.TickStore`.

    Args:
        ticks_per_symbol: how many are kept of each, at least 1.
        per_symbol: the same for some symbols.

    Raises:
        ValueError: for fewer than one.
    """

    def __init__(self, ticks_per_symbol: int = TICKS_PER_SYMBOL, per_symbol: Mapping[str, int] | None = None) -> None:
        self._usual, self._own = ticks_per_symbol, dict(per_symbol or {})
        if min(self._usual, *self._own.values(), self._usual) < 1:
            raise ValueError("a ring holds at least one tick")
        self._rings: dict[str, deque[Tick]] = {}

    def put(self, tick: Tick) -> None:
        """Keep a tick; the oldest one of its symbol goes where there is no room."""
        if tick.symbol not in self._rings:
            self._rings[tick.symbol] = deque(maxlen=self._own.get(tick.symbol, self._usual))
        self._rings[tick.symbol].append(tick)

    def recent(self, symbol: str) -> tuple[Tick, ...]:
        """The newest ticks of a symbol, in the order of their arrival; none of an unknown one."""
        return tuple(self._rings.get(symbol, ()))
