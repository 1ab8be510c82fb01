"""Bars to risk reports: what a run leaves behind, and what stops it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.research import strategies
from assets.research.definitions import RESEARCH_JOB, research_definitions
from assets.runs import RunFailed, execute
from conf.compose import compose
from runtime import research, signals
from runtime.container import Container
from runtime.run_files import FILES, KEPT, _keep_newest
from runtime.study import run_study
from tests.execution.counter import table
from tests.support.houses import House
from tradewright.backtest.result import BacktestResult
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.signal import SignalCandidate


def run(house: House, job: str, instance: dg.DagsterInstance, key: str | None = None) -> dg.ExecuteInProcessResult:
    definitions = research_definitions(house.overrides)
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=key, raise_on_error=False
    )


def recorded(house: House) -> dict[str, bool]:
    settings = compose(house.overrides)
    with Container(settings).ledger as ledger:
        return {name: result.passed for name, result in ledger.checks.newest().items()}


def test_check_results_are_in_the_ledger(settled: House) -> None:
    assert recorded(settled) == {
        "bars.BTC.1d": True, "bars.BTC.1m": True, "features.BTC": True,
        "lookahead.buy_and_hold": True, "lookahead.sma_crossover": True,
    }  # fmt: skip


def run_files(house: House, fills: pd.DataFrame, equity: np.ndarray, figures: dict[str, object]) -> None:
    """R-BT-23: all five files of the run exist and load, and say what the tables say; its report stands beside."""
    (folder,) = (path for path in (house.root / "runs").iterdir() if path.name.startswith("buy_and_hold-"))
    assert {path.name for path in folder.iterdir()} == set(FILES)
    blueprint = json.loads((folder / "blueprint.json").read_text())
    assert (blueprint["instruments"], blueprint["bars"]) == (["BTC"], len(equity))
    assert "broker" not in blueprint
    (strategy,) = json.loads((folder / "strategies.json").read_text())
    assert (strategy["name"], strategy["kind"], strategy["parameters"]) == ("buy_and_hold", "buy_and_hold", {})
    np.testing.assert_array_equal(np.load(folder / "equity.npy", allow_pickle=False), equity)
    lines = [json.loads(line) for line in (folder / "trades.jsonl").read_text().splitlines()]
    assert [line["side"] for line in lines] == fills["side"].tolist()
    assert [line["price"] for line in lines] == fills["price"].tolist()
    assert pd.to_datetime([line["ts"] for line in lines]).tolist() == fills["ts"].tolist()
    assert json.loads((folder / "metrics.json").read_text()) == figures
    assert (house.root / "reports" / "runs" / f"{folder.name}.html").is_file()


def test_of_each_strategy_the_newest_runs_stay(tmp_path: Path) -> None:
    for place in range(KEPT + 3):
        for name in ("a", "a-b"):
            path = tmp_path / f"{name}-{place:016x}"
            path.mkdir()
            os.utime(path, (place, place))
    _keep_newest(tmp_path, "a", tmp_path / f"a-{KEPT + 2:016x}")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted(
        [f"a-{place:016x}" for place in range(3, KEPT + 3)] + [f"a-b-{n:016x}" for n in range(KEPT + 3)]
    )


def test_a_run_leaves_signals_tables_and_a_report(settled: House) -> None:
    settings = compose((*settled.overrides, "strategy=buy_and_hold"))
    artefacts = Container(settings).artefacts
    (signal,) = [SignalCandidate.model_validate(row) for row in artefacts.read_json(("signals", "buy_and_hold"))]
    assert (signal.instrument, signal.target, signal.config_hash) == ("BTC", 1.0, settings.config_hash)
    fills = artefacts.read_frame(("backtest", "buy_and_hold", "BTC", "fills"))
    assert fills["side"].tolist() == ["BUY", "SELL"], "the position is closed at the end"
    equity = artefacts.read_frame(("backtest", "buy_and_hold", "BTC", "equity"))
    figures = artefacts.read_json(("evaluation", "buy_and_hold"))
    assert figures["net_profit"] == pytest.approx(equity["equity"].iloc[-1] - settings.backtest.cash)
    assert not [name for name, value in figures.items() if value is None or value != value]
    windows = artefacts.read_frame(("metrics_window", "buy_and_hold"))
    assert set(windows["window"]) <= set(settings.evaluation.windows)
    assert list(windows.columns) == ["window", "ts", "sharpe", "sortino", "turnover", "hit_rate", "trades"]
    run_files(settled, fills, equity["equity"].to_numpy(), figures)
    page = (settled.root / "reports" / "buy_and_hold.html").read_text()
    assert settings.config_hash[:12] in page
    assert "<script src" not in page
    assert (settled.root / "data_docs" / "BTC").is_dir()


def test_a_second_run_adds_nothing_and_uses_the_cache(settled: House, instance: dg.DagsterInstance) -> None:
    market = run(settled, "market", instance, "BTC")
    (bars,) = [event for event in market.get_asset_materialization_events() if event.asset_key.path == ["bars"]]
    metadata = bars.materialization.metadata
    assert metadata["added 1m"].value == metadata["revised 1m"].value == 0
    chain = run(settled, RESEARCH_JOB, instance)
    used = {
        event.asset_key.to_user_string(): event.materialization.metadata["used_cache"].value
        for event in chain.get_asset_materialization_events()
        if "used_cache" in event.materialization.metadata
    }
    assert used == {"strategy/buy_and_hold/backtest": True, "strategy/sma_crossover/backtest": True}


def test_every_materialization_names_configuration_mode_and_seed(settled: House, instance: dg.DagsterInstance) -> None:
    for event in run(settled, RESEARCH_JOB, instance).get_asset_materialization_events():
        metadata = event.materialization.metadata
        name = event.asset_key.path[1]
        settings = compose((*settled.overrides, f"strategy={name}"))
        assert metadata["config_hash"].value == settings.config_hash
        assert re.fullmatch(r"[0-9a-f]{64}", metadata["data_hash"].value)
        assert (metadata["mode"].value, metadata["seed"].value) == ("sim", settings.base.seed)


def test_bars_that_break_a_rule_stop_what_is_downstream(house: House, instance: dg.DagsterInstance) -> None:
    """Bars of tomorrow: the check blocks, features are not made, and the ledger knows."""
    overrides = (f"storage.root={house.root}", "universe.instruments=[BTC]", "feed=files")
    settings = compose(overrides)
    tomorrow = pd.Timestamp.now("UTC").floor("min").value + 86_400 * 10**9
    stamps = tomorrow + np.arange(400) * 60 * 10**9
    frame = table(stamps.tolist(), (100 + np.arange(400) / 100).tolist())
    Container(settings).bar_store.upsert("BTC", Timeframe.M1, BarKind.TRADE, frame)
    market = research_definitions(overrides).resolve_job_def("market")
    result = market.execute_in_process(instance=instance, partition_key="BTC", raise_on_error=False)
    assert not result.success
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert made == {"bars", "event_blackout"}, "the event windows need no bars"
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == ["contract"]
    with Container(settings).ledger as ledger:
        checks = ledger.checks.newest()
    assert {name: result.passed for name, result in checks.items()} == {"bars.BTC.1m": False}


def test_bars_that_the_store_refuses_are_a_failed_check(
    settled: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of an hour ago must not speak for bars that a feed delivered broken just now."""

    def refuse(*_args: object) -> None:
        raise DataError("high below low in row 7", where="BTC 1m", remedy="correct the source")

    assert recorded(settled)["bars.BTC.1m"] is True
    monkeypatch.setattr(research, "refreshed", refuse)
    assert not run(settled, "market", instance, "BTC").success
    assert recorded(settled)["bars.BTC.1m"] is False


