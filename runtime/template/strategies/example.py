"""An example to copy: long while the price is well above its mean, flat below it, with a protective stop.

A strategy is one file: a decision, and a class with the parameters and the features that the decision reads. Its
settings stand in ``conf/strategy/example.yaml``; ``tradewright check`` compiles it and runs it on a small scenario.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature


def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> Action:
    """The decision at the close of bar ``i``: (target, limit, stop, take-profit), or ``HOLD`` to leave all as it is.

    ``features`` are arrays in the order of ``prepare_state``; read them from 0 to ``i`` only. ``params`` are the fields
    of the class in their order; ``position`` is what is held, in units. Before a feature has enough bars it is NaN,
    every comparison with it is false, and nothing happens.
    """
    close, mean, atr = features[0], features[1], features[2]
    if position == 0.0 and close[i] > mean[i] * (1.0 + params[1]):
        return (1.0, NAN, close[i] - params[2] * atr[i], NAN)
    if position > 0.0 and close[i] < mean[i]:
        return (0.0, NAN, NAN, NAN)
    return HOLD


@dataclass(frozen=True)
class Example(BaseStrategy):
    """Enters ``margin`` above the mean of ``span`` closes, leaves below it, or ``stop_atr`` true ranges against it."""

    span: int = 50
    margin: float = 0.002
    stop_atr: float = 3.0

    name = "example"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType({"span": (2, 10_000), "margin": (0.0, 1.0), "stop_atr": (0.1, 100.0)})

    def prepare_state(self) -> tuple[Feature, ...]:
        """The close, its mean, the average true range."""
        return Feature("close"), Feature("sma", (self.span,)), Feature("atr", (self.span,))
