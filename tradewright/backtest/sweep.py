"""Many parameter sets of one strategy in one call: one column per distinct feature, totals only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.account import BarArrays, FillLog
from tradewright.backtest.code import answers_with_requests
from tradewright.backtest.compiled import Compiled, shape_of, simulator
from tradewright.backtest.engine import Inputs, contiguous, inputs_of, market_of, workspace_of
from tradewright.backtest.kernel import SUMMARY_SLOTS, Indices, Matrix, Workspace
from tradewright.backtest.result import FILL, TOTALS, TRADE, totals_of
from tradewright.backtest.spec import BacktestSpec, KernelParameters
from tradewright.backtest.strategy_errors import features_of, located_errors
from tradewright.backtest.sweep_plan import SweepPlan, Tested, sweep_plan
from tradewright.backtest.workers import Compute, Prepare, Threads, Work, Workers
from tradewright.indicators.registry import column
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Feature, Strategy
from tradewright.store.kept_rows import KeptRows

Progress = Callable[[int, int], None]
"""Called with (sets done, sets in all) after each block."""


ALONE = Threads(1)
"""One thread."""


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
    workers: Workers = ALONE,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> npt.NDArray[np.void]:
    """The totals of every strategy, in their order; equal to those of single runs, whoever computes them.

    Memory: the columns of one part of the plan, and one small row per set; no equity curve is kept. Without strategies
    the answer is empty.

    Args:
        kept: the file that keeps rows while the sweep runs; see :func:`computed`.

    Raises:
        ConfigError: strategies of different kinds, or no worker.
        DataError, StrategyError: as for a single run.
        StoreError: the file cannot be written.
    """
    if not strategies:
        return np.empty(0, TOTALS)

    plan, prepared = sweep_plan(strategies, len(bars.ts)), partial(_prepared, bars, spec)
    rows = computed(strategies, plan, SUMMARY_SLOTS, prepared, workers=workers, progress=progress, kept=kept)
    return totals_of(rows, spec.rules().cash, len(bars.ts) - spec.rules().first_bar)


def computed(
    strategies: Sequence[Tested],
    plan: SweepPlan,
    slots: int,
    prepare_part: Prepare,
    *,
    workers: Workers,
    progress: Progress | None,
    kept: Path | None,
) -> Matrix:
    """The rows of all sets, in their order, computed by a plan.

    Args:
        slots: numbers per row.
        prepare_part: given the sets of a part, what computes the rows of a slice of them.
        kept: the file that keeps rows while they are computed, so that a call that is stopped goes on where it was. Its
            name must tell everything that the rows depend on. It is gone at the end.
    """
    held = None if kept is None else KeptRows(kept, (len(strategies), slots), plan.blocks)
    rows = np.empty((len(strategies), slots)) if held is None else held.rows
    missing = [block for block in plan.blocks if held is None or not held.has(block.start)]
    done = len(strategies) - sum(block.stop - block.start for block in missing)
    with located_errors(strategies[0]):
        for block, found in workers.rows(_work(strategies, plan, missing), prepare_part):
            rows[block] = found
            if held is not None:
                held.keep(block.start)
            done += len(found)
            if progress is not None:
                progress(done, len(strategies))
    ordered = np.empty_like(rows, subok=False)
    ordered[plan.order] = rows
    if held is not None:
        held.remove()
    return ordered


def _work(strategies: Sequence[Tested], plan: SweepPlan, missing: Sequence[slice]) -> Iterator[Work]:
    """The blocks that are missing, by the parts whose sets are prepared together."""
    starts = {block.start for block in missing}
    for part in plan.parts:
        first = part.sets.start
        if blocks := [slice(each.start - first, each.stop - first) for each in part.blocks if each.start in starts]:
            yield Work(plan.chosen(strategies, part.sets), blocks, first)


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
        table[index] = column(feature, bars, spec.secondary)
    market = market_of(bars, spec, answers_with_requests(strategies[0].generate_signal))
    rules = spec.rules()
    return PreparedSweep(
        kernel=simulator(kinds.pop(), len(needs[0]), len(values[0]), shape_of(rules, market)),
        first=inputs_of(strategies[0], bars, spec.secondary),
        features=tuple(distinct),
        columns=contiguous(table),
        which=np.array([[distinct[feature] for feature in need] for need in needs], np.int64),
        values=contiguous(np.array(values, np.float64)),
        market=market,
        rules=rules,
    )


def _prepared(bars: Bars, spec: BacktestSpec, chosen: Sequence[Strategy]) -> Compute:
    return partial(_block, prepare(chosen, bars, spec))


def _block(prepared: PreparedSweep, sets: slice) -> Matrix:
    made, log = np.empty((sets.stop - sets.start, SUMMARY_SLOTS)), FillLog(np.empty(0, FILL), np.empty(0, TRADE))
    prepared.run(sets, workspace_of(prepared.rules), log, made)
    return made
