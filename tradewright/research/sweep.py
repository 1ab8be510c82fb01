"""A sweep: many parameter sets of one strategy on one instrument, in one fused pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tradewright.backtest.sweep import sweep
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.research.look_ahead import evidence_of
from tradewright.research.study import Terms
from tradewright.store.artefacts import Artefacts

Made = TypeVar("Made", bound=Strategy)


@dataclass(frozen=True)
class SweepResult:
    """A sweep, one row per parameter set in the order of the grid; ``totals`` as ``tradewright.backtest.sweep``.

    ``left_out`` sets of the grid have no row, because the strategy does not take them; ``why`` gives the reason of the
    first. ``ahead`` is the first finding of the look-ahead test of the first set; empty is the good result.
    """

    parameters: list[dict[str, float]]
    totals: npt.NDArray[np.void]
    left_out: int
    why: str
    ahead: str = ""


def run_sweep(
    make: Callable[[Mapping[str, float]], Strategy],
    sets: Sequence[Mapping[str, float]],
    tables: Mapping[str, InstrumentBars],
    terms: Terms,
    progress: Callable[[int, int], None] | None = None,
    *,
    kept: Artefacts,
) -> SweepResult:
    """Backtest the parameter sets on the one instrument.

    Args:
        make: the strategy of a parameter set; it raises ConfigError for values that do not go together (a fast average
            that is slower than the slow one), and that set is left out.
        kept: where look-ahead evidence is stored. The test comes before the sweep: machine code checks no index.

    Raises:
        ConfigError: for more than one instrument, or when no set is left.
        StrategyError: the strategy's own code failed.
    """
    if len(tables) != 1:
        raise ConfigError(
            f"a sweep runs on one instrument, not on {len(tables)}",
            where="backtest.instruments",
            remedy=f"say backtest.instruments=[{next(iter(tables))}]",
        )
    item = next(iter(tables.values()))
    taken, why = _taken(make, sets)
    tested = evidence_of(next(iter(taken.values())), item, kept)
    threads = os.cpu_count() or 1
    totals = sweep(list(taken.values()), item.bars, terms(item), threads=threads, progress=progress)
    rows = [dict(sets[row]) for row in taken]
    return SweepResult(rows, totals, len(sets) - len(rows), why, next(iter(tested.findings), ""))


def _taken(
    make: Callable[[Mapping[str, float]], Made], sets: Sequence[Mapping[str, float]]
) -> tuple[dict[int, Made], str]:
    """The strategy of each set that it takes, by the set's index, and the reason against the first of the others."""
    why = ""
    taken: dict[int, Made] = {}
    for row, values in enumerate(sets):
        try:
            taken[row] = make(values)
        except ConfigError as error:
            why = why or f"{error.what}; {error.remedy}"
    if not taken:
        raise ConfigError(f"no set is left: {why}", where="sets of the sweep", remedy="correct the grid")
    return taken, why
