"""Many parameter sets in one shared account each: features computed once, totals and returns only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from tradewright.backtest.kernel import Matrix
from tradewright.backtest.panel.engine import REFUSALS, PanelRun, refuse_requests, run_allocation, run_decisions
from tradewright.backtest.panel.panel import Panel, own_columns, tables_of
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.pooled_sets import PooledCurve, fill_totals
from tradewright.backtest.result import TOTALS
from tradewright.backtest.strategy_errors import features_of
from tradewright.backtest.sweep import ALONE, Progress, computed
from tradewright.backtest.sweep_plan import SweepPlan, sweep_plan
from tradewright.backtest.workers import Compute, Workers
from tradewright.indicators.registry import columns
from tradewright.model.allocation import Allocation, is_allocation
from tradewright.model.bars import Floats, Times
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import Feature, Strategy

Run = Callable[[int], PanelRun]
"""The run of the set in a row."""
Sets = Sequence[Strategy | Allocation]


REFUSED = {code for code, _wrong, _remedy in REFUSALS.values()}
"""The codes of weights that are not admitted."""


class PanelGround(NamedTuple):
    """What every set is run on.

    Args:
        panel: the bars and terms, of all bars or of a part (:func:`~tradewright.backtest.panel.span.panel_span`).
        shared: the terms of the account.
        days: the date of each bar's session in days since 1970.
    """

    panel: Panel
    shared: SharedAccount
    days: Times


def panel_sweep(
    strategies: Sets,
    ground: PanelGround,
    *,
    workers: Workers = ALONE,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> npt.NDArray[np.void]:
    """The totals of every set in an account of its own, in their order; those of single runs of the panel kernel.

    Memory: the feature tables of one part of the plan and the run of one set per worker; no curve is kept.

    Args:
        kept: as for :func:`tradewright.backtest.sweep.sweep`.

    Raises:
        ConfigError, StrategyError: as :func:`~tradewright.backtest.panel.engine.run_panel`; the set is named.
        StoreError: the file cannot be written.
    """
    plan, slots, prepared = _plan(strategies, ground), TOTALS.itemsize // 8, partial(_prepared, ground)
    rows = computed(strategies, plan, slots, prepared, workers=workers, progress=progress, kept=kept)
    found: npt.NDArray[np.void] = rows.view(TOTALS)[:, 0]
    return found


def panel_returns(
    strategies: Sets,
    ground: PanelGround,
    of_curve: Callable[[PooledCurve], Floats],
    periods: int,
    *,
    workers: Workers = ALONE,
) -> Matrix:
    """What ``of_curve`` makes of the account of each set, ``periods`` numbers: periods x sets."""

    def prepared(chosen: Sets) -> Compute:
        run = runs_of(chosen, ground)
        return lambda block: np.array(
            [of_curve(curve_of(run(row), ground.panel)) for row in range(block.start, block.stop)]
        )

    plan = _plan(strategies, ground)
    return computed(strategies, plan, periods, prepared, workers=workers, progress=None, kept=None).T


def runs_of(strategies: Sets, ground: PanelGround) -> Run:
    """What runs one of the sets, at least one, of the same kind; each distinct feature is computed now, once.

    Raises:
        ConfigError: a feature that no indicator gives, or a strategy that the shared account does not take.
    """
    needs = [features_of(strategy) for strategy in strategies]
    distinct = tuple(dict.fromkeys(feature for need in needs for feature in need))
    if is_allocation(strategies[0]):
        return _allocations(cast("Sequence[Allocation]", strategies), needs, distinct, ground)
    return _decisions(cast("Sequence[Strategy]", strategies), needs, distinct, ground)


def _allocations(
    strategies: Sequence[Allocation],
    needs: Sequence[tuple[Feature, ...]],
    distinct: tuple[Feature, ...],
    ground: PanelGround,
) -> Run:
    panel, shared, days = ground
    tables = dict(zip(distinct, tables_of(distinct, panel), strict=True))

    def run(row: int) -> PanelRun:
        read = tuple(tables[feature] for feature in needs[row]) or (panel.market.close,)
        try:
            return run_allocation(strategies[row], panel, shared, days, read)
        except StrategyError as error:
            if error.code not in REFUSED:
                raise
            raise _of_set(error, strategies[row]) from error

    return run


def _decisions(
    strategies: Sequence[Strategy],
    needs: Sequence[tuple[Feature, ...]],
    distinct: tuple[Feature, ...],
    ground: PanelGround,
) -> Run:
    panel, shared = ground.panel, ground.shared
    refuse_requests(strategies[0])
    wanted = distinct or (Feature("close"),)
    found = [
        columns(wanted, table, spec.secondary) if len(table.ts) else (table.close,) * len(wanted)
        for table, spec in zip(panel.bars, panel.specs, strict=True)
    ]
    table, which = own_columns(found, max(len(each.ts) for each in panel.bars))
    place = {feature: number for number, feature in enumerate(wanted)}
    chosen = [[place[feature] for feature in need or wanted[:1]] for need in needs]
    return lambda row: run_decisions(strategies[row], panel, shared, table, np.ascontiguousarray(which[:, chosen[row]]))


def curve_of(run: PanelRun, panel: Panel) -> PooledCurve:
    """The account of a run from its first decided bar on."""
    first = panel.specs[0].first_bar
    equity, cash = run.equity[first:], run.cash[first:]
    won = np.count_nonzero(run.trades["profit"] > 0.0)
    counts = len(run.trades), won, run.orders.sum(), len(run.fills), run.fills["fee"].sum()
    return PooledCurve(equity, equity - cash, np.array(counts, np.float64))


def _prepared(ground: PanelGround, chosen: Sets) -> Compute:
    run, cash = runs_of(chosen, ground), float(ground.panel.specs[0].cash)
    return lambda block: _totals(run, block, ground.panel, cash)


def _totals(run: Run, block: slice, panel: Panel, cash: float) -> Matrix:
    totals = np.zeros(block.stop - block.start, TOTALS)
    for place, row in enumerate(range(block.start, block.stop)):
        fill_totals(totals[place : place + 1], curve_of(run(row), panel), cash)
    return totals.view(np.float64).reshape(len(totals), -1)


def _plan(strategies: Sets, ground: PanelGround) -> SweepPlan:
    return sweep_plan(strategies, len(ground.panel.ts), len(ground.panel.names))


def _of_set(error: StrategyError, strategy: Allocation) -> StrategyError:
    """An error with the features and parameters of the set that met it."""
    features = ", ".join(dict.fromkeys(feature.label for feature in features_of(strategy)))
    numbers = ", ".join(f"{value:g}" for value in strategy.parameters())
    told = "; ".join(filter(None, (features, f"parameters {numbers}" if numbers else "")))
    remedy = f"{error.remedy}; or leave the set out with --where"
    return StrategyError(f"{error.what} (the set that reads {told})", where=error.where, remedy=remedy, code=error.code)
