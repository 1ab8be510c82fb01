"""One look of each schedule: what it asks for, what it says when it asks for nothing, and what a failure stops."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.execution import upkeep
from assets.execution.schedules import point_at_job
from assets.research.schedules import point_at_bars
from conf.compose import compose
from runtime import bar_suite, feeds, research
from runtime import job_progress as due
from runtime.container import Container
from tests.assets.days import Days, without_quality_extra
from tests.support.houses import House, conf_copy
from tradewright.ledger.ledger import Ledger
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError

START = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)
D1 = ("universe.timeframe=1d", "universe.base_timeframe=1d", "feed.end=null", "feed.days_1d=300", "schedules=on")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    made = ManualClock(START)
    monkeypatch.setattr("runtime.container.SystemClock", lambda: made)
    return made


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage folder with the daily bars of BTC and ETH up to the start, and nothing else."""
    root = tmp_path_factory.mktemp("stored")
    settings = compose((f"storage.root={root}", *D1))
    with Container(settings, ManualClock(START)) as house:
        for symbol in ("BTC", "ETH"):
            research.refreshed(house, feeds.scenario(settings, START), symbol)
    return root


@pytest.fixture
def days(
    tmp_path: Path, stored: Path, monkeypatch: pytest.MonkeyPatch, clock: ManualClock, instance: dg.DagsterInstance
) -> Iterator[Days]:
    """Two markets of daily bars, before anything was done."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy(tmp_path, ["buy_and_hold"])))
    monkeypatch.setattr(bar_suite, "run_suite", without_quality_extra)
    overrides = (f"storage.root={tmp_path / 'data'}", "universe.instruments=[BTC,ETH]", "strategy=buy_and_hold", *D1)
    monkeypatch.setattr(
        "assets.pinned_config.digest_of_sources", lambda: "unchanged"
    )  # pytest changes the environment between phases
    shutil.copytree(stored, tmp_path / "data")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as home:
        yield Days(overrides, clock, home, instance)


def test_one_instrument_that_fails_stops_no_other_and_is_tried_again(
    days: Days, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = research.refreshed

    def refuse(house: Container, source: object, symbol: str, timeframes: object) -> object:
        if symbol == "BTC":
            raise DataError("high below low in row 7", where="BTC 1d", remedy="correct the source")
        return plain(house, source, symbol, timeframes)  # type: ignore[arg-type]

    monkeypatch.setattr(research, "refreshed", refuse)
    days.tick("refresh_bars")
    (failure,) = days.failed
    assert "BTC: BTC 1d: high below low in row 7" in failure
    assert "ETH" not in failure
    with Container(days.settings) as house:
        results = {name: result.passed for name, result in house.ledger.checks.newest().items()}
    assert results == {"bars.BTC.1d": False, "bars.ETH.1d": True, "features.ETH": True}
    history = days.instance.get_latest_materialization_event(dg.AssetKey("features"))
    assert history is not None
    assert history.dagster_event is not None
    assert history.dagster_event.partition == "ETH"
    assert days.tick("refresh_bars") == []
    assert days.skipped["refresh_bars"] == "no bar has closed since the last refresh"
    monkeypatch.setattr(research, "refreshed", plain)
    clock.advance(300)
    with Container(days.settings) as house:
        assert list(due.bars_due(house, ())) == ["BTC"]
    days.tick("refresh_bars")
    assert len(days.failed) == 1
    assert len(days.tick("new_bars")) == 1


def test_signals_that_wait_are_found_however_late(days: Days, clock: ManualClock) -> None:
    """The hand-over is the store: nothing looked for an hour, and the signals are still to be decided on."""
    days.round(["refresh_bars", "new_bars"])
    clock.advance(3500)
    assert len(days.tick("new_signals")) == 1
    assert days.failed == []
    assert days.tick("new_signals") == []
    assert "BTC: the bar of 2026-11-24 00:00 UTC was decided on" in days.skipped["new_signals"]


def test_stale_checks_keep_signals_from_the_desk_until_they_are_made_again(days: Days, clock: ManualClock) -> None:
    days.round(["refresh_bars", "new_bars"])
    clock.advance(3700)
    assert days.tick("new_signals") == []
    assert "BTC: no fresh result of bars.BTC.1d, features.BTC, lookahead.buy_and_hold" in days.skipped["new_signals"]
    days.round(["refresh_bars", "new_bars"])
    assert len(days.tick("new_signals")) == 1


def test_a_desk_that_dies_before_its_decisions_are_marked_decides_the_same_again(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    days.round(["refresh_bars", "new_bars"])
    with monkeypatch.context() as patch:
        patch.setattr("assets.execution.orders.finish_decisions", died)
        days.tick("new_signals")
    assert len(days.failed) == 1
    with Container(days.settings) as house:
        before = house.ledger.decisions.all()
    assert days.tick("new_signals") == []
    assert "its last run failed; next try at" in days.skipped["new_signals"]
    monkeypatch.setattr("assets.scheduling._now", lambda: datetime.now(UTC) + timedelta(minutes=6))
    assert len(days.tick("new_signals")) == 1
    with Container(days.settings) as house:
        assert house.ledger.decisions.all() == before
    assert before


def died(*_arguments: object) -> None:
    """The process is gone."""
    raise DataError("the process is gone", where="here")


def test_what_was_decided_on_one_account_is_new_on_another(days: Days) -> None:
    days.round(["refresh_bars", "new_bars", "new_signals"])
    other = compose((*days.overrides, "broker.account=OTHER"))
    with Container(days.settings) as house, Container(other) as apart:
        assert due.decisions_due(house, ["buy_and_hold"]).pairs == ()
        assert len(due.decisions_due(apart, ["buy_and_hold"]).pairs) == 2


def test_a_scenario_stands_still_while_nothing_refreshes_it(house: House, instance: dg.DagsterInstance) -> None:
    still = compose(house.overrides)
    found = point_at_bars(instance, still, ())
    assert isinstance(found, dg.SkipReason)
    assert "the scenario stands at its end" in str(found.skip_message)
    moving = compose((*house.overrides, "schedules=on"))
    assert isinstance(point_at_bars(instance, moving, ()), dg.RunRequest)
    with Container(moving) as goes_on, Container(still) as stands:
        assert (goes_on.stands_still, stands.stands_still) == (False, True)


def test_an_account_that_never_traded_is_left_alone(house: House, instance: dg.DagsterInstance) -> None:
    settings = compose((*house.overrides, "schedules=on"))
    for job, reason in (("reconcile", upkeep.reconciliation_due), ("end_of_day", upkeep.end_of_day_due)):
        found = point_at_job(instance, settings, job, reason)
        assert isinstance(found, dg.SkipReason)
        assert found.skip_message == "no order of this mode and account was ever approved"


def test_a_ledger_on_a_server_is_a_reason_to_skip_and_no_failure(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = compose((*house.overrides, "schedules=on"))
    assert isinstance(point_at_job(instance, settings, "backup", upkeep.backup_due), dg.RunRequest)
    monkeypatch.setattr(Ledger, "file", property(lambda _ledger: None))
    found = point_at_job(instance, settings, "backup", upkeep.backup_due)
    assert isinstance(found, dg.SkipReason)
    assert "pg_dump" in str(found.skip_message)


def test_the_doctor_fails_its_run_when_something_is_broken_and_is_not_asked_again(
    house: House, instance: dg.DagsterInstance
) -> None:
    overrides = (*house.overrides, "schedules=on", "mode=paper", "broker=ibkr", "broker.port=1")
    settings = compose(overrides)
    with pytest.raises(dg.Failure) as failure:
        upkeep.examine(settings, overrides)
    assert "broken: broker: 127.0.0.1:1" in str(failure.value.description)
    found = point_at_job(instance, settings, "doctor", upkeep.doctor_due)
    assert isinstance(found, dg.SkipReason)
    assert found.skip_message == "it was done since it was due last"


def test_bars_that_changed_since_they_were_checked_are_checked_again_at_once(days: Days, clock: ManualClock) -> None:
    """An import by hand, or a correction: nobody has to type a command before orders pass again."""
    days.tick("refresh_bars")
    clock.advance(60)
    with Container(days.settings) as house:
        assert due.bars_due(house, ()) == {}
        stored = house.bar_store.read("BTC", Timeframe.D1)
        house.bar_store.upsert("BTC", Timeframe.D1, BarKind.TRADE, stored.iloc[[3]].assign(volume=7.0))
        assert due.bars_due(house, ()) == {
            "BTC": "the stored bars or the rules of quality are not those of bars.BTC.1d, features.BTC"
        }
    days.tick("new_bars")
    with Container(days.settings) as house:
        waiting = due.decisions_due(house, ["buy_and_hold"])
        assert waiting.pairs == (("buy_and_hold", "ETH"),)
        assert "buy_and_hold: BTC: no fresh result of bars.BTC.1d, features.BTC" in waiting.reasons
    days.tick("refresh_bars")
    with Container(days.settings) as house:
        assert due.bars_due(house, ()) == {}
        told = house.ledger.checks.newest(["bars.BTC.1d"])["bars.BTC.1d"]
        assert told.about("fingerprint") == house.bar_store.fingerprint("BTC", Timeframe.D1)
        assert due.decisions_due(house, ["buy_and_hold"]).pairs == (("buy_and_hold", "BTC"), ("buy_and_hold", "ETH"))
