"""What Dagster did, in words: the ticks of its sensors, its runs with their events, and what their processes wrote.

A test that waits for Dagster in other processes says this when the wait was in vain; the log alone may be empty.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

NEWEST = 5
"""Ticks of each sensor and schedule that are told of."""


def told(home: Path, log: Path) -> str:
    """All of it, from the folder that is its ``DAGSTER_HOME`` and the log of the program that started it."""
    parts = [f"the log: {log.read_text() or 'empty'}"]
    if (home / "dagster.yaml").is_file():
        with dg.DagsterInstance.from_config(str(home)) as instance:
            parts += ticks(instance) + runs(instance)
    else:
        parts.append(f"{home} is no home of Dagster yet: the program has not come so far")
    outputs = sorted(path for path in home.glob("storage/**/*") if path.suffix in (".out", ".err") and path.is_file())
    parts += [f"{path.relative_to(home)}: {text}" for path in outputs if (text := path.read_text())]
    return "\n".join(parts)


def ticks(instance: dg.DagsterInstance) -> list[str]:
    """The newest ticks of every sensor and schedule that has looked, a line each."""
    states = sorted(instance.all_instigator_state(), key=lambda state: state.instigator_name)
    return [
        f"{state.instigator_name} ({state.status.value}): {tick.status.value} at {tick.timestamp:.0f}, "
        f"runs {tick.run_ids}, {tick.skip_reason or tick.error or ''}"
        for state in states
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=NEWEST)
    ] or ["no sensor and no schedule has looked"]


def runs(instance: dg.DagsterInstance) -> list[str]:
    """Every run, oldest first: its state, and its events with their times."""
    lines = []
    for record in reversed(instance.get_run_records()):
        run = record.dagster_run
        lines.append(f"run {run.run_id} of {run.job_name}: {run.status.value}")
        lines += [
            f"  {entry.timestamp:.1f} {entry.dagster_event_type.value if entry.dagster_event_type else ''} "
            f"{entry.user_message} {entry.error_info or ''}"
            for entry in instance.all_logs(run.run_id)
        ]
    return lines or ["no run was asked for"]
