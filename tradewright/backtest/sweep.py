"""Many parameter sets of one strategy in one call: one column per distinct feature, totals only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.account import BarArrays, FillLog
from tradewright.backtest.code import answers_with_requests
from tradewright.backtest.compiled import Compiled, simulator
from tradewright.backtest.engine import Inputs, contiguous, inputs_of, market_of, workspace_of
from tradewright.backtest.kernel import SUMMARY_SLOTS, Indices, Matrix, Workspace
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


class PreparedSweep(NamedTuple):
    """The sets of a sweep as the kernel reads them; one column per distinct feature.

    Args:
        features: the distinct features, in the order of ``columns``.
    """

    kernel: Compiled
    first: Inputs
    features: tuple[Feature, ...]
    columns: Matrix
    which: Indices
    values: Matrix
    market: BarArrays
    rules: KernelParameters

    def run(self, part: slice, workspace: Workspace, log: FillLog, rows: Matrix) -> None:
        """Run the sets of ``part``; their summaries go to ``rows``, the fills of the last to ``log``."""
        which, values = self.which[part], self.values[part]
        self.kernel(*self.first, self.columns, which, values, self.market, self.rules, workspace, log, rows)


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
    if not strategies:
        return np.empty(0, TOTALS)
    return totals(strategies, prepare(strategies, bars, spec), threads=threads, progress=progress)


def totals(
    strategies: Sequence[Strategy], prepared: PreparedSweep, *, threads: int = 1, progress: Progress | None = None
) -> npt.NDArray[np.void]:
    """:func:`sweep` of sets that are prepared already."""
    if threads < 1:
        raise ConfigError(f"threads = {threads}", where="sweep", remedy="at least one is needed")
    rows = np.empty((len(strategies), SUMMARY_SLOTS))
    starts = range(0, len(strategies), BLOCK)
    with located_errors(strategies[0]), ThreadPoolExecutor(threads) as pool:
        for done in pool.map(lambda start: _block(prepared, rows, start), starts):
            if progress is not None:
                progress(done, len(strategies))
    return totals_of(rows, prepared.rules.cash, len(prepared.market.close) - prepared.rules.first_bar)


def prepare(strategies: Sequence[Strategy], bars: Bars, spec: BacktestSpec) -> PreparedSweep:
    """The sets of a sweep, at least one, with their columns computed.

    Raises:
        ConfigError: strategies of different kinds.
        DataError, StrategyError: as for a single run.
    """
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
    return PreparedSweep(
        kernel=simulator(kinds.pop(), len(needs[0]), len(values[0])),
        first=inputs_of(strategies[0], bars),
        features=tuple(distinct),
        columns=contiguous(table),
        which=np.array([[distinct[feature] for feature in need] for need in needs], np.int64),
        values=contiguous(np.array(values, np.float64)),
        market=market_of(bars, spec, answers_with_requests(strategies[0].generate_signal)),
        rules=spec.rules(),
    )


def _block(prepared: PreparedSweep, rows: Matrix, start: int) -> int:
    part = slice(start, start + BLOCK)
    log = FillLog(np.empty(0, FILL), np.empty(0, TRADE))
    prepared.run(part, workspace_of(prepared.rules), log, rows[part])
    return min(start + BLOCK, len(rows))
