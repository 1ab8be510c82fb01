"""The ledger's place without a composition: for the kill switch, which works when the configuration does not.

Only the group ``storage`` and the choice of the mode are looked at, by a reading that forgives everything else.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.error import YAMLError

from conf.environment import (
    OVERRIDES,
    ROOT,
    conf_folder,
    environment,
    find_project,
    forgiving_environment,
    in_project,
    load_environment,
    working_directory,
)
from conf.yaml_reader import values
from tradewright.database.address import sqlite_file, sqlite_url
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode

LEDGER_FILE = "ledger.sqlite3"
NAME_IT = 'name the ledger: tradewright kill --ledger sqlite:////PATH/ledger.sqlite3 --reason "..."'
_MOST_BYTES, _MOST_FOLDERS = 1_000_000, 50
_PASSWORD = re.compile(r"(://[^:@/]*:)[^@]*@|(?<=password=)[^&]*")
_NOTHING = ("", "null", "~", "None")
_ENVIRONMENT = re.compile(r"\$\{oc\.env:(\w+)(?:,([^}]*))?\}")
_LINE = re.compile(r"^(\w+):[ \t]*([^#\n]*?)[ \t]*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class LedgerPlace:
    """Where a ledger is.

    Args:
        url: its database; may hold a password.
        modes: those in which acts on it may be meant: one, or all where the mode cannot be read.
        remarks: the files that could not be read as they should.
    """

    url: str
    modes: tuple[Mode, ...]
    remarks: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The file, or the address of a server without its password."""
        file = sqlite_file(self.url)
        return _PASSWORD.sub(r"\1***@", self.url) if file is None else str(file)


def ledger_place(overrides: Sequence[str], folder: Path | None = None) -> LedgerPlace:
    """The ledger that a composition under these overrides would use, also where it cannot be composed.

    Of several values for one key the last one counts, as in Hydra; an override of any other key is not looked at.

    Raises:
        ConfigError: when neither the overrides nor ``conf/storage`` tell it; the remedy says how to name it.
    """
    reading = _Reading(overrides, folder or _conf_folder())
    modes = reading.modes()
    return LedgerPlace(reading.url(), modes, tuple(dict.fromkeys(reading.remarks)))


def forgiving_environment_overrides() -> tuple[str, ...]:
    """As :func:`conf.environment.environment_overrides`; quotes that do not match are taken as they stand."""
    load_environment()
    text = os.environ.get(OVERRIDES, "")
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def other_places(overrides: Sequence[str], used: str) -> list[tuple[LedgerPlace, str]]:
    """The ledgers beside the one in use that programs of this project may use.

    Args:
        overrides: those of the environment, under which Dagster and the apps run.
        used: the database that the present act uses.

    Returns:
        Each place with the name of what leads there; empty where it is but a default, or lies in the data folder.
    """
    found: list[tuple[LedgerPlace, str]] = []
    with suppress(ConfigError):
        is_named = any(text.lstrip("+~").startswith("storage") for text in overrides)
        found.append((ledger_place(overrides), f"{OVERRIDES} or .env" if is_named else ""))
    if project := find_project():
        files = sorted((project / "data").glob(f"*/{LEDGER_FILE}"))[:_MOST_FOLDERS]
        found += [(LedgerPlace(sqlite_url(path), tuple(Mode)), "") for path in (project / "data" / LEDGER_FILE, *files)]
    others: dict[str, tuple[LedgerPlace, str]] = {}
    for place, reason in found:
        if _same(place.url) != _same(used):
            others.setdefault(_same(place.url), (place, reason))
    return list(others.values())


def _conf_folder() -> Path:
    """The folder of YAML files; without a project one that is not there, so that ``--ledger`` alone tells the place."""
    return Path("conf") if find_project() is None and not environment("TRADEWRIGHT_CONF") else conf_folder()


def _same(url: str) -> str:
    """A database under its one name: a file by its real path."""
    file = sqlite_file(url)
    return url if file is None else str(file.resolve())


