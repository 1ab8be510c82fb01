"""Materializing again: the same bytes where nothing is new, and only what is new where something is."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.research.bars import make_bars, make_features
from assets.research.definitions import MARKET_JOB, RESEARCH_JOB, research_definitions
from assets.research.strategies import backtest, equity_table, evaluation, fills_table, risk_report, signals
from conf.compose import compose
from conf.schema.research import FeaturesSettings
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.features import feature_sets, newest_features
from tests.evaluation.accounts import Fill, account
from tests.support.houses import House
from tradewright.model.bars import BarKind, Timeframe
from tradewright.store.uses import Uses

STRATEGIES = ("buy_and_hold", "sma_crossover")
Values = dict[str, object]


def digests(folder: Path) -> dict[str, str]:
    """Every file but lock files, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def values(result: dg.MaterializeResult) -> Values:
    """Metadata as plain values."""
    return {name: getattr(value, "value", value) for name, value in (result.metadata or {}).items()}


def under(house: House, *more: str) -> Settings:
    return compose((*house.overrides, *more))


@pytest.fixture
def conf_of_settled(settled: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(settled.conf))
    return settled


class TestNothingNew:
    """A second run on the same bars."""

    def test_every_stored_byte_is_the_same(self, conf_of_settled: House, instance: dg.DagsterInstance) -> None:
        house = conf_of_settled
        folders = [house.root / name for name in ("bars", "artefacts", "reports", "cache")]
        before = [digests(folder) for folder in folders]
        assert all(before)
        definitions = research_definitions(house.overrides)
        for job, key in ((MARKET_JOB, "BTC"), (RESEARCH_JOB, None)):
            assert definitions.resolve_job_def(job).execute_in_process(instance=instance, partition_key=key).success
        assert [digests(folder) for folder in folders] == before

    def test_a_lost_artefact_comes_back_byte_for_byte(self, conf_of_settled: House) -> None:
        house = conf_of_settled
        folder = house.root / "artefacts" / "features"
        before = digests(folder)
        for path in folder.rglob("*.parquet"):
            path.unlink()
        assert digests(folder) != before
        make_features(under(house), "BTC")
        assert digests(folder) == before

    def test_a_lost_cache_changes_no_figure(self, conf_of_settled: House) -> None:
        settings = under(conf_of_settled, "strategy=sma_crossover", f"storage.cache_dir={conf_of_settled.root / 'new'}")
        first, again = (values(backtest("sma_crossover", settings)) for _ in range(2))
        assert (first.pop("used_cache"), again.pop("used_cache")) == (False, True)
        assert first == again


class TestSomethingNew:
    """A day later."""

    @pytest.fixture
    def ends(self, house: House) -> tuple[Settings, Settings]:
        """The same house as its scenario stands now and ninety minutes later."""
        end = under(house).feed.end  # type: ignore[union-attr]
        assert isinstance(end, datetime)
        later = end + timedelta(minutes=90)
        return under(house), under(house, f"feed.end='{later.isoformat()}'")

    def test_only_the_new_bars_are_added_and_the_old_ones_stay(self, ends: tuple[Settings, Settings]) -> None:
        earlier, later = ends
        first, second = (values(make_bars(settings, "BTC")) for settings in ends)
        assert (second["added 1m"], second["revised 1m"], second["revised 1d"]) == (90, 0, 0)
        assert second["rows"] == int(str(first["rows"])) + 90
        assert second["data_hash"] != first["data_hash"]
        store = Container(later).bar_store
        whole = store.read("BTC", Timeframe.M1)
        assert len(whole) == second["rows"]
        cut = whole.iloc[: int(str(first["rows"]))].reset_index(drop=True)
        alone = Container(earlier).bar_store.read("BTC", Timeframe.M1, end=cut["ts"].iloc[-1])
        pd.testing.assert_frame_equal(cut, alone)

    def test_features_of_new_bars_are_made_and_those_of_the_past_stay(self, ends: tuple[Settings, Settings]) -> None:
        tables = []
        mine = {"version": "3", "timeframe": "1h", "columns": ({"indicator": "ema", "arguments": (3.0,)},)}
        for settings, rows, of_set in zip(ends, ("all", 90), ("all", 1), strict=True):
            features = FeaturesSettings.model_validate(settings.features.model_dump() | {"sets": {"mine": mine}})
            with_set = settings.model_copy(update={"features": features})
            make_bars(with_set, "BTC")
            shown = values(make_features(with_set, "BTC"))
            assert shown["made now"] == (shown["rows"] if rows == "all" else rows)
            with Container(with_set) as house:
                chosen = feature_sets(with_set, house.instrument("BTC"), BarKind.TRADE)["mine"]
                stored = house.artefacts.read_frame(("features", "BTC", "sets", "mine"))
                whole = chosen.table(house.bars.read_bars("BTC", Timeframe.H1))
                snapshot = newest_features(house, "BTC", "mine")[1]
                used = {each.detail.get("set"): each.series[0] for each in Uses(house.root).all()}
            assert (used["mine"].instrument, used["mine"].timeframe) == ("BTC", Timeframe.M1), (
                "hours are made of minutes"
            )
            pd.testing.assert_frame_equal(stored, whole, check_exact=True)
            made = len(stored) if of_set == "all" else of_set
            assert f"| mine | 1h | {chosen.identity} | {len(stored)} | {made} |" in str(shown["sets"])
            assert (snapshot.ts, snapshot.version) == (stored["ts"].iloc[-1], chosen.identity)
            assert snapshot.values["ema_3"] == stored["ema_3"].iloc[-1]
            tables.append(Container(settings).artefacts.read_frame(("features", "BTC")))
        before, after = tables
        assert len(after) == len(before) + 90
        pd.testing.assert_frame_equal(after.iloc[: len(before)], before)

    def test_a_corrected_bar_is_a_revision_and_new_results(self, house: House) -> None:
        settings = under(house, "strategy=sma_crossover")
        make_bars(settings, "BTC")
        before = values(backtest("sma_crossover", settings))
        store = Container(settings).bar_store
        row = store.read("BTC", Timeframe.M1).iloc[[1500]].copy()
        row[["open", "high", "low", "close"]] *= 1.25
        assert store.upsert("BTC", Timeframe.M1, BarKind.TRADE, row.reset_index(drop=True)).revised == 1
        after = values(backtest("sma_crossover", settings))
        assert after["used_cache"] is False
        assert after["data_hash"] != before["data_hash"]
        assert after["cache_key"] != before["cache_key"]


