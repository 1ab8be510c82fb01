"""What a backtest leaves behind: the equity curve, the fills, the closed trades."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Bars, Floats


class FillReason(IntEnum):
    """Why a fill happened."""

    SIGNAL = 0
    LIMIT = 1
    STOP = 2
    TAKE_PROFIT = 3
    END = 4
    """The position was closed at the last bar's close because ``close_at_end`` asked for it."""


FILL = np.dtype(
    [
        ("bar", np.int64),
        ("side", np.int8),
        ("quantity", np.float64),
        ("price", np.float64),
        ("fee", np.float64),
        ("slippage_bps", np.float64),
        ("reason", np.int8),
    ]
)
"""One fill: bar index, +1 buy / -1 sell, units (> 0), price after slippage, fee in money."""

TRADE = np.dtype(
    [
        ("entry_bar", np.int64),
        ("exit_bar", np.int64),
        ("direction", np.int8),
        ("quantity", np.float64),
        ("entry_price", np.float64),
        ("exit_price", np.float64),
        ("entry_fee", np.float64),
        ("exit_fee", np.float64),
        ("profit", np.float64),
    ]
)
"""One closed round trip; ``profit`` is after both fees. A partial close is a trade of the part that was closed."""


@dataclass(frozen=True)
class BacktestResult:
    """One strategy on one instrument.

    Shapes: ``equity``, ``cash`` and ``position`` have one value per bar of ``bars``, taken after that bar's close;
    ``equity[i] == cash[i] + position[i] * multiplier * close[i]``. ``orders`` counts the orders that were sent, whether
    filled or not. ``multiplier`` is the instrument's money per unit and price point.
    """

    bars: Bars
    initial_cash: float
    equity: Floats
    cash: Floats
    position: Floats
    fills: npt.NDArray[np.void]
    trades: npt.NDArray[np.void]
    orders: int
    multiplier: float = 1.0
