"""Where Dagster keeps its runs: one folder in the project, made once, telemetry off."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import dagster as dg

from conf.environment import PROJECT

SETTINGS = """\
# Written by Tradewright where no file was. Nothing is reported to anybody.
telemetry:
  enabled: false
nux:
  enabled: false
"""


def dagster_home() -> Path:
    """The folder named by ``DAGSTER_HOME``, else ``.dagster`` in the project; made and announced to this process."""
    home = Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(SETTINGS)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def open_instance() -> dg.DagsterInstance:
    """The instance of that folder. Two processes that start on a new folder at once take turns: its storage is made
    by migrations that do not bear company."""
    home = dagster_home()
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return dg.DagsterInstance.get()
