"""The sets of a sweep that are tried under the same settings, on one instrument or on several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from tradewright.backtest.cache import cache_key
from tradewright.backtest.panel.cache import panel_key
from tradewright.backtest.panel.sets import PanelGround, panel_returns, panel_sweep
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.pooled_sets import PooledCurve, pooled_returns, pooled_sweep
from tradewright.backtest.result import TOTALS, BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import Progress, sweep
from tradewright.backtest.workers import Workers, all_threads
from tradewright.evaluation.equity_curve import CAP, Sampling, levels, periods_per_year, returns_of
from tradewright.evaluation.skill import market_returns
from tradewright.evaluation.study import MetricsConfig
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.hashing import content_hash
from tradewright.model.strategy import Strategy
from tradewright.research.accounts import account_on, ground_of, split_account
from tradewright.research.bars import InstrumentBars
from tradewright.research.look_ahead import look_ahead_of
from tradewright.research.set_skill import active_set_returns
from tradewright.research.study import Terms
from tradewright.research.trial_recorder import TrialRecorder
from tradewright.store.artefacts import Artefacts

Made = TypeVar("Made", bound=Strategy | Allocation)

KEPT_FROM, KEPT_FROM_PANELS = 2_000, 200
"""A sweep of fewer sets takes seconds, and begins anew where it was stopped; one account for all instruments is dearer
than an account for one."""


@dataclass(frozen=True)
class SweepRules:
    """How a sweep is ranked and judged.

    Args:
        rank: the figure that is best where it is highest: one of ``TOTALS``, or of :data:`SKILL_FIGURES`.
        measures: the conventions of the metrics.
        recorder: where its trials are counted.
        kept: where look-ahead evidence is stored. The test comes before the sweep: machine code checks no index.
        running: the folder where totals are kept while a long sweep runs, so that the same sweep goes on where it was
            stopped; None keeps none.
        workers: who computes the totals.
    """

    rank: str
    measures: MetricsConfig
    recorder: TrialRecorder
    kept: Artefacts
    running: Path | None = None
    workers: Workers = field(default_factory=all_threads)


@dataclass(frozen=True)
class SweepPart:
    """Sets to try under the same settings.

    Args:
        make: the strategy of a parameter set; it raises ConfigError for values that do not go together (a fast average
            that is slower than the slow one), and that set is left out.
        swept: the settings that are no parameters and differ from part to part, as they were written.
        among: all sets of which a search chose these by their results; empty where none did.
        shared: the terms of one account for all instruments, in the order of ``tables``; None splits the cash.
    """

    make: Callable[[Mapping[str, float]], Strategy | Allocation]
    sets: Sequence[Mapping[str, float]]
    tables: Mapping[str, InstrumentBars]
    terms: Terms
    rules: SweepRules
    swept: Mapping[str, str] = field(default_factory=dict)
    among: Sequence[Mapping[str, float]] = ()
    shared: SharedAccount | None = None


@dataclass(frozen=True)
class TriedPart:
    """The sets of a part with their totals.

    Args:
        taken: the row in ``part.sets`` of each set that the strategy takes.
        why: the reason against the first set that the strategy does not take; empty where it takes all.
        ahead: the first finding of the look-ahead test of the first set; empty is the good result.
        totals: as of ``tradewright.backtest.sweep``.
        ground: what the sets share, in one account for all instruments; None where each has its own.
    """

    part: SweepPart
    taken: Sequence[int]
    why: str
    ahead: str
    made: Sequence[Strategy | Allocation]
    specs: Mapping[str, BacktestSpec]
    totals: npt.NDArray[np.void]
    ground: PanelGround | None = None

    @property
    def days_per_year(self) -> float:
        """The sampled days of a year, over all instruments the most."""
        return max(days_per_year(item, self.part.rules.measures) for item in self.part.tables.values())

    @cached_property
    def market(self) -> BacktestResult:
        """The account of the first set, for its bars, their days and the value of holding."""
        return self.account(0)

    @property
    def bars_per_year(self) -> float:
        """How many bars a year has."""
        return periods_per_year(self.market.bars.ts, Sampling.BAR, self.days_per_year, self.market.days)

    def account(self, row: int) -> BacktestResult:
        """The backtest of one set; on several instruments their accounts as one."""
        if self.ground is not None:
            return account_on(self.ground, self.made[row], self.part.tables)
        return split_account(cast("Strategy", self.made[row]), self.part.tables, self.specs)

    def active(self, rows: Sequence[int], groups: Times) -> npt.NDArray[np.float64]:
        """What the sets in ``rows`` add to holding at their mean exposure: periods x sets.

        Args:
            groups: the first bar of each period, ascending from 0.
        """
        chosen, ground = [self.made[row] for row in rows], self.ground
        alone, accounts = cast("Sequence[Strategy]", chosen), _accounts(self.part, self.specs)
        if ground is None and len(accounts) == 1:
            return active_set_returns(alone, *accounts[0], groups)
        market, cash = self.market, self.market.initial_cash
        held = np.add.reduceat(market_returns(market.marks), groups)

        def added(curve: PooledCurve) -> Floats:
            own = returns_of(levels(market.bars.ts, curve.equity, cash, Sampling.BAR))
            share = np.divide(curve.value, curve.equity, out=np.zeros(len(own)), where=curve.equity > 0.0)
            earned: Floats = np.add.reduceat(own, groups) - np.clip(share, -CAP, CAP).mean() * held
            return earned

        if ground is not None:
            return panel_returns(chosen, ground, added, len(groups), workers=all_threads())
        return pooled_returns(alone, accounts, added, len(groups), workers=all_threads())


def try_part(part: SweepPart, progress: Progress | None = None) -> TriedPart:
    """Backtest the sets of a part, after the look-ahead test of the first one on every instrument.

    Raises:
        ConfigError: no set is left.
        DataError: an instrument without a bar.
        StrategyError: the strategy's own code failed.
    """
    ready = tested_part(part)
    return replace(ready, totals=totals_of_sets(ready, progress, _running(ready)))


def tested_part(part: SweepPart) -> TriedPart:
    """The sets of a part that the strategy takes, after the look-ahead test of the first one; none is tried yet.

    Raises:
        ConfigError, DataError, StrategyError: as :func:`try_part`.
    """
    refuse_without_bars(part.tables)
    taken, why = taken_sets(part.make, part.sets)
    made, shared = list(taken.values()), part.shared
    accounts = len(part.tables) if shared is None else 1
    specs = {symbol: part_of_cash(part.terms, item, accounts) for symbol, item in part.tables.items()}
    tested = look_ahead_of(made[0], part.tables, specs, part.rules.kept).values()
    ahead = next((finding for each in tested for finding in each.findings), "")
    ground = None if shared is None else ground_of(part.tables, specs, shared)
    return TriedPart(part, list(taken), why, ahead, made, specs, np.empty(0, TOTALS), ground)


def totals_of_sets(
    ready: TriedPart, progress: Progress | None = None, kept: Path | None = None
) -> npt.NDArray[np.void]:
    """The totals of the sets of a part, on several instruments those of all accounts as one."""
    workers = ready.part.rules.workers
    if ready.ground is not None:
        return panel_sweep(ready.made, ready.ground, workers=workers, progress=progress, kept=kept)
    made, accounts = cast("Sequence[Strategy]", ready.made), _accounts(ready.part, ready.specs)
    if len(accounts) == 1:
        return sweep(made, *accounts[0], workers=workers, progress=progress, kept=kept)
    return pooled_sweep(made, accounts, workers=workers, progress=progress, kept=kept)


def _running(ready: TriedPart) -> Path | None:
    """The file that keeps the totals while they are computed; None for a sweep that takes seconds."""
    folder, least = ready.part.rules.running, KEPT_FROM if ready.ground is None else KEPT_FROM_PANELS
    if folder is None or len(ready.made) < least:
        return None
    return folder / f"{sets_digest(ready.part.rules.recorder, ready.made, ready.specs, ready.ground)}.rows"


def sets_digest(
    recorder: TrialRecorder,
    made: Sequence[Strategy | Allocation],
    specs: Mapping[str, BacktestSpec],
    ground: PanelGround | None = None,
) -> str:
    """A hash of everything that the totals of sets depend on: code, parameters, bars, terms."""
    keys = recorder.keys(made).tobytes().hex()
    if ground is not None:
        hashes = {symbol: item.data_hash for symbol, item in recorder.tables.items()}
        return content_hash([panel_key(made[0], ground.panel, ground.shared, ground.days, hashes), keys])
    first = cast("Strategy", made[0])
    runs = [cache_key(first, item.data_hash, specs[symbol]) for symbol, item in sorted(recorder.tables.items())]
    return content_hash([runs, keys])


def _accounts(part: SweepPart, specs: Mapping[str, BacktestSpec]) -> list[tuple[Bars, BacktestSpec]]:
    """The bars and terms of each instrument."""
    return [(item.bars, specs[symbol]) for symbol, item in part.tables.items()]


def part_of_cash(terms: Terms, item: InstrumentBars, accounts: int) -> BacktestSpec:
    """The terms of one instrument, with an equal part of the cash for each of several accounts."""
    found = terms(item)
    return replace(found, cash=found.cash / accounts)


def refuse_without_bars(tables: Mapping[str, InstrumentBars]) -> None:
    """Refuse a period in which an instrument has no bar.

    Raises:
        DataError: naming the instruments.
    """
    if empty := [symbol for symbol, item in tables.items() if len(item.bars.ts) == 0]:
        what = f"no bar of {', '.join(empty)} lies in the period"
        remedy = "choose a period within what is stored"
        raise DataError(what, where="backtest.start, backtest.end", remedy=remedy, code="NO_BARS")


def data_hash_of(tables: Mapping[str, InstrumentBars]) -> str:
    """The hash of the bars of the one instrument, or over those of all, as of a backtest of them."""
    hashes = [item.data_hash for item in tables.values()]
    return hashes[0] if len(hashes) == 1 else content_hash(hashes)


def days_per_year(item: InstrumentBars, measures: MetricsConfig) -> float:
    """The sampled days of a year of an instrument."""
    days = measures.days_per_year
    return days[item.instrument.symbol] if isinstance(days, Mapping) else days


def taken_sets(
    make: Callable[[Mapping[str, float]], Made], sets: Sequence[Mapping[str, float]]
) -> tuple[dict[int, Made], str]:
    """The strategy of each set that it takes, by the set's index, and the reason against the first of the others.

    Raises:
        ConfigError: when no set is left.
    """
    against: ConfigError | None = None
    taken: dict[int, Made] = {}
    for row, values in enumerate(sets):
        try:
            taken[row] = make(values)
        except ConfigError as error:
            against = against or error
    why = f"{against.what}; {against.remedy}" if against else ""
    if not taken:
        code = against.code if against else ""
        raise ConfigError(f"no set is left: {why}", where="sets of the sweep", remedy="correct the grid", code=code)
    return taken, why
