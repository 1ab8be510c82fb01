"""The daily loop of research: bars after each close, signals after new bars. What is due is computed in ``runtime``."""

from collections.abc import Mapping, Sequence

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import SUMMARY
from assets.pinned_config import PinnedConfig
from assets.research.bars import make_bars, make_features
from assets.scheduling import EVERY_MINUTE, schedule_status, sensor_status, switched_off, working
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.job_progress import bars_due, begin_refresh, finish_refresh, signals_due
from runtime.traded_strategies import broken_by
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError, DataError, StoreError, TradewrightError

REFRESH_JOB = "refresh_bars"
SIGNALS_JOB = "signals"
SENSOR_SECONDS = 5


def refreshing(pinned: PinnedConfig, timeframes: Sequence[Timeframe]) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job that refreshes every instrument that is due, all in one run, and its schedule.

    Args:
        timeframes: those on which strategies decide, beside the universe's.
    """

    @dg.op(tags=pinned.tags, pool=RESEARCH_POOL)
    def refresh_due_bars(context: dg.OpExecutionContext) -> None:
        """Bring bars and features up to date; one instrument that fails does not stop the others."""
        refresh_due(context, pinned.verified(context), timeframes)

    @dg.job(name=REFRESH_JOB, tags=pinned.tags, executor_def=dg.in_process_executor)
    def refresh() -> None:
        """Bars and features of every instrument with a bar that has closed."""
        refresh_due_bars()

    @dg.schedule(
        name=REFRESH_JOB,
        job=refresh,
        cron_schedule=EVERY_MINUTE,
        default_status=schedule_status(pinned.settings.schedules.refresh_bars),
    )
    def refresh_bars(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Looks whether a bar has closed that is not stored."""
        settings = pinned.current()
        if reason := switched_off(pinned, settings, lambda jobs: jobs.refresh_bars):
            return dg.SkipReason(reason)
        return point_at_bars(context.instance, settings, timeframes)

    return refresh, refresh_bars


def refresh_due(context: dg.OpExecutionContext, settings: Settings, timeframes: Sequence[Timeframe]) -> None:
    """Refresh and check what is due by now.

    Raises:
        dg.Failure: naming every instrument that failed; the others are done.
    """
    problems = []
    with Container(settings) as house:
        for symbol, reason in bars_due(house, timeframes).items():
            context.log.info(f"{symbol}: {reason}")
            try:
                begun = begin_refresh(house, symbol, timeframes)
                _record(context, "bars", symbol, make_bars(settings, symbol, timeframes))
                _record(context, "features", symbol, make_features(settings, symbol))
            except TradewrightError as error:
                problems.append(f"{symbol}: {error}")
            else:
                finish_refresh(house, symbol, begun)
    if problems:
        raise dg.Failure("\n".join(problems), allow_retries=False)


def _record(context: dg.OpExecutionContext, asset: str, symbol: str, made: dg.MaterializeResult) -> None:
    """Write a materialization and its checks into the asset's history.

    Raises:
        DataError: when a check failed that stops what is downstream.
    """
    key = dg.AssetKey(asset)
    context.log.info(str((made.metadata or {})[SUMMARY]))
    context.log_event(dg.AssetMaterialization(key, partition=symbol, metadata=made.metadata))
    for check in made.check_results or ():
        found = dg.AssetCheckEvaluation(
            key, str(check.check_name), check.passed, dict(check.metadata), severity=check.severity
        )
        context.log_event(found)  # type: ignore[arg-type]  # Dagster takes it; the annotation leaves it out
    failed = [
        str(check.check_name)
        for check in made.check_results or ()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    if failed:
        raise DataError(f"failed: {', '.join(failed)}", where=f"checks of {asset}", remedy="see the asset's checks")


def point_at_bars(
    instance: dg.DagsterInstance, settings: Settings, timeframes: Sequence[Timeframe]
) -> dg.RunRequest | dg.SkipReason:
    """One run for all instruments that are due."""
    with Container(settings) as house:
        if house.stands_still:
            return dg.SkipReason("the scenario stands at its end; schedules.refresh_bars.enabled lets it go on")
        if not bars_due(house, timeframes):
            return dg.SkipReason("no bar has closed since the last refresh")
    if reason := working(instance, REFRESH_JOB):
        return dg.SkipReason(reason)
    return dg.RunRequest()


def following(
    pinned: PinnedConfig, strategies: Mapping[str, PinnedConfig], signals: Mapping[str, dg.AssetKey]
) -> dg.SensorDefinition:
    """The sensor that sees new bars and asks for the signals of the strategies that decide on them.

    Args:
        signals: the asset of each strategy's signals.
    """

    @dg.sensor(
        job_name=SIGNALS_JOB,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=sensor_status(pinned.settings.schedules.signals),
    )
    def new_bars(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Looks for strategies whose instruments have bars that their signals have not seen."""
        if reason := switched_off(pinned, pinned.current(), lambda jobs: jobs.signals):
            return dg.SkipReason(reason)
        return point_at_signals(context, strategies, signals)

    return new_bars


def point_at_signals(
    context: dg.SensorEvaluationContext, strategies: Mapping[str, PinnedConfig], signals: Mapping[str, dg.AssetKey]
) -> dg.RunRequest | dg.SkipReason:
    """One run for the signals of all strategies that are due; a broken one holds no other one up, and is told."""
    due, broken = [], []
    for name, made in strategies.items():
        try:
            due += [name] if signals_due(Container(made.current())) else []
        except (ConfigError, StoreError) as error:
            broken.append(broken_by(name, error).line)
    for line in broken:
        context.log.error(line)
    if not due:
        return dg.SkipReason("; ".join(broken) or "no strategy has bars that its signals have not seen")
    if reason := working(context.instance, SIGNALS_JOB):
        return dg.SkipReason(reason)
    return dg.RunRequest(asset_selection=[signals[name] for name in due])
