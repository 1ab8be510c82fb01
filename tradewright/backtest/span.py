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
    result = run(strategy, bars.head(stop), span_spec(spec, start, stop))
    fills, trades = result.fills.copy(), result.trades.copy()
    fills["bar"] -= start
    trades["entry_bar"] -= start
    trades["exit_bar"] -= start
    adjustments = result.adjustments.copy()
    adjustments["bar"] -= start
    rates = spec.conversion
    return replace(
        result,
        bars=select(bars, slice(start, stop)),
        fills=fills,
        trades=trades,
        conversion=None if rates is None else rates.part(start, stop),
        actions=None if spec.actions is None else spec.actions.part(start, stop),
        adjustments=adjustments,
    )
