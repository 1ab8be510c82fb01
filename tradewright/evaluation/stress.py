"""The same backtest under harder terms: higher costs, later orders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tradewright.backtest.cache import run_cached
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.scaled import ScaledCosts, ScaledSlippage
from tradewright.model.strategy import Strategy


def stressed(spec: BacktestSpec, costs: float = 1.0, delay: int = 0) -> BacktestSpec:
    """The terms with costs and slippage ``costs`` times as high (> 0), and each order ``delay`` bars later (>= 0)."""
    return replace(
        spec,
        costs=ScaledCosts(spec.costs, costs),
        slippage=ScaledSlippage(spec.slippage, costs),
        bar_delay=spec.bar_delay + delay,
    )


class StressedProfit(NamedTuple):
    """Net profits of a backtest under stress: with costs and slippage twice as high, with each order one bar later."""

    raised_costs: float
    later_fills: float


def stressed_profit(
    strategy: Strategy, result: BacktestResult, spec: BacktestSpec, cache: Path, data: str
) -> StressedProfit:
    """The net profits, of runs that are kept as the backtest itself is; no trials.

    An account that earned nothing has nothing to lose, and is not run again: both profits are its own.

    Args:
        spec: the terms of ``result``.
        cache: the folder of stored results.
        data: the hash of the bars.

    Raises:
        StoreError: the folder cannot be written.
    """
    net = float(result.equity[-1]) - result.initial_cash if len(result.equity) else 0.0
    if net <= 0.0:
        return StressedProfit(net, net)
    harder = stressed(spec, costs=2.0), stressed(spec, delay=1)
    runs = [run_cached(strategy, result.bars, each, cache, data=data).result for each in harder]
    return StressedProfit(*(float(each.equity[-1]) - each.initial_cash for each in runs))
