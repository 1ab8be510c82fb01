"""Many parameter sets of one strategy in one call: one column per distinct feature, totals only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.account import BarArrays, FillLog
from tradewright.backtest.compiled import Compiled, simulator
from tradewright.backtest.engine import Inputs, contiguous, inputs_of, market_of, workspace_of
from tradewright.backtest.kernel import SUMMARY_SLOTS, Indices, Matrix
from tradewright.backtest.result import FILL, TOTALS, TRADE, totals_of
from tradewright.backtest.spec import BacktestSpec, KernelParameters
from tradewright.backtest.strategy_errors import features_of, located_errors
from tradewright.indicators.registry import column
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Feature, Strategy

Progress = Callable[[int, int], None]
"""Called with (sets done, sets in all) after each block."""

BLOCK = 64
"""Sets between two progress reports; an interruption loses at most as many per thread."""


class _Job(NamedTuple):
    kernel: Compiled
    first: Inputs
    columns: Matrix
    which: Indices
    values: Matrix
    market: BarArrays
    rules: KernelParameters
    rows: Matrix


def sweep(
    strategies: Sequence[Strategy],
    bars: Bars,
    spec: BacktestSpec,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> npt.NDArray[np.void]:
    """The totals of every strategy, in their order; equal to those of single runs, whatever the number of threads.

    Memory: one column per distinct feature and one small row per set; no equity curve is kept. Without strategies the
    answer is empty.

    Raises:
        ConfigError: strategies of different kinds, or fewer than one thread.
        DataError, StrategyError: as for a single run.
    """
    if threads < 1:
        raise ConfigError(f"threads = {threads}", where="sweep", remedy="at least one is needed")
    if not strategies:
        return np.empty(0, TOTALS)
    job = _prepare(strategies, bars, spec)
    starts = range(0, len(strategies), BLOCK)
    with located_errors(strategies[0]), ThreadPoolExecutor(threads) as pool:
        for done in pool.map(lambda start: _block(job, start), starts):
            if progress is not None:
                progress(done, len(strategies))
    return totals_of(job.rows, spec.cash, len(bars.ts))


def _prepare(strategies: Sequence[Strategy], bars: Bars, spec: BacktestSpec) -> _Job:
    kinds = {strategy.generate_signal for strategy in strategies}
    needs = [features_of(strategy) or (Feature("close"),) for strategy in strategies]
    values = [tuple(strategy.parameters()) or (0.0,) for strategy in strategies]
    shapes = {(len(need), len(value)) for need, value in zip(needs, values, strict=True)}
    if len(kinds) > 1 or len(shapes) > 1:
        names = sorted({strategy.name for strategy in strategies})
        raise ConfigError(f"strategies of different kinds: {names}", where="sweep", remedy="sweep one kind at a time")
    distinct = {feature: index for index, feature in enumerate(dict.fromkeys(f for need in needs for f in need))}
    table = np.empty((len(distinct), len(bars.ts)))
    for feature, index in distinct.items():
        table[index] = column(feature, bars)
    return _Job(
        kernel=simulator(kinds.pop(), len(needs[0]), len(values[0])),
        first=inputs_of(strategies[0], bars),
        columns=contiguous(table),
        which=np.array([[distinct[feature] for feature in need] for need in needs], np.int64),
        values=contiguous(np.array(values, np.float64)),
        market=market_of(bars, spec),
        rules=spec.rules(),
        rows=np.empty((len(strategies), SUMMARY_SLOTS)),
    )


def _block(job: _Job, start: int) -> int:
    part = slice(start, start + BLOCK)
    log = FillLog(np.empty(0, FILL), np.empty(0, TRADE))
    job.kernel(
        *job.first,
        job.columns,
        job.which[part],
        job.values[part],
        job.market,
        job.rules,
        workspace_of(job.rules),
        log,
        job.rows[part],
    )
    return min(start + BLOCK, len(job.rows))
