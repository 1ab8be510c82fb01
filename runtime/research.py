"""Settings to the arguments of ``tradewright.research``. Loads the kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time

from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.currencies import conversion_of
from runtime.exchange_rates import account_currency
from runtime.feeds import look_back_bars, scenario, scenario_end, stored_timeframes
from runtime.uses import Reading, begin_reading, record_use
from tradewright.backtest.code import code_identity
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar_of
from tradewright.catalog.trials import Trials
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.study import MetricsConfig, StudyResult
from tradewright.fills.slippage import for_instrument
from tradewright.indicators.features import FeatureSettings
from tradewright.indicators.sessions import Session
from tradewright.model.allocation import decision_of, is_allocation
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import SystemClock
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import Instrument
from tradewright.model.ports import Feed
from tradewright.model.signal import SignalCandidate
from tradewright.model.strategy import Feature
from tradewright.research.bars import InstrumentBars, LookBack, Selection, read_base, read_instrument_bars, refresh
from tradewright.research.look_ahead import allocation_evidence, evidence_of
from tradewright.research.signals import Declared, identity_of, signals
from tradewright.research.study import Terms, needs_shared_account, report
from tradewright.research.trial_recorder import TrialRecorder
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
    look_back = LookBack(look_back_bars(house.settings), house.clock.now())
    return refresh(house.bar_store, source, house.instrument(symbol), wanted, look_back)


def selection(house: Container) -> Selection:
    """The bars of a backtest.

    Raises:
        ConfigError: for an instrument that is not defined.
    """
    settings, backtest = house.settings, house.settings.backtest
    known = tuple(house.instrument(symbol) for symbol in symbols(settings))
    return Selection(known, timeframe(settings), backtest.prices, backtest.start, backtest.end)


def signal_selection(house: Container) -> Selection:
    """All stored bars of the strategy's own instruments; span, instruments and timeframe of a backtest do not count."""
    plain = {"instruments": None, "timeframe": None, "start": None, "end": None}
    backtest = house.settings.backtest.model_copy(update=plain)
    return selection(Container(house.settings.model_copy(update={"backtest": backtest}), house.clock))


