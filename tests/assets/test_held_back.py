"""A job is left alone while it works, and for longer after each failure; never for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from assets import scheduling
from assets.scheduling import DEAD, held_back, working

RETRY = timedelta(minutes=5)


@dg.job(executor_def=dg.in_process_executor)
def looked_at() -> None:
    """A job without steps: its runs are written down by the tests."""


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that a test moves, beginning at the machine's own time, by which runs are dated."""
    moment = [datetime.now(UTC)]
    monkeypatch.setattr(scheduling, "_now", lambda: moment[0])
    return moment


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    instance.create_run_for_job(looked_at, status=status)


def test_nothing_holds_back_a_job_that_never_ran_or_went_well(instance: dg.DagsterInstance) -> None:
    assert held_back(instance, "looked_at", RETRY) == ""
    run(instance, dg.DagsterRunStatus.FAILURE)
    run(instance, dg.DagsterRunStatus.SUCCESS)
    assert held_back(instance, "looked_at", RETRY) == ""


def test_a_run_that_works_holds_the_next_one_back_until_it_counts_as_dead(
    instance: dg.DagsterInstance, now: list[datetime]
) -> None:
    run(instance, dg.DagsterRunStatus.STARTED)
    assert "looked_at is working" in working(instance, "looked_at")
    assert working(instance, "another") == ""
    now[0] += DEAD + timedelta(seconds=1)
    assert held_back(instance, "looked_at", RETRY) == ""


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60)])
def test_each_failure_doubles_the_wait_up_to_an_hour(
    instance: dg.DagsterInstance, now: list[datetime], failures: int, minutes: int
) -> None:
    for _ in range(failures):
        run(instance, dg.DagsterRunStatus.FAILURE)
    now[0] += timedelta(minutes=minutes) - timedelta(seconds=5)
    assert "its last run failed; next try at" in held_back(instance, "looked_at", RETRY)
    now[0] += timedelta(seconds=10)
    assert held_back(instance, "looked_at", RETRY) == ""
