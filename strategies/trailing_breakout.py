"""Buys a breakout, at once or by a stop entry, and leaves it to a trailing stop and, where asked for, a time stop."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import DAY, NAN, NO_ORDER, Feature, OrderRequest, order


def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> OrderRequest:
    """Flat: a purchase after a close above the highest high of the bars before. Long: nothing to decide.

    With ``stop_entry`` a stop entry at the highest high instead, good for the day and put anew at every close. The
    trailing stop stays ``trail_atr`` average true ranges below the best price, and after ``max_bars`` bars, where they
    are not 0, the position is closed. Without a channel or a range yet there is no trade.
    """
    upper, atr, close = features[0], features[1], features[2]
    if position != 0.0 or not atr[i] > 0.0 or not upper[i] > 0.0:
        return NO_ORDER
    held = params[3] if params[3] > 0.0 else NAN
    if params[4] > 0.0:
        return order(1.0, stop_entry=upper[i], good_for=DAY, trail=params[2] * atr[i], time_stop=held)
    if i < 1 or not close[i] > upper[i - 1]:
        return NO_ORDER
    return order(1.0, trail=params[2] * atr[i], time_stop=held)


@dataclass(frozen=True)
class TrailingBreakout(BaseStrategy):
    """Follows breakouts above the highest high of ``channel`` bars.

    With ``stop_entry`` or ``max_bars`` above 0 it is for backtests alone: no signal carries a stop entry or a time
    stop.
    """

    channel: int = 20
    atr_period: int = 14
    trail_atr: float = 3.0
    max_bars: int = 0
    stop_entry: int = 0

    name = "trailing_breakout"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType(
        {
            "channel": (1, 10_000),
            "atr_period": (1, 10_000),
            "trail_atr": (0.1, 100.0),
            "max_bars": (0, 100_000),
            "stop_entry": (0, 1),
        }
    )

    def prepare_state(self) -> tuple[Feature, ...]:
        """The highest high, the average true range and the close."""
        return Feature("donchian_upper", (self.channel,)), Feature("atr", (self.atr_period,)), Feature("close")
