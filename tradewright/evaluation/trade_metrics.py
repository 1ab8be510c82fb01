"""Figures of the closed trades.

Sources: V. K. Tharp, "Trade Your Way to Financial Freedom", 2nd edition, 2006, for the system quality number (without
its cap at 100 trades); J. L. Kelly, "A New Interpretation of Information Rate", Bell System Technical Journal 35, 1956.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import capped, capped_ratio
from tradewright.model.bars import Floats


@dataclass(frozen=True)
class TradeMetrics:
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
    sqn: float
    """System quality number: mean profit / sample deviation of the profits x sqrt(trades); 0 if nothing varied."""
    kelly: float
    """Share of the capital that grows fastest: win rate - (1 - win rate) / (average win / average loss); 0 without a
    winner, 1 without a loser."""


def trade_metrics(trades: npt.NDArray[np.void]) -> TradeMetrics:
    """The figures of an array of ``TRADE`` records."""
    if len(trades) == 0:
        return TradeMetrics(0, *[0.0] * 10)
    profit = trades["profit"]
    wins, losses = profit[profit > 0], profit[profit < 0]
    return TradeMetrics(
        trades=len(trades),
        win_rate=len(wins) / len(trades),
        profit_factor=capped_ratio(float(wins.sum()), -float(losses.sum())),
        expectancy=float(profit.mean()),
        average_win=float(wins.mean()) if len(wins) else 0.0,
        average_loss=float(losses.mean()) if len(losses) else 0.0,
        best_trade=float(profit.max()),
        worst_trade=float(profit.min()),
        average_holding_bars=float((trades["exit_bar"] - trades["entry_bar"]).mean()),
        sqn=_quality(profit),
        kelly=_kelly(wins, losses, len(trades)),
    )


def _quality(profit: Floats) -> float:
    """A deviation of less than 1e-12 of the mean profit is rounding."""
    deviation, mean = float(profit.std(ddof=1)) if len(profit) > 1 else 0.0, float(profit.mean())
    return 0.0 if deviation <= 1e-12 * abs(mean) else capped_ratio(mean, deviation) * math.sqrt(len(profit))


def _kelly(wins: Floats, losses: Floats, trades: int) -> float:
    if len(wins) == 0:
        return 0.0
    if len(losses) == 0:
        return 1.0
    rate = len(wins) / trades
    return capped(rate - (1.0 - rate) * float(-losses.mean()) / float(wins.mean()))
