"""Running the two locations' jobs in this process: what the demo and the tests do without a daemon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from assets.home import open_instance
from conf.compose import apart_from_strategies, compose
from tradewright.model.errors import TradewrightError

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Say = Callable[[str], None]


class RunFailed(TradewrightError):
    """A job failed; the message holds the reasons of its steps."""


def materialize_research(overrides: tuple[str, ...], say: Say) -> None:
    """Bars and features of every instrument, then every strategy's chain.

    Raises:
        RunFailed: when a step or a blocking check failed.
    """
    from assets.research.definitions import RESEARCH_JOB, research_definitions  # loads the kernels

    definitions = research_definitions(overrides)
    with open_instance() as instance:
        for symbol in compose(apart_from_strategies(overrides)).universe.instruments:
            say(f"  bars and features of {symbol}")
            execute(definitions, "market", instance, partition_key=symbol)
        say("  strategies")
        execute(definitions, RESEARCH_JOB, instance)


def materialize_desk(overrides: tuple[str, ...]) -> None:
    """Positions, intents, decisions.

    Raises:
        RunFailed: when a step failed.
    """
    from assets.execution.definitions import DESK_JOB, execution_definitions

    with open_instance() as instance:
        execute(execution_definitions(overrides), DESK_JOB, instance)


def poll_and_send(overrides: tuple[str, ...]) -> str:
    """Evaluate the sensor once, run what it asks for, then reconcile; says what the sensor said.

    Raises:
        RunFailed: when an order was lost or is in doubt, or the books differ from the venue.
    """
    from assets.execution.definitions import execution_definitions

    definitions = execution_definitions(overrides)
    sensor = definitions.resolve_sensor_def("approved_orders")
    with open_instance() as instance:
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
        for request in tick.run_requests or []:
            execute(definitions, "send_orders", instance, run_config=request.run_config, tags=request.tags)
        execute(definitions, "reconcile", instance)
    return tick.skip_message or f"{len(tick.run_requests or [])} run"


def execute(
    definitions: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    *,
    partition_key: str | None = None,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run one job to its end in this process.

    Raises:
        RunFailed: with the reasons of every failed step.
    """
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=partition_key,
        run_config={**(run_config or {}), **QUIET},
        tags=dict(tags or {}),
        raise_on_error=False,
    )
    if not result.success:
        raise RunFailed(
            "; ".join(_reasons(result)) or "it failed", where=f"job {job}", remedy="see the run in make dev"
        )
    return result


def _reasons(result: dg.ExecuteInProcessResult) -> list[str]:
    """The innermost message of every failed step."""
    reasons = []
    for event in result.all_events:
        failure = event.step_failure_data if event.is_step_failure else None
        error = failure.error if failure else None
        if error is not None:
            while error.cause is not None:
                error = error.cause
            description = failure.user_failure_data.description if failure and failure.user_failure_data else None
            reasons.append(f"{event.step_key}: {(description or error.message).strip()}")
    return reasons
