"""Group ``schedules``: the jobs that run by themselves."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import Field

from conf.schema.config_model import ConfigModel, WallTime


class JobSettings(ConfigModel):
    """A job that follows what is there: new bars, new signals."""

    enabled: bool


class RepeatedJobSettings(JobSettings):
    """A job that is run again after so many minutes."""

    every_minutes: Annotated[int, Field(ge=1, le=1440)]


class DailyJobSettings(JobSettings):
    """A job that is run once a day, at a time of the wall clock."""

    at: WallTime

    @property
    def time(self) -> time:
        """The time of day."""
        return time.fromisoformat(self.at)


class BackupJobSettings(DailyJobSettings):
    """The backup of the ledger."""

    keep: Annotated[int, Field(ge=1, le=10_000)]


class SchedulesSettings(ConfigModel):
    """``schedules``."""

    retry_minutes: Annotated[int, Field(ge=1, le=1440)]
    refresh_bars: JobSettings
    signals: JobSettings
    decide: JobSettings
    reconcile: RepeatedJobSettings
    end_of_day: DailyJobSettings
    prune: DailyJobSettings
    backup: BackupJobSettings
    doctor: DailyJobSettings
