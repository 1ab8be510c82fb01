"""The regime of a market: trending, ranging, or too volatile to say (Q-12, D17)."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from tradewright.indicators.momentum import slope_t
from tradewright.indicators.volatility import volatility_rank
from tradewright.model.bars import Bars, Floats

HIGH_RANK = 0.8
STEEP = 2.0


class Regime(StrEnum):
    """What the market does."""

    RANGE = "range"
    TREND_UP = "trend_up"
    TREND_DOWN = "trend_down"
    HIGH_VOL = "high_vol"


REGIMES = {0: Regime.RANGE, 1: Regime.TREND_UP, -1: Regime.TREND_DOWN, 2: Regime.HIGH_VOL}
"""Code -> regime."""

RANGE, TREND_UP, TREND_DOWN, HIGH_VOL = REGIMES


def regime(bars: Bars, atr_window: float = 14, rank_window: float = 252, slope_window: float = 50) -> Floats:
    """The regime of each bar, as a code of ``REGIMES``; NaN until both inputs have a value.

    High volatility if the volatility rank is above 0.8; else a trend up or down if the t-value of the slope of the
    closes is above 2 or below -2; else a range.

    Raises:
        IndicatorArguments: windows against the rules of ``volatility_rank`` and ``slope_t``.
    """
    rank = volatility_rank(bars.high, bars.low, bars.close, atr_window, rank_window)
    steepness = slope_t(bars.close, slope_window)
    trend = np.where(steepness > STEEP, TREND_UP, RANGE)
    trend = np.where(steepness < -STEEP, TREND_DOWN, trend)
    codes = np.where(rank > HIGH_RANK, HIGH_VOL, trend)
    return np.where(np.isnan(rank) | np.isnan(steepness), np.nan, codes)
