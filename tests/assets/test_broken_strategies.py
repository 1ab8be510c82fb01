"""A broken strategy in Dagster: both code locations load, and what looks for work passes it by and says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.execution import schedules as desk
from assets.execution.definitions import execution_definitions
from assets.pinned_config import PinnedConfig
from assets.research.definitions import research_definitions
from runtime import job_progress
from runtime.container import Container
from runtime.job_progress import Pending, bars_due, begin_refresh, decisions_due, signals_of
from tests.support.broken_strategies import AT_WORK, SOUND, WAYS, project
from tests.support.houses import House, stock
from tradewright.model.errors import StoreError

SIGNALS = [f"strategy/{name}/signals" for name in SOUND]


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A project with two sound strategies, one of them chosen by the root file, and bars of BTC."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_PROJECT", str(folder))
        made = project(folder)
        stock(made)
        yield made


@pytest.fixture
def chosen(stocked: House) -> Iterator[Path]:
    """The file of the strategy that the root file chooses, for one test to break."""
    file = stocked.conf / "strategy" / f"{SOUND[0]}.yaml"
    sound = file.read_text()
    yield file
    file.write_text(sound)


def keys(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_both_locations_load_beside_every_broken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(tmp_path))
    house = project(tmp_path, *WAYS, *AT_WORK)
    sound = (house.conf / "strategy" / "buy_and_hold.yaml").read_text().replace("name: buy_and_hold\n", "")
    for name in ("two-names", "two_names", "two.names"):
        (house.conf / "strategy" / f"{name}.yaml").write_text(sound)
    research, execution = research_definitions(house.overrides), execution_definitions(house.overrides)
    assert {*SIGNALS, "strategy/two_2d_names/signals", "strategy/two_2e_names/signals"} < keys(research)
    assert {*SIGNALS, "intents", "decisions"} < keys(execution)
    checks = {key.asset_key.path[1] for key in research.resolve_asset_graph().asset_check_keys if key.name == "config"}
    assert len(checks) == len(WAYS), "each tells its problem"


def test_the_sensor_of_signals_passes_a_broken_file_by(
    stocked: House, chosen: Path, instance: dg.DagsterInstance
) -> None:
    sensor = research_definitions(stocked.overrides).resolve_sensor_def("new_bars")
    asked = sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).run_requests or []
    assert [key.to_user_string() for key in asked[0].asset_selection or []] == SIGNALS
    chosen.write_text("kind: [\n")
    asked = sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).run_requests or []
    assert [key.to_user_string() for key in asked[0].asset_selection or []] == SIGNALS[1:]
    (stocked.conf / "strategy" / f"{SOUND[1]}.yaml").rename(stocked.conf / "aside")
    said = sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).skip_message or ""
    (stocked.conf / "aside").rename(stocked.conf / "strategy" / f"{SOUND[1]}.yaml")
    for name in SOUND:
        assert f"{name} is broken" in said
        assert f"conf/strategy/{name}.yaml" in said


def test_a_strategy_file_changes_nothing_of_runs_that_belong_to_none(stocked: House, chosen: Path) -> None:
    """Sending, reconciling and refreshing would stop until the definitions are loaded again."""
    pinned = PinnedConfig.without_strategies(stocked.overrides)
    for text in ("kind: [\n", "kind: nothing\n", chosen.read_text().replace("0.5", "0.6")):
        chosen.write_text(text)
        assert pinned.current() == pinned.settings
    chosen.unlink()
    assert pinned.current() == pinned.settings


def test_old_signals_of_a_broken_one_start_no_run(
    stocked: House, chosen: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "decisions_due", lambda *_given: Pending(((SOUND[0], "BTC"),), ()))
    sensor = execution_definitions(stocked.overrides).resolve_sensor_def("new_signals")
    assert sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).run_requests
    chosen.write_text("kind: [\n")
    tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    assert not tick.run_requests
    assert "nothing is entered for it" in (tick.skip_message or "")


def test_a_damaged_record_is_that_of_its_own_strategy_alone(stocked: House) -> None:
    settings = PinnedConfig.without_strategies(stocked.overrides).settings
    with Container(settings) as house:
        house.progress.write_json((*signals_of(SOUND[0]), "progress"), ["no", "progress"])
        pending = decisions_due(house, SOUND)
        house.progress.write_json((*signals_of(SOUND[0]), "progress"), ["2026-11-20T15:00:00Z", {}, "", False])
    assert pending.failed.keys() == {SOUND[0]}
    assert [reason.partition(":")[0] for reason in pending.reasons] == list(SOUND)


def test_bars_that_cannot_be_read_hold_no_other_instrument_up(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = (*stocked.overrides, "universe.instruments=[BTC,ETH]")
    plain = job_progress.newest_known

    def damaged(house: Container, symbol: str, timeframes: object) -> object:
        if symbol == "BTC":
            raise StoreError("the manifest is damaged", where="BTC 1m", remedy="restore it")
        return plain(house, symbol, timeframes)  # type: ignore[arg-type]

    monkeypatch.setattr(job_progress, "newest_known", damaged)
    with Container(PinnedConfig.without_strategies(overrides).settings) as house:
        due = bars_due(house, ())
        assert "the manifest is damaged" in due["BTC"]
        assert "ETH" in due
        with pytest.raises(StoreError):
            begin_refresh(house, "BTC", ())
        assert "BTC" not in bars_due(house, ()), "it was tried a moment ago"
