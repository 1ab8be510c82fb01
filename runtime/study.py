"""The study of the strategy in force: settings to the arguments of ``tradewright.research.study``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from runtime.container import Container
from runtime.enough_bars import EnoughBars, demand_benchmark, demand_usable_bars
from runtime.exchange_rates import account_currency
from runtime.research import (
    benchmark_instruments,
    benchmark_tables,
    look_ahead,
    measures,
    note_use,
    selection,
    tables,
    terms,
    timeframe,
    trial_recorder,
)
from runtime.secondary_series import others_of, series_of_strategy, stated
from runtime.shared_account import divided, shared_account
from runtime.uses import begin_reading
from tradewright.backtest.code import code_identity
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.study import StudyResult
from tradewright.model.allocation import decision_of
from tradewright.model.bars import BarKind, PriceView
from tradewright.research.bars import ADJUSTABLE, InstrumentBars, read_base
from tradewright.research.study import report
from tradewright.store.uses import UseKind

BARS = "bars"
"""The fact of a report that says which moment its bars are of, where that is not now."""


def run_study(house: Container) -> StudyResult:
    """The report of the strategy in force on its instruments, with the evidence of the look-ahead test on these bars.

    Raises:
        ConfigError, StoreError, DataError, StrategyError: naming what is wrong and what to do.
    """
    house = house.for_research
    settings, picked, length = house.settings, selection(house), timeframe(house.settings)
    shared = shared_account(house)
    known = [*picked.instruments, *benchmark_instruments(house)]
    reading = begin_reading(house, known, length, series_of_strategy(house, picked))
    read, against = tables(house, picked), benchmark_tables(house, length)
    demand_usable_bars(read)
    demand_benchmark(read, against)
    EnoughBars(read).demand(house.strategy)
    found = {each.symbol: read_base(house.bars, picked, each) for each in picked.instruments}
    bases = {symbol: base for symbol, base in found.items() if base is not None}
    priced = {symbol: terms(house, length)(item) for symbol, item in read.items()}
    note_use(house, UseKind.BACKTEST, reading, {**against, **read}, priced.values())
    tested = look_ahead(house, read, priced)
    chosen = settings.backtest.model_dump(mode="json")
    facts = {
        "strategy": settings.strategy.name,
        "parameters": ", ".join(f"{name}={value}" for name, value in settings.strategy.values.items()),
        "mode": settings.mode.name,
        "prices": settings.backtest.prices,
        **({BARS: f"as known at {known_text(house.known_at)}"} if house.known_at else {}),
        "timeframe": "; ".join((length, *(f"{name} made of {each.timeframe}" for name, each in bases.items()))),
        **stated(read.values(), length),
        **_of_quotes(read.values()),
        "cash": f"{settings.backtest.cash:,.12g} {account_currency(settings)}, {divided(shared)}",
        **({"shared account": _shown(chosen["shared"])} if shared else {}),
        **_exchange_rates(priced),
        **_corporate_actions(priced, read.values(), settings.backtest.prices),
        **{name: _shown(chosen[name]) for name in ("sizing", "costs", "slippage", "fill")},
        "look-ahead test": ", ".join(f"{symbol}: {_verdict(each)}" for symbol, each in tested.items()),
        "config hash": settings.config_hash,
        "code": code_identity(decision_of(house.strategy)),
    }
    return report(
        house.strategy,
        read,
        length,
        lambda item: priced[item.instrument.symbol],
        measures(settings, [each.instrument for each in read.values()], against),
        house.cache_folder / "backtests",
        facts=facts,
        look_ahead=tested,
        count=trial_recorder(house, read, priced).of_study(house.strategy),
        bases=bases,
        others={symbol: others_of(house, item, length) for symbol, item in read.items()},
        rules=settings.quality,
        shared=shared,
    )


def known_text(moment: datetime) -> str:
    """A moment of ``backtest.known_at`` for people, to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _of_quotes(read: Iterable[InstrumentBars]) -> dict[str, str]:
    """The instruments on bars of quotes in words; nothing where all are of trades."""
    quoted = ", ".join(item.instrument.symbol for item in read if item.kind is BarKind.QUOTE)
    return {"quotes": f"{quoted}: bought at the ask, sold at the bid of each bar"} if quoted else {}


def _exchange_rates(priced: Mapping[str, BacktestSpec]) -> dict[str, str]:
    """The conversions in words; nothing where all is in one currency."""
    told = [f"{name}: {each.conversion.stated()}" for name, each in priced.items() if each.conversion is not None]
    charged = {each.fee_conversion.exchange: None for each in priced.values() if each.fee_conversion is not None}
    text = "; ".join((*told, *(f"fees: {each}" for each in charged)))
    return {"exchange rates": text} if text else {}


def _corporate_actions(
    priced: Mapping[str, BacktestSpec], read: Iterable[InstrumentBars], view: PriceView
) -> dict[str, str]:
    """What the account of raw prices books, in words; nothing where the view has it in its prices."""
    if view is not PriceView.RAW:
        return {}
    told = []
    for name in (item.instrument.symbol for item in read if item.instrument.asset_class in ADJUSTABLE):
        known = priced[name].actions
        told.append(f"{name}: no table of them, so none are booked" if known is None else known.stated(name))
    return {"corporate actions": "; ".join(told)} if told else {}


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
