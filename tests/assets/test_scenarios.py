"""Synthetic markets in Dagster: one job stores all of them, its check blocks; certificates are the command's."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from assets.research import scenarios as module
from assets.research.definitions import ROBUSTNESS_JOB, SCENARIOS_JOB, research_definitions
from conf.environment import SOURCE
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.support.houses import House

NAMES = sorted(path.stem for path in (SOURCE / "conf" / "scenario").glob("*.yaml"))


def test_one_job_stores_every_scenario_and_its_check_blocks(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = research_definitions(house.overrides)
    job = definitions.resolve_job_def(SCENARIOS_JOB)
    run = job.execute_in_process(instance=instance)
    (check,) = run.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("scenario_sane", True, dg.AssetCheckSeverity.ERROR)
    (event,) = run.get_asset_materialization_events()
    manifests = event.materialization.metadata["manifests"].value
    assert [each["scenario_id"] for each in manifests] == NAMES  # type: ignore[index, union-attr]
    assert sorted(path.name for path in (house.root / "scenarios").iterdir()) == NAMES
    assert say("scenarios", "check", *house.overrides).status == 0
    node = definitions.resolve_asset_graph().get(dg.AssetKey(module.DATASETS))
    (key,) = node.check_keys
    assert definitions.resolve_asset_graph().get_check_spec(key).blocking
    monkeypatch.setattr(module, "wrong_datasets", lambda *_: [("scenario_halt", "bar 7: a price is not finite")])
    bad = job.execute_in_process(instance=instance, raise_on_error=False)
    (check,) = bad.get_asset_check_evaluations()
    assert not check.passed
    assert "bar 7" in str(check.metadata["problems"].value)


def test_the_jobs_of_the_engine_say_what_the_command_says(
    house: House, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    definitions, strategy = research_definitions(house.overrides), str(LIBRARY / "ma_crossover.yaml")
    short = house.conf / "scenario" / "scenario_short.yaml"
    text = (house.conf / "scenario" / "scenario_shocky.yaml").read_text()
    short.write_text(text.replace("scenario_shocky", "scenario_short").replace(": 2000", ": 1000"))
    assert say("scenarios", "generate", *house.overrides, "--scenario", "scenario_short").status == 0

    def run(tier: str, **config: object) -> bool:
        step = {"config": {"strategy": strategy, "scenario": "scenario_short", **config}}
        job = definitions.resolve_job_def(f"backtest_{tier}")
        told = {"ops": {f"test_engine_{tier}": step}}
        return job.execute_in_process(run_config=told, instance=instance, raise_on_error=False).success

    assert run("t0", fees_bps=3.0)
    words = ("scenarios", "test", strategy, "scenario_short", "--fees-bps", "3", *house.overrides, "--json")
    assert say(*words).json["used_cache"] is True, "one signature"
    assert run("t1")
    assert not run("t0", scenario="scenario_shocky"), "it is not stored"
    assert not run("t1", strategy=str(tmp_path / "none.yaml"))


def test_a_certificate_is_the_commands(house: House, instance: dg.DagsterInstance) -> None:
    strict = (*house.overrides, "certify.max_loss=0.01")
    for name in NAMES[2:]:
        (house.conf / "scenario" / f"{name}.yaml").unlink()
    job = research_definitions(strict).resolve_job_def(ROBUSTNESS_JOB)
    key = dg.AssetKey(["strategy", "buy_and_hold", "certificate"])
    run = job.execute_in_process(instance=instance, asset_selection=[key])
    (check,) = run.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("valid", False)
    assert "scenario_delisting: max_loss" in str(check.metadata["problems"].value)
    (event,) = run.get_asset_materialization_events()
    told = {name: each.value for name, each in event.materialization.metadata.items()}
    said = say("certify", "buy_and_hold", *strict, "--json")
    assert (said.status, told["certificate_hash"]) == (1, said.json["certificate_hash"])
    assert "FAIL" in Path(str(told["report"])).read_text()
    (kept,) = (house.root / "artefacts" / "certificate" / "buy_and_hold").glob("[0-9a-f]*.json")
    assert json.loads(kept.read_text())["rows"] == said.json["rows"]
