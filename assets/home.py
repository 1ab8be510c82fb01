"""Where Dagster keeps its runs: one folder in the project, made once, telemetry off."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import dagster as dg

from conf.environment import in_project

RESEARCH_POOL = "research"
"""The pool of all steps that compute: their runs wait for one another; runs that trade are in no pool."""
_FIRST_SETTINGS = """\
# Written by Tradewright where no file was. Nothing is reported to anybody.
telemetry:
  enabled: false
nux:
  enabled: false
"""
SETTINGS = f"""{_FIRST_SETTINGS}\
# Runs that compute wait for one another, so that a backfill leaves a core free; runs that trade never wait for them.
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    default_limit: 1
    granularity: run
# The program's log tells one line of each step; a run's page tells all.
python_logs:
  python_log_level: INFO
# A run whose process was killed is ended, and holds the others up no longer.
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  max_runtime_seconds: 14400
"""


memory = dg.IOManagerDefinition(resource_fn=lambda _context: _Memory(), config_schema={})
"""Outputs are kept in memory: no asset of this project hands values to another."""


class _Memory(dg.IOManager):
    """Keeps the outputs of one run."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], object] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Keep a value."""
        self._kept[tuple(context.get_identifier())] = obj

    def load_input(self, context: dg.InputContext) -> object:
        """The value that was kept; ``LookupError`` where none was."""
        source = context.upstream_output
        if source is None:
            raise LookupError("nothing was kept for this input")
        return self._kept[tuple(source.get_identifier())]


def keep_outputs_in_memory() -> None:
    """Have this process and its runs use :data:`memory` where no other manager of outputs is declared.

    Dagster's own one writes pickles, into a folder that the config of an asset's run may name. Such a config can read
    any variable of the environment, and the folder's name stands in the run's events.
    """
    os.environ["DAGSTER_DEFAULT_IO_MANAGER_MODULE"] = __name__
    os.environ["DAGSTER_DEFAULT_IO_MANAGER_ATTRIBUTE"] = "memory"


def dagster_home() -> Path:
    """The folder named by ``DAGSTER_HOME``, else ``.dagster`` in the project; made and announced to this process."""
    home = Path(os.environ.get("DAGSTER_HOME") or in_project(".dagster")).resolve()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists() or config.read_text() == _FIRST_SETTINGS:  # an older version's own words, not a person's
        config.write_text(SETTINGS)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def open_instance() -> dg.DagsterInstance:
    """The instance of that folder. Two processes that start on a new folder at once take turns: its storage is made
    by migrations that do not bear company."""
    home = dagster_home()
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        instance = dg.DagsterInstance.get()
        if instance.global_op_concurrency_default_limit:  # else the first runs that are queued know no limit yet
            instance.event_log_storage.initialize_concurrency_limit_to_default(RESEARCH_POOL)
        return instance
