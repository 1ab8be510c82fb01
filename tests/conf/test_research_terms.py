"""What research is told: which bars, which instruments, which columns, which measures."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from conf.compose import compose
from conf.environment import SOURCE
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from runtime import feeds, research, signals
from runtime.container import Container
from runtime.study import run_study
from runtime.sweep import SweptSettings, sweep_sets
from tests.backtest.conftest import random_bars
from tests.backtest.reference import run_reference
from tradewright.evaluation.equity_curve import Sampling
from tradewright.indicators.features import feature_table
from tradewright.indicators.registry import column
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError, DataError, StoreError
from tradewright.model.signal import SignalAction
from tradewright.model.strategy import Feature
from tradewright.research.bars import InstrumentBars
from tradewright.scenarios.scenario import Scenario

TRADE = BarKind.TRADE
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@cache
def composed(*overrides: str) -> Settings:
    return compose(overrides)


def changed(settings: Settings, group: str, **values: Any) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=values)})


@pytest.mark.parametrize(
    ("backtest", "strategy", "expected"),
    [
        (None, None, ("BTC", "ETH", "AAPL", "NAS100", "XAUUSD")),
        (None, ("ETH",), ("ETH",)),
        (("BTC", "ETH"), ("ETH",), ("BTC", "ETH")),
        (("BTC",), None, ("BTC",)),
    ],
)
def test_the_nearest_list_of_instruments_counts(
    backtest: tuple[str, ...] | None, strategy: tuple[str, ...] | None, expected: tuple[str, ...]
) -> None:
    settings = changed(changed(composed(), "backtest", instruments=backtest), "strategy", instruments=strategy)
    assert research.symbols(settings) == expected


@pytest.mark.parametrize(
    ("backtest", "strategy", "expected"),
    [
        (None, None, Timeframe.M1),
        (None, Timeframe.H1, Timeframe.H1),
        (Timeframe.D1, Timeframe.H1, Timeframe.D1),
        (Timeframe.D1, None, Timeframe.D1),
    ],
)
def test_the_nearest_timeframe_counts(
    backtest: Timeframe | None, strategy: Timeframe | None, expected: Timeframe
) -> None:
    settings = changed(changed(composed(), "backtest", timeframe=backtest), "strategy", timeframe=strategy)
    assert research.timeframe(settings) is expected


@pytest.mark.parametrize("sampling", list(Sampling))
def test_the_measures_are_those_of_the_settings(sampling: Sampling) -> None:
    settings = changed(composed(), "evaluation", sampling=sampling.value, days_per_year=365, risk_free=0.03)
    measures = research.measures(settings, [Container(settings).instrument("AAPL")])
    assert (measures.sampling, measures.days_per_year, measures.risk_free) == (sampling, {"AAPL": 365}, 0.03)


@pytest.mark.parametrize(
    ("sampling", "days"),
    [
        ("session", {"AAPL": 252, "BTC": 365}),
        ("bar", {"AAPL": 252, "BTC": 365}),
        ("calendar_day", {"AAPL": 365, "BTC": 365}),
    ],
)
def test_each_instrument_is_annualised_by_its_own_calendar(sampling: str, days: dict[str, int]) -> None:
    settings = composed("backtest.instruments=[AAPL,BTC]", f"evaluation.sampling={sampling}")
    house = Container(settings)
    assert research.measures(settings, [house.instrument(name) for name in days]).days_per_year == days


def test_the_benchmark_is_an_instrument_of_the_settings_and_its_bars_meet_by_date() -> None:
    settings = composed("evaluation.benchmark=BTC", "evaluation.windows=[20,40]", "universe.timeframe=1d")
    house = Container(settings)
    bars = random_bars(1, 30)
    against = {"BTC": InstrumentBars(house.instrument("BTC"), bars)}
    found = research.measures(settings, [house.instrument("AAPL")], against)
    assert (found.windows, found.benchmark and found.benchmark.name) == ((20, 40), "BTC")
    assert found.benchmark is not None
    assert found.benchmark.close is bars.close
    assert found.benchmark.days is not None
    minutes = composed("evaluation.benchmark=BTC", "universe.timeframe=1m")
    by_time = research.measures(minutes, [house.instrument("AAPL")], against).benchmark
    assert by_time is not None
    assert by_time.days is None
    assert research.benchmark_instruments(house) == (house.instrument("BTC"),)
    assert research.benchmark_tables(Container(composed()), Timeframe.D1) == {}
    worthless = {"BTC": InstrumentBars(house.instrument("BTC"), bars._replace(close=bars.close * 0))}
    with pytest.raises(DataError, match="BTC has a price at or below zero"):
        research.measures(settings, [house.instrument("AAPL")], worthless)


def test_a_benchmark_that_is_not_defined_is_refused() -> None:
    with pytest.raises(ConfigProblems, match=r"evaluation\.benchmark"):
        composed("evaluation.benchmark=SPX500X")


def test_the_columns_are_those_of_the_file() -> None:
    said = yaml.safe_load((SOURCE / "conf/features/default.yaml").read_text())
    made = research.feature_settings(composed(), Container(composed()).instrument("BTC"), TRADE)
    for name in ("rsi", "atr", "rolling_vol", "rank", "slope", "divergence_reach", "divergence_lookback"):
        assert getattr(made, name) == said[name]
    assert made.ema == tuple(said["ema"])
    assert (made.recent_volume, made.usual_volume) == (said["recent_volume"], said["usual_volume"])
    assert [(each.name, each.zone) for each in made.sessions] == [
        (row["name"], row["zone"]) for row in said["sessions"]
    ]
    assert [each.start for each in made.sessions] == [time.fromisoformat(row["start"]) for row in said["sessions"]]
    assert [each.end for each in made.sessions] == [time.fromisoformat(row["end"]) for row in said["sessions"]]
    assert made.extra == tuple(Feature(row["indicator"], tuple(row["arguments"])) for row in said["extra"])


def test_a_further_indicator_is_a_column_of_the_table() -> None:
    adx, trend = "{indicator: adx, arguments: [14]}", "{indicator: Supertrend, arguments: [10, 2.5]}"
    settings = composed(f"features.extra=[{adx}, {trend}, {{indicator: obv, arguments: []}}]")
    bars = random_bars(3, 300)
    made = feature_table(bars, research.feature_settings(settings, Container(settings).instrument("BTC"), TRADE))
    for name, arguments in (("adx", (14,)), ("Supertrend", (10, 2.5)), ("obv", ())):
        expected = column(Feature(name, arguments), bars)
        assert np.isfinite(expected[-1])
        np.testing.assert_array_equal(made["_".join([name, *map(str, arguments)])], expected)


@pytest.mark.parametrize("symbol", ["BTC", "AAPL", "ETHBTC"])
def test_an_unknown_spread_is_the_instruments_own(symbol: str) -> None:
    traded = Container(composed()).instrument(symbol)
    assert research.feature_settings(composed(), traded, TRADE).fallback_spread_bps == traded.default_spread_bps
    assert research.feature_settings(composed(), traded, BarKind.QUOTE).fallback_spread_bps is None


def test_where_bars_come_from() -> None:
    clock = ManualClock(NOW)
    assert feeds.feed(Container(composed("feed=files"), clock)) is None
    assert isinstance(feeds.feed(Container(composed(), clock)), Scenario)
    far = composed("mode=paper", "broker=ibkr", "feed=ibkr")
    with pytest.raises(ConfigError) as caught:
        feeds.feed(Container(far, clock))
    assert caught.value.where == "feed.remote_providers"
    assert "DATA_REMOTE_PROVIDERS=enabled" in caught.value.remedy
    assert feeds.feed(Container(changed(far, "feed", remote_providers="enabled"), clock)) is not None


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two days of made-up minutes of one instrument, in a folder of their own."""
    plain = changed(composed(), "storage", root=str(tmp_path_factory.mktemp("data")))
    plain = changed(plain, "feed", days_1m=2, days_1d=40)
    return changed(plain, "universe", instruments=("BTC",))


