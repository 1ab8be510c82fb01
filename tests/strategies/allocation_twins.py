"""Allocations in Python that say the same as the documents that ship, for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseAllocation
from tradewright.model.allocation import Tables
from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature


def strongest(i: int, features: Tables, params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
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
class StrongestInPython(BaseAllocation):
    """Holds the ``top`` instruments that rose the most over ``bars`` bars."""

    bars: int = 252
    top: int = 3
    least: float = 0.0

    name = "strongest_in_python"
    allocate = staticmethod(strongest)
    bounds = MappingProxyType({"bars": (1, 10_000), "top": (1, 1_000), "least": (-100.0, 1_000.0)})

    def prepare_state(self) -> tuple[Feature, ...]:
        """The change of price over ``bars`` bars, in percent."""
        return (Feature("roc", (self.bars,)),)


def quiet(i: int, features: Tables, _params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """Weights in proportion to 1 / volatility, which add up to 1; an instrument that does not move gets none."""
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
class QuietInPython(BaseAllocation):
    """The same risk in each instrument, by the deviation of the log returns of ``window`` bars."""

    window: int = 60

    name = "quiet_in_python"
    allocate = staticmethod(quiet)
    bounds = MappingProxyType({"window": (2, 10_000)})

    def prepare_state(self) -> tuple[Feature, ...]:
        """The volatility."""
        return (Feature("rolling_vol", (self.window,)),)
