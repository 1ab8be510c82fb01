"""The environment: its variables and ``.env``, the overrides in it, and the folder of YAML files that it names.

Only this module reads the environment. Its names here start with ``TRADEWRIGHT_``; a YAML file refers to others by
``${oc.env:NAME,default}``.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from dotenv import dotenv_values

from tradewright.model.errors import ConfigError

PROJECT = Path(__file__).resolve().parent.parent
ROOT = "config"
OVERRIDES = "TRADEWRIGHT_OVERRIDES"
ENV_FILE = "TRADEWRIGHT_ENV_FILE"
ALERT_WEBHOOK = "TRADEWRIGHT_ALERT_WEBHOOK"
SECRETS = ("TRADEWRIGHT_TOKEN", "POSTGRES_URL", ALERT_WEBHOOK)
"""Variables whose values are told nowhere."""
_NOT_COMPOSED = {".", "expectations"}
"""Folders that are no group: the root, and expectation suites, which are read by name."""


def environment(name: str) -> str | None:
    """A value of the environment that no YAML file refers to, such as the token of the served apps."""
    return os.environ.get(name) or None


def secrets() -> tuple[str, ...]:
    """The secrets that the environment holds."""
    return tuple(value for name in SECRETS if (value := environment(name)))


def load_environment() -> None:
    """Read ``.env`` of the project's folder, or the file that ``TRADEWRIGHT_ENV_FILE`` names, into the environment.

    Every program (command line, Dagster, the served apps) calls this before it composes. A variable that is set already
    keeps its value; an empty line is ignored.
    """
    for name, value in dotenv_values(os.environ.get(ENV_FILE) or PROJECT / ".env").items():
        if value:
            os.environ.setdefault(name, value)


def environment_overrides() -> tuple[str, ...]:
    """The overrides of ``TRADEWRIGHT_OVERRIDES``, separated by spaces, which every program applies first."""
    load_environment()
    return tuple(shlex.split(os.environ.get(OVERRIDES, "")))


def conf_folder() -> Path:
    """The folder of the YAML files: ``TRADEWRIGHT_CONF`` where it is set, else the one beside this module."""
    return Path(environment("TRADEWRIGHT_CONF") or Path(__file__).parent).resolve()


def yaml_files(folder: Path) -> list[Path]:
    """All YAML files of a conf folder, sorted.

    Raises:
        ConfigError: when the folder has no root file.
    """
    if not (folder / f"{ROOT}.yaml").is_file():
        remedy = "let TRADEWRIGHT_CONF name a folder of YAML files, or unset it for the one that ships"
        raise ConfigError(f"there is no {ROOT}.yaml", where=str(folder), remedy=remedy)
    return sorted(path for path in folder.rglob("*.yaml") if path.is_file())


def groups(folder: Path | None = None) -> list[str]:
    """All groups, nested ones as ``backtest/costs``."""
    folder = folder or conf_folder()
    return sorted({str(path.parent.relative_to(folder)) for path in yaml_files(folder)} - _NOT_COMPOSED)


def options(group: str, folder: Path | None = None) -> list[str]:
    """The options of a group: the names of its files."""
    return sorted(path.stem for path in ((folder or conf_folder()) / group).glob("*.yaml"))


def display_path(path: Path, folder: Path) -> str:
    """A file of a conf folder as a message names it: ``conf/strategy/macd_trend.yaml``."""
    return str(Path(folder.name) / path.relative_to(folder))
