"""Relative value: an instrument that is cheap or dear against another one, by the z-score of their log ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature


def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> Action:
    """Long below ``-entry``, short (flat where shorts are not allowed) above ``entry``, closed inside of ``exit``.

    z = (r - mean) / deviation of r = ln(price / price of the benchmark) over the newest ``window`` bars, by the sample
    deviation. A window with a bar in which either price is unknown gives no signal.
    """
    own, other, window = features[0], features[1], int(params[0])
    if i + 1 < window:
        return HOLD
    total, squares = 0.0, 0.0
    newest = math.log(own[i] / other[i]) if own[i] > 0.0 and other[i] > 0.0 else NAN
    for k in range(i + 1 - window, i + 1):
        if not (own[k] > 0.0 and other[k] > 0.0):
            return HOLD
        apart = math.log(own[k] / other[k]) - newest
        total += apart
        squares += apart * apart
    mean = total / window
    variance = (squares - window * mean * mean) / (window - 1)
    if not variance > 1e-18:
        return HOLD
    z = -mean / math.sqrt(variance)
    if z <= -params[1] and position <= 0.0:
        return (1.0, NAN, NAN, NAN)
    if z >= params[1] and position >= 0.0:
        return (-1.0, NAN, NAN, NAN)
    if (position > 0.0 and z >= -params[2]) or (position < 0.0 and z <= params[2]):
        return (0.0, NAN, NAN, NAN)
    return HOLD


@dataclass(frozen=True)
class Pairs(BaseStrategy):
    """Trades an instrument against its ``benchmark``, which is read and not traded."""

    benchmark: str = "SPY"
    window: int = 60
    entry: float = 2.0
    exit: float = 0.5

    name = "pairs"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType({"window": (3, 10_000), "entry": (1.0, 10.0), "exit": (-5.0, 0.9)})

    def prepare_state(self) -> tuple[Feature, ...]:
        """The close of the instrument, the close of the benchmark."""
        return Feature("close"), Feature("close", of=self.benchmark)
