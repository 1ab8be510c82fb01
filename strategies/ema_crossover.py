"""Two exponential moving averages, with a stop and a take-profit measured in average true ranges."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature


def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], _position: float) -> Action:
    """Long on a cross upwards, short (flat where shorts are not allowed) on a cross downwards, with protective exits.

    The cross is that of ``sma_crossover``. Stop and take-profit lie ``stop_atr`` and ``target_atr`` true ranges from
    the deciding close; a multiple of 0 means none. Without an average true range yet there is no trade.
    """
    fast, slow, atr, close = features[0], features[1], features[2], features[3]
    if i < 1 or not atr[i] > 0.0:
        return HOLD
    up = fast[i] > slow[i] and fast[i - 1] <= slow[i - 1]
    down = fast[i] < slow[i] and fast[i - 1] >= slow[i - 1]
    if not (up or down):
        return HOLD
    side = 1.0 if up else -1.0
    stop = close[i] - side * params[2] * atr[i] if params[2] > 0.0 else NAN
    target = close[i] + side * params[3] * atr[i] if params[3] > 0.0 else NAN
    return (side, NAN, stop, target)


@dataclass(frozen=True)
class EmaCrossover(BaseStrategy):
    """Follows the cross of two exponential means; leaves at ``stop_atr`` against it or ``target_atr`` with it."""

    fast: int = 12
    slow: int = 26
    stop_atr: float = 2.0
    target_atr: float = 4.0
    atr_period: int = 14

    name = "ema_crossover"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType(
        {
            "fast": (1, 10_000),
            "slow": (1, 10_000),
            "stop_atr": (0.0, 100.0),
            "target_atr": (0.0, 100.0),
            "atr_period": (1, 10_000),
        }
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ordered("fast", "slow")

    def prepare_state(self) -> tuple[Feature, ...]:
        """The fast average, the slow average, the average true range, the close."""
        averages = Feature("ema", (self.fast,)), Feature("ema", (self.slow,))
        return (*averages, Feature("atr", (self.atr_period,)), Feature("close"))
