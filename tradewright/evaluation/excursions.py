"""How far each closed trade went against and in favour of the account while it was open.

Source: J. Sweeney, "Maximum Adverse Excursion", 1997.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.model.bars import Floats


@dataclass(frozen=True)
class Excursions:
    """One value per closed trade, in their order. The shares are of the entry price, the others money before fees.

    Args:
        adverse: the worst the trade stood, <= 0 (MAE).
        favourable: the best it stood, >= 0 (MFE).
    """

    adverse: Floats
    favourable: Floats
    adverse_share: Floats
    favourable_share: Floats


def excursions(result: BacktestResult) -> Excursions:
    """The excursions of the closed trades of one instrument, from the highs and lows of its bars.

    The entry's bar counts whole, because the order of prices within it is unknown; of the exit's bar only the price of
    the exit counts, unless it is the entry's too. Money is at the rate of the exit, and prices before a
    split are in the units of the exit. An entry price at or below zero has
    shares of 0.
    """
    trades, bars = result.trades, result.bars
    entry, leaving = trades["entry_price"], trades["exit_price"]
    spans = np.column_stack((trades["entry_bar"], trades["exit_bar"])).ravel()
    if len(trades) == 0:
        return Excursions(np.empty(0), np.empty(0), np.empty(0), np.empty(0))
    low, high = bars.low, bars.high
    units = np.ones(len(low)) if result.actions is None else result.actions.split
    low = np.minimum.reduceat(low * units, spans)[::2] / units[trades["exit_bar"]]
    high = np.maximum.reduceat(high * units, spans)[::2] / units[trades["exit_bar"]]
    low, high = np.minimum(np.minimum(low, leaving), entry), np.maximum(np.maximum(high, leaving), entry)
    long = trades["direction"] > 0
    down, up = np.where(long, low - entry, entry - high), np.where(long, high - entry, entry - low)
    worth = trades["quantity"] * result.multiplier * trades["exit_rate"]
    shares = [np.divide(each, entry, out=np.zeros(len(entry)), where=entry > 0.0) for each in (down, up)]
    return Excursions(down * worth, up * worth, *shares)
