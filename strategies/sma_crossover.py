"""Two simple moving averages: with the trend when the fast one crosses the slow one."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature


def generate_signal(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Long on a cross upwards, short (flat where shorts are not allowed) on a cross downwards.

    A cross needs both averages on this bar and on the one before, and a strict inequality on this bar: from "at or
    below" to "above". Averages that merely touch are no cross. In the warm-up nothing is above anything, so nothing
    happens.
    """
    fast, slow = features[0], features[1]
    if i < 1:
        return HOLD
    if fast[i] > slow[i] and fast[i - 1] <= slow[i - 1]:
        return (1.0, NAN, NAN, NAN)
    if fast[i] < slow[i] and fast[i - 1] >= slow[i - 1]:
        return (-1.0, NAN, NAN, NAN)
    return HOLD


@dataclass(frozen=True)
class SmaCrossover(BaseStrategy):
    """Follows the cross of the simple means of ``fast`` and ``slow`` closes; decided on a close, traded next open."""

    fast: int = 10
    slow: int = 20

    name = "sma_crossover"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType({"fast": (1, 10_000), "slow": (1, 10_000)})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ordered("fast", "slow")

    def prepare_state(self) -> tuple[Feature, ...]:
        """The fast average, the slow average."""
        return Feature("sma", (self.fast,)), Feature("sma", (self.slow,))
