"""Every instrument in an equal part."""

from __future__ import annotations

from dataclasses import dataclass

from strategies.base import BaseAllocation
from tradewright.model.allocation import Tables
from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature


def allocate(i: int, features: Tables, _params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """One part for each instrument that is there."""
    close, there = features[0], 0
    for n in range(len(out)):
        there += 1 if close[i, n] == close[i, n] else 0
    for n in range(len(out)):
        out[n] = 1.0 / there if close[i, n] == close[i, n] else 0.0
    return there > 0


@dataclass(frozen=True)
class EqualWeight(BaseAllocation):
    """The yardstick of allocations: as much of each, once a month. It has no parameters."""

    name = "equal_weight"
    allocate = staticmethod(allocate)

    def prepare_state(self) -> tuple[Feature, ...]:
        """The close."""
        return (Feature("close"),)
