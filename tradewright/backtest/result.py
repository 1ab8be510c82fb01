"""What a backtest leaves behind: the fills, the closed trades, and the equity curve that they make."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

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
        ("cash", np.float64),
        ("position", np.float64),
    ]
)
"""One fill: bar index, +1 buy / -1 sell, units (> 0), price after slippage, fee in money; then the cash and the signed
units of the account after it."""

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


class Curves(NamedTuple):
    """The account after each bar's close: one value per bar."""

    equity: Floats
    cash: Floats
    position: Floats


@dataclass(frozen=True)
class BacktestResult:
    """One strategy on one instrument.

    ``orders`` counts the orders that were sent, whether filled or not. ``multiplier`` is the instrument's money per
    unit and price point. ``totals`` is what the run itself added up (one record of ``TOTALS``), ``given`` the curves of
    a result that has no fills of its own to draw them from.
    """

    bars: Bars
    initial_cash: float
    fills: npt.NDArray[np.void]
    trades: npt.NDArray[np.void]
    orders: int
    multiplier: float = 1.0
    totals: npt.NDArray[np.void] | None = None
    given: Curves | None = None

    @functools.cached_property
    def curves(self) -> Curves:
        """Equity, cash and position after each bar's close, drawn when first asked for."""
        return self.given or drawn(self)

    @property
    def equity(self) -> Floats:
        """Money per bar: ``equity[i] == cash[i] + position[i] * multiplier * close[i]``."""
        return self.curves.equity

    @property
    def cash(self) -> Floats:
        """Money per bar; negative where it was borrowed."""
        return self.curves.cash

    @property
    def position(self) -> Floats:
        """Signed units per bar."""
        return self.curves.position


def drawn(result: BacktestResult) -> Curves:
    """The curves that the fills of a result make: each holds from its bar to the bar before the next one's."""
    fills, close = result.fills, result.bars.close
    lengths = np.diff(fills["bar"], prepend=0, append=len(close))
    cash = np.repeat(np.concatenate(([result.initial_cash], fills["cash"])), lengths)
    position = np.repeat(np.concatenate(([0.0], fills["position"])), lengths)
    return Curves(cash + position * result.multiplier * close, cash, position)
