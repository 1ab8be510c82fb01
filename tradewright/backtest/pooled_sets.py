"""Many parameter sets on several instruments, each with its own account: what the accounts of a set make together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.backtest.kernel import Matrix
from tradewright.backtest.result import TOTALS
from tradewright.backtest.set_returns import fills_of_set
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import ALONE, PreparedSweep, Progress, computed, prepare
from tradewright.backtest.sweep_plan import sweep_plan
from tradewright.backtest.workers import Compute, Workers
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.strategy import Strategy

Accounts = Sequence[tuple[Bars, BacktestSpec]]
"""The bars and the terms of each instrument."""


class PooledSets(NamedTuple):
    """Some sets of a sweep on several instruments, on the union of their time stamps.

    Args:
        parts: one per instrument.
        places: by instrument the place of each of its bars in the union.
        bars: the length of the union.
    """

    parts: tuple[PreparedSweep, ...]
    places: tuple[Times, ...]
    bars: int


class PooledCurve(NamedTuple):
    """The accounts of one set as one, per time stamp of the union.

    Args:
        equity: money.
        value: what is held, in money; below zero when short.
        counts: closed trades, won ones, orders, fills, and fees.
    """

    equity: Floats
    value: Floats
    counts: Floats


def pool(strategies: Sequence[Strategy], accounts: Accounts) -> PooledSets:
    """The sets of several instruments together, their columns computed."""
    union = np.unique(np.concatenate([bars.ts for bars, _spec in accounts]))
    parts = tuple(prepare(strategies, bars, spec) for bars, spec in accounts)
    return PooledSets(parts, tuple(np.searchsorted(union, bars.ts) for bars, _spec in accounts), len(union))


def pooled_curve(pooled: PooledSets, row: int) -> PooledCurve:
    """The accounts of the set in ``row`` as one. An account counts its cash before its first bar, and its last equity
    after its last one, as :func:`tradewright.evaluation.aggregate.pooled` does."""
    equity, value, counts = np.zeros(pooled.bars), np.zeros(pooled.bars), np.zeros(5)
    for part, places in zip(pooled.parts, pooled.places, strict=True):
        fills, made = fills_of_set(part, row)
        counts += made
        _add_account(
            fills["bar"],
            fills["cash"],
            fills["position"] * part.rules.multiplier,
            fills["foreign"],
            part.market.marks,
            part.market.rate_close,
            part.rules.cash,
            places,
            equity,
            value,
        )
    return PooledCurve(equity, value, counts)


def pooled_sweep(
    strategies: Sequence[Strategy],
    accounts: Accounts,
    *,
    workers: Workers = ALONE,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> npt.NDArray[np.void]:
    """The totals of every strategy on all accounts as one, in their order; those of the pooled results of single runs.

    Args:
        kept: as for :func:`tradewright.backtest.sweep.sweep`.

    Raises:
        ConfigError, DataError, StoreError, StrategyError: as for a sweep on one instrument.
    """
    plan, slots = sweep_plan(strategies, _longest(accounts), len(accounts)), TOTALS.itemsize // 8
    prepared = partial(_prepared, accounts)
    rows = computed(strategies, plan, slots, prepared, workers=workers, progress=progress, kept=kept)
    found: npt.NDArray[np.void] = rows.view(TOTALS)[:, 0]
    return found


def pooled_returns(
    strategies: Sequence[Strategy],
    accounts: Accounts,
    of_curve: Callable[[PooledCurve], Floats],
    periods: int,
    *,
    workers: Workers = ALONE,
) -> Matrix:
    """What ``of_curve`` makes of the curve of each set, ``periods`` numbers: periods x sets."""

    def prepared(chosen: Sequence[Strategy]) -> Compute:
        pooled = pool(chosen, accounts)
        return lambda block: np.array([of_curve(pooled_curve(pooled, row)) for row in range(block.start, block.stop)])

    plan = sweep_plan(strategies, _longest(accounts), len(accounts))
    return computed(strategies, plan, periods, prepared, workers=workers, progress=None, kept=None).T


def _longest(accounts: Accounts) -> int:
    return max(len(bars.ts) for bars, _spec in accounts)


def _prepared(accounts: Accounts, chosen: Sequence[Strategy]) -> Compute:
    pooled, cash = pool(chosen, accounts), sum(spec.cash for _bars, spec in accounts)
    return lambda block: _rows(pooled, block, cash)


def _rows(pooled: PooledSets, block: slice, cash: float) -> Matrix:
    """The totals of a slice of the sets, as a table of numbers."""
    totals = np.zeros(block.stop - block.start, TOTALS)
    for place, row in enumerate(range(block.start, block.stop)):
        fill_totals(totals[place : place + 1], pooled_curve(pooled, row), cash)
    return totals.view(np.float64).reshape(len(totals), -1)


def fill_totals(totals: npt.NDArray[np.void], curve: PooledCurve, cash: float) -> None:
    """Write the totals of a curve into a row of ``TOTALS``; an equity at or below zero earns nothing after it."""
    trades, wins, orders, fills, fees = curve.counts
    equity = np.concatenate(([cash], curve.equity))
    before = equity[1:-1]
    returns = np.divide(np.diff(equity)[1:], before, out=np.zeros(len(before)), where=before > 0.0)
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    totals["final_equity"], totals["net_profit"] = equity[-1], equity[-1] - cash
    totals["total_return"] = equity[-1] / cash - 1.0
    totals["max_drawdown"] = float((equity / np.maximum.accumulate(equity)).min()) - 1.0
    totals["sharpe"] = float(returns.mean()) / deviation if deviation > 0.0 else 0.0
    totals["exposure"] = float(np.count_nonzero(curve.value)) / max(len(curve.value), 1)
    totals["win_rate"] = wins / max(trades, 1)
    for name, count in (("trades", trades), ("wins", wins), ("orders", orders), ("fills", fills), ("fees", fees)):
        totals[name] = count


@njit(cache=True, nogil=True, error_model="numpy")
def _add_account(
    bars: Times,
    cash: Floats,
    worth: Floats,
    foreign: Floats,
    marks: Floats,
    rates: Floats,
    start: float,
    places: Times,
    equity: Floats,
    value: Floats,
) -> None:
    """Add one account to the curves of all, held on between its bars."""
    held, money, owed, fill = 0.0, start, 0.0, 0
    equity[: places[0] if len(places) else len(equity)] += start
    for i in range(len(places)):
        while fill < len(bars) and bars[fill] == i:
            held, money, owed = worth[fill], cash[fill], foreign[fill]
            fill += 1
        worth_now = held * marks[i]
        total = money + worth_now + (owed * rates[i] if owed != 0.0 else 0.0)
        stop = places[i + 1] if i + 1 < len(places) else len(equity)
        for place in range(places[i], stop):
            equity[place] += total
            value[place] += worth_now
