"""A strategy through the engine on synthetic markets: scenario documents in, a certificate out. Loads the kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

import numpy as np

from tradewright.backtest.cache import described
from tradewright.backtest.code import code_digest, code_identity
from tradewright.backtest.corporate import CorporateActions
from tradewright.backtest.engine import run
from tradewright.backtest.engine_digest import engine_digest
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.member_results import member_results
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import BacktestResult
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampling import resampled
from tradewright.calendars.session_hours import session_hours
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.certificate import (
    VERSION,
    CertificateRow,
    CertifiedScenario,
    ScenarioCertificate,
    certificate_rows,
)
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.evaluation.shared_study import account_of
from tradewright.model.allocation import Allocation, decision_of, is_allocation, needs_shared_account
from tradewright.model.bars import Bars, PriceView, Timeframe
from tradewright.model.certify_limits import CertifyLimits
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.secondary import SecondarySeries
from tradewright.model.secondary_needs import SecondaryNeeds
from tradewright.model.strategy import Strategy
from tradewright.research.bars import BaseBars, InstrumentBars
from tradewright.research.secondary import needs_of, series_until
from tradewright.research.study import Terms
from tradewright.research.terms_in_words import terms_in_words
from tradewright.scenarios.document import ScenarioDocument
from tradewright.scenarios.market import Series, contradictions, generate

ALLOCATED = 4
"""Series at the least for an allocation, which needs several to choose from."""

DAYS = 365
"""A year of a market around the clock."""


@dataclass(frozen=True)
class Subject:
    """What is certified.

    Args:
        name: of the strategy in the settings.
        parameters: its numbers and other instruments by name.
        timeframe: of the bars that it asks for; None runs each scenario on its own.
    """

    name: str
    strategy: Strategy | Allocation
    parameters: Mapping[str, float | str]
    timeframe: Timeframe | None = None

    @property
    def identity(self) -> str:
        """The hash of all that decides: kind, code, parameters, features."""
        features = [feature.terms for feature in self.strategy.prepare_state()]
        code = code_digest(decision_of(self.strategy))
        return content_hash([self.strategy.name, code, dict(self.parameters), features])


def synthetic_instrument(symbol: str, currency: str) -> Instrument:
    """The instrument of a series: a share in the account's currency that trades around the clock in thousandths."""
    plain = {"symbol": symbol, "asset_class": AssetClass.STOCK, "currency": currency, "calendar": "24/7"}
    return Instrument.model_validate({**plain, "lot_size": "0.001", "default_spread_bps": 2.0})


def certify(
    subject: Subject,
    documents: Iterable[ScenarioDocument],
    terms: Terms,
    limits: CertifyLimits,
    *,
    currency: str,
    look_ahead: Sequence[str],
    prices: PriceView = PriceView.TOTAL_RETURN,
    shared: SharedAccount | None = None,
) -> ScenarioCertificate:
    """Run a strategy on scenarios and compare what it did with the limits.

    It trades the series of a scenario, one or as many as the document says, an allocation :data:`ALLOCATED` at the
    least. Instruments that its features name are further series of the same document.

    Args:
        documents: each is run at the subject's timeframe where a scenario can have that.
        terms: of the backtests; ``cash`` is the whole account's.
        currency: of the account, in which all series are quoted.
        look_ahead: what the look-ahead test found (:func:`tradewright.research.strategy_check.tried`). It comes first:
            it names the line of an author's error, and machine code checks no index.
        prices: ``raw`` books splits in the account; the other views have them in their prices.
        shared: the terms of one account for all series; None splits the cash. An allocation needs one.

    Raises:
        ConfigError: a document that contradicts itself, an allocation without a shared account, a feature on bars
            shorter than those of a scenario.
        StrategyError: the decision cannot be compiled, or failed.
    """
    if shared is None and is_allocation(subject.strategy):
        raise needs_shared_account(subject.strategy.name)
    needs, runs, rows = needs_of([subject.strategy]), list[CertifiedScenario](), list[CertificateRow]()
    for document in documents:
        timed = _timed(document, subject.timeframe)
        tables = scenario_tables(subject.strategy, timed, needs, currency, prices)
        metrics = evaluate(_account(subject.strategy, tables, terms, shared), Sampling.BAR, DAYS)
        runs.append(_certified(timed, tables, metrics))
        rows += certificate_rows(document.id, metrics, limits)
    plain = terms(InstrumentBars(synthetic_instrument("S1", currency), Bars.none()))
    return ScenarioCertificate(
        version=VERSION,
        strategy=subject.name,
        kind=subject.strategy.name,
        parameters=dict(subject.parameters),
        identity=subject.identity,
        code=code_identity(decision_of(subject.strategy)),
        engine=engine_digest(),
        terms=content_hash([described(plain), described(shared), prices]),
        stated=terms_in_words(plain, prices, shared, is_allocation=is_allocation(subject.strategy)),
        limits=limits,
        look_ahead=tuple(look_ahead),
        scenarios=tuple(runs),
        rows=tuple(rows),
    )


