"""Many parameter sets on several instruments, each with its own account: what the accounts of a set make together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from tradewright.backtest.result import TOTALS
from tradewright.backtest.set_returns import fills_of_set
from tradewright.backtest.strategy_errors import located_errors
from tradewright.backtest.sweep import BLOCK, PreparedSweep, Progress, block_by_block
from tradewright.model.bars import Floats, Times
from tradewright.model.strategy import Strategy
from tradewright.store.kept_rows import KeptRows


class PooledSets(NamedTuple):
    """The sets of a sweep on several instruments, on the union of their time stamps.

    Args:
        parts: one per instrument.
        places: by instrument the place of each of its bars in the union.
        bars: the length of the union.
    """

    parts: tuple[PreparedSweep, ...]
    places: tuple[Times, ...]
    bars: int

    @property
    def cash(self) -> float:
        """What all accounts start with."""
        return sum(part.rules.cash for part in self.parts)


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


def pool(parts: Sequence[PreparedSweep], stamps: Sequence[Times]) -> PooledSets:
    """The sets of several instruments together.

    Args:
        stamps: by instrument the times of its bars.
    """
    union = np.unique(np.concatenate(stamps))
    return PooledSets(tuple(parts), tuple(np.searchsorted(union, each) for each in stamps), len(union))


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


def pooled_totals(
    strategies: Sequence[Strategy],
    pooled: PooledSets,
    *,
    threads: int = 1,
    progress: Progress | None = None,
    kept: KeptRows | None = None,
) -> npt.NDArray[np.void]:
    """The totals of every set, in their order; those of the pooled results of single runs.

    Args:
        kept: :func:`kept_totals` of the sets, so that what was computed before an interruption is not computed again.

    Raises:
        StrategyError: as for a single run.
    """
    found = np.zeros(len(strategies), TOTALS) if kept is None else kept.rows.view(TOTALS)[:, 0]

    def block(start: int) -> None:
        for row in range(start, min(start + BLOCK, len(found))):
            _fill(found[row : row + 1], pooled_curve(pooled, row), pooled.cash)

    with located_errors(strategies[0]):
        block_by_block(block, len(found), threads, progress, kept)
    return found.copy()


def kept_totals(folder: Path, name: str, sets: int) -> KeptRows:
    """Where the totals of a sweep on several instruments are kept while it runs; as of one on one instrument."""
    return KeptRows(folder / f"{name}.rows", (sets, TOTALS.itemsize // 8), BLOCK)


def pooled_returns(
    strategies: Sequence[Strategy],
    pooled: PooledSets,
    rows: Sequence[int],
    of_curve: Callable[[PooledCurve], Floats],
    *,
    threads: int = 1,
) -> npt.NDArray[np.float64]:
    """What ``of_curve`` makes of the curves of the sets in ``rows``, one column each."""
    with located_errors(strategies[0]), ThreadPoolExecutor(threads) as workers:
        columns = list(workers.map(lambda row: of_curve(pooled_curve(pooled, row)), rows))
    return np.column_stack(columns)


def _fill(totals: npt.NDArray[np.void], curve: PooledCurve, cash: float) -> None:
    trades, wins, orders, fills, fees = curve.counts
    equity = np.concatenate(([cash], curve.equity))
    returns = np.diff(equity)[1:] / equity[1:-1]
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
