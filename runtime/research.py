"""Settings to the arguments of ``tradewright.research``. Loads the kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import time

from conf.environment import in_project
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.currencies import conversion_of, fee_conversion_of
from runtime.exchange_rates import account_currency, fee_currency
from runtime.feeds import look_back_bars, scenario, scenario_end, stored_timeframes
from runtime.secondary_series import series_read
from runtime.uses import Reading, record_use
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.spec import BacktestSpec, Sessions
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.session_hours import session_hours
from tradewright.catalog.trials import Trials
from tradewright.evaluation.benchmark import Benchmark
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.study import MetricsConfig
from tradewright.fills.slippage import for_instrument
from tradewright.formats.rates_file import read_risk_free
from tradewright.indicators.features import FeatureSettings
from tradewright.indicators.sessions import Session
from tradewright.model.bars import BarKind, PriceView, Timeframe
from tradewright.model.clock import SystemClock
from tradewright.model.errors import DataError
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import Instrument
from tradewright.model.ports import Feed
from tradewright.model.risk_free import RiskFree
from tradewright.model.secondary_needs import SecondaryNeeds
from tradewright.model.strategy import Feature
from tradewright.research.bars import (
    ADJUSTABLE,
    InstrumentBars,
    LookBack,
    Selection,
    read_instrument_bars,
    refresh,
    refuse_prices_at_or_below_zero,
)
from tradewright.research.look_ahead import look_ahead_of
from tradewright.research.secondary import needs_of, with_secondary
from tradewright.research.study import Terms, session_days
from tradewright.research.trial_recorder import TrialRecorder
from tradewright.store.actions import NoFactors
from tradewright.store.artefacts import Artefacts
from tradewright.store.bars import UpsertReport
from tradewright.store.uses import UseKind


def symbols(settings: Settings) -> tuple[str, ...]:
    """The instruments of a backtest: its own, else the strategy's, else the universe's."""
    return settings.backtest.instruments or settings.strategy.instruments or settings.universe.instruments


def timeframe(settings: Settings) -> Timeframe:
    """The bars that the strategy decides on: the backtest's, else the strategy's, else the universe's."""
    return settings.backtest.timeframe or settings.strategy.timeframe or settings.universe.timeframe


def refreshed(
    house: Container, source: Feed, symbol: str, timeframes: Iterable[Timeframe] = ()
) -> dict[Timeframe, UpsertReport]:
    """One instrument's bars, brought up to date from a feed.

    Args:
        timeframes: beside those of the universe.

    Raises:
        ConfigError: for an instrument that is not defined.
        DataError, StoreError: as :func:`tradewright.research.bars.refresh`.
    """
    wanted = (*stored_timeframes(house.settings), *timeframes)
    look_back = LookBack(look_back_bars(house.settings, symbol), house.clock.now())
    return refresh(house.bar_store, source, house.instrument(symbol), wanted, look_back)


def selection(house: Container) -> Selection:
    """The bars of a backtest.

    Raises:
        ConfigError: for an instrument that is not defined.
    """
    settings, backtest = house.settings, house.settings.backtest
    known = tuple(house.instrument(symbol) for symbol in symbols(settings))
    return Selection(known, timeframe(settings), backtest.prices, backtest.start, backtest.end)


def tables(
    house: Container, chosen: Selection | None = None, needs: SecondaryNeeds | None = None
) -> dict[str, InstrumentBars]:
    """The instruments of a selection with their bars; a scenario's bars are made where none are stored.

    Args:
        chosen: the bars of the backtest when None, as they were stored at ``backtest.known_at``.
        needs: the secondary series beside them; those of the strategy in force when None.

    Raises:
        ConfigError: for an instrument that is not defined, or a feature on bars shorter than the strategy's.
        StoreError: when bars are missing or damaged.
    """
    store = house.for_research.bars if chosen is None else house.bars
    picked, make = chosen or selection(house), _maker(house)
    read, wanted = read_instrument_bars(store, picked, make), needs or needs_of([house.strategy])
    return with_secondary(store, picked, read, wanted, house.instrument, make)


def _maker(house: Container) -> Callable[[Instrument], object] | None:
    if not isinstance(house.settings.feed, ScenarioFeedSettings):
        return None
    source = scenario(house.settings, scenario_end(house))

    def make(instrument: Instrument) -> object:
        known = instrument.symbol in source.profiles and not house.bar_store.timeframes(instrument.symbol)
        return refresh(house.bar_store, source, instrument, stored_timeframes(house.settings)) if known else None

    return make