class _Reading:
    """The few values that are needed, from overrides first, then from the files."""

    def __init__(self, overrides: Sequence[str], folder: Path) -> None:
        pairs = (text.lstrip("+~").partition("=") for text in overrides)
        self._said = {key.strip(): value.strip() for key, sign, value in pairs if sign}
        self._folder, self.remarks = folder, list[str]()
        self._root = self._fields(folder / f"{ROOT}.yaml")

    def url(self) -> str:
        option = self._choice("storage")
        written: dict[str, object] = self._fields(self._folder / "storage" / f"{option}.yaml") if option else {}
        above = self._root.get("storage")
        written |= above if isinstance(above, dict) else {}
        if url := self._value("storage.ledger_url", written.get("ledger_url")):
            return url
        root = self._value("storage.root", written.get("root"))
        if root is None or (option == "postgres" and "storage.root" not in self._said):
            if not self._folder.is_dir() and find_project() is None:
                remedy = f"cd into your project (tradewright init FOLDER makes one), or {NAME_IT}"
                raise ConfigError("there is no project here", where=str(working_directory()), remedy=remedy)
            where = f"{self._folder.name}/storage/{option or '?'}.yaml"
            what = "; ".join(("the ledger's place cannot be read", *self.remarks))
            raise ConfigError(what, where=where, remedy=NAME_IT)
        return ledger_url(in_project(root))

    def modes(self) -> tuple[Mode, ...]:
        option = self._said.get("mode") or environment("MODE") or self._choice("mode")
        written = self._fields(self._folder / "mode" / f"{option}.yaml") if option else {}
        name = self._value("mode.name", written.get("name"))
        return (Mode(name),) if name in set(Mode) else tuple(Mode)

    def _choice(self, group: str) -> str:
        """The option of a group: an override, else the last entry of the defaults list."""
        if said := _plain(self._said.get(group)):
            return said
        entries = self._root.get("defaults")
        rows = entries if isinstance(entries, list) else []
        named = [entry[group] for entry in rows if isinstance(entry, dict) and group in entry]
        return str(named[-1]) if named else ""

    def _value(self, key: str, written: object) -> str | None:
        text = self._said.get(key, written)
        for name, _ in _ENVIRONMENT.findall(str(text)):
            try:
                environment(name)
            except ConfigError as error:
                self.remarks.append(f"{error.where}: {error.what}")
        return _plain(text)

    def _fields(self, path: Path) -> dict[str, object]:
        """The top-level keys of a file; of one that is no YAML the lines ``key: value`` and ``- group: option``."""
        if path.exists() and not path.is_file():  # reading a pipe would keep a kill waiting
            self._remark(path, "is no plain file")
            return {}
        try:
            with path.open("rb") as file:
                text = file.read(_MOST_BYTES).decode("utf-8", "replace")
        except OSError as error:
            self._remark(path, error.strerror or "cannot be read")
            return {}
        try:
            found = values(text)
        except (YAMLError, RecursionError, ValueError):
            found = None
        if isinstance(found, dict):
            return {str(key): value for key, value in found.items()}
        self._remark(path, "is no mapping of YAML")
        entries = re.findall(r"^[ \t]*-[ \t]*(\w+):[ \t]*[\"']?([\w-]+)", text, re.MULTILINE)
        return dict(_LINE.findall(text)) | {"defaults": [{group: option} for group, option in entries]}

    def _remark(self, path: Path, problem: str) -> None:
        self.remarks.append(f"{self._folder.name}/{path.relative_to(self._folder)}: {problem}")


def ledger_url(root: Path) -> str:
    """The database of the ledger in a storage folder.

    Raises:
        ConfigError: for a folder whose path is no text in UTF-8.
    """
    return sqlite_url(root / LEDGER_FILE)


def _plain(value: object) -> str | None:
    """A value as text without quotes, references to the environment resolved; None for nothing."""
    if value is None:
        return None
    text = _ENVIRONMENT.sub(_of_environment, str(value).strip().strip("\"'")).strip()
    return None if text in _NOTHING else text


def _of_environment(found: re.Match[str]) -> str:
    return forgiving_environment(found[1]) or (found[2] or "").strip().strip("\"'")
