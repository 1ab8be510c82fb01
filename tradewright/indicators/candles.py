"""Prices made of the prices of a bar: the typical price, and Heikin-Ashi candles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.indicators.arrays import equal_lengths, series, without_gaps
from tradewright.indicators.moving import wilder
from tradewright.model.bars import Floats


def typical_price(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike) -> Floats:
    """(high + low + close) / 3; NaN where one of them is NaN.

    Raises:
        IndicatorArguments: the columns differ in length.
    """
    highs, lows, closes = series(high), series(low), series(close)
    equal_lengths(highs, lows, closes)
    return (highs + lows + closes) / 3.0


class HeikinAshi(NamedTuple):
    """The columns of Heikin-Ashi candles, each as long as the bars."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


def heikin_ashi(open_: npt.ArrayLike, high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike) -> HeikinAshi:
    """Heikin-Ashi candles; the first value stands at index 0. They are averages, not prices of trades.

    Close = (open + high + low + close) / 4. Open = (open + close of the Heikin-Ashi candle before) / 2, of the first
    candle (open + close) / 2 of the bar. High and low are those of the bar, widened to hold open and close. A bar with
    a NaN is treated as absent.

    Raises:
        IndicatorArguments: the columns differ in length.
    """
    columns = series(open_), series(high), series(low), series(close)
    equal_lengths(*columns)
    return HeikinAshi(*without_gaps(_candles, *columns))


def _candles(opens: Floats, highs: Floats, lows: Floats, closes: Floats) -> tuple[Floats, ...]:
    if len(opens) == 0:
        return opens, highs, lows, closes
    first = (opens[0] + closes[0]) / 2.0
    ends = (opens + highs + lows + closes) / 4.0
    starts = wilder(np.concatenate(([first], ends[:-1])), 2)  # with n = 2 it is the mean of the mean before and a value
    starts[0] = first
    return starts, np.maximum(highs, np.maximum(starts, ends)), np.minimum(lows, np.minimum(starts, ends)), ends
