"""Buy once and hold: the benchmark of every other strategy."""

from __future__ import annotations

from dataclasses import dataclass

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action


def generate_signal(i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Long on the first bar and no action afterwards, also after the position was stopped out or never filled."""
    return (1.0, NAN, NAN, NAN) if i == 0 else HOLD


@dataclass(frozen=True)
class BuyAndHold(BaseStrategy):
    """Buys at the open after the first bar and never sells. It has no parameters."""

    name = "buy_and_hold"
    generate_signal = staticmethod(generate_signal)
