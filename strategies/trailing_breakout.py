"""Buys a breakout with a stop entry, and leaves it to a trailing stop and a time stop."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from strategies.base import BaseStrategy
from tradewright.model.bars import Floats
from tradewright.model.strategy import DAY, NO_ORDER, Feature, OrderRequest, order


def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> OrderRequest:
    """Flat: a stop entry at the highest high, good for the day and put anew at every close. Long: nothing to decide.

    The trailing stop stays ``trail_atr`` average true ranges below the best price, and after ``max_bars`` bars the
    position is closed. Without a channel or a range yet there is no trade.
    """
    upper, atr = features[0], features[1]
    if position != 0.0 or not atr[i] > 0.0 or not upper[i] > 0.0:
        return NO_ORDER
    return order(1.0, stop_entry=upper[i], good_for=DAY, trail=params[2] * atr[i], time_stop=params[3])


@dataclass(frozen=True)
class TrailingBreakout(BaseStrategy):
    """Follows breakouts above the highest high of ``channel`` bars; made for intraday bars, and for backtests alone."""

    channel: int = 20
    atr_period: int = 14
    trail_atr: float = 3.0
    max_bars: int = 78

    name = "trailing_breakout"
    generate_signal = staticmethod(generate_signal)
    bounds = MappingProxyType(
        {"channel": (1, 10_000), "atr_period": (1, 10_000), "trail_atr": (0.1, 100.0), "max_bars": (1, 100_000)}
    )

    def prepare_state(self) -> tuple[Feature, ...]:
        """The highest high and the average true range."""
        return Feature("donchian_upper", (self.channel,)), Feature("atr", (self.atr_period,))
