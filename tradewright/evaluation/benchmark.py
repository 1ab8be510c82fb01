"""The benchmark: the same cash, held in the same instrument from the first close to the last, free of cost."""

from __future__ import annotations

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.model.bars import Floats


def buy_and_hold(result: BacktestResult) -> Floats:
    """Equity per bar of an account that is fully invested at the first bar's close, in fractional units, without fees.

    A price at or below zero leaves nothing to compare with: the account then stays in cash, as one without bars does.
    """
    close = result.bars.close
    if len(close) == 0 or not (close > 0).all():
        return np.full(len(close), result.initial_cash)
    equity: Floats = result.initial_cash * close / close[0]
    return equity
