"""Who computes the sets of a sweep: the threads of this process, or whatever takes the same blocks elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from tradewright.backtest.kernel import Matrix
from tradewright.model.allocation import Allocation
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Strategy

Compute = Callable[[slice], Matrix]
"""Computes the rows of a slice of the sets that are prepared."""
Prepare = Callable[[Sequence[Any]], Compute]
"""Given the sets of a part, at least one, what computes the rows of a slice of them. Where other processes may compute,
it is made of functions at the level of a module, which are found by their names there."""


class Work(NamedTuple):
    """Sets that are prepared together, and the blocks of them to compute.

    Args:
        strategies: the sets of the part.
        blocks: slices of ``strategies``, ascending.
        first: the row of the first set among all sets.
    """

    strategies: Sequence[Strategy | Allocation]
    blocks: Sequence[slice]
    first: int


class Workers(Protocol):
    """Computes blocks of sets. The rows do not depend on who computes them, nor in which order."""

    def rows(self, work: Iterator[Work], prepare: Prepare) -> Iterator[tuple[slice, Matrix]]:
        """The rows of each block with their place among all sets, in any order, each as soon as it is there.

        Raises:
            ConfigError, DataError, StrategyError: as ``prepare`` and what it makes.
        """
        ...


@dataclass(frozen=True)
class Threads:
    """Threads of this process, part after part: what the sets of a part share stands in memory once."""

    count: int

    def rows(self, work: Iterator[Work], prepare: Prepare) -> Iterator[tuple[slice, Matrix]]:
        """As of :class:`Workers`, in ascending order.

        Raises:
            ConfigError: fewer than one thread.
        """
        if self.count < 1:
            raise ConfigError(f"threads = {self.count}", where="sweep", remedy="at least one is needed")
        with ThreadPoolExecutor(self.count) as pool:
            for part in work:
                compute = prepare(part.strategies)
                for block, rows in zip(part.blocks, pool.map(compute, part.blocks), strict=True):
                    yield slice(block.start + part.first, block.stop + part.first), rows


def all_threads() -> Threads:
    """A thread for each processor."""
    return Threads(os.cpu_count() or 1)
