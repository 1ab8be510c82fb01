"""The strongest instruments of the last months, in equal parts, once a month."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseAllocation
from tradewright.model.allocation import Tables
from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature


def allocate(i: int, features: Tables, params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """An equal part for each of the ``top`` greatest changes of price, where the change is above ``least`` percent.

    Places that no instrument takes stay in cash. Of equal changes the one that is named first wins. Without any change
    of price yet nothing is traded.
    """
    change, top = features[0], int(params[1])
    known = 0
    for n in range(len(out)):
        known += 1 if change[i, n] == change[i, n] else 0
    for _ in range(min(top, known)):
        best = -1
        for n in range(len(out)):
            if out[n] == 0.0 and change[i, n] > params[2] and (best < 0 or change[i, n] > change[i, best]):
                best = n
        if best >= 0:
            out[best] = 1.0 / top
    return known > 0


@dataclass(frozen=True)
class MomentumRotation(BaseAllocation):
    """Holds the ``top`` instruments that rose the most over ``bars`` bars: N. Jegadeesh, S. Titman, "Returns to Buying
    Winners and Selling Losers", Journal of Finance 48 (1993), long only, with ``least`` as in dual momentum."""

    bars: int = 252
    top: int = 3
    least: float = 0.0

    name = "momentum_rotation"
    allocate = staticmethod(allocate)
    bounds = MappingProxyType({"bars": (1, 10_000), "top": (1, 1_000), "least": (-100.0, 1_000.0)})

    def prepare_state(self) -> tuple[Feature, ...]:
        """The change of price over ``bars`` bars, in percent."""
        return (Feature("roc", (self.bars,)),)
