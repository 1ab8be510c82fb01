"""The chain of an allocation, whose backtest has one account for all instruments, and what the command says of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from assets.research.definitions import RESEARCH_JOB, ROBUSTNESS_JOB, research_definitions
from assets.runs import execute
from conf.compose import compose
from runtime.container import Container
from tests.support.houses import House, conf_copy
from tests.support.random_walks import asked

SHARED = (
    "backtest.account=shared",
    "backtest.shared.rebalance=session",
    "backtest.timeframe=1d",
    "universe.instruments=[BTC,ETH]",
)
NAME = "momentum_rotation"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """An allocation alone, on scenario days that are made where they are read."""
    made = House(
        conf_copy(tmp_path, ("momentum_rotation",)), tmp_path / "data", (*SHARED, "strategy=momentum_rotation")
    )
    path = made.conf / "strategy" / "momentum_rotation.yaml"
    text = path.read_text().replace("value: 252", "value: 5").replace("value: 0.0", "value: -100.0")
    path.write_text(text.replace("[63, 126, 252]", "[3, 5]").replace("[2, 3, 4]", "[1, 3]"))
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made.conf))
    return made


def test_the_chain_is_the_commands(house: House, instance: dg.DagsterInstance) -> None:
    overrides = tuple(text for text in house.overrides if not text.startswith("strategy="))
    definitions = research_definitions(overrides)
    run = execute(definitions, RESEARCH_JOB, instance)
    events = run.get_asset_materialization_events()
    made = {event.asset_key.path[-1]: event.materialization.metadata for event in events}
    assert list(made) == ["signals", "backtest", "evaluation", "metrics_window", "risk_report"]
    signals = made.pop("signals")
    assert signals["bars"].value > 0
    assert "BUY" in signals["signals"].value
    checks = {each.check_name: each.passed for each in run.get_asset_check_evaluations()}
    assert checks == dict.fromkeys(("look_ahead", "valid", "finite", "schema", "no_critical_finding"), True)
    said = asked(house, "backtest")
    backtest = made["backtest"]
    assert backtest["final_equity"].value == said["final_equity"]
    assert (backtest["fills"].value, backtest["orders"].value) == (len(said["fills"]), said["orders"])
    assert made["risk_report"]["verdict_figures"].value == said["verdict"]
    assert said["verdict"]["figures"]["trials"] == 1
    for metadata in made.values():
        assert (metadata["config_hash"].value, metadata["data_hash"].value) == (said["config_hash"], said["data_hash"])
    artefacts = Container(compose(house.overrides)).artefacts
    kept = {symbol: artefacts.read_frame(("backtest", NAME, symbol, "fills")) for symbol in ("BTC", "ETH")}
    assert {symbol: len(rows) for symbol, rows in kept.items()} == Counter(row["instrument"] for row in said["fills"])
    for symbol, rows in kept.items():
        assert rows["price"].tolist() == [row["price"] for row in said["fills"] if row["instrument"] == symbol]
    assert artefacts.read_json(("evaluation", NAME)) == said["metrics"]
    assert "shared by all instruments" in Path(made["risk_report"]["report"].value).read_text()


def test_its_robustness_is_the_commands(house: House, instance: dg.DagsterInstance) -> None:
    more = ("montecarlo.paths=100", "montecarlo.permutations=3", "walkforward.folds=2")
    overrides = (*(text for text in house.overrides if not text.startswith("strategy=")), *more)
    job = research_definitions(overrides).resolve_job_def(ROBUSTNESS_JOB)
    assert {key.path[-1] for key in job.asset_layer.executable_asset_keys} == {*DEAR, "certificate"}
    run = job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey(["strategy", NAME, part]) for part in DEAR]
    )
    assert {(each.check_name, each.passed) for each in run.get_asset_check_evaluations()} == {("valid", True)}
    made = {
        event.asset_key.path[-1]: event.materialization.metadata for event in run.get_asset_materialization_events()
    }
    assert set(made) == set(DEAR)
    lines = {line["source"]: line["added"] for line in asked(house, "trials")["trials"]}
    assert lines["walkforward"] == 2 * 4 + 1
    assert lines["sweep"] + lines["backtest"] == 4, "the backtest is a set of the sweep"
    for part, command in DEAR.items():
        said = asked(house, command, *more)
        assert made[part]["config_hash"].value == said["config_hash"]
        assert (
            said["verdict"]["figures"]["skill_sharpe"] == made[part]["verdict_figures"].value["figures"]["skill_sharpe"]
        )
    assert made["sweep"]["sets"].value == 4
    assert made["monte_carlo"]["permutations"].value == 3
    assert made["monte_carlo"]["left_out"].value.count("several instruments share the account") == 2


DEAR = {"sweep": "sweep", "walk_forward": "walkforward", "monte_carlo": "montecarlo"}


def test_jobs_without_an_asset_wait_for_nothing(house: House, instance: dg.DagsterInstance) -> None:
    """No strategy here makes signals: the sensor of signals asks for no run, and their job has nothing to do."""
    overrides = tuple(text for text in house.overrides if not text.startswith("strategy="))
    definitions = research_definitions((*overrides, "backtest.account=split", "schedules=on"))
    tick = definitions.resolve_sensor_def("new_bars").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert (tick.run_requests, tick.skip_message) == ([], "no strategy has bars that its signals have not seen")
    assert execute(definitions, "signals", instance).get_asset_materialization_events() == []
