"""The tests of the engine: a strategy document on a scenario, quick (T0) or full (T1); as a request and a reply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from app.operations.documents import text_of
from conf.scenarios import read_scenario, scenarios
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.engine_test import EngineTerms, EngineTest, demand_fit, engine_test
from runtime.scenarios import datasets
from tradewright.dsl.source import read
from tradewright.model.base import FrozenModel
from tradewright.scenarios.document import AnyScenario, ScenarioDocument


class ScenarioRef(FrozenModel):
    """A scenario of ``conf/scenario`` by its name, whose stored dataset is read."""

    ref: str


class EngineRequest(FrozenModel):
    """What is tested (R-BT-16).

    Args:
        strategy: a strategy document as plain values.
        scenario: a scenario document, or the name of one that is stored.
        fees_bps, slippage_bps: basis points of each fill.
        bar_delay: bars between a decision and its fill.
        initial_cash: in the account's currency.
    """

    strategy: dict[str, Any]
    scenario: ScenarioRef | AnyScenario
    fees_bps: Annotated[float, Field(ge=0, le=1_000)] = 1.0
    slippage_bps: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    bar_delay: Annotated[int, Field(ge=1, le=1_000)] = 1
    initial_cash: Annotated[float, Field(gt=0, le=1e15)] = 100_000.0


class ClosedTrade(FrozenModel):
    """One closed trade; times are the starts of its bars, ``profit`` is after all fees."""

    entered: str
    left: str
    quantity: float
    entry_price: float
    exit_price: float
    profit: float


class EngineReply(FrozenModel):
    """What came out (R-BT-17).

    Args:
        equity: at each bar's close.
        cache_key: the signature of the document's meaning, the scenario, the terms and the engine.
        used_cache: whether the stored result of that signature was served.
    """

    equity: tuple[float, ...]
    trades: tuple[ClosedTrade, ...]
    metrics: dict[str, Any]
    cache_key: str
    used_cache: bool
    scenario_hash: str
    strategy_hash: str


def backtest_t0(settings: Settings, request: EngineRequest) -> EngineReply:
    """The quick test, of at most 1,000 bars.

    Raises:
        ConfigError, StoreError, StrategyError: as :func:`runtime.engine_test.engine_test`; a scenario that is too long.
    """
    return _tested(settings, request, "t0")


def backtest_t1(settings: Settings, request: EngineRequest) -> EngineReply:
    """The full test, of at most 50,000 bars.

    Raises:
        ConfigError, StoreError, StrategyError: as :func:`backtest_t0`.
    """
    return _tested(settings, request, "t1")


def request_of(file: Path, scenario: str, **terms: float) -> EngineRequest:
    """The request of a file with a strategy document, and of the name of a stored scenario or a file with one.

    Args:
        terms: as the keys of a request.

    Raises:
        ConfigError: a file that cannot be read, or is no document.
    """
    named = Path(scenario)
    chosen = read_scenario(named) if named.suffix in (".yaml", ".yml", ".json") else ScenarioRef(ref=scenario)
    values = read(text_of(file)).values
    return EngineRequest.model_validate({"strategy": values, "scenario": chosen, **terms})


def _tested(settings: Settings, request: EngineRequest, tier: str) -> EngineReply:
    terms = EngineTerms(request.fees_bps, request.slippage_bps, request.bar_delay, request.initial_cash)
    with Container(settings) as house:
        named = request.scenario if isinstance(request.scenario, ScenarioRef) else None
        document = _named(named.ref) if named else request.scenario
        assert isinstance(document, ScenarioDocument)  # noqa: S101  # nosec B101  for the type checker
        demand_fit(document, tier)
        stored = datasets(house).read(document) if named else ()
        done = engine_test(
            house, json.dumps(request.strategy), document, terms, tier=tier, stored=stored, where="strategy"
        )
    return _reply(document, done)


def _named(name: str) -> ScenarioDocument:
    (document,) = scenarios([name])
    return document


def _reply(document: ScenarioDocument, done: EngineTest) -> EngineReply:
    result = done.result
    stamps = pd.DatetimeIndex(result.bars.ts, tz="UTC")
    trades = [
        ClosedTrade(
            entered=stamps[row["entry_bar"]].isoformat(),
            left=stamps[row["exit_bar"]].isoformat(),
            quantity=float(row["quantity"]),
            entry_price=float(row["entry_price"]),
            exit_price=float(row["exit_price"]),
            profit=float(row["profit"]),
        )
        for row in result.trades
    ]
    return EngineReply(
        equity=tuple(result.equity.tolist()),
        trades=tuple(trades),
        metrics=done.metrics.as_dict(),
        cache_key=done.cache_key,
        used_cache=done.used_cache,
        scenario_hash=document.scenario_hash,
        strategy_hash=done.strategy_hash,
    )
