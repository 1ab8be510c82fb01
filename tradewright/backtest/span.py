"""A backtest of a part of the bars, with the bars before it as history and nothing of those after it."""

from __future__ import annotations

from dataclasses import replace

from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars
from tradewright.model.strategy import Strategy


def span_spec(spec: BacktestSpec, start: int, stop: int) -> BacktestSpec:
    """The terms of a run on the first ``stop`` bars that begins at bar ``start`` and closes what is open at its end."""
    rates, fees, secondary = spec.conversion, spec.fee_conversion, spec.secondary
    return replace(
        spec,
        first_bar=start,
        close_at_end=True,
        conversion=None if rates is None else rates.head(stop),
        fee_conversion=None if fees is None else fees.head(stop),
        secondary=None if secondary is None else secondary.head(stop),
        actions=None if spec.actions is None else spec.actions.head(stop),
    )


def run_span(strategy: Strategy, bars: Bars, spec: BacktestSpec, start: int, stop: int) -> BacktestResult:
    """Backtest the bars ``[start, stop)``, beginning flat with the cash of ``spec`` and ending flat.

    The indicators are computed on the bars from 0 to ``stop``, so that they are warm at ``start`` and know nothing of
    later bars; secondary series are cut at the end of the last one. The first decision is that of bar ``start``, and a
    position that is open at the last bar is closed at its close, at the costs of any other order. In the result bar 0
    is ``start``.

    Raises:
        DataError, ConfigError, StrategyError: as :func:`tradewright.backtest.engine.run`.
    """
    return from_bar(run(strategy, bars.head(stop), span_spec(spec, start, stop)), start)


def from_bar(result: BacktestResult, start: int) -> BacktestResult:
    """The bars from ``start`` on of a result that begins flat there; in what comes back bar 0 is ``start``."""
    fills, trades, adjustments = result.fills.copy(), result.trades.copy(), result.adjustments.copy()
    for table, column in ((fills, "bar"), (trades, "entry_bar"), (trades, "exit_bar"), (adjustments, "bar")):
        table[column] -= start
    stop, rates, actions = len(result.bars.ts), result.conversion, result.actions
    return replace(
        result,
        bars=select(result.bars, slice(start, None)),
        fills=fills,
        trades=trades,
        conversion=None if rates is None else rates.part(start, stop),
        actions=None if actions is None else actions.part(start, stop),
        adjustments=adjustments,
    )
