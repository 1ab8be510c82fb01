"""The research side of building: settings to bars, studies, sweeps and signals. Loads the kernels."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf import build
from conf.problems import ConfigProblems
from conf.schema.market import FilesFeedSettings, ScenarioFeedSettings
from conf.schema.settings import Settings
from conf.trading import ibkr_feed
from strategies.base import BaseStrategy
from strategies.registry import build as build_strategy
from tradewright.backtest.decisions import CurrentTarget, current_target
from tradewright.backtest.lookahead import LookAhead, look_ahead
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.calendars.registry import calendar
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.finding import Evidence
from tradewright.evaluation.study import Measures, Study, study
from tradewright.indicators.features import FeatureSettings
from tradewright.indicators.sessions import Session
from tradewright.model.actions import FACTOR_COLUMNS
from tradewright.model.bars import BarKind, Bars, PriceView, Timeframe
from tradewright.model.bars_schema import select
from tradewright.model.clock import Clock
from tradewright.model.errors import ConfigError
from tradewright.model.feed import Feed
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.model.strategy import Feature
from tradewright.model.versions import ENGINE_VERSION
from tradewright.portfolio.identity import signal_id
from tradewright.quality.anomalies import gap_findings
from tradewright.quality.report import Code
from tradewright.scenarios.scenario import Scenario
from tradewright.store.bars import BarStore, UpsertReport
from tradewright.store.dataset import bars_hash


@dataclass(frozen=True)
class Traded:
    """One instrument of a backtest with its bars."""

    instrument: Instrument
    bars: Bars


def feed(settings: Settings, clock: Clock) -> Feed | None:
    """Where bars come from; None for ``feed=files``, whose bars are imported by hand.

    Raises:
        ConfigError: for a feed beyond this machine while remote providers are disabled.
    """
    chosen = settings.feed
    if isinstance(chosen, FilesFeedSettings):
        return None
    if isinstance(chosen, ScenarioFeedSettings):
        return build.scenario(settings, chosen.end or clock.now())
    if chosen.remote_providers == "disabled":
        raise ConfigError(
            f"feed={chosen.kind} reaches beyond this machine, and remote providers are disabled",
            where="feed.remote_providers",
            remedy="set DATA_REMOTE_PROVIDERS=enabled, or say feed=scenario",
        )
    return ibkr_feed(settings, clock)


def refresh(settings: Settings, store: BarStore, source: Feed, symbol: str) -> dict[Timeframe, UpsertReport]:
    """Bring one instrument's bars up to date: what is newer than the newest stored bar, by timeframe.

    Raises:
        DataError: for an instrument the feed has not, or bars that break the contract.
        StoreError: when the store is damaged or full.
    """
    instrument = build.instrument(settings, symbol)
    wanted = dict.fromkeys((settings.universe.base_timeframe, settings.universe.timeframe, Timeframe.D1))
    reports = {}
    if isinstance(source, Scenario):
        store.actions.write_factors(symbol, _NO_ACTIONS)
    for timeframe in wanted:
        covered = store.coverage(symbol, timeframe)
        frame = source.fetch(instrument, timeframe, covered.last if covered else None)
        reports[timeframe] = store.upsert(
            symbol,
            timeframe,
            BarKind.TRADE,
            frame,
            source=source.name,
            negative_prices=instrument.negative_prices,
        )
    return reports


_NO_ACTIONS = pd.DataFrame(columns=list(FACTOR_COLUMNS))
"""A made-up instrument neither splits nor pays."""


def backtest_symbols(settings: Settings) -> tuple[str, ...]:
    """The instruments of a backtest: its own, else the strategy's, else the universe's."""
    return settings.backtest.instruments or settings.strategy.instruments or settings.universe.instruments


def timeframe_of(settings: Settings) -> Timeframe:
    """The bars that the strategy decides on: the backtest's, else the strategy's, else the universe's."""
    return settings.backtest.timeframe or settings.strategy.timeframe or settings.universe.timeframe


def traded(settings: Settings, clock: Clock) -> dict[str, Traded]:
    """The instruments of a backtest with their bars; a scenario's bars are made where none are stored.

    Raises:
        ConfigError: for an instrument that is not defined.
        StoreError: when bars are missing or damaged.
    """
    store, timeframe = build.bar_store(settings, clock), timeframe_of(settings)
    found = {}
    for symbol in backtest_symbols(settings):
        instrument = build.instrument(settings, symbol)
        if store.coverage(symbol, timeframe) is None:
            _make_scenario_bars(settings, store, clock, symbol)
        found[symbol] = Traded(instrument, _span(settings, store, instrument, timeframe))
    return found


