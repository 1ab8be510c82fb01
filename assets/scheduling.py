"""Parts of the schedules and sensors of both locations: their default status, and when a job is left alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg

from assets.pinned_config import PinnedConfig
from conf.schema.schedules import JobSettings, SchedulesSettings
from conf.schema.settings import Settings
from tradewright.model.clock import SystemClock

EVERY_MINUTE = "* * * * *"
"""When schedules look. What is due is computed from the state, so that the next look makes up for a missed one."""
DEAD = timedelta(minutes=10)
"""A run of so long ago that has not ended is taken for dead: its process was killed."""
LONGEST_WAIT = timedelta(hours=1)
"""The longest time between two tries of a job that goes on failing."""
_COUNTED = 5
"""Failures in a row that are counted; each doubles the wait."""

Select = Callable[[SchedulesSettings], JobSettings]


def schedule_status(job: JobSettings) -> dg.DefaultScheduleStatus:
    """The default status of a schedule: running where the job is switched on."""
    return dg.DefaultScheduleStatus.RUNNING if job.enabled else dg.DefaultScheduleStatus.STOPPED


def sensor_status(job: JobSettings) -> dg.DefaultSensorStatus:
    """The default status of a sensor: running where the job is switched on."""
    return dg.DefaultSensorStatus.RUNNING if job.enabled else dg.DefaultSensorStatus.STOPPED


def switched_off(pinned: PinnedConfig, present: Settings, select: Select) -> str:
    """Why a job that was on when the definitions were loaded is left alone: its YAML says off by now.

    A job that was off then is looked at only because a person has started it, and goes on.
    """
    was_on = select(pinned.settings.schedules).enabled
    return "" if select(present.schedules).enabled or not was_on else "it was switched off in conf/schedules"


def working(instance: dg.DagsterInstance, job: str) -> str:
    """Why a job is left alone while one of its runs works; empty when none does."""
    newest = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    if not newest or newest[0].dagster_run.is_finished or _now() - newest[0].create_timestamp >= DEAD:
        return ""
    return f"run {newest[0].dagster_run.run_id[:8]} of {job} is working"


def held_back(instance: dg.DagsterInstance, job: str, retry: timedelta) -> str:
    """As :func:`working`, and after failures: the first try comes after ``retry``, then after twice as long each."""
    if reason := working(instance, job):
        return reason
    failures, newest = 0, None
    for record in instance.get_run_records(dg.RunsFilter(job_name=job), limit=_COUNTED):
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            break
        failures, newest = failures + 1, newest or record.create_timestamp
    if newest is None:
        return ""
    next_try = newest + min(retry * 2 ** (failures - 1), LONGEST_WAIT)
    return f"its last run failed; next try at {next_try:%H:%M} UTC" if _now() < next_try else ""


def _now() -> datetime:
    """Dagster's runs are dated by the machine's clock, whatever clock the market has."""
    return SystemClock().now()