def tables(house: Container, chosen: Selection | None = None) -> dict[str, InstrumentBars]:
    """The instruments of a selection with their bars; a scenario's bars are made where none are stored.

    Args:
        chosen: the bars of the backtest when None, as they were stored at ``backtest.known_at``.

    Raises:
        ConfigError: for an instrument that is not defined.
        StoreError: when bars are missing or damaged.
    """
    store = house.for_research.bars if chosen is None else house.bars
    return read_instrument_bars(store, chosen or selection(house), _maker(house))


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
        lenient: for decisions; see :func:`runtime.currencies.conversion_of`, which also says what is raised.
    """

    def of(item: InstrumentBars) -> BacktestSpec:
        known = conversion_of(house, item, length, lenient=lenient)
        return replace(spec(house.settings, item.instrument, item.kind), conversion=known)

    return of


def spec(settings: Settings, instrument: Instrument, kind: BarKind = BarKind.TRADE) -> BacktestSpec:
    """The terms of a backtest of one instrument on bars of a kind, without the rates of its bars."""
    backtest = settings.backtest
    return BacktestSpec(
        cash=backtest.cash,
        costs=backtest.costs,
        slippage=for_instrument(backtest.slippage, instrument.default_spread_bps),
        sizing=backtest.sizing,
        fill_market=backtest.fill.market,
        fill_limit=backtest.fill.limit,
        limit_timeout_bars=backtest.fill.limit_timeout_bars,
        bar_delay=backtest.bar_delay,
        allow_short=backtest.allow_short,
        allow_overdraft=backtest.allow_overdraft,
        close_at_end=backtest.close_at_end,
        lot_size=float(instrument.lot_size),
        multiplier=float(instrument.multiplier),
        currency=account_currency(settings),
        quoted_spread=instrument.default_spread_bps if kind is BarKind.QUOTE else None,
    )


def measures(settings: Settings, instruments: Iterable[Instrument]) -> MetricsConfig:
    """How the results of these instruments are measured."""
    evaluation, sampling = settings.evaluation, Sampling(settings.evaluation.sampling)
    days = {item.symbol: evaluation.days_per_year or _days_per_year(item, sampling) for item in instruments}
    return MetricsConfig(sampling, days, evaluation.risk_free)


def _days_per_year(instrument: Instrument, sampling: Sampling) -> int:
    """How many days a year the equity of an instrument is sampled on."""
    return DAYS if sampling is Sampling.CALENDAR_DAY else calendar_of(instrument).sessions_per_year


BARS = "bars"
"""The fact of a report that says which moment its bars are of, where that is not now."""

DAYS = 365
"""The calendar days of a year."""


def run_study(house: Container) -> StudyResult:
    """The report of the strategy in force on its instruments, with the evidence of the look-ahead test on these bars.

    Raises:
        ConfigError, StoreError, DataError, StrategyError: naming what is wrong and what to do.
    """
    house = house.for_research
    settings, picked, length = house.settings, selection(house), timeframe(house.settings)
    shared = settings.backtest.shared if settings.backtest.account == "shared" else None
    if shared is None and is_allocation(house.tested):
        raise needs_shared_account(house.tested.name)
    reading = begin_reading(house, picked.instruments, length)
    read = tables(house, picked)
    found = {each.symbol: read_base(house.bars, picked, each) for each in picked.instruments}
    bases = {symbol: base for symbol, base in found.items() if base is not None}
    priced = {symbol: terms(house, length)(item) for symbol, item in read.items()}
    note_use(house, UseKind.BACKTEST, reading, read, priced.values())
    tested = _tested(house, read, priced)
    chosen = settings.backtest.model_dump(mode="json")
    facts = {
        "strategy": settings.strategy.name,
        "parameters": ", ".join(f"{name}={value}" for name, value in settings.strategy.parameters.items()),
        "mode": settings.mode.name,
        "prices": settings.backtest.prices,
        **({BARS: f"as known at {known_text(house.known_at)}"} if house.known_at else {}),
        "timeframe": "; ".join((length, *(f"{name} made of {each.timeframe}" for name, each in bases.items()))),
        **_of_quotes(read.values()),
        "cash": f"{settings.backtest.cash:,.12g} {account_currency(settings)}, {_divided(shared)}",
        **({"shared account": _shown(chosen["shared"])} if shared else {}),
        **_exchange_rates(priced),
        **{name: _shown(chosen[name]) for name in ("sizing", "costs", "slippage", "fill")},
        "look-ahead test": ", ".join(f"{symbol}: {_verdict(each)}" for symbol, each in tested.items()),
        "config hash": settings.config_hash,
        "code": code_identity(decision_of(house.tested)),
    }
    return report(
        house.tested,
        read,
        length,
        lambda item: priced[item.instrument.symbol],
        measures(settings, [each.instrument for each in read.values()]),
        house.cache_folder / "backtests",
        facts=facts,
        look_ahead=tested,
        count=trial_recorder(house, read).of_study(house.tested),
        bases=bases,
        rules=settings.quality,
        shared=shared,
    )


def _divided(shared: SharedAccount | None) -> str:
    return "an equal part for each instrument" if shared is None else "shared by all instruments"


def _tested(
    house: Container, read: Mapping[str, InstrumentBars], priced: Mapping[str, BacktestSpec]
) -> dict[str, LookAheadEvidence]:
    """The look-ahead test of the strategy or the allocation in force."""
    chosen = house.tested
    return allocation_evidence(chosen, read, priced) if is_allocation(chosen) else look_ahead(house, read)


def trial_recorder(house: Container, read: Mapping[str, InstrumentBars]) -> TrialRecorder:
    """What counts the trials of the strategy in force on its bars."""
    settings, length = house.settings, timeframe(house.settings)
    backtest = settings.backtest
    if backtest.account == "shared":  # the order of the instruments decides who comes first
        terms_hash = content_hash([backtest.model_dump(mode="json"), list(read)])
    else:
        terms_hash = content_hash(backtest.model_dump(mode="json", exclude={"instruments", "account", "shared"}))
    return TrialRecorder(Trials(house.root), SystemClock().now, read, length, terms_hash, settings.config_hash)


def known_text(moment: datetime) -> str:
    """A moment of ``backtest.known_at`` for people, to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _of_quotes(read: Iterable[InstrumentBars]) -> dict[str, str]:
    """The instruments on bars of quotes in words; nothing where all are of trades."""
    quoted = ", ".join(item.instrument.symbol for item in read if item.kind is BarKind.QUOTE)
    return {"quotes": f"{quoted}: bought at the ask, sold at the bid of each bar"} if quoted else {}


