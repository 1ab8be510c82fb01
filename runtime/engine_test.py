"""A strategy document on one scenario: the tests of the engine, T0 and T1, with their cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runtime.certify import synthetic_terms
from runtime.container import Container
from runtime.enough_bars import demand_enough_bars
from runtime.exchange_rates import account_currency
from strategies.base import BaseAllocation
from strategies.documents import strategy_class
from tradewright.backtest.cache import run_cached
from tradewright.backtest.result import BacktestResult
from tradewright.dsl.check import compiled
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.fills.costs import BpsCosts
from tradewright.fills.slippage import BpsSlippage
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError
from tradewright.model.hashing import content_hash
from tradewright.research.certify import DAYS, scenario_tables, synthetic_instrument
from tradewright.research.secondary import needs_of
from tradewright.scenarios.datasets import generator_digest
from tradewright.scenarios.document import ScenarioDocument

MOST_BARS: Mapping[str, int] = {"t0": 1_000, "t1": 50_000}
"""The longest scenario of the quick and of the full test (R-BT-13, R-BT-14)."""


@dataclass(frozen=True)
class EngineTerms:
    """What a test says of money; the other terms are those of ``backtest``.

    Args:
        fees_bps, slippage_bps: basis points of each fill.
        bar_delay: bars between a decision and its fill.
        cash: at the start.
    """

    fees_bps: float
    slippage_bps: float
    bar_delay: int
    cash: float


@dataclass(frozen=True)
class EngineTest:
    """What a test gave.

    Args:
        cache_key: the signature of meaning, scenario, terms and engine (R-BT-18).
        used_cache: whether the result was there.
        strategy_hash: of the document's meaning.
    """

    result: BacktestResult
    metrics: Metrics
    cache_key: str
    used_cache: bool
    strategy_hash: str


def engine_test(
    house: Container,
    text: str,
    document: ScenarioDocument,
    terms: EngineTerms,
    *,
    tier: str,
    stored: Sequence[Bars] = (),
    where: str = "",
) -> EngineTest:
    """Run a strategy document on a scenario of one series.

    Args:
        text: of the strategy document.
        tier: ``t0`` or ``t1``.
        stored: the scenario's bars where they were read from the store; they are made when left out.
        where: the strategy's file, for messages.

    Raises:
        ConfigError: a wrong document (``DocumentRefused``), an allocation, a panel, a scenario that is too long, a
            feature on bars shorter than the scenario's, fewer bars than the document needs.
        StrategyError, StoreError: the decision failed; the cache cannot be written.
    """
    demand_fit(document, tier)
    meant, program = compiled(text, where)
    strategy, currency = strategy_class(meant, program, where)(), account_currency(house.settings)
    if isinstance(strategy, BaseAllocation):
        what = f"{strategy.name} is an allocation, which shares an account out among several instruments"
        raise ConfigError(what, where=where, remedy="certify it: tradewright certify runs it on panels")
    tables = scenario_tables(strategy, document, needs_of([strategy]), currency, house.settings.backtest.prices, stored)
    demand_enough_bars(strategy, tables)
    (item,) = tables.values()
    plain = replace(
        synthetic_terms(house.settings, synthetic_instrument("S1", currency)),
        costs=BpsCosts(terms.fees_bps),
        slippage=BpsSlippage(terms.slippage_bps),
        bar_delay=terms.bar_delay,
        cash=terms.cash,
        secondary=item.secondary,
        actions=item.actions,
    )
    data = content_hash([document.scenario_hash, generator_digest()])
    done = run_cached(strategy, item.bars, plain, house.cache_folder / "scenarios", data=data)
    figures = evaluate(done.result, Sampling.BAR, DAYS)
    return EngineTest(done.result, figures, done.cache_key, done.used_cache, program.hash)


def demand_fit(document: ScenarioDocument, tier: str) -> None:
    """Refuse a scenario that a test does not take.

    Raises:
        ConfigError: a panel, or more bars than :data:`MOST_BARS`.
    """
    if document.instruments > 1:
        what = f"{document.id} has {document.instruments} series"
        raise ConfigError(what, where="scenario", remedy="name a scenario of one; certify takes panels")
    if document.duration_bars > MOST_BARS[tier]:
        name = "quick" if tier == "t0" else "full"
        what = f"{document.id} has {document.duration_bars:,} bars, the {name} test takes at most {MOST_BARS[tier]:,}"
        remedy = "shorten duration_bars" + (", or take the full test: --full" if tier == "t0" else "")
        raise ConfigError(what, where="scenario", remedy=remedy, code="TOO_MANY_BARS")
