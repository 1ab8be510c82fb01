"""The result of a backtest: fills, closed trades, the equity curve that they make, and the totals of the run."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.corporate import CorporateActions
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
from tradewright.backtest.rates import Conversion
from tradewright.model.bars import Bars, Floats, Times

_DAY_NS = 86_400_000_000_000


class FillReason(IntEnum):
    """The cause of a fill."""

    SIGNAL = 0
    LIMIT = 1
    STOP = 2
    TAKE_PROFIT = 3
    END = 4
    """The position was closed at the last bar's close because ``close_at_end`` asked for it."""
    STOP_ENTRY = 5
    TRAILING_STOP = 6
    TIME_STOP = 7
    MARKET_ON_OPEN = 8
    MARKET_ON_CLOSE = 9
    REST = 10
    """What a former bar's volume left of a market order, at market."""
    SPLIT = 11
    """New units for old ones; without a price."""
    CASH_IN_LIEU = 12
    """What a split left of a lot, settled in cash at the open."""
    DIVIDEND = 13
    """Cash per unit held, paid to a long position (a sale's side) and by a short one."""


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
        ("foreign", np.float64),
        ("rate", np.float64),
    ]
)
"""One fill: bar index, +1 buy / -1 sell, units (> 0), price after slippage, fee in money; then the cash, the signed
units and the balance in the quote currency (0 in an account of one currency) of the account after it, and the rate of
the fill, in account currency per unit of quote currency. Prices are in the quote currency, all other money is in that
of the account."""

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
        ("entry_rate", np.float64),
        ("exit_rate", np.float64),
    ]
)
"""One closed round trip; prices are in the quote currency, ``profit`` is in that of the account, after both fees:
quantity x multiplier x (exit price x exit rate - entry price x entry rate), with the other sign when short. The entry
rate is the mean one at which the entry was paid in full, else that of the exit. A partial close is a trade of the part
that was closed."""


def parted(rows: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
    """The fills of orders and the corporate actions among the rows that a kernel wrote."""
    adjusts = rows["reason"] >= FillReason.SPLIT
    return (rows[~adjusts], rows[adjusts]) if adjusts.any() else (rows, rows[:0])


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
    a result that has no fills of its own to draw them from. ``session_days`` are the dates of the bars' sessions by the
    instrument's calendar (``Calendar.session_dates``), in days since 1970; without them a day is a UTC day.
    ``adjustments`` are the corporate actions that the account met, as rows of ``FILL`` that are no fills of orders, and
    ``actions`` those of its raw bars; None where prices are adjusted, or no table of them is stored.
    ``conversion`` has the rates of the bars where the account is in another currency than the instrument, ``currency``
    is that of the account, empty where it was not told.
    """

    bars: Bars
    initial_cash: float
    fills: npt.NDArray[np.void]
    trades: npt.NDArray[np.void]
    orders: int
    multiplier: float = 1.0
    totals: npt.NDArray[np.void] | None = None
    given: Curves | None = None
    session_days: Times | None = None
    conversion: Conversion | None = None
    currency: str = ""
    actions: CorporateActions | None = None
    adjustments: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, FILL))

    @property
    def held_marks(self) -> Floats:
        """The marks of a holding that keeps its splits and reinvests its dividends: the market's own growth."""
        return self.marks if self.actions is None else self.marks * self.actions.total

    @property
    def days(self) -> Times:
        """The day of each bar, in days since 1970; it never falls."""
        return self.bars.ts // _DAY_NS if self.session_days is None else self.session_days

    @functools.cached_property
    def curves(self) -> Curves:
        """Equity, cash and position after each bar's close, drawn when first asked for."""
        return self.given or drawn(self)

    @property
    def equity(self) -> Floats:
        """Money per bar: ``equity[i] == cash[i] + position[i] * multiplier * marks[i]``."""
        return self.curves.equity

    @property
    def marks(self) -> Floats:
        """The close of each bar in the account's currency, at the rate known then."""
        close: Floats = self.bars.close
        return close if self.conversion is None else close * self.conversion.close

    @property
    def cash(self) -> Floats:
        """Money per bar, the balance in the quote currency at its rate included; negative where it was borrowed."""
        return self.curves.cash

    @property
    def position(self) -> Floats:
        """Signed units per bar."""
        return self.curves.position


def drawn(result: BacktestResult) -> Curves:
    """The curves that the fills of a result make: each holds from its bar to the bar before the next one's."""
    both, close = np.concatenate((result.adjustments, result.fills)), result.bars.close
    fills = both[np.argsort(both["bar"], kind="stable")] if len(result.adjustments) else result.fills
    lengths = np.diff(fills["bar"], prepend=0, append=len(close))
    cash = np.repeat(np.concatenate(([result.initial_cash], fills["cash"])), lengths)
    position = np.repeat(np.concatenate(([0.0], fills["position"])), lengths)
    if result.conversion is not None:
        cash = cash + np.repeat(np.concatenate(([0.0], fills["foreign"])), lengths) * result.conversion.close
    return Curves(cash + position * result.multiplier * result.marks, cash, position)


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
    """The kernel's rows as totals, of ``bars`` bars that were decided on; returns are those of all but the first."""
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
