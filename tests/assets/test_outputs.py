"""Outputs of assets stay in memory: no pickles, and no folder that the config of a run names (D2)."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from assets.home import keep_outputs_in_memory


@dg.asset
def first() -> int:
    return 20


@dg.asset
def second(first: int) -> int:
    return first + 1


def run(instance: dg.DagsterInstance) -> str:
    """Both assets under a run config that names a folder by a variable; the run's events as text."""
    job = dg.Definitions([first, second], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()
    config = {"resources": {"io_manager": {"config": {"base_dir": {"env": "POSTGRES_URL"}}}}}
    result = job.execute_in_process(instance=instance, run_config=config)
    assert result.output_for_node("second") == 21
    return " ".join(f"{event.message} {event.event_specific_data}" for event in result.all_events)


def test_a_run_cannot_print_a_variable_as_the_folder_of_its_outputs(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_URL", str(tmp_path / "canary-3381"))
    assert "canary-3381" in run(instance), "Dagster's own manager of outputs does"
    before = sorted(tmp_path.rglob("*"))
    for path in reversed(before):
        path.rmdir() if path.is_dir() else path.unlink()
    keep_outputs_in_memory()
    assert "canary-3381" not in run(instance)
    assert list(tmp_path.rglob("*")) == []
