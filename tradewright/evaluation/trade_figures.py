"""What the closed trades say: how often they won, how much, and how long they were held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.ratio import capped_ratio


@dataclass(frozen=True)
class TradeFigures:
    """Figures of the closed trades, each after both fees, in money; all 0 without a closed trade."""

    trades: int
    win_rate: float
    """Share of trades with a profit above zero."""
    profit_factor: float
    """Sum of the winners' profits / sum of the losers' losses; 1e6 (capped) with winners and no loser."""
    expectancy: float
    """Mean profit per trade."""
    average_win: float
    average_loss: float
    """Mean of the losing trades, <= 0."""
    best_trade: float
    worst_trade: float
    average_holding_bars: float
    """Mean number of bars from the entry's to the exit's bar."""


def trade_figures(trades: npt.NDArray[np.void]) -> TradeFigures:
    """The figures of an array of ``TRADE`` records."""
    if len(trades) == 0:
        return TradeFigures(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    profit = trades["profit"]
    wins, losses = profit[profit > 0], profit[profit < 0]
    return TradeFigures(
        trades=len(trades),
        win_rate=len(wins) / len(trades),
        profit_factor=capped_ratio(float(wins.sum()), -float(losses.sum())),
        expectancy=float(profit.mean()),
        average_win=float(wins.mean()) if len(wins) else 0.0,
        average_loss=float(losses.mean()) if len(losses) else 0.0,
        best_trade=float(profit.max()),
        worst_trade=float(profit.min()),
        average_holding_bars=float((trades["exit_bar"] - trades["entry_bar"]).mean()),
    )