def test_a_strategy_that_looks_ahead_is_caught(
    settled: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The check fails, the backtest is not made, and no order of the strategy can pass the gate."""
    from strategies.sma_crossover import SmaCrossover
    from tradewright.indicators import registry

    plain = registry.columns

    def prophetic(features: object, bars: object, _more: object) -> object:
        return tuple(np.roll(column, -1) for column in plain(features, bars))  # type: ignore[arg-type]

    monkeypatch.setattr("tradewright.backtest.lookahead.columns", prophetic)
    overrides = (*settled.overrides, f"storage.cache_dir={tmp_path}")  # the honest evidence is of this code and data
    settings = compose((*overrides, "strategy=sma_crossover"))
    assert Container(settings).strategy == SmaCrossover(fast=10, slow=30)
    found = signals.signal_look_ahead(Container(settings))["BTC"]
    assert not found.free
    assert "sma(10,)" in found.findings[0]
    said = {row.code for _, row in run_study(Container(settings)).report.findings()}
    assert "LOOK_AHEAD" in said
    assert "LOOK_AHEAD_UNTESTED" not in said
    with pytest.raises(RunFailed):
        execute(research_definitions(overrides), RESEARCH_JOB, instance)
    assert recorded(settled)["lookahead.sma_crossover"] is False


def test_books_that_do_not_balance_fail_the_check_of_the_backtest(
    settled: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cent in the cash after one fill is enough; of the fills as they are nothing is said."""
    settings = compose((*settled.overrides, "strategy=buy_and_hold"))
    (sound,) = strategies.backtest("buy_and_hold", settings).check_results or ()
    assert sound.passed
    plain = strategies.imbalances

    def one_cent_more(result: BacktestResult) -> tuple[str, ...]:
        fills = result.fills.copy()
        fills["cash"][0] += 0.01
        return plain(replace(result, fills=fills))

    monkeypatch.setattr(strategies, "imbalances", one_cent_more)
    (made,) = strategies.backtest("buy_and_hold", settings).check_results or ()
    assert (made.check_name, made.passed) == ("valid", False)
    assert "BTC: the cash after each fill (number 1) is" in made.metadata["problems"].value