class TestFigures:
    """What the graph shows is what is stored."""

    def test_of_bars_and_features(self, conf_of_settled: House) -> None:
        settings = under(conf_of_settled)
        clock, artefacts = Container(settings).clock, Container(settings).artefacts
        store, shown = Container(settings, clock).bar_store, values(make_bars(settings, "BTC"))
        coverage = store.coverage("BTC", Timeframe.M1)
        assert coverage is not None
        assert shown["rows"] == coverage.rows == len(store.read("BTC", Timeframe.M1))
        assert shown["data_hash"] == store.data_hash("BTC", Timeframe.M1)
        shown = values(make_features(settings, "BTC"))
        table = artefacts.read_frame(("features", "BTC"))
        assert shown["rows"] == len(table)
        stored = artefacts.read_json(("features", "BTC", "newest"))
        assert f"| returns | {stored['values']['returns']:.6g} |" in str(shown["newest"])
        complete = table.dropna()
        assert shown["warm_up_rows"] == len(table) - len(complete) > 0
        newest = stored["values"]
        last = {name: value for name, value in complete.iloc[-1].items() if isinstance(newest.get(name), float)}
        assert len(last) > 10
        assert {name: newest[name] for name in last} == last

    @pytest.mark.parametrize("name", STRATEGIES)
    def test_of_a_chain(self, conf_of_settled: House, name: str) -> None:
        settings = under(conf_of_settled, f"strategy={name}")
        artefacts = Container(settings).artefacts
        shown = values(signals(name, settings))
        (row,) = artefacts.read_json(("signals", name))
        assert f"| BTC | {row['candidate_action']} | {row['target']:g} | " in str(shown["signals"])
        shown = values(backtest(name, settings))
        fills, equity = (artefacts.read_frame(("backtest", name, "BTC", part)) for part in ("fills", "equity"))
        assert shown["fills"] == len(fills)
        assert shown["orders"] >= shown["fills"]  # type: ignore[operator]
        assert shown["final_equity"] == equity["equity"].iloc[-1]
        flow = np.where(fills["side"] == "BUY", -1.0, 1.0) * fills["quantity"] * fills["price"] - fills["fee"]
        assert settings.backtest.cash + flow.sum() == pytest.approx(equity["cash"].iloc[-1], rel=1e-12)
        shown = values(evaluation(name, settings))
        figures = artefacts.read_json(("evaluation", name))
        assert {key: shown[key] for key in figures if key in shown} == {
            key: value for key, value in figures.items() if isinstance(value, int | float | str)
        }
        worst = (equity["equity"] / equity["equity"].cummax() - 1).min()
        assert figures["max_drawdown"] >= worst - 1e-12, "sampled by session it cannot be deeper than by bar"

    def test_of_a_report(self, conf_of_settled: House) -> None:
        settings = under(conf_of_settled, "strategy=sma_crossover")
        shown = values(risk_report("sma_crossover", settings))
        path = Path(str(shown["report"]))
        assert path == conf_of_settled.root / "reports" / "sma_crossover.html"
        page = path.read_text()
        assert f"{settings.config_hash[:12]}" in page
        assert str(shown["findings"]).count("critical") >= int(str(shown["critical_findings"]))


def test_tables_of_a_result_without_trades() -> None:
    empty = account([100.0, 101.0], cash=10.0)
    fills, equity = fills_table(empty), equity_table(empty)
    assert list(fills) == ["ts", "side", "quantity", "price", "fee", "slippage_bps", "reason"]
    assert len(fills) == 0
    assert str(fills["ts"].dtype) == str(equity["ts"].dtype) == "datetime64[ns, UTC]"
    assert equity["equity"].tolist() == [10.0, 10.0]


def test_tables_name_the_side_and_the_moment_of_every_fill() -> None:
    result = account([100.0, 101.0, 90.0], [Fill(0, 3.0, 100.0, 1.0), Fill(2, -5.0, 90.0, 2.0)])
    fills, equity = fills_table(result), equity_table(result)
    assert fills[["side", "quantity", "price", "fee"]].values.tolist() == [
        ["BUY", 3.0, 100.0, 1.0], ["SELL", 5.0, 90.0, 2.0],
    ]  # fmt: skip
    assert [stamp.value for stamp in fills["ts"]] == result.bars.ts[[0, 2]].tolist()
    assert equity["position"].tolist() == [3.0, 3.0, -2.0]
    assert equity["cash"].tolist() == [699.0, 699.0, 1147.0]
    assert equity["equity"].tolist() == [999.0, 1002.0, 967.0]
