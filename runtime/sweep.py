"""Many parameter sets of the strategy in force: settings to the arguments of ``tradewright.research.sweep``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conf.problems import ConfigProblems
from conf.strategy_kinds import kinds, no_signals
from conf.table_rules import broken_sets
from runtime.container import Container
from runtime.research import evidence_kept, measures, note_use, selection, tables, terms, timeframe, trial_recorder
from runtime.uses import begin_reading
from strategies.base import BaseAllocation, BaseStrategy
from strategies.discovery import Discovery
from tradewright.backtest.spec import BacktestSpec
from tradewright.research.bars import InstrumentBars
from tradewright.research.sweep import SweepResult, SweepRules, run_sweep
from tradewright.store.uses import UseKind


@dataclass(frozen=True)
class SweepInputs:
    """What a sweep reads, by the settings in force.

    Args:
        house: the one whose bars are those of research.
        priced: the terms by instrument.
        kinds: the strategies that were found, once for all sets.
    """

    house: Container
    read: Mapping[str, InstrumentBars]
    priced: Mapping[str, BacktestSpec]
    rules: SweepRules
    kinds: Discovery

    def make(self, changes: Mapping[str, float]) -> BaseStrategy:
        """The strategy in force with other parameters.

        Raises:
            ConfigError: for values that do not go together.
        """
        chosen = self.house.settings.strategy
        made = self.kinds.build(chosen.kind, {**chosen.parameters, **changes})
        if isinstance(made, BaseAllocation):
            raise no_signals(chosen.kind)
        return made

    def terms(self, item: InstrumentBars) -> BacktestSpec:
        """The terms of one of the instruments."""
        return self.priced[item.instrument.symbol]


def sweep_inputs(house: Container, sets: Sequence[Mapping[str, float]], rank: str, use: UseKind) -> SweepInputs:
    """Read what a sweep of the strategy in force needs, and note that it was read.

    Args:
        sets: parameters that differ from the settings, one mapping per set.
        rank: the figure of ``TOTALS`` that makes the best set.

    Raises:
        ConfigProblems: for every name and value that the strategy takes in no set.
        ConfigError, StoreError: as :func:`runtime.research.tables`.
    """
    chosen = house.settings.strategy
    if wrong := broken_sets(chosen.kind, [{**chosen.parameters, **changes} for changes in sets]):
        raise ConfigProblems([broken.problem("sets of the sweep", "strategy") for broken in wrong])
    house, length = house.for_research, timeframe(house.settings)
    reading = begin_reading(house, selection(house).instruments, length)
    read = tables(house, selection(house))
    priced = {symbol: terms(house, length)(item) for symbol, item in read.items()}
    note_use(house, use, reading, read, priced.values(), sets)
    measured = measures(house.settings, [each.instrument for each in read.values()])
    rules = SweepRules(rank, measured, trial_recorder(house, read), evidence_kept(house))
    return SweepInputs(house, read, priced, rules, kinds())


def sweep_sets(
    house: Container,
    sets: Sequence[Mapping[str, float]],
    rank: str = "sharpe",
    progress: Callable[[int, int], None] | None = None,
) -> SweepResult:
    """Backtest many parameter sets of the strategy in force on its one instrument.

    Raises:
        ConfigError: as :func:`tradewright.research.sweep.run_sweep`.
        ConfigProblems: as :func:`sweep_inputs`.
    """
    found = sweep_inputs(house, sets, rank, UseKind.SWEEP)
    return run_sweep(found.make, sets, found.read, found.terms, found.rules, progress)
