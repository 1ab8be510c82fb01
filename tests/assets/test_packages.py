"""A package proved from Dagster: the job says what ``tradewright package verify`` says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import dagster as dg

from assets.research.definitions import research_definitions
from assets.research.packages import VERIFY_JOB
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.support.houses import House
from tradewright.packages.manifest import Manifest
from tradewright.packages.package import Package, read_file, written


def test_a_package_is_proved_and_a_false_one_fails_the_run_with_what_differs(
    house: House, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    for path in sorted((house.conf / "scenario").glob("*.yaml"))[1:]:
        path.unlink()
    shutil.copy(LIBRARY / "ma_crossover.yaml", house.conf / "strategy")
    file, forged = tmp_path / "mine.hsp", tmp_path / "forged.hsp"
    scenario = ("feed.days_1m=1", "feed.days_1d=30", "backtest.instruments=[BTC]")
    words = ("package", "export", "ma_crossover", str(file), *house.overrides, *scenario, "--unsigned", "--json")
    assert say(*words).status == 0
    package = read_file(file)
    told = json.loads(package.manifest.text())
    told["expected"]["metrics"]["net_profit"] += 1.0
    manifest = Manifest.model_validate_json(json.dumps(told))
    forged.write_bytes(written(Package(manifest, package.document, package.configuration, package.certificate), None))
    job = research_definitions(house.overrides).resolve_job_def(VERIFY_JOB)

    def run(path: Path, *, unsigned: bool = True) -> dg.ExecuteInProcessResult:
        step = {"config": {"file": str(path), "allow_unsigned": unsigned}}
        return job.execute_in_process(
            run_config={"ops": {"prove_package": step}}, instance=instance, raise_on_error=False
        )

    good = run(file)
    assert good.success
    (event,) = [each for each in good.all_node_events if each.event_type_value == "STEP_OUTPUT"]
    assert event.step_output_data.metadata["package"].value == "ma_crossover@1"
    bad = run(forged)
    (failure,) = [each.step_failure_data for each in bad.all_node_events if each.is_step_failure]
    assert failure.user_failure_data is not None
    assert "NOT verified: 1 difference (metrics)" in str(failure.user_failure_data.description)
    assert "net_profit" in str(failure.user_failure_data.metadata["differences"].value)
    assert not run(file, unsigned=False).success, "nobody has signed it"
    assert not run(tmp_path / "none.hsp").success
