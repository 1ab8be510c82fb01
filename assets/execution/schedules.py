"""The daily loop of the desk: decisions after new signals, and the jobs that keep the ledger.

A tick is only a look: what is due is computed from the newest bars, the ledger and the record of what was done, so that
a missed tick is made up by the next one, once.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import dagster as dg

from assets.execution import upkeep
from assets.pinned_config import PinnedConfig
from assets.scheduling import EVERY_MINUTE, held_back, schedule_status, sensor_status, switched_off
from conf.schema.schedules import JobSettings, SchedulesSettings
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.job_progress import decisions_due
from runtime.traded_strategies import traded

SENSOR_SECONDS = 5
Reason = Callable[[Container], str]
"""Why a job is due; empty when it is not."""


class Kept(NamedTuple):
    """A job of one step with the reason for which it is due; its name is its key in ``conf/schedules``."""

    name: str
    act: Callable[[Settings, tuple[str, ...]], str]
    reason: Reason


KEPT = (
    Kept("prune", lambda settings, _overrides: upkeep.prune_ledger(settings), upkeep.prune_due),
    Kept("backup", lambda settings, _overrides: upkeep.back_up_ledger(settings), upkeep.backup_due),
    Kept("doctor", upkeep.examine, upkeep.doctor_due),
)


def keeping(
    pinned: PinnedConfig, reconcile: dg.JobDefinition, end_of_day: dg.JobDefinition
) -> tuple[list[dg.JobDefinition], list[dg.ScheduleDefinition]]:
    """The jobs that keep the ledger, and the schedules of these and of the two that keep the account."""
    jobs = [_job(pinned, row) for row in KEPT]
    schedules = [
        _schedule(pinned, reconcile, upkeep.reconciliation_due),
        _schedule(pinned, end_of_day, upkeep.end_of_day_due),
        *(_schedule(pinned, job, row.reason) for job, row in zip(jobs, KEPT, strict=True)),
    ]
    return jobs, schedules


def _job(pinned: PinnedConfig, row: Kept) -> dg.JobDefinition:
    @dg.op(name=f"run_{row.name}", tags=pinned.tags)
    def step(context: dg.OpExecutionContext) -> None:
        context.log.info(row.act(pinned.verified(context), pinned.overrides))

    @dg.job(name=row.name, tags=pinned.tags, executor_def=dg.in_process_executor)
    def job() -> None:
        step()

    return job


def _schedule(pinned: PinnedConfig, job: dg.JobDefinition, reason: Reason) -> dg.ScheduleDefinition:
    """A schedule with the name of its job, which is its key in ``conf/schedules`` too."""

    def terms(jobs: SchedulesSettings) -> JobSettings:
        found: JobSettings = getattr(jobs, job.name)
        return found

    @dg.schedule(
        name=job.name,
        job=job,
        cron_schedule=EVERY_MINUTE,
        default_status=schedule_status(terms(pinned.settings.schedules)),
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings = pinned.current()
        off = switched_off(pinned, settings, terms)
        return dg.SkipReason(off) if off else point_at_job(context.instance, settings, job.name, reason)

    return schedule


def point_at_job(
    instance: dg.DagsterInstance, settings: Settings, job: str, reason: Reason
) -> dg.RunRequest | dg.SkipReason:
    """A run of a job that is due and not held back by a run that works or has just failed."""
    with Container(settings) as house:
        why = reason(house)
        if not why:
            return dg.SkipReason(upkeep.nothing_due(house, job))
    held = held_back(instance, job, _retry(settings))
    return dg.SkipReason(held) if held else dg.RunRequest(tags={"tradewright/due": why[:63]})


def deciding(pinned: PinnedConfig, desk: str, strategies: Sequence[str]) -> dg.SensorDefinition:
    """The sensor that starts the job ``desk`` when there are signals on which nobody has decided."""

    @dg.sensor(
        job_name=desk,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=sensor_status(pinned.settings.schedules.decide),
    )
    def new_signals(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Looks for signals that can be decided on: new bars, open markets, fresh checks."""
        settings = pinned.current()
        off = switched_off(pinned, settings, lambda jobs: jobs.decide)
        if off:
            return dg.SkipReason(off)
        return point_at_signals(context.instance, settings, desk, strategies, pinned.overrides)

    return new_signals


def point_at_signals(
    instance: dg.DagsterInstance, settings: Settings, desk: str, strategies: Sequence[str], overrides: tuple[str, ...]
) -> dg.RunRequest | dg.SkipReason:
    """One run for all signals that can be decided on; the run looks again and takes those of its own moment.

    Signals of strategies that are broken by now are none.
    """
    with Container(settings) as house:
        pending = decisions_due(house, strategies)
    if not pending.pairs:
        return dg.SkipReason("; ".join(pending.reasons) or "there are no strategies")
    found = traded(overrides, pending.strategies)
    if not found.sound:
        return dg.SkipReason("; ".join(row.line for row in found.broken))
    held = held_back(instance, desk, _retry(settings))
    config = {"ops": {"intents": {"config": {"only_due": True}}}}
    return dg.SkipReason(held) if held else dg.RunRequest(run_config=config)


def _retry(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.schedules.retry_minutes)
