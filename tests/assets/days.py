"""Days of a desk under ``schedules=on``: a clock that a test moves, and Dagster's own ticks, without a daemon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg

from assets.execution.definitions import execution_definitions
from assets.execution.orders import INTENTS
from assets.research.definitions import research_definitions
from assets.runs import RunFailed, execute
from conf.compose import compose
from runtime.container import Container
from tradewright.model.clock import ManualClock
from tradewright.quality.expectations import QualityExtraMissing

ORDER = ("refresh_bars", "new_bars", "new_signals", "approved_orders", "open_orders",
         "reconcile", "end_of_day", "prune", "backup", "doctor")  # fmt: skip
"""A round of a daemon: what follows from the tick before it comes later."""


@dataclass
class Days:
    """A daemon's work, one round at a time.

    Args:
        home: a lasting instance, without which Dagster gives a schedule none.
        instance: where the runs are; one that forgets is ten times as fast.
        runs: how often each job ran.
        decided: strategy, instrument and newest bar of every signal that was decided on, in order.
        skipped: the newest reason of each schedule and sensor that asked for nothing.
        failed: the runs that failed, with their reasons.
    """

    overrides: tuple[str, ...]
    clock: ManualClock
    home: dg.DagsterInstance
    instance: dg.DagsterInstance
    runs: Counter[str] = field(default_factory=Counter)
    decided: list[tuple[str, str, int]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = compose(self.overrides)
        self.research, self.execution = research_definitions(self.overrides), execution_definitions(self.overrides)

    def until(self, end: datetime, times: Sequence[str]) -> None:
        """Move the clock to each of these times (UTC, HH:MM) of each day up to ``end``, and play a round there."""
        day = self.clock.now().replace(hour=0, minute=0, second=0)
        while day <= end:
            for text in times:
                moment = day + timedelta(hours=int(text[:2]), minutes=int(text[3:]))
                if self.clock.now() <= moment <= end:
                    self.clock.advance((moment - self.clock.now()).total_seconds())
                    self.round()
            day += timedelta(days=1)

    def round(self, names: Sequence[str] = ORDER) -> None:
        """Let every schedule and sensor that is on look once, in order, and carry out the runs that they ask for."""
        for name in names:
            if self._definition(name).default_status.value == "RUNNING":
                self.tick(name)

    def tick(self, name: str) -> list[dg.RunRequest]:
        """One look of a schedule or sensor, with its runs."""
        definition = self._definition(name)
        if isinstance(definition, dg.ScheduleDefinition):
            with dg.build_schedule_context(self.home, scheduled_execution_time=self.clock.now()) as context:
                context._instance = self.instance
                found = definition.evaluate_tick(context)
        else:
            with dg.build_sensor_context(self.instance) as looking:
                found = definition.evaluate_tick(looking)
        self.skipped[name] = found.skip_message or ""
        for request in found.run_requests or []:
            self._run(self._location(name), definition.job_name, request)
        return list(found.run_requests or [])

    def _run(self, definitions: dg.Definitions, job: str, request: dg.RunRequest) -> None:
        self.runs[job] += 1
        try:
            execute(
                definitions, job, self.instance,
                run_config=request.run_config, tags=request.tags, assets=request.asset_selection,
            )  # fmt: skip
        except RunFailed as error:
            self.failed.append(f"{self.clock.now():%m-%d %H:%M} {job}: {error.what}")
        if job == "desk" and not self.failed:
            with Container(self.settings) as house:
                marks = house.artefacts.read_json(INTENTS)["marks"]
            self.decided += [(name, symbol, bar) for name, symbol, bar, _identity in marks]

    def _location(self, name: str) -> dg.Definitions:
        return self.research if name in ("refresh_bars", "new_bars") else self.execution

    def _definition(self, name: str) -> dg.ScheduleDefinition | dg.SensorDefinition:
        repository = self._location(name).get_repository_def()
        is_schedule = repository.has_schedule_def(name)
        return repository.get_schedule_def(name) if is_schedule else repository.get_sensor_def(name)


def without_quality_extra(*_arguments: object) -> None:
    """The suite of Great Expectations is left out: it takes a second each time and has tests of its own."""
    raise QualityExtraMissing("not installed")
