"""A sweep that learns: Optuna chooses each next set of a grid by the figures of those before it."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewright.backtest.sweep import Progress
from tradewright.model.errors import ConfigError
from tradewright.model.hashing import content_hash
from tradewright.research.sweep import SweepResult, ranking, run_sweep
from tradewright.research.sweep_part import SweepPart, TriedPart, sets_digest, tested_part, totals_of_sets
from tradewright.store.files import write_bytes

if TYPE_CHECKING:
    import optuna

BATCH = 4
"""Sets that are chosen before the figures of any of them are known; they are computed in one pass."""
MISSES = 20
"""So many proposals one after the other that are no new set of the grid, and one is drawn at random instead."""
GREATEST = 1e12
"""Figures beyond it count as it."""
Values = tuple[float, ...]


class OptunaMissing(ConfigError):
    """Optuna is an extra, and it is not installed."""


@dataclass(frozen=True)
class SearchRules:
    """What a search tries.

    Args:
        steps: how many sets are tried; those of a smaller grid are all tried.
        objectives: figures of a sweep, at least one, each the better the higher.
        seed: of all that is random.
    """

    steps: int
    objectives: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class _Space:
    """The sets of all parts that the strategy takes, in their order; each has a place in it, from 0."""

    parts: Sequence[TriedPart]

    @cached_property
    def members(self) -> list[tuple[int, int]]:
        """The part of each set, and its row among those of the part."""
        return [(part, row) for part, each in enumerate(self.parts) for row in range(len(each.made))]

    @cached_property
    def starts(self) -> list[int]:
        """The place of the first set of each part."""
        return [0, *itertools.accumulate(len(each.made) for each in self.parts)][:-1]

    @cached_property
    def dimensions(self) -> dict[str, list[float | str]]:
        """The distinct values of each swept setting and parameter, numbers ascending."""
        columns: dict[str, dict[float | str, None]] = {}
        for values in self._values():
            for name, value in values.items():
                columns.setdefault(name, {})[value] = None
        return {name: _in_order(list(found)) for name, found in columns.items()}

    @cached_property
    def places(self) -> dict[tuple[int, ...], int]:
        """The place of a set by its coordinates, one index into the values of each dimension."""
        known = {name: {value: at for at, value in enumerate(found)} for name, found in self.dimensions.items()}
        return {
            tuple(known[name][values[name]] for name in self.dimensions): place
            for place, values in enumerate(self._values())
        }

    @cached_property
    def coordinates(self) -> list[tuple[int, ...]]:
        """The coordinates of each place."""
        return [found for found, _place in sorted(self.places.items(), key=lambda pair: pair[1])]

    def _values(self) -> Iterator[Mapping[str, float | str]]:
        return ({**each.part.swept, **each.part.sets[row]} for each in self.parts for row in each.taken)

    def some(self, chosen: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """The parts that hold the sets at some places, each with the rows of these in it, ascending."""
        for part in range(len(self.parts)):
            rows = sorted(self.members[place][1] for place in chosen if self.members[place][0] == part)
            if rows:
                yield part, rows

    def chosen(self, part: int, rows: Sequence[int]) -> SweepPart:
        """A part with some of its sets, which a search chose."""
        ready = self.parts[part]
        among = [ready.part.sets[row] for row in ready.taken]
        return replace(ready.part, sets=[among[row] for row in rows], among=among)


def run_search(parts: Sequence[SweepPart], rules: SearchRules, progress: Progress | None = None) -> SweepResult:
    """Try some sets of all parts, each chosen by the figures of those before it, and judge them as a sweep of them.

    The sets come from the tree-structured Parzen estimator, of several objectives too: J. Bergstra, R. Bardenet,
    Y. Bengio, B. Kegl, "Algorithms for Hyper-Parameter Optimization", NIPS 24, 2011. Only sets that the strategy takes
    are tried, none twice. The same rules, bars and settings choose the same sets. The figures are kept while the search
    runs, so that one that was stopped goes on where it was; stopped, it has shown nothing and counted nothing.

    Raises:
        OptunaMissing: Optuna is not installed.
        ConfigError, DataError, StrategyError, StoreError: as :func:`tradewright.research.sweep.run_sweep`.
    """
    space = _Space([tested_part(part) for part in parts])
    known = _KeptValues(space, rules.objectives)
    if rules.steps >= len(space.members):
        return run_sweep(parts, progress)
    chosen = _search(space, rules, known, progress)
    asked = [space.chosen(part, rows) for part, rows in space.some(chosen)]
    found = run_sweep(asked)
    known.remove()
    left_out = sum(len(each.part.sets) - len(each.taken) for each in space.parts)
    return replace(found, left_out=left_out, why=next((each.why for each in space.parts if each.why), ""))


def _search(space: _Space, rules: SearchRules, known: _KeptValues, progress: Progress | None) -> list[int]:
    """The places of the sets that are tried."""
    proposals, tried = _Proposals(space, rules), dict[int, Values]()
    while len(tried) < rules.steps:
        waiting = proposals.next(min(BATCH, rules.steps - len(tried)), tried)
        figures = known.of(list(waiting))
        for place, trial in waiting.items():
            proposals.tell(trial, figures[place])
        tried.update(figures)
        if progress is not None:
            progress(len(tried), rules.steps)
    return list(tried)


class _Proposals:
    """Optuna's study of a space: proposals by coordinates, which learn from what they are told."""

    def __init__(self, space: _Space, rules: SearchRules) -> None:
        self._optuna = _loaded()
        self._space = space
        sampler = self._optuna.samplers.TPESampler(seed=rules.seed, multivariate=True)
        self._study = self._optuna.create_study(directions=["maximize"] * len(rules.objectives), sampler=sampler)
        self._varied = {name: len(values) for name, values in space.dimensions.items() if len(values) > 1}
        self._distributions = {
            name: self._optuna.distributions.CategoricalDistribution(range(size))
            if isinstance(space.dimensions[name][0], str)
            else self._optuna.distributions.IntDistribution(0, size - 1)
            for name, size in self._varied.items()
        }
        drawn = np.random.Generator(np.random.PCG64(rules.seed)).permutation(len(space.members))
        self._spare = iter(drawn.tolist())

    def next(self, size: int, tried: Mapping[int, Values]) -> dict[int, optuna.trial.Trial]:
        """Places that were not tried, ``size`` of them, each with its trial."""
        found: dict[int, optuna.trial.Trial] = {}
        misses = 0
        while len(found) < size:
            if misses == MISSES:
                self._ask_for(next(place for place in self._spare if place not in tried and place not in found))
            trial = self._study.ask(self._distributions)
            place = self._place(trial)
            if place is None or place in found:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            elif place in tried:
                self.tell(trial, tried[place])
            else:
                found[place], misses = trial, -1
            misses += 1
        return found

    def tell(self, trial: optuna.trial.Trial, values: Values) -> None:
        """Let the study learn the figures of a proposal; one without a figure teaches nothing."""
        if np.isnan(values).any():
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, np.clip(values, -GREATEST, GREATEST).tolist())

    def _ask_for(self, place: int) -> None:
        named = dict(zip(self._space.dimensions, self._space.coordinates[place], strict=True))
        self._study.enqueue_trial({name: named[name] for name in self._varied})

    def _place(self, trial: optuna.trial.Trial) -> int | None:
        """The place of a proposal; None where the grid has no such set."""
        return self._space.places.get(tuple(int(trial.params.get(name, 0)) for name in self._space.dimensions))


