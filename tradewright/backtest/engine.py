"""One strategy on one instrument: from bars to a result."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewright.backtest.account import ACCOUNT_SLOTS, FILLS, BarArrays, FillLog
from tradewright.backtest.code import answers_with_requests
from tradewright.backtest.compiled import shape_of, simulator
from tradewright.backtest.first_bars import first_bars
from tradewright.backtest.kernel import ALL_ORDERS, ALL_TRADES, SUMMARY_SLOTS, Matrix, Workspace
from tradewright.backtest.orders import TARGET_SLOTS
from tradewright.backtest.result import FILL, TRADE, BacktestResult, parted, totals_of
from tradewright.backtest.sound_bars import are_sound
from tradewright.backtest.spec import BacktestSpec, KernelParameters
from tradewright.backtest.strategy_errors import features_of, located_errors
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import DataError
from tradewright.model.secondary import SecondarySeries
from tradewright.model.strategy import Feature, Strategy

VOLATILITY = Feature("rolling_vol", (20,))
"""The feature that the ``vol`` slippage reads (D17)."""

BARS_PER_FILL = 8
"""The first pass has room for a fill and a trade in so many bars; a run with more is made once again with enough."""


FEW_BARS = 2_048
"""Up to so many bars are checked by numpy, without a compiler; more of them in one compiled pass."""


class Inputs(NamedTuple):
    """The columns and parameters of a decision; never empty, since compiled code cannot index an empty tuple."""

    features: tuple[Floats, ...]
    params: tuple[float, ...]


def run(strategy: Strategy, bars: Bars, spec: BacktestSpec) -> BacktestResult:
    """Backtest a strategy on one instrument.

    A target decided on the close of bar ``i`` reaches the market ``spec.bar_delay`` bars later. Without bars the result
    is empty. The same input gives the same bytes.

    Raises:
        DataError: bars of unequal length, out of order, or with a price that is not finite.
        ConfigError: a feature that no indicator gives.
        StrategyError: the decision cannot be compiled.
    """
    inputs = inputs_of(strategy, bars, spec.secondary)
    market, rules = market_of(bars, spec, answers_with_requests(strategy.generate_signal)), spec.rules()
    room = len(bars.ts) // BARS_PER_FILL + 1
    while True:
        log = FillLog(np.empty(room, FILL), np.empty(room, TRADE))
        summary, rows = _one(strategy, inputs, market, rules, log)
        trades = int(summary[0, ALL_TRADES])
        if max(rows, trades) <= room:
            break
        room = max(rows, trades)
    fills, adjustments = parted(log.fills[:rows])
    return BacktestResult(
        bars=bars,
        initial_cash=rules.cash,
        fills=fills,
        trades=log.trades[:trades],
        orders=int(summary[0, ALL_ORDERS]),
        multiplier=rules.multiplier,
        conversion=spec.conversion,
        currency=spec.currency,
        actions=spec.actions,
        adjustments=adjustments,
        totals=totals_of(summary, rules.cash, len(bars.ts) - rules.first_bar),
    )


def _one(
    strategy: Strategy, inputs: Inputs, market: BarArrays, rules: KernelParameters, log: FillLog
) -> tuple[Matrix, int]:
    """The summary, and how many rows the log of fills would have."""
    summary = np.empty((1, SUMMARY_SLOTS))
    kernel = strategy.generate_signal, len(inputs.features), len(inputs.params), shape_of(rules, market)
    nothing, none = contiguous(np.empty((0, 0))), np.empty((0, 0), np.int64)
    workspace = workspace_of(rules)
    with located_errors(strategy):
        if not first_bars(*kernel).run(inputs, market, rules, workspace, log, summary):
            simulator(*kernel)(*inputs, nothing, none, nothing, market, rules, workspace, log, summary)
    return summary, int(workspace.account[FILLS])


def inputs_of(strategy: Strategy, bars: Bars, secondary: SecondarySeries | None) -> Inputs:
    """The columns and parameters of a strategy, padded where it has none."""
    found = columns(features_of(strategy), bars, secondary) or (bars.close,)
    return Inputs(tuple(map(contiguous, found)), tuple(map(float, strategy.parameters())) or (0.0,))


def market_of(bars: Bars, spec: BacktestSpec, requests: bool) -> BarArrays:
    """The bars as the kernel reads them, checked.

    Args:
        requests: whether the strategy answers with order requests, of which one may ask when a session ends.

    Raises:
        DataError: bars of unequal length, out of order, or with a price that is not finite; rates of other bars.
    """
    check_bars(bars)
    volatility = columns((VOLATILITY,), bars)[0] if spec.slippage.terms().vol else np.empty(0)
    known = spec.conversion
    if known is None:
        rates = bars.close, np.empty(0), np.empty(0)
    else:
        known.check(len(bars.ts))
        rates = bars.close * known.close, known.open, known.close
    fees = spec.fee_conversion
    if fees is None:
        fee_rates = np.empty(0), np.empty(0)
    else:
        fees.check(len(bars.ts))
        fee_rates = fees.open, fees.close
    ends = spec.sessions.last_bars(bars.ts) if requests else np.empty(0)
    actions = np.empty((0, 3)) if spec.actions is None else spec.actions.rows
    return BarArrays(*map(contiguous, (*bars[1:], volatility, *rates, *fee_rates, ends, actions)))


def workspace_of(rules: KernelParameters) -> Workspace:
    """Memory for one thread."""
    slots = 1 << rules.delay.bit_length()
    return Workspace(np.empty(ACCOUNT_SLOTS), np.empty((slots, TARGET_SLOTS)), np.empty(slots, np.int64))


def contiguous(values: Floats) -> Floats:
    """The one kind of array that is compiled for: without gaps, and read-only, as the bars of the store are."""
    array = np.ascontiguousarray(values, dtype=np.float64).view()
    array.flags.writeable = False
    return array


def check_bars(bars: Bars) -> None:
    """Refuse bars that no engine can run on; the quality checks judge whether they are plausible.

    Raises:
        DataError: bars of unequal length, out of order, or with a price that is not finite.
    """
    lengths = {name: len(values) for name, values in zip(bars._fields, bars, strict=True)}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns of unequal length: {lengths}", where="bars", remedy="cut them to one length")
    prices = map(contiguous, (bars.open, bars.high, bars.low, bars.close))
    if len(bars.ts) > FEW_BARS and are_sound(np.ascontiguousarray(bars.ts).view(np.int64), *prices):
        return
    if len(bars.ts) > 1 and not bool(np.all(bars.ts[1:] > bars.ts[:-1])):
        first = int(np.argmin(bars.ts[1:] > bars.ts[:-1])) + 1
        raise DataError(f"bar {first} does not come after bar {first - 1}", where="bars", remedy="sort, drop doubles")
    for name in ("open", "high", "low", "close"):
        values = getattr(bars, name)
        if not np.isfinite(values).all():
            first = int(np.argmin(np.isfinite(values)))
            raise DataError(f"{name} = {values[first]} in bar {first}", where="bars", remedy="repair or drop the bar")
