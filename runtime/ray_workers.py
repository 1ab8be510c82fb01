"""The sets of a sweep on a Ray cluster: the same blocks, computed by processes on its machines.

The cluster is its owner's: nothing here starts one, so that nothing begins to listen. A machine of it needs this
project with the same strategies and the same package; where a strategy's code or the engine differs there, the sweep
is refused. Bars and terms travel to each machine once; strategies travel by kind and parameters.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import numpy as np

from conf.strategy_kinds import kinds
from strategies.base import BaseParameters
from tradewright.backtest.kernel import Matrix
from tradewright.backtest.lookahead_evidence import tested_code
from tradewright.backtest.workers import Prepare, Work
from tradewright.model.allocation import Allocation
from tradewright.model.errors import ConfigError, TradewrightError
from tradewright.model.strategy import Strategy

AHEAD = 4
"""Tasks of each processor that are under way or wait for it: enough to keep it busy, and few to lose."""
ATTEMPTS = 8
"""How often a task is begun again whose process or machine was lost."""
LOOPBACK = ("127.0.0.1", "localhost")
PATIENCE = 5.0
"""Seconds until the head of a cluster must have answered."""


class Recipe(NamedTuple):
    """One set as it travels: what is made of it where it is computed.

    Args:
        kind: of the strategy.
        values: of its fields.
    """

    kind: str
    values: Mapping[str, float | str]


class RayTask(NamedTuple):
    """Sets that one process computes: what they share is computed there once.

    Args:
        places: of their blocks, among all sets.
        code: the identity of the first set: engine, decision, features (with their steps, where they remember),
            parameters.
    """

    recipes: Sequence[Recipe]
    places: Sequence[slice]
    code: str


def compute(prepare: Prepare, task: RayTask) -> Matrix:
    """The rows of a task, in a process of the cluster.

    Raises:
        ConfigError: the strategy's code or the engine is another one there.
    """
    known = kinds()
    strategies = [cast("Strategy", known.build(each.kind, each.values)) for each in task.recipes]
    if (found := tested_code(strategies[0])) != task.code:
        what = f"the code of {strategies[0].name} or of the engine is another one on {os.uname().nodename}"
        remedy = f"give it the same version of the project ({task.code[:12]} here, {found[:12]} there)"
        raise ConfigError(what, where="--ray", remedy=remedy)
    return np.ascontiguousarray(prepare(strategies)(slice(0, len(strategies))))


class RayWorkers:
    """The processors of a cluster that this process has joined; made by :func:`joined`."""

    def __init__(self, ray: Any, processors: int) -> None:
        self._ray, self._processors = ray, processors
        self._run = ray.remote(num_cpus=1, max_retries=ATTEMPTS)(compute)

    def rows(self, work: Iterator[Work], prepare: Prepare) -> Iterator[tuple[slice, Matrix]]:
        """As of :class:`~tradewright.backtest.workers.Workers`; a process that is lost only delays.

        Raises:
            ConfigError: a machine has other code, or went on failing.
            DataError, StrategyError: as ``prepare`` and what it makes.
        """
        shared, waiting = self._ray.put(prepare), dict[Any, Sequence[slice]]()
        for task in self._tasks(work):
            waiting[self._run.remote(shared, task)] = task.places
            if len(waiting) >= self._processors * AHEAD:
                yield from self._next(waiting)
        while waiting:
            yield from self._next(waiting)

    def _next(self, waiting: dict[Any, Sequence[slice]]) -> Iterator[tuple[slice, Matrix]]:
        """The rows of whichever task ends first, by its blocks."""
        done, _left = self._ray.wait(list(waiting), num_returns=1)
        places = waiting.pop(done[0])
        try:
            rows = self._ray.get(done[0])
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TradewrightError):
                raise error.cause from error
            raise
        except self._ray.exceptions.RayError as error:
            sets = f"{places[0].start + 1} to {places[-1].stop}"
            what = f"the sets {sets} could not be computed: {type(error).__name__}"
            remedy = "look at the cluster (ray status); the same sweep goes on where it was"
            raise ConfigError(what, where="--ray", remedy=remedy) from error
        first = 0
        for place in places:
            last = first + place.stop - place.start
            yield place, rows[first:last]
            first = last

    def _tasks(self, work: Iterator[Work]) -> Iterator[RayTask]:
        """The blocks of each part, shared out among the processors."""
        for part in work:
            for blocks in batched(part.blocks, -(-len(part.blocks) // (self._processors * AHEAD))):
                recipes = [_recipe(strategy) for block in blocks for strategy in part.strategies[block]]
                places = [slice(block.start + part.first, block.stop + part.first) for block in blocks]
                yield RayTask(recipes, places, tested_code(part.strategies[blocks[0].start]))


@contextmanager
def joined(address: str) -> Iterator[RayWorkers]:
    """The workers of a running cluster, which is left at the end.

    Args:
        address: ``HOST:PORT`` of its head, from a machine of the cluster.

    Raises:
        ConfigError: without the extra ``scale``, or when there is no such cluster.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) >= 1 << 16:
        remedy = "say HOST:PORT of the head of a running cluster: ray start --head prints it"
        raise ConfigError(f"{address!r} names no cluster", where="--ray", remedy=remedy)
    ray = _ray()
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()  # Ray itself waits for a minute
    except OSError as error:
        remedy = "start it with ray start --head, on this machine or with this machine in it"
        raise ConfigError(f"nothing answers at {address}", where="--ray", remedy=remedy) from error
    own = {"_node_ip_address": host} if host in LOOPBACK else {}  # else it names this machine to the outside
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **own)
    except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
        what = f"the cluster at {address} was not joined: {str(error).partition(chr(10))[0]}"
        remedy = "call from a machine of the cluster, with its version of Ray and its token (RAY_AUTH_TOKEN)"
        raise ConfigError(what, where="--ray", remedy=remedy) from error
    try:
        yield RayWorkers(ray, max(1, int(ray.cluster_resources().get("CPU", 1))))
    finally:
        ray.shutdown()


def _ray() -> Any:
    """Ray itself, which takes seconds to load.

    Raises:
        ConfigError: without the extra ``scale``.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # else it tells its makers
    os.environ["RAY_TQDM_PATCH_PRINT"] = "0"  # else it replaces print in this process
    try:
        import ray
    except ImportError as error:
        remedy = "pip install 'tradewright[scale]'"
        raise ConfigError("Ray is not installed", where="--ray", remedy=remedy) from error
    return ray


def _recipe(strategy: Strategy | Allocation) -> Recipe:
    kind = cast("type[BaseParameters]", type(strategy))
    names = (*kind.parameter_rules(), *kind.other_instruments())
    return Recipe(strategy.name, {name: getattr(strategy, name) for name in names})


def batched(values: Sequence[slice], size: int) -> Iterator[Sequence[slice]]:
    """The values in their order, so many at a time; the last ones are fewer."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