def _certified(document: ScenarioDocument, tables: Mapping[str, InstrumentBars], metrics: Metrics) -> CertifiedScenario:
    return CertifiedScenario(
        scenario=document.id,
        scenario_hash=document.scenario_hash,
        data_hash=content_hash([each.data_hash for each in tables.values()]),
        timeframe=document.timeframe,
        bars=document.duration_bars,
        seed=document.seed,
        instruments=len(tables),
        trades=metrics.trades,
        total_return=metrics.total_return,
    )


def _timed(document: ScenarioDocument, timeframe: Timeframe | None) -> ScenarioDocument:
    """A document on bars of another length, with the same moves per bar.

    It stays as it is where no scenario has such bars, and where one of its events would not happen on them.
    """
    known = get_args(type(document).model_fields["timeframe"].annotation)
    if timeframe is None or timeframe not in known:
        return document
    other = document.model_copy(update={"timeframe": timeframe.value})
    return document if contradictions(other) else other


def scenario_tables(
    strategy: Strategy | Allocation,
    document: ScenarioDocument,
    needs: SecondaryNeeds,
    currency: str,
    prices: PriceView,
    stored: Sequence[Bars] = (),
) -> dict[str, InstrumentBars]:
    """The series that are traded, each with what the strategy reads beside it.

    Args:
        stored: the first series where they were read; the others are made.

    Raises:
        ConfigError: a document that contradicts itself, a feature on bars shorter than the document's.
    """
    traded = max(document.instruments, ALLOCATED if is_allocation(strategy) else 1)
    symbols = [f"S{number + 1}" for number in range(traded)]
    others = sorted({name.of for name in needs.features if name.of} - set(symbols))
    made = generate(document, traded + len(others))
    made[: len(stored)] = [series._replace(bars=bars) for series, bars in zip(made, stored, strict=False)]
    known = {
        symbol: _viewed(synthetic_instrument(symbol, currency), series, prices)
        for symbol, series in zip([*symbols, *others], made, strict=True)
    }
    return {symbol: _with_secondary(known[symbol], known, needs, document.length) for symbol in symbols}


def _viewed(instrument: Instrument, series: Series, prices: PriceView) -> InstrumentBars:
    """A series in a view of prices: with its splits booked by the account, or within its prices."""
    bars, factor = series.bars, np.ones(len(series.bars.ts))
    if not series.splits:
        return InstrumentBars(instrument, bars)
    for bar, ratio in series.splits:
        factor[:bar] /= ratio
    if prices is PriceView.RAW:
        actions = np.array([(bar, ratio, 0.0) for bar, ratio in series.splits], np.float64)
        return InstrumentBars(instrument, bars, actions=CorporateActions(actions, factor, factor))
    scaled = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    return InstrumentBars(instrument, bars._replace(**scaled, volume=bars.volume / factor))


def _with_secondary(
    item: InstrumentBars, known: Mapping[str, InstrumentBars], needs: SecondaryNeeds, timeframe: Timeframe
) -> InstrumentBars:
    if not needs.any:
        return item
    closes = np.maximum.accumulate(bar_closes(calendar_of(item.instrument), timeframe, item.bars.ts))
    series = {}
    for name, (symbol, length) in needs.resolved(timeframe, item.instrument.symbol).items():
        other, market = known[symbol], calendar_of(known[symbol].instrument)
        bars, base = other.bars, None
        if length is not timeframe:
            bars, base = resampled(market, other.bars, timeframe, length), BaseBars(timeframe, other.bars)
        series[name] = series_until(other.instrument, bars, length, int(closes[-1]), base)
        if needs.sessions:
            series[name] = replace(series[name], hours=session_hours(other.instrument, length))
    hours = session_hours(item.instrument, timeframe) if needs.sessions else None
    return replace(item, secondary=SecondarySeries(closes, series, hours))


def _account(
    strategy: Strategy | Allocation, tables: Mapping[str, InstrumentBars], terms: Terms, shared: SharedAccount | None
) -> BacktestResult:
    """The account of all series together, by the engine that backtests use."""
    specs = {symbol: terms(item) for symbol, item in tables.items()}
    bars = {symbol: item.bars for symbol, item in tables.items()}
    if shared is not None:
        panel = panel_of(bars, specs)
        made = run_panel(strategy, panel, shared, session_days(panel, None))
        return account_of(panel, made, member_results(panel, made))
    alone = cast("Strategy", strategy)  # an allocation was refused
    parts = {symbol: replace(spec, cash=spec.cash / len(bars)) for symbol, spec in specs.items()}
    results = {symbol: run(alone, bars[symbol], part) for symbol, part in parts.items()}
    return next(iter(results.values())) if len(results) == 1 else pooled(results)
