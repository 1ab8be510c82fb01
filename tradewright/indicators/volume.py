"""Indicators of price and volume. An unknown volume is NaN, and so is what would need it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.indicators.arrays import equal_lengths, quotient, series, without_gaps
from tradewright.indicators.candles import typical_price
from tradewright.indicators.moving import sma
from tradewright.indicators.windows import LEVEL_NOISE
from tradewright.model.bars import Floats


def on_balance_volume(close: npt.ArrayLike, volume: npt.ArrayLike) -> Floats:
    """Granville's on-balance volume: volume is added where the close rose, subtracted where it fell.

    Starts with the volume of the first bar, at index 0, so that only its changes tell something. A bar with a NaN is
    treated as absent: what was traded there is missing from all later values alike.

    Raises:
        IndicatorArguments: the columns differ in length.
    """

    def total(closes: Floats, volumes: Floats) -> tuple[Floats, ...]:
        return (np.cumsum(np.concatenate((volumes[:1], np.sign(np.diff(closes)) * volumes[1:]))),)

    columns = series(close), series(volume)
    equal_lengths(*columns)
    return without_gaps(total, *columns)[0]


def money_flow_index(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike, n: float
) -> Floats:
    """The money flow index, 0 to 100; first value at index ``n``.

    Of the typical price x volume of the last ``n`` bars, the share of bars whose typical price rose among those where
    it rose or fell; 50 where nothing flowed (TA-Lib says 0 there, and where less than 1 flowed). A change of a few
    roundings is none. A NaN in the window, or in the prices of the bar before it, gives NaN.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    typical, volumes = typical_price(high, low, close), series(volume)
    equal_lengths(typical, volumes)
    changes, flow = np.diff(typical), (typical * volumes)[1:]
    moves = np.sign(np.where(np.abs(changes) <= LEVEL_NOISE * np.abs(typical[1:]), 0.0, changes))
    rising, falling = (sma(np.maximum(each, 0.0) * flow, n) for each in (moves, -moves))
    result = np.full(len(typical), np.nan)
    result[1:] = 100.0 * quotient(rising, rising + falling, idle=0.5)
    return result


def volume_weighted_mean(values: npt.ArrayLike, volume: npt.ArrayLike, n: float) -> Floats:
    """The mean of the last ``n`` values, each weighted by its volume; first value at index ``n - 1``.

    Of the closes it is the VWMA, of typical prices the rolling VWAP. A window that holds a NaN, or no volume at all,
    gives NaN.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    inputs, volumes = series(values), series(volume)
    equal_lengths(inputs, volumes)
    return quotient(sma(inputs * volumes, n), sma(volumes, n), idle=np.nan)


def rolling_vwap(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike, n: float
) -> Floats:
    """The mean of the typical prices of the last ``n`` bars by volume; see :func:`volume_weighted_mean`."""
    return volume_weighted_mean(typical_price(high, low, close), volume, n)


def chaikin_money_flow(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike, n: float
) -> Floats:
    """Chaikin's money flow, -1 to 1; first value at index ``n - 1``.

    The mean by volume of ((close - low) - (high - close)) / (high - low), which is 0 in a bar without a range. NaN as
    in :func:`volume_weighted_mean`.

    Raises:
        IndicatorArguments: ``n`` is not a whole number >= 1, or the columns differ in length.
    """
    highs, lows, closes = series(high), series(low), series(close)
    equal_lengths(highs, lows, closes)
    place = quotient((closes - lows) - (highs - closes), highs - lows, idle=0.0)
    return volume_weighted_mean(place, volume, n)
