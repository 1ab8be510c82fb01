"""Planted defects: each blocks what is downstream, in Dagster and, through the ledger, at the gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.research import strategies as strategies_module
from assets.research.definitions import MARKET_JOB, RESEARCH_JOB, research_definitions
from conf.compose import compose
from runtime import bar_suite, feeds
from runtime.container import Container
from tests.execution.counter import table
from tests.support.houses import House
from tradewright.backtest.lookahead import LookAhead
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.ledger.check_results import CheckResult
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import Instrument
from tradewright.model.ports import Feed
from tradewright.quality import expectations

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


class Spoilt:
    """A feed that delivers one thing wrong."""

    name = "spoilt"

    def __init__(self, feed: Feed, spoil: Spoil) -> None:
        self._feed, self._spoil = feed, spoil

    def kind_of(self, _instrument: Instrument) -> None: ...

    def fetch(self, instrument: Instrument, timeframe: Timeframe, after: pd.Timestamp | None) -> pd.DataFrame:
        return self._spoil(self._feed.fetch(instrument, timeframe, after).reset_index(drop=True))


def put(column: str, value: object, row: int = 7) -> Spoil:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[row, column] = value
        return frame

    return spoil


def again(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame.iloc[:8], frame.iloc[7:]], ignore_index=True)


DEFECTS: dict[str, Spoil] = {
    "NaN close": put("close", np.nan),
    "infinite open": put("open", np.inf),
    "high below low": put("high", 0.01),
    "price of zero": put("low", 0.0),
    "negative volume": put("volume", -1.0),
    "duplicate timestamp": again,
    "backwards in time": lambda frame: frame.iloc[::-1],
    "off the grid": lambda frame: frame.assign(ts=frame["ts"] + pd.Timedelta(seconds=7)),
    "no close": lambda frame: frame.drop(columns="close"),
}


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[Spoil], None]:
    """Puts a defect into whatever the feed delivers from now on."""

    def arm(how: Spoil) -> None:
        plain = feeds.feed
        monkeypatch.setattr(feeds, "feed", lambda house, symbol="": Spoilt(plain(house, symbol), how))  # type: ignore[arg-type]

    return arm


def market(overrides: tuple[str, ...], instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = research_definitions(overrides).resolve_job_def(MARKET_JOB)
    return job.execute_in_process(instance=instance, partition_key="BTC", raise_on_error=False)


def made(result: dg.ExecuteInProcessResult) -> list[str]:
    """The assets of a run that are made of bars; the event windows need none."""
    names = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    return [name for name in names if name != "event_blackout"]


def failed(result: dg.ExecuteInProcessResult) -> list[str]:
    return [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]


def checks(overrides: tuple[str, ...]) -> dict[str, CheckResult]:
    settings = compose(overrides)
    with Container(settings).ledger as ledger:
        return ledger.checks.newest()


@pytest.mark.parametrize("defect", DEFECTS)
def test_bars_that_break_the_contract_reach_neither_the_store_nor_the_features(
    house: House, instance: dg.DagsterInstance, spoil: Callable[[Spoil], None], defect: str
) -> None:
    spoil(DEFECTS[defect])
    result = market(house.overrides, instance)
    assert not result.success
    assert made(result) == []
    settings = compose(house.overrides)
    assert list(Container(settings).bar_store.series()) == []
    (check,) = checks(house.overrides).values()
    assert (check.input, check.passed) == ("bars.BTC.1m", False)
    (finding,) = check.detail["findings"]  # type: ignore[index]
    (failure,) = [event for event in result.all_node_events if event.is_step_failure]
    assert finding["code"] == "NOT_READABLE"
    assert finding["message"] in str(failure.step_failure_data.error)
    assert "BTC" in finding["message"]


def test_bars_that_are_sound_again_are_stored_and_the_check_passes(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        plain = feeds.feed
        broken = DEFECTS["NaN close"]
        patch.setattr(feeds, "feed", lambda *given: Spoilt(plain(*given), broken))  # type: ignore[arg-type]
        assert not market(house.overrides, instance).success
    result = market(house.overrides, instance)
    assert result.success
    assert made(result) == ["bars", "features"]
    assert {name: check.passed for name, check in checks(house.overrides).items()} == {
        "bars.BTC.1d": True,
        "bars.BTC.1m": True,
        "features.BTC": True,
    }


def test_missing_bars_are_counted_shown_and_no_reason_to_stop(
    house: House, instance: dg.DagsterInstance, spoil: Callable[[Spoil], None]
) -> None:
    """A vendor's hole is a fact to be known: findings of the backtest weigh it, and the gate asks how old bars are."""
    spoil(lambda frame: frame.drop(index=range(100, 161)) if len(frame) > 1000 else frame)
    result = market(house.overrides, instance)
    assert result.success
    findings = str(result.asset_materializations_for_node("bars")[0].metadata["findings"].value)
    assert "| WARN | GAPS | 61 of " in findings
    assert "1 gaps, the longest of 61" in findings
    contract = next(row for row in result.get_asset_check_evaluations() if row.check_name == "contract")
    assert contract.passed
    assert contract.metadata["findings"].value == findings.count("\n") - 1
    (told,) = [row for row in checks(house.overrides)["bars.BTC.1m"].detail["findings"] if row["code"] == "GAPS"]  # type: ignore[index]
    assert told["message"] in findings


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_a_failed_expectation_blocks_when_it_is_critical(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, severity: str
) -> None:
    suite = tmp_path / "suite.yaml"
    kinds = "{type: expect_table_row_count_to_be_between, kwargs: {max_value: 5}, severity: %s}" % severity  # noqa: UP031
    suite.write_text(f"name: few\nexpectations: [{kinds}]\n")
    monkeypatch.setattr(bar_suite, "SUITE", suite)
    result = market(house.overrides, instance)
    blocks = severity == "critical"
    assert result.success is not blocks
    assert made(result) == (["bars"] if blocks else ["bars", "features"])
    assert failed(result) == ["expectations"]
    (check,) = [row for row in result.get_asset_check_evaluations() if row.check_name == "expectations"]
    assert (check.metadata["failed"].value, check.metadata["outcomes"].value) == (1, 1)
    assert checks(house.overrides)["bars.BTC.1m"].passed is not blocks