def terms(house: Container, length: Timeframe, *, lenient: bool = False) -> Terms:
    """The terms of a backtest by instrument; cash is the whole account's.

    Args:
        length: the timeframe of the bars.
        lenient: for decisions; see :func:`runtime.currencies.conversion_of`, which also says what is raised. Otherwise
            bars with a price at or below zero are a ``DataError``.
    """

    def of(item: InstrumentBars) -> BacktestSpec:
        if not lenient:
            refuse_prices_at_or_below_zero(item)
        known = conversion_of(house, item, length, lenient=lenient)
        fees = fee_conversion_of(house, item, length, lenient=lenient)
        plain = spec(house.settings, item.instrument, item.kind, length)
        return replace(plain, conversion=known, fee_conversion=fees, secondary=item.secondary, actions=item.actions)

    return of


def spec(
    settings: Settings, instrument: Instrument, kind: BarKind = BarKind.TRADE, length: Timeframe | None = None
) -> BacktestSpec:
    """The terms of a backtest of one instrument on bars of a kind, without the rates of its bars.

    Args:
        length: the timeframe of the bars, which tells when they close; needed beside instruments of other calendars.
    """
    backtest = settings.backtest
    return BacktestSpec(
        cash=backtest.cash,
        costs=backtest.costs,
        slippage=for_instrument(backtest.slippage, instrument.default_spread_bps),
        sizing=backtest.sizing,
        fill_market=backtest.fill.market,
        fill_limit=backtest.fill.limit,
        limit_timeout_bars=backtest.fill.limit_timeout_bars,
        volume_share=backtest.fill.volume_share,
        bar_delay=backtest.bar_delay,
        allow_short=backtest.allow_short,
        allow_overdraft=backtest.allow_overdraft,
        close_at_end=backtest.close_at_end,
        lot_size=float(instrument.lot_size),
        multiplier=float(instrument.multiplier),
        currency=account_currency(settings),
        sessions=_sessions(instrument, length),
        quoted_spread=instrument.default_spread_bps if kind is BarKind.QUOTE else None,
    )


def _sessions(instrument: Instrument, length: Timeframe | None) -> Sessions:
    """The sessions of an instrument's market; the calendar is made where somebody asks for one."""
    hours = instrument.hours
    corrected = "" if hours is None else f" {content_hash(hours.model_dump(mode='json'))}"
    name = f"{instrument.calendar}{corrected}"
    if length is None:
        return Sessions(name, lambda ts: calendar_of(instrument).session_dates(ts))
    return Sessions(
        name,
        lambda ts: calendar_of(instrument).session_dates(ts),
        lambda ts: bar_closes(calendar_of(instrument), length, ts),
    )


def benchmark_instruments(house: Container) -> tuple[Instrument, ...]:
    """The instrument of ``evaluation.benchmark``; none where it is null.

    Raises:
        ConfigError: when it is not defined.
    """
    symbol = house.settings.evaluation.benchmark
    return () if symbol is None else (house.instrument(symbol),)


def benchmark_tables(house: Container, length: Timeframe) -> dict[str, InstrumentBars]:
    """The bars of ``evaluation.benchmark`` by its symbol, all that are stored; none where it is null.

    Raises:
        ConfigError, StoreError: as :func:`tables`.
    """
    chosen, view = benchmark_instruments(house), house.settings.backtest.prices
    if chosen and view is PriceView.RAW and _has_factors(house, chosen[0]):
        view = PriceView.TOTAL_RETURN  # a rival that keeps its splits and dividends, as the account does
    return tables(house, Selection(chosen, length, view)) if chosen else {}


def _has_factors(house: Container, instrument: Instrument) -> bool:
    """Whether the corporate actions of a stock or a fund are stored."""
    try:
        return instrument.asset_class in ADJUSTABLE and house.bars.actions.factors(instrument.symbol) is not None
    except NoFactors:
        return False


def measures(
    settings: Settings, instruments: Iterable[Instrument], benchmark: Mapping[str, InstrumentBars] | None = None
) -> MetricsConfig:
    """How the results of these instruments are measured.

    Args:
        benchmark: as :func:`benchmark_tables` reads it.
    """
    evaluation, sampling = settings.evaluation, Sampling(settings.evaluation.sampling)
    days = {item.symbol: evaluation.days_per_year or _days_per_year(item, sampling) for item in instruments}
    against = next((_benchmark(item, timeframe(settings)) for item in (benchmark or {}).values()), None)
    return MetricsConfig(sampling, days, risk_free_rate(settings), against, evaluation.windows)


def risk_free_rate(settings: Settings) -> RiskFree:
    """The yearly rate of ``evaluation.risk_free``, or the rates of the file that ``evaluation.risk_free_rates`` names.

    Raises:
        DataError: a broken file.
    """
    named = settings.evaluation.risk_free_rates
    return settings.evaluation.risk_free if named is None else read_risk_free(in_project(named))