def test_bars_are_made_once_and_a_refresh_adds_only_what_is_newer(house: Settings) -> None:
    clock = ManualClock(NOW)
    first = research.tables(Container(house, clock))["BTC"].bars
    source = feeds.feed(Container(house, clock))
    assert source is not None
    reports = research.refreshed(Container(house), source, "BTC")
    assert set(reports) == {Timeframe.M1, Timeframe.D1}
    again = research.tables(Container(house, clock))["BTC"].bars
    np.testing.assert_array_equal(again.close, first.close)
    assert int(first.ts[-1]) == int((NOW - timedelta(minutes=1)).timestamp()) * 10**9


def test_a_span_is_cut_at_both_ends(house: Settings) -> None:
    start, end = NOW - timedelta(hours=5), NOW - timedelta(hours=2)
    cut = research.tables(Container(changed(house, "backtest", start=start, end=end), ManualClock(NOW)))["BTC"].bars
    stamps = [datetime.fromtimestamp(int(stamp) // 10**9, UTC) for stamp in (cut.ts[0], cut.ts[-1])]
    assert start <= stamps[0] < start + timedelta(minutes=1)
    assert end - timedelta(minutes=1) <= stamps[1] <= end


def test_without_bars_from_files_it_is_said_what_is_missing(tmp_path: Path) -> None:
    settings = changed(composed("feed=files"), "storage", root=str(tmp_path))
    with pytest.raises(StoreError, match="BTC"):
        research.tables(Container(changed(settings, "universe", instruments=("BTC",)), ManualClock(NOW)))


def test_a_study_is_the_plain_engine_under_the_settings_terms(house: Settings) -> None:
    study = run_study(Container(house, ManualClock(NOW)))
    item = research.tables(Container(house, ManualClock(NOW)))["BTC"]
    witness = run_reference(Container(house).strategy, item.bars, research.spec(house, item.instrument, item.kind))
    np.testing.assert_allclose(study.account.equity, witness.equity, rtol=1e-12)
    assert study.report.facts["config hash"] == house.config_hash
    assert study.report.facts["parameters"] == "fast=10, slow=30"
    assert study.report.facts["score of the bars"] == "BTC 100.00"
    codes = {finding.code for _name, finding in study.report.findings()}
    assert not codes & {"LOOK_AHEAD", "LOOK_AHEAD_UNTESTED", "DATA_GAPS"}


def test_a_sweep_keeps_what_its_sets_do_not_name(house: Settings) -> None:
    sets = [{"fast": 5.0}, {"fast": 10.0}, {"fast": 5.0, "slow": 60.0}]
    found = sweep_sets([SweptSettings(Container(house, ManualClock(NOW)), sets)])
    assert found.parameters == sets
    study = run_study(Container(house, ManualClock(NOW)))
    assert found.totals["final_equity"][1] == study.account.equity[-1]
    assert len(set(found.totals["final_equity"].tolist())) == 3


@pytest.mark.parametrize("wrong", [{"fast": 0.0}, {"fats": 5.0}, {"slow": 30.5}])
def test_a_set_that_no_strategy_could_take_stops_the_sweep(house: Settings, wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigProblems) as caught:
        sweep_sets([SweptSettings(Container(house, ManualClock(NOW)), [{"fast": 5.0}, wrong, {"fast": 40.0}])])
    assert [problem.key for problem in caught.value.problems] == [f"strategy.{name}" for name in wrong]


def test_a_set_whose_values_do_not_go_together_is_left_out_and_told(house: Settings) -> None:
    found = sweep_sets(
        [SweptSettings(Container(house, ManualClock(NOW)), [{"fast": 40.0}, {"fast": 5.0}, {"fast": 30.0}])]
    )
    assert (found.parameters, found.left_out) == ([{"fast": 5.0}], 2)
    assert found.why == "fast = 40.0, slow = 30; fast < slow is needed"
    alone = sweep_sets([SweptSettings(Container(house, ManualClock(NOW)), [{"fast": 5.0}])])
    assert alone.totals.tobytes() == found.totals.tobytes()
    assert (alone.left_out, alone.why) == (0, "")
    with pytest.raises(ConfigError, match=r"no set is left: fast = 40.0, slow = 30"):
        sweep_sets([SweptSettings(Container(house, ManualClock(NOW)), [{"fast": 40.0}])])


def test_a_signal_says_what_the_strategy_wants_and_where_it_comes_from(house: Settings) -> None:
    (signal,), (again,) = (signals.newest_signals(Container(house, ManualClock(NOW))) for _ in range(2))
    assert signal == again
    assert signal.candidate_action in (SignalAction.BUY, SignalAction.CLOSE)
    assert (signal.strategy, signal.instrument) == ("sma_crossover", "BTC")
    assert (signal.confidence, signal.size_pct) == (0.65, 0.01)
    assert signal.config_hash == house.config_hash
    assert signal.bar_ts < NOW
    other = changed(house, "strategy", confidence=0.9)
    (surer,) = signals.newest_signals(Container(other, ManualClock(NOW)))
    assert surer.confidence == 0.9


def test_the_strategies_that_ship_see_no_future_in_made_up_bars(house: Settings) -> None:
    tested = signals.signal_look_ahead(Container(house, ManualClock(NOW)))
    assert {name: each.free for name, each in tested.items()} == {"BTC": True}
    assert tested["BTC"].bars > 0