def _make_scenario_bars(settings: Settings, store: BarStore, clock: Clock, symbol: str) -> None:
    if isinstance(settings.feed, ScenarioFeedSettings):
        source = build.scenario(settings, settings.feed.end or clock.now())
        if symbol in source.profiles:
            refresh(settings, store, source, symbol)


def _span(settings: Settings, store: BarStore, instrument: Instrument, timeframe: Timeframe) -> Bars:
    """The bars of a backtest; only stocks and funds have corporate actions to adjust for."""
    backtest = settings.backtest
    view = backtest.prices if instrument.asset_class in _ADJUSTABLE else PriceView.RAW
    return store.read_bars(instrument.symbol, timeframe, start=backtest.start, end=backtest.end, view=view)


_ADJUSTABLE = (AssetClass.STOCK, AssetClass.ETF)


def specs(settings: Settings, tables: Mapping[str, Traded]) -> dict[str, BacktestSpec]:
    """The terms of a backtest by instrument."""
    return {symbol: build.spec(settings, item.instrument) for symbol, item in tables.items()}


def run_study(settings: Settings, clock: Clock, *, look_ahead_free: bool | None = None) -> Study:
    """Backtest the strategy in force on its instruments, and report.

    Raises:
        ConfigError, StoreError, DataError: naming what is wrong and what to do.
    """
    tables = traded(settings, clock)
    timeframe = timeframe_of(settings)
    return study(
        build.strategy(settings),
        {symbol: item.bars for symbol, item in tables.items()},
        specs(settings, tables),
        measures(settings),
        build.cache_folder(settings) / "backtests",
        evidence={symbol: _evidence(item, timeframe, look_ahead_free) for symbol, item in tables.items()},
        facts={
            "strategy": settings.strategy.name,
            "parameters": ", ".join(f"{name}={value}" for name, value in settings.strategy.parameters.items()),
            "mode": settings.mode.name,
            "prices": settings.backtest.prices,
            "timeframe": timeframe,
            "config hash": settings.config_hash,
            "engine": ENGINE_VERSION,
        },
    )


def measures(settings: Settings) -> Measures:
    """How results are measured."""
    evaluation = settings.evaluation
    return Measures(Sampling(evaluation.sampling), evaluation.days_per_year, evaluation.risk_free)


def _evidence(item: Traded, timeframe: Timeframe, look_ahead_free: bool | None) -> Evidence:
    """What a backtest cannot know of itself: the look-ahead test and the gaps in its bars."""
    if len(item.bars.ts) == 0:
        return Evidence(look_ahead_free=look_ahead_free)
    first, last = (pd.Timestamp(int(stamp), tz="UTC") for stamp in (item.bars.ts[0], item.bars.ts[-1]))
    grid = calendar(item.instrument.calendar).grid(timeframe, first, last)
    gaps = next((finding for finding in gap_findings(item.bars.ts, grid) if finding.code is Code.GAPS), None)
    return Evidence(
        look_ahead_free=look_ahead_free,
        missing_bars=int(gaps.figures["missing"]) if gaps else 0,
        longest_gap_bars=int(gaps.figures["longest"]) if gaps else 0,
    )


def look_ahead_findings(settings: Settings, clock: Clock) -> tuple[LookAhead, ...]:
    """The look-ahead test of the strategy in force on the newest bars of its first instrument."""
    tables = traded(settings, clock)
    bars = next(iter(tables.values())).bars
    return look_ahead(build.strategy(settings), select(bars, slice(-_LOOKED_AT, None)))


_LOOKED_AT = 2000


@dataclass(frozen=True)
class SweepResult:
    """A sweep, one row per parameter set in the order of the grid; ``totals`` as ``tradewright.backtest.sweep``.

    ``left_out`` sets of the grid are no rows here, for the strategy does not take them; ``why`` says it of the first.
    """

    parameters: list[dict[str, float]]
    totals: npt.NDArray[np.void]
    left_out: int
    why: str
    config_hash: str


