"""Labelled states of a market: regime (Q-12, D17) and RSI divergence (R-FEAT-11, Q-13)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.indicators.arrays import series, window
from tradewright.indicators.momentum import rsi, slope_t
from tradewright.indicators.volatility import volatility_rank
from tradewright.model.bars import Bars, Floats

Label = TypeVar("Label")


def labels(codes: Floats, by_code: Mapping[int, Label]) -> list[Label | None]:
    """The label of each code; None where the code is NaN.

    Raises:
        KeyError: a number that is no code.
    """
    return [None if np.isnan(code) else by_code[int(code)] for code in codes.tolist()]


HIGH_RANK = 0.8
STEEP = 2.0


class Regime(StrEnum):
    """The state of the market: a range, a trend, or high volatility."""

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


class Divergence(StrEnum):
    """The divergence between price and indicator at the last two turning points."""

    NONE = "none"
    BULLISH = "bullish"
    BEARISH = "bearish"


DIVERGENCES = {0: Divergence.NONE, 1: Divergence.BULLISH, -1: Divergence.BEARISH}
"""Code -> divergence."""


def rsi_divergence(values: npt.ArrayLike, n: float = 14, reach: float = 5, lookback: float = 60) -> Floats:
    """1 where the closes diverge from their RSI(``n``) bullishly, -1 bearishly, 0 not; NaN in the warm-up.

    A low is a close below the ``reach`` closes before it and not above the ``reach`` after it; so it is known, and
    counted, only ``reach`` bars later. Bullish: of the last two lows the later is lower, and its RSI higher. Bearish:
    of the last two highs the later is higher, and its RSI lower. Both lows (highs) must lie within the last
    ``lookback`` bars, this one included. If both hold, the one with the newer turning point counts. A NaN close is no
    turning point, nor is one within ``reach`` bars of it, and its own bar gives NaN. First value at index
    ``n + lookback - 1``, when the whole look-back has an RSI.

    Raises:
        IndicatorArguments: a length is not a whole number >= 1, or ``lookback`` cannot hold two turning points.
    """
    closes = series(values)
    length, span, past = window(n), window(reach), window(lookback, least=2 * window(reach) + 2)
    result = np.empty(len(closes))
    _divergence_kernel(closes, rsi(closes, length), length, span, past, result)
    return result


@njit(cache=True, error_model="numpy")
def _is_low(values: Floats, at: int, reach: int) -> bool:
    lowest: bool = True
    for k in range(1, reach + 1):
        lowest = lowest and values[at] < values[at - k] and values[at] <= values[at + k]
    return lowest


@njit(cache=True, error_model="numpy")
def _diverges(values: Floats, strength: Floats, earlier: int, later: int, oldest: int) -> bool:
    """Whether the later of two lows is lower in value and higher in strength, and both are recent."""
    if earlier < oldest:
        return False
    lower: bool = values[later] < values[earlier] and strength[later] > strength[earlier]
    return lower


@njit(cache=True, error_model="numpy")
def _divergence_kernel(closes: Floats, strength: Floats, n: int, reach: int, lookback: int, out: Floats) -> None:
    mirrored, weakness = -closes, -strength
    low, low_before, high, high_before = -1, -1, -1, -1
    for i in range(len(closes)):
        turn = i - reach
        if turn >= reach:
            if _is_low(closes, turn, reach):
                low, low_before = turn, low
            if _is_low(mirrored, turn, reach):
                high, high_before = turn, high
        if i < n + lookback - 1 or np.isnan(closes[i]):
            out[i] = np.nan
            continue
        oldest = i - lookback + 1
        bullish = _diverges(closes, strength, low_before, low, oldest)
        bearish = _diverges(mirrored, weakness, high_before, high, oldest)
        if bullish and (low > high or not bearish):
            out[i] = 1.0
        else:
            out[i] = -1.0 if bearish else 0.0
