"""Long while the MACD is clearly above its signal line, flat once it is clearly below."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature


def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> Action:
    """Flat and ``r > threshold``: go long. Long and ``r < -threshold``: sell. ``r = (MACD - signal) / fast average``.

    Before MACD and signal are ready ``r`` is NaN, and nothing is above or below anything.
    """
    r = (features[0][i] - features[1][i]) / features[2][i]
    if position == 0.0 and r > params[3]:
        return (1.0, NAN, NAN, NAN)
    if position > 0.0 and r < -params[3]:
        return (0.0, NAN, NAN, NAN)
    return HOLD


@dataclass(frozen=True)
class MacdTrend(BaseStrategy):
    """Rides upward trends; ``threshold`` is the distance of MACD and signal, as a fraction of price, that counts."""

    fast: int = 12
    slow: int = 26
    signal: int = 9
    threshold: float = 0.0025

    name = "macd_trend"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType(
        {"fast": (1, 10_000), "slow": (1, 10_000), "signal": (1, 10_000), "threshold": (0.0, 1.0)}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ordered("fast", "slow")

    def prepare_state(self) -> tuple[Feature, ...]:
        """MACD, its signal line, the fast exponential average of the close."""
        arguments = (self.fast, self.slow, self.signal)
        return Feature("macd", arguments), Feature("macd_signal", arguments), Feature("ema", (self.fast,))
