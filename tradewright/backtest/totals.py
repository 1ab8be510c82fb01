"""The figures that a run adds up in its one pass, without any curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.backtest.kernel import (
    ALL_FEES,
    ALL_FILLS,
    ALL_ORDERS,
    ALL_TRADES,
    ALL_WINS,
    BARS_HELD,
    FINAL_EQUITY,
    RETURN_SQUARES,
    RETURN_SUM,
    WORST,
    Matrix,
)
from tradewright.model.bars import Floats

TOTALS = np.dtype(
    [
        ("final_equity", np.float64),
        ("net_profit", np.float64),
        ("total_return", np.float64),
        ("max_drawdown", np.float64),
        ("sharpe", np.float64),
        ("exposure", np.float64),
        ("win_rate", np.float64),
        ("trades", np.int64),
        ("wins", np.int64),
        ("orders", np.int64),
        ("fills", np.int64),
        ("fees", np.float64),
    ]
)
"""One parameter set. Ratios are fractions, drawdown <= 0. ``sharpe`` = mean / sample deviation of the bar returns, not
annualised (times the root of the bars per year it is); it is 0 without variance, and ``win_rate`` 0 without trades;
``exposure`` is the share of bars that closed with a position."""


def totals_of(rows: Matrix, cash: float, bars: int) -> npt.NDArray[np.void]:
    """The kernel's rows as totals; returns are those of all bars after the first."""
    totals = np.zeros(len(rows), TOTALS)
    final: Floats = rows[:, FINAL_EQUITY]
    totals["final_equity"] = final
    totals["net_profit"] = final - cash
    totals["total_return"] = final / cash - 1.0
    totals["max_drawdown"] = rows[:, WORST] - 1.0
    for name, slot in (("trades", ALL_TRADES), ("wins", ALL_WINS), ("orders", ALL_ORDERS), ("fills", ALL_FILLS)):
        totals[name] = rows[:, slot]
    totals["fees"] = rows[:, ALL_FEES]
    totals["exposure"] = rows[:, BARS_HELD] / max(bars, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        totals["win_rate"] = rows[:, ALL_WINS] / np.maximum(rows[:, ALL_TRADES], 1)
        mean = rows[:, RETURN_SUM] / max(bars - 1, 1)
        variance = (rows[:, RETURN_SQUARES] - mean * rows[:, RETURN_SUM]) / max(bars - 2, 1)
        totals["sharpe"] = np.where(variance > 0.0, mean / np.sqrt(variance), 0.0)
    return totals