class _KeptValues:
    """The objectives of sets, on disk while a search runs."""

    def __init__(self, space: _Space, objectives: tuple[str, ...]) -> None:
        self._space, self._objectives = space, objectives
        folder = space.parts[0].part.rules.running
        digests = [sets_digest(each.part.rules.recorder, each.made, each.specs, each.ground) for each in space.parts]
        yearly = [each.days_per_year for each in space.parts]  # some objectives are a year's
        self._file = None if folder is None else folder / f"{content_hash([digests, list(objectives), yearly])}.search"
        self._known = {} if self._file is None else _read(self._file)

    def of(self, places: Sequence[int]) -> dict[int, Values]:
        """The figures at some places, computed where they are not known."""
        missing = [place for place in places if place not in self._known]
        for part, rows in self._space.some(missing):
            ready = self._space.parts[part]
            batch = replace(ready, taken=[ready.taken[row] for row in rows], made=[ready.made[row] for row in rows])
            batch = replace(batch, totals=totals_of_sets(batch))
            figures = [ranking(batch, name).tolist() for name in self._objectives]
            first = self._space.starts[part]
            self._known.update(zip((first + row for row in rows), zip(*figures, strict=True), strict=True))
        if missing and self._file is not None:
            _write(self._file, self._known)
        return {place: self._known[place] for place in places}

    def remove(self) -> None:
        """The search has ended."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _read(path: Path) -> dict[int, Values]:
    """What was kept; nothing where the file is not what was written."""
    try:
        told, _, text = path.read_text().partition("\n")
        if told != _digest(text):
            return {}
    except (OSError, UnicodeDecodeError):
        return {}
    return {int(place): tuple(values) for place, values in json.loads(text).items()}


def _write(path: Path, known: Mapping[int, Values]) -> None:
    text = json.dumps(known)
    write_bytes(path, f"{_digest(text)}\n{text}".encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _in_order(values: list[float | str]) -> list[float | str]:
    return values if any(isinstance(value, str) for value in values) else sorted(values)


def _loaded() -> Any:
    """The library, quiet, imported only where a search runs."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        remedy = "pip install tradewright[optuna], or leave --optuna out; --random N needs no extra"
        raise OptunaMissing("Optuna is not installed", where="--optuna", remedy=remedy) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
