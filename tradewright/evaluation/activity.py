"""How much an account was in the market and how much it traded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.ratio import CAP, capped, capped_ratio
from tradewright.model.bars import Floats


@dataclass(frozen=True)
class ActivityFigures:
    """Exposure, turnover and what trading cost."""

    exposure: float
    """Share of bars at whose close a position was held."""
    orders: int
    fills: int
    fees: float
    """All fees paid, those of a position still open included, in money."""
    turnover: float
    """Traded value, buys and sells, / mean equity over the whole run; 0 if the mean equity is not positive."""
    turnover_per_year: float
    """Turnover / elapsed years; 0 if no time elapsed."""


def exposure_series(result: BacktestResult) -> Floats:
    """The position's value as a fraction of equity at each bar's close; negative when short, 0 once equity <= 0."""
    held = result.equity - result.cash
    held[result.position == 0] = 0.0
    exposure = np.divide(held, result.equity, out=np.zeros(len(held)), where=result.equity > 0)
    return np.clip(exposure, -CAP, CAP)


def traded_value(result: BacktestResult) -> float:
    """The money value of all fills, buys and sells added up."""
    fills = result.fills
    return float(np.abs(fills["quantity"] * fills["price"]).sum()) * result.multiplier


def activity_figures(result: BacktestResult, years: float) -> ActivityFigures:
    """The figures; ``years`` is the elapsed calendar time."""
    bars = len(result.equity)
    mean_equity = float(result.equity.mean()) if bars else 0.0
    turnover = capped_ratio(traded_value(result), mean_equity) if mean_equity > 0 else 0.0
    return ActivityFigures(
        exposure=int(np.count_nonzero(result.position)) / bars if bars else 0.0,
        orders=result.orders,
        fills=len(result.fills),
        fees=float(result.fills["fee"].sum()),
        turnover=turnover,
        turnover_per_year=capped(turnover / years) if years > 0 else 0.0,
    )