def _benchmark(item: InstrumentBars, length: Timeframe) -> Benchmark:
    """An instrument as a benchmark; bars of a session or longer meet those of an account by date."""
    close = item.bars.close
    if not (close > 0.0).all():
        what = f"{item.instrument.symbol} has a price at or below zero"
        raise DataError(what, where="evaluation.benchmark", remedy="choose another instrument, or repair its bars")
    return Benchmark(item.instrument.symbol, item.bars.ts, close, session_days(item) if length.of_sessions else None)


def _days_per_year(instrument: Instrument, sampling: Sampling) -> int:
    """How many days a year the equity of an instrument is sampled on."""
    return DAYS if sampling is Sampling.CALENDAR_DAY else calendar_of(instrument).sessions_per_year


DAYS = 365
"""The calendar days of a year."""


def trial_recorder(
    house: Container, read: Mapping[str, InstrumentBars], priced: Mapping[str, BacktestSpec]
) -> TrialRecorder:
    """What counts the trials of the strategy in force on its bars."""
    settings, length = house.settings, timeframe(house.settings)
    backtest = settings.backtest.model_copy(update={"timeframe": None})  # that of the bars is told by itself
    plain = backtest.model_dump(mode="json")
    if fee_currency(settings) is None:  # said or not, it is the account's
        plain["costs"].pop("currency", None)
    if backtest.account == "shared":  # the order of the instruments decides who comes first
        terms_hash = content_hash([plain, list(read)])
    else:
        left_out = ("instruments", "account", "shared")
        terms_hash = content_hash({name: value for name, value in plain.items() if name not in left_out})
    return TrialRecorder(Trials(house.root), SystemClock().now, read, priced, length, terms_hash, settings.config_hash)


def look_ahead(
    house: Container, read: Mapping[str, InstrumentBars], priced: Mapping[str, BacktestSpec]
) -> dict[str, LookAheadEvidence]:
    """The look-ahead test of the strategy in force on all bars of every instrument, read from disk where it was made.

    Args:
        priced: the terms of each instrument, which an allocation is tested under.

    Raises:
        StrategyError: the strategy's own code failed.
        ConfigError, DataError: the bars of an allocation cannot share an account.
        StoreError: the evidence cannot be kept.
    """
    return look_ahead_of(house.strategy, read, priced, evidence_kept(house))


def evidence_kept(house: Container) -> Artefacts:
    """Where the results of look-ahead tests are kept."""
    return Artefacts(house.cache_folder / "look_ahead")


def note_use(
    house: Container,
    kind: UseKind,
    reading: Reading,
    read: Mapping[str, InstrumentBars],
    priced: Iterable[BacktestSpec],
    sets: Sequence[Mapping[str, float]] = (),
    trials: int = 0,
) -> None:
    """Note which stored series were read for the strategy in force.

    Args:
        sets: of a sweep, of which ``trials`` are tried.
    """
    chosen = house.settings.strategy
    fixed = {name: f"{value:g}" for name, value in chosen.parameters.items()}
    swept = {name: sorted({each[name] for each in sets if name in each}) for name in fixed}
    shown = {name: "|".join(f"{value:g}" for value in values) or fixed[name] for name, values in swept.items()}
    detail = {"parameters": ", ".join(f"{name}={value}" for name, value in {**shown, **chosen.others}.items())}
    detail |= {"trials": str(trials)} if sets else {}
    record_use(
        house,
        kind,
        chosen.name,
        reading,
        {symbol: (item.bars.ts, item.data_hash) for symbol, item in read.items()},
        detail={**detail, "config_hash": house.settings.config_hash},
        origins=[known.origin for each in priced for known in each.conversions],
        others=series_read(read.values(), reading.timeframe),
    )


def assumed_spread(instrument: Instrument, kind: BarKind) -> float | None:
    """The spread of bars without one, in basis points; None for quotes, of which the spread is a part."""
    return None if kind is BarKind.QUOTE else instrument.default_spread_bps


def feature_settings(settings: Settings, instrument: Instrument, kind: BarKind) -> FeatureSettings:
    """The columns of the features table of an instrument on bars of a kind."""
    chosen = settings.features
    plain = chosen.model_dump(exclude={"sessions", "extra", "sets"})
    return FeatureSettings(
        **plain,
        fallback_spread_bps=assumed_spread(instrument, kind),
        sessions=tuple(
            Session(row.name, row.zone, time.fromisoformat(row.start), time.fromisoformat(row.end))
            for row in chosen.sessions
        ),
        extra=tuple(Feature(row.indicator, row.arguments) for row in chosen.extra),
        hours=session_hours(instrument, settings.universe.timeframe),
    )
