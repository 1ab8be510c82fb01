"""Running the two locations' jobs in this process: what the demo and the tests do without a daemon."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import dagster as dg

from assets.pinned_config import PinnedConfig
from assets.strategy_keys import asset_name
from runtime.container import Container
from runtime.job_progress import without_bars
from tradewright.model.errors import TradewrightError

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Say = Callable[[str], None]
CHECK_FAILED = "DagsterAssetCheckFailedError"
"""The class of what Dagster raises after a blocking check; it tells the name of the check alone."""
_OUR_CLASS = re.compile(r"^(tradewright|conf|assets|runtime|brokers|strategies|app)\.[\w.]+: ")


class RunFailed(TradewrightError):
    """A job failed; the message holds the reasons of its steps.

    ``steps`` has them by the names of the steps; it is empty where the job has not begun.
    """

    steps: Mapping[str, str] = MappingProxyType({})


def run_research(overrides: tuple[str, ...], say: Say, wait: Callable[[], object]) -> None:
    """Bars and features of every instrument, then every strategy's chain.

    Args:
        wait: called between the two, for something that the strategies need.

    Raises:
        RunFailed: when a step or a blocking check failed.
    """
    from assets.research.definitions import MARKET_JOB, RESEARCH_JOB, research_definitions  # loads the kernels

    definitions = research_definitions(overrides)
    with _in_memory() as instance:
        for symbol in _partitions(definitions, MARKET_JOB):
            say(f"  bars and features of {symbol}")
            execute(definitions, MARKET_JOB, instance, partition_key=symbol)
        wait()
        lacking = _without_bars(overrides)
        for name, symbols in lacking.items():
            say(f"  left out: {name}, for there are no bars of {', '.join(symbols)} here")
        say("  strategies")
        job = definitions.resolve_job_def(RESEARCH_JOB)
        left_out = {asset_name(name) for name in lacking}
        wanted = [key for key in job.asset_layer.executable_asset_keys if key.path[1] not in left_out]
        execute(definitions, RESEARCH_JOB, instance, assets=wanted)


def _without_bars(overrides: tuple[str, ...]) -> dict[str, list[str]]:
    """The strategies with instruments that have no stored bars, such as those of data that is kept elsewhere."""
    found = PinnedConfig.of_strategies(overrides).items()
    sound = {name: made.settings for name, made in found if isinstance(made, PinnedConfig)}
    lacking = {name: without_bars(Container(settings)) for name, settings in sound.items()}
    return {name: symbols for name, symbols in lacking.items() if symbols}


def run_desk(overrides: tuple[str, ...], say: Say) -> None:
    """Positions, intents and decisions; then what the sensor asks for once, and a reconciliation.

    Raises:
        RunFailed: when a step failed, an order was lost or is in doubt, or the ledger differs from the venue.
    """
    from assets.execution.definitions import DESK_JOB, execution_definitions

    definitions = execution_definitions(overrides)
    sensor = definitions.resolve_sensor_def("approved_orders")
    with _in_memory() as instance:
        say("  positions, intents, decisions")
        execute(definitions, DESK_JOB, instance)
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
        say(f"  the sensor: {tick.skip_message or f'{len(tick.run_requests or [])} run'}")
        for request in tick.run_requests or []:
            execute(definitions, "send_orders", instance, run_config=request.run_config, tags=request.tags)
        say("  reconciliation")
        execute(definitions, "reconcile", instance)


def _in_memory() -> dg.DagsterInstance:
    """A Dagster that forgets: these runs work on a folder of their own, and are no history of the project's assets."""
    return dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})


def _partitions(definitions: dg.Definitions, job: str) -> Sequence[str]:
    partitions = definitions.resolve_job_def(job).partitions_def
    return partitions.get_partition_keys() if partitions else ()


def execute(
    definitions: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    *,
    partition_key: str | None = None,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run one job to its end in this process.

    Args:
        assets: of an asset job, those to materialize; all of them when None.

    Raises:
        RunFailed: with the reasons of every failed step.
    """
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=partition_key,
        run_config={**(run_config or {}), **QUIET},
        tags=dict(tags or {}),
        asset_selection=assets,
        raise_on_error=False,
    )
    if not result.success:
        reasons = _reasons(result)
        failed = RunFailed(
            "; ".join(reasons.values()) or "it failed",
            where=f"job {job}",
            remedy="correct that and run it again; in make dev a run shows every step",
        )
        failed.steps = reasons
        raise failed
    return result


def _reasons(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """What was raised in every failed step, without Dagster's wrapping around it and the causes below it."""
    reasons, checks = {}, _failed_checks(result)
    for event in result.all_events:
        failure = event.step_failure_data if event.is_step_failure else None
        error = failure.error if failure else None
        if error is not None:
            while error.cause is not None and (error.cls_name or "").startswith("Dagster"):
                error = error.cause
            description = failure.user_failure_data.description if failure and failure.user_failure_data else None
            said = (description or _without_our_classes(error.message)).strip()
            if error.cls_name == CHECK_FAILED:
                said = checks.get(event.step_key or "", said)
            place = _place(event.step_key or "")
            is_named = said.startswith(f"{place.partition(',')[0]},")  # an error in a strategy's code names it itself
            reasons[event.step_key or ""] = said if is_named else f"{place}: {said}"
    return reasons


def _failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """What every failed check found, by the step of its asset."""
    found: dict[str, list[str]] = {}
    for each in result.get_asset_check_evaluations():
        if not each.passed:
            told = each.metadata.get("findings")
            what = str(told.value).replace("\n", "; ") if told else each.description or "see it in Dagster"
            found.setdefault(each.asset_key.to_python_identifier(), []).append(f"{each.check_name}: {what}")
    return {step: "; ".join(lines) for step, lines in found.items()}


def _place(step: str) -> str:
    """A step in the words of the configuration: ``strategy own, signals`` of ``strategy__own__signals``."""
    kind, _, rest = step.partition("__")
    name, _, last = rest.rpartition("__")
    return f"{kind} {name}, {last}" if name else step


def _without_our_classes(message: str) -> str:
    """An error without the class in front, where it is one of ours: its text says everything."""
    return _OUR_CLASS.sub("", message)
