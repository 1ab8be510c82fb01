"""Many parameter sets of the strategy in force: settings to the arguments of ``tradewright.research.sweep``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

from conf.problems import ConfigProblems
from conf.schema.research import StrategySettings
from conf.schema.settings import Settings
from conf.strategy_kinds import kinds
from conf.table_rules import broken_sets
from runtime.container import Container
from runtime.enough_bars import EnoughBars, demand_benchmark, demand_usable_bars
from runtime.research import (
    benchmark_instruments,
    benchmark_tables,
    evidence_kept,
    measures,
    note_use,
    selection,
    tables,
    terms,
    timeframe,
    trial_recorder,
)
from runtime.secondary_series import Place
from runtime.shared_account import divided, shared_account
from runtime.uses import begin_reading
from strategies.base import BaseAllocation, BaseStrategy
from strategies.discovery import Discovery
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.workers import Workers, all_threads
from tradewright.evaluation.sweep_page import sweep_page
from tradewright.model.errors import ConfigError
from tradewright.research.bars import InstrumentBars
from tradewright.research.optimizer import SearchRules, run_search
from tradewright.research.secondary import needs_of
from tradewright.research.sweep import SweepResult, run_sweep
from tradewright.research.sweep_part import SweepPart, SweepRules
from tradewright.store.uses import UseKind


@dataclass(frozen=True)
class SweepInputs:
    """What a sweep reads, by the settings in force.

    Args:
        house: the one whose bars are those of research.
        priced: the terms by instrument.
        kinds: the strategies that were found, once for all sets.
        shared: the terms of one account for all instruments; None where each has its own.
    """

    house: Container
    read: Mapping[str, InstrumentBars]
    priced: Mapping[str, BacktestSpec]
    rules: SweepRules
    kinds: Discovery
    shared: SharedAccount | None

    def make(self, changes: Mapping[str, float]) -> BaseStrategy | BaseAllocation:
        """The strategy in force with other parameters.

        Raises:
            ConfigError: for values that do not go together, and for a window that is longer than the bars.
        """
        chosen = self.house.settings.strategy
        made = self.kinds.build(chosen.kind, {**chosen.values, **changes})
        self._enough.demand(made)
        return made

    @cached_property
    def _enough(self) -> EnoughBars:
        return EnoughBars(self.read)

    def terms(self, item: InstrumentBars) -> BacktestSpec:
        """The terms of one of the instruments."""
        return self.priced[item.instrument.symbol]


def sweep_inputs(
    house: Container, sets: Sequence[Mapping[str, float]], rank: str, use: UseKind, most: int | None = None
) -> SweepInputs:
    """Read what a sweep of the strategy in force needs, and note that it was read.

    Args:
        sets: parameters that differ from the settings, one mapping per set.
        rank: the figure of ``TOTALS`` that makes the best set.
        most: how many of the sets are tried at most; all of them when None.

    Raises:
        ConfigProblems: for every name and value that the strategy takes in no set.
        ConfigError, StoreError: as :func:`runtime.research.tables` and :func:`runtime.research.shared_account`.
    """
    chosen, shared = house.settings.strategy, shared_account(house)
    if wrong := broken_sets(chosen.kind, [{**chosen.parameters, **changes} for changes in sets]):
        raise ConfigProblems([broken.problem("sets of the sweep", "strategy") for broken in wrong])
    house, length = house.for_research, timeframe(house.settings)
    known = kinds()
    needs = needs_of(islice(_made(known, chosen, sets), 1))
    if needs.any:  # those of a strategy that reads its own bars alone are none, whatever its parameters
        needs = needs_of(_made(known, chosen, sets))
    picked = selection(house)
    others = needs.places(length, [each.symbol for each in picked.instruments])
    reading = begin_reading(house, [*picked.instruments, *benchmark_instruments(house)], length, others)
    read, against = tables(house, picked, needs), benchmark_tables(house, length)
    demand_usable_bars(read)
    demand_benchmark(read, against)
    priced = {symbol: terms(house, length)(item) for symbol, item in read.items()}
    note_use(
        house,
        use,
        reading,
        {**against, **read},
        priced.values(),
        sets,
        len(sets) if most is None else min(most, len(sets)),
    )
    measured = measures(house.settings, [each.instrument for each in read.values()], against)
    running = house.cache_folder / "sweeps"
    rules = SweepRules(rank, measured, trial_recorder(house, read, priced), evidence_kept(house), running)
    return SweepInputs(house, read, priced, rules, known, shared)


def places_of_sets(house: Container, sets: Sequence[Mapping[str, float]]) -> tuple[Place, ...]:
    """Instrument and timeframe of everything that a sweep of these sets reads, each once.

    Raises:
        ConfigError, StrategyError: for features that are wrong, or on bars shorter than the strategy's.
    """
    picked = selection(house)
    names = [each.symbol for each in picked.instruments]
    read = needs_of(islice(_made(kinds(), house.settings.strategy, sets), 1)).places(picked.timeframe, names)
    return tuple(dict.fromkeys((*((name, picked.timeframe) for name in names), *read)))


def declared_sets(chosen: StrategySettings, given: Iterable[str]) -> list[dict[str, float]]:
    """The grid of a strategy's file, without the parameters that overrides give a value; empty where none is left.

    Args:
        given: the overrides in force.

    Raises:
        ConfigError: for a grid that is too large.
    """
    said = {text.partition("=")[0].removeprefix("strategy.") for text in given}
    left = ({name: value for name, value in each.items() if name not in said} for each in chosen.grid_sets())
    return [dict(pairs) for pairs in dict.fromkeys(tuple(each.items()) for each in left) if pairs]


def _made(
    known: Discovery, chosen: StrategySettings, sets: Sequence[Mapping[str, float]]
) -> Iterator[BaseStrategy | BaseAllocation]:
    """The strategies of the sets that the strategy takes."""
    for changes in sets:
        with suppress(ConfigError):
            yield known.build(chosen.kind, {**chosen.values, **changes})


@dataclass(frozen=True)
class SweptSettings:
    """Parameter sets that are tried under the same settings.

    Args:
        house: of these settings.
        swept: the settings that differ from those of other parts of the sweep, as they were written.
        sets: parameters that differ from the settings, one mapping per set.
    """

    house: Container
    sets: Sequence[Mapping[str, float]]
    swept: Mapping[str, str] = field(default_factory=dict)


def sweep_sets(
    parts: Sequence[SweptSettings],
    rank: str = "sharpe",
    progress: Callable[[int, int], None] | None = None,
    search: SearchRules | None = None,
    workers: Workers | None = None,
) -> SweepResult:
    """Backtest many parameter sets of the strategy in force, under one choice of settings or several.

    Args:
        search: tries some of the sets, each chosen by the figures of those before it; all are tried when None.
        workers: who computes the totals; the threads of this process when None.

    Raises:
        ConfigError: as :func:`tradewright.research.sweep.run_sweep`, and without the extra ``optuna`` for a search.
        ConfigProblems: as :func:`sweep_inputs`.
    """
    most = None if search is None else search.steps
    read = [(part, sweep_inputs(part.house, part.sets, rank, UseKind.SWEEP, most)) for part in parts]
    crew = workers or all_threads()
    rules = [replace(each.rules, workers=crew) for _part, each in read]
    asked = [
        SweepPart(each.make, part.sets, each.read, each.terms, own, part.swept, shared=each.shared)
        for (part, each), own in zip(read, rules, strict=True)
    ]
    return run_sweep(asked, progress) if search is None else run_search(asked, search, progress)


def sweep_report(settings: Settings, result: SweepResult, rank: str) -> str:
    """The page of a sweep, of the sets under the settings of the best one.

    Args:
        settings: of the first part.
        rank: the figure by which the sets were ranked.
    """
    home = result.home
    facts = {
        "instrument": ", ".join(home.part.tables),
        "timeframe": timeframe(settings),
        **({} if home.part.shared is None else {"cash": divided(home.part.shared)}),
        **home.part.swept,
        "sets": f"{len(home.sets):,}",
        "ranked by": rank,
        "config hash": settings.config_hash,
    }
    title, figures = settings.strategy.name, home.figures
    return sweep_page(title, facts, result.verdict, result.findings, home.sets, figures, home.best, rank)
