"""Breakouts of intraday bars in the direction of the daily trend, with a stop and a take-profit in true ranges."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature


def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> Action:
    """Long on a close above the channel while the newest daily close is above its mean; short the other way round.

    The channel is that of the ``channel`` bars before this one. What is held is closed once the daily trend no longer
    points its way. Days that are not over have no part in it: the trend of a session is that of the days before.
    """
    close, top, bottom, atr = features[0], features[1], features[2], features[3]
    trend = features[4][i] - features[5][i]
    if position * trend < 0.0:
        return (0.0, NAN, NAN, NAN)
    if i < 1 or position != 0.0 or not atr[i] > 0.0:
        return HOLD
    up = trend > 0.0 and close[i] > top[i - 1]
    down = trend < 0.0 and close[i] < bottom[i - 1]
    if not (up or down):
        return HOLD
    side = 1.0 if up else -1.0
    stop = close[i] - side * params[2] * atr[i] if params[2] > 0.0 else NAN
    target = close[i] + side * params[3] * atr[i] if params[3] > 0.0 else NAN
    return (side, NAN, stop, target)


@dataclass(frozen=True)
class IntradayTrend(BaseStrategy):
    """Trades breakouts of ``channel`` bars with the trend of ``trend_days`` daily closes; a multiple of 0 is none."""

    channel: int = 24
    trend_days: int = 20
    stop_atr: float = 3.0
    target_atr: float = 0.0
    atr_period: int = 14

    name = "intraday_trend"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType(
        {
            "channel": (2, 10_000),
            "trend_days": (1, 1_000),
            "stop_atr": (0.0, 100.0),
            "target_atr": (0.0, 100.0),
            "atr_period": (1, 10_000),
        }
    )

    def prepare_state(self) -> tuple[Feature, ...]:
        """The close, the channel's top and bottom, the average true range; daily close and mean of daily closes."""
        return (
            Feature("close"),
            Feature("donchian_upper", (self.channel,)),
            Feature("donchian_lower", (self.channel,)),
            Feature("atr", (self.atr_period,)),
            Feature("close", timeframe="1d"),
            Feature("sma", (self.trend_days,), timeframe="1d"),
        )
