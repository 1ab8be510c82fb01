"""The code location ``execution``. A broken strategy file cannot stop it."""

from __future__ import annotations

import dagster as dg

from assets.execution.daily_report import daily_report_asset
from assets.execution.operator_jobs import operator_jobs
from assets.execution.orders import desk_assets
from assets.execution.schedules import deciding, keeping
from assets.execution.sending import sending
from assets.home import keep_outputs_in_memory
from assets.pinned_config import PinnedConfig
from conf.environment import code_location_overrides
from conf.strategy_kinds import tradable

DESK_JOB = "desk"


def execution_definitions(overrides: tuple[str, ...] = ()) -> dg.Definitions:
    """Everything of execution under some overrides.

    Raises:
        ConfigProblems: when the configuration is wrong in anything but a strategy's file.
    """
    pinned = PinnedConfig.without_strategies(overrides)
    strategies = tradable(pinned.settings.backtest.account)
    jobs, sensors = sending(pinned)
    kept, schedules = keeping(pinned, jobs.reconcile, jobs.end_of_day)
    desk = dg.define_asset_job(DESK_JOB, dg.AssetSelection.groups("desk"), tags=pinned.tags)
    return dg.Definitions(
        assets=[*desk_assets(pinned, strategies), daily_report_asset(pinned)],
        jobs=[desk, *jobs, *kept, *operator_jobs(pinned)],
        sensors=[deciding(pinned, DESK_JOB, strategies), *sensors],
        schedules=schedules,
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``workspace.yaml`` loads; overrides come from ``TRADEWRIGHT_OVERRIDES``."""
    keep_outputs_in_memory()
    return execution_definitions(code_location_overrides())
