"""Every instrument in a part that falls with its volatility."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseAllocation
from tradewright.model.allocation import Tables
from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature


def allocate(i: int, features: Tables, _params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """Weights in proportion to 1 / volatility, which add up to 1; an instrument that does not move gets none.

    Each instrument then carries the same risk, if all are equally correlated.
    """
    volatility, total = features[0], 0.0
    for n in range(len(out)):
        if volatility[i, n] > 0.0:
            out[n] = 1.0 / volatility[i, n]
            total += out[n]
    if total == 0.0:
        return False
    for n in range(len(out)):
        out[n] /= total
    return True


@dataclass(frozen=True)
class InverseVolatility(BaseAllocation):
    """The same risk in each instrument, by the deviation of the log returns of ``window`` bars."""

    window: int = 60

    name = "inverse_volatility"
    allocate = staticmethod(allocate)
    bounds = MappingProxyType({"window": (2, 10_000)})

    def prepare_state(self) -> tuple[Feature, ...]:
        """The volatility."""
        return (Feature("rolling_vol", (self.window,)),)