def _exchange_rates(priced: Mapping[str, BacktestSpec]) -> dict[str, str]:
    """The conversions in words; nothing where all is in one currency."""
    told = (f"{name}: {each.conversion.stated()}" for name, each in priced.items() if each.conversion is not None)
    text = "; ".join(told)
    return {"exchange rates": text} if text else {}


def _shown(terms: object) -> str:
    """A model's terms in words: its kind, then its other numbers."""
    if not isinstance(terms, Mapping):
        return ", ".join(map(_shown, terms)) if isinstance(terms, list) else str(terms)
    numbers = ", ".join(
        f"{name} {_shown(value)}" for name, value in terms.items() if name != "kind" and value is not None
    )
    return " ".join(filter(None, (str(terms.get("kind", "")), numbers)))


def _verdict(evidence: LookAheadEvidence) -> str:
    return f"none on {evidence.bars} bars" if evidence.free else f"{len(evidence.findings)} findings"


def look_ahead(house: Container, read: Mapping[str, InstrumentBars]) -> dict[str, LookAheadEvidence]:
    """The look-ahead test of the strategy in force on all bars of every instrument, read from disk where it was made.

    Raises:
        StrategyError: the strategy's own code failed.
        StoreError: the evidence cannot be kept.
    """
    return {symbol: evidence_of(house.strategy, item, evidence_kept(house)) for symbol, item in read.items()}


def evidence_kept(house: Container) -> Artefacts:
    """Where the results of look-ahead tests are kept."""
    return Artefacts(house.cache_folder / "look_ahead")


def signal_look_ahead(house: Container) -> dict[str, LookAheadEvidence]:
    """The look-ahead test on the very bars on which :func:`newest_signals` decides."""
    return look_ahead(house, tables(house, signal_selection(house)))


def note_use(
    house: Container,
    kind: UseKind,
    reading: Reading,
    read: Mapping[str, InstrumentBars],
    priced: Iterable[BacktestSpec],
    sets: Sequence[Mapping[str, float]] = (),
) -> None:
    """Note which stored series were read for the strategy in force.

    Args:
        sets: of a sweep, each a trial.
    """
    chosen = house.settings.strategy
    fixed = {name: f"{value:g}" for name, value in chosen.parameters.items()}
    swept = {name: sorted({each[name] for each in sets if name in each}) for name in fixed}
    shown = {name: "|".join(f"{value:g}" for value in values) or fixed[name] for name, values in swept.items()}
    detail = {"parameters": ", ".join(f"{name}={value}" for name, value in shown.items())}
    detail |= {"trials": str(len(sets))} if sets else {}
    record_use(
        house,
        kind,
        chosen.name,
        reading,
        {symbol: (item.bars.ts, item.data_hash) for symbol, item in read.items()},
        detail={**detail, "config_hash": house.settings.config_hash},
        origins=[each.conversion.origin for each in priced if each.conversion is not None],
    )


def declared(settings: Settings) -> Declared:
    """The part of a signal that the strategy's file declares."""
    chosen = settings.strategy
    return Declared(chosen.name, chosen.parameters, chosen.confidence, chosen.size_pct, settings.config_hash)


def identity_in_force(house: Container) -> str:
    """The identity of the strategy in force, which its signals and intents carry.

    Raises:
        ConfigError: for an instrument that is not defined.
    """
    chosen = signal_selection(house)
    traded = [each.symbol for each in chosen.instruments]
    return identity_of(house.strategy, declared(house.settings), chosen.timeframe, traded)


def newest_signals(house: Container) -> list[SignalCandidate]:
    """The present signal of the strategy in force, one per instrument (R-STRAT-10).

    The look-ahead test comes first, whatever it finds: it names the line of an author's error, and machine code checks
    no index.

    Raises:
        ConfigError, StoreError: as :func:`tables`.
        StrategyError: the strategy's own code failed.
    """
    settings, chosen = house.settings, signal_selection(house)
    reading = begin_reading(house, chosen.instruments, chosen.timeframe)
    found = tables(house, chosen)
    note_use(house, UseKind.SIGNALS, reading, found, ())
    look_ahead(house, found)
    named = terms(house, chosen.timeframe, lenient=True)
    return signals(house.strategy, declared(settings), found, chosen.timeframe, named, house.bars)


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
    )