def test_without_great_expectations_the_check_is_said_to_be_skipped(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_suite: object) -> None:
        raise expectations.QualityExtraMissing("not installed")

    monkeypatch.setattr(expectations, "_great_expectations", missing)
    result = market(house.overrides, instance)
    assert result.success
    (check,) = [row for row in result.get_asset_check_evaluations() if row.check_name == "expectations"]
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "not installed" in str(check.metadata["skipped"].value)
    assert checks(house.overrides)["bars.BTC.1m"].passed


def test_limits_that_contradict_each_other_stop_features_and_orders(house: House, instance: dg.DagsterInstance) -> None:
    """Each cap is in its own bounds, so composing accepts them; only their table shows that they fall."""
    odd = (*house.overrides, "risk.max_position=0.6")
    result = market(odd, instance)
    assert not result.success
    assert (made(result), failed(result)) == (["bars"], ["config_valid"])
    check = checks(odd)["bars.BTC.1m"]
    assert not check.passed
    assert "must not fall in this order" in str(check.detail)


def test_features_that_are_not_known_yet_stop_orders(house: House, instance: dg.DagsterInstance) -> None:
    """Thirty minutes, imported by hand: too few for most windows."""
    overrides = (f"storage.root={house.root}", "universe.instruments=[BTC]", "feed=files")
    settings = compose(overrides)
    clock = Container(settings).clock
    stamps = pd.Timestamp(clock.now()).floor("min").value - np.arange(31, 1, -1) * 60 * 10**9
    frame = table(stamps.tolist(), (100 + np.sin(np.arange(30))).tolist())
    Container(settings, clock).bar_store.upsert("BTC", Timeframe.M1, BarKind.TRADE, frame)
    result = market(overrides, instance)
    assert not result.success
    assert (made(result), failed(result)) == (["bars", "features"], ["complete"])
    metadata = result.asset_materializations_for_node("features")[0].metadata
    newest = Container(settings).artefacts.read_json(("features", "BTC", "newest"))
    unknown = sorted(name for name, value in newest["values"].items() if value is None)
    assert unknown
    assert all(f"| {name} | None |" in str(metadata["newest"].value) for name in unknown)
    assert metadata["warm_up_rows"].value == metadata["rows"].value == 30
    check = checks(overrides)["features.BTC"]
    assert (check.passed, check.detail["unknown"]) == (False, unknown)  # type: ignore[index]
    assert check.about("fingerprint") == Container(settings).bar_store.fingerprint("BTC", Timeframe.M1)


def test_no_bars_at_all_are_no_success(house: House, instance: dg.DagsterInstance) -> None:
    overrides = (f"storage.root={house.root}", "universe.instruments=[BTC]", "feed=files")
    result = market(overrides, instance)
    assert not result.success
    assert made(result) == []
    assert {name: check.passed for name, check in checks(overrides).items()} == {"bars.BTC.1m": False}


def test_a_strategy_that_looks_ahead_stops_its_own_chain_alone(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert market(house.overrides, instance).success
    plain = strategies_module.signal_look_ahead
    seer = LookAheadEvidence("code", "data", 5, (str(LookAhead(3, "sma(10,)", 2.0, 1.0)),) * 9)
    monkeypatch.setattr(
        strategies_module,
        "signal_look_ahead",
        lambda house: {"BTC": seer} if house.settings.strategy.name == "sma_crossover" else plain(house),
    )
    job = research_definitions(house.overrides).resolve_job_def(RESEARCH_JOB)
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    parts = ("signals", "backtest", "evaluation", "metrics_window", "risk_report")
    assert sorted(made(result)) == sorted(
        ["strategy/sma_crossover/signals", *(f"strategy/buy_and_hold/{p}" for p in parts)]
    )
    assert failed(result) == ["look_ahead"]
    check = checks(house.overrides)["lookahead.sma_crossover"]
    assert (check.passed, check.detail["findings"]) == (False, [f"BTC, {seer.findings[0]}"] * 5)
    assert (check.detail["code"], check.detail["data"], check.detail["bars"]) == (["code"], {"BTC": "data"}, {"BTC": 5})
    honest = checks(house.overrides)["lookahead.buy_and_hold"]
    assert honest.passed
    assert len(honest.detail["data"]["BTC"]) == 64