def run_sweep(
    settings: Settings,
    sets: Sequence[Mapping[str, float]],
    clock: Clock,
    progress: Callable[[int, int], None] | None = None,
) -> SweepResult:
    """Backtest many parameter sets of the strategy in force on its one instrument, in one fused pass.

    Args:
        sets: parameters that differ from the settings, one mapping per set. A set whose values do not go together (a
            fast average that is slower than the slow one) is left out.

    Raises:
        ConfigError: for more than one instrument, or when no set is left.
        ConfigProblems: for every name and value that the strategy takes in no set.
    """
    tables = traded(settings, clock)
    if len(tables) != 1:
        raise ConfigError(
            f"a sweep runs on one instrument, not on {len(tables)}",
            where="backtest.instruments",
            remedy=f"say backtest.instruments=[{next(iter(tables))}]",
        )
    item = next(iter(tables.values()))
    taken, why = _taken(settings, sets)
    spec, threads = build.spec(settings, item.instrument), os.cpu_count() or 1
    totals = sweep(list(taken.values()), item.bars, spec, threads=threads, progress=progress)
    rows = [dict(sets[row]) for row in taken]
    return SweepResult(rows, totals, len(sets) - len(rows), why, settings.config_hash)


def _taken(settings: Settings, sets: Sequence[Mapping[str, float]]) -> tuple[dict[int, BaseStrategy], str]:
    """The strategy of each set that it takes, by the set's index, and why it does not take the first of the others."""
    kind, why = settings.strategy.kind, ""
    taken: dict[int, BaseStrategy] = {}
    full = [{**settings.strategy.parameters, **changes} for changes in sets]
    for row, values in enumerate(full):
        try:
            taken[row] = build_strategy(kind, values)
        except ConfigError as error:
            why = why or f"{error.what}; {error.remedy}"
    if why:
        from conf.tables import broken_sets  # Pandera takes a second to import

        if wrong := broken_sets(kind, full):
            raise ConfigProblems([broken.problem("sets of the sweep", "strategy") for broken in wrong])
    if not taken:
        raise ConfigError(f"no set is left: {why}", where="sets of the sweep", remedy="correct the grid")
    return taken, why


def signals(settings: Settings, clock: Clock) -> list[SignalCandidate]:
    """What the strategy in force wants now, one signal per instrument (R-STRAT-10).

    It decides on all stored bars up to the newest, in the view of ``backtest.prices``; the span, instruments and
    timeframe of ``backtest`` are for backtests alone. Prices of a signal are raw: they are for orders.
    """
    plain = settings.backtest.model_copy(update={"instruments": None, "timeframe": None, "start": None, "end": None})
    present = settings.model_copy(update={"backtest": plain})
    store, strategy, timeframe = build.bar_store(settings, clock), build.strategy(settings), timeframe_of(present)
    found = []
    for symbol, item in traded(present, clock).items():
        wish = current_target(strategy, item.bars, build.spec(settings, item.instrument))
        raw = store.read_bars(symbol, timeframe)
        found.append(_signal(settings, strategy, item, wish, raw).model_copy(update={"timeframe": timeframe}))
    return found


def _signal(
    settings: Settings, strategy: BaseStrategy, item: Traded, wish: CurrentTarget, raw: Bars
) -> SignalCandidate:
    symbol = item.instrument.symbol
    born = pd.Timestamp(int(item.bars.ts[wish.since]), tz="UTC").to_pydatetime()
    data = bars_hash(item.bars)
    factor = float(raw.close[wish.since] / item.bars.close[wish.since])
    action = SignalAction.BUY if wish.target > 0 else SignalAction.SELL if wish.target < 0 else SignalAction.CLOSE
    return SignalCandidate(
        signal_id=signal_id(settings.strategy.name, symbol, born, settings.config_hash, data),
        strategy=settings.strategy.name,
        instrument=symbol,
        candidate_action=action,
        target=wish.target,
        confidence=settings.strategy.confidence,
        size_pct=settings.strategy.size_pct,
        bar_ts=born,
        price=Decimal(repr(float(raw.close[wish.since]))),
        stop=_price(item.instrument, wish.stop * factor),
        take_profit=_price(item.instrument, wish.take_profit * factor),
        data_hash=data,
        feature_hash=content_hash([[feature.indicator, *feature.arguments] for feature in strategy.prepare_state()]),
        config_hash=settings.config_hash,
    )


def _price(instrument: Instrument, value: float) -> Decimal | None:
    return None if math.isnan(value) else instrument.round_price(Decimal(repr(value)))


def feature_settings(settings: Settings, instrument: Instrument) -> FeatureSettings:
    """Which columns the features table of an instrument has."""
    chosen = settings.features
    plain = chosen.model_dump(exclude={"sessions", "extra"})
    return FeatureSettings(
        **plain,
        fallback_spread_bps=instrument.default_spread_bps,
        sessions=tuple(
            Session(row.name, row.zone, time.fromisoformat(row.start), time.fromisoformat(row.end))
            for row in chosen.sessions
        ),
        extra=tuple(Feature(row.indicator, row.arguments) for row in chosen.extra),
    )
