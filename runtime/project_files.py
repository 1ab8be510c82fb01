"""The files of a new project as they ship, and what ships otherwise since a project was made."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from conf.environment import MARKER, SOURCE, yaml_files
from tradewright.model.errors import ConfigError

TEMPLATE = SOURCE / "runtime" / "template"
"""Files of a project that are no part of the code; those with a leading dot in the project have none here."""
SHOWN = 5
"""How many names a line lists."""
_PAGES = "share/doc/tradewright/"
_WITH_DOT = {"env.example": ".env.example", "gitignore": ".gitignore"}
_HEAD = """\
# Marks this folder as a project of Tradewright. Files are given with the SHA-256 of what was written; they are yours to
# change, and no upgrade of the package touches them. tradewright doctor tells which of them ship otherwise now.
"""


@dataclass(frozen=True)
class Marker:
    """What ``tradewright.toml`` says.

    Args:
        version: of the package that made the project.
        files: the SHA-256 of each file that was written, by its path in the project.
    """

    version: str
    files: dict[str, str]


def shipped_files() -> dict[str, Path]:
    """Every file that a new project gets, by its path in the project; sorted."""
    conf, notebooks = SOURCE / "conf", SOURCE / "notebooks"
    found = {f"conf/{path.relative_to(conf).as_posix()}": path for path in yaml_files(conf)}
    for schema in ("strategy/strategy.schema.json", "scenario/scenario.schema.json"):
        found[f"conf/{schema}"] = conf / schema
    found |= {f"notebooks/{path.name}": path for path in notebooks.glob("[a-z]*.py")}
    for path in TEMPLATE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(TEMPLATE).as_posix()
            found[_WITH_DOT.get(name, name)] = path
    return dict(sorted((found | pages()).items()))


def pages() -> dict[str, Path]:
    """The pages of the documentation, by their path in a project: of the checkout, else what the wheel installed."""
    if (SOURCE / "pyproject.toml").is_file():
        return {path.relative_to(SOURCE).as_posix(): path for path in (SOURCE / "docs").rglob("*.md")}
    try:
        installed = distribution("tradewright").files or []
    except PackageNotFoundError:
        return {}
    found = {each.as_posix().partition(_PAGES)[2]: Path(str(each.locate())) for each in installed}
    return {f"docs/{name}": path.resolve() for name, path in found.items() if name and path.is_file()}


def package_version() -> str:
    """The version of the package that runs; ``unknown`` for code that was not installed."""
    try:
        return version("tradewright")
    except PackageNotFoundError:
        return "unknown"


def marker_text(files: dict[str, Path]) -> str:
    """The text of ``tradewright.toml`` for a project of these files."""
    rows = "".join(f"{json.dumps(name)} = {json.dumps(_digest(path))}\n" for name, path in files.items())
    return f"{_HEAD}version = {json.dumps(package_version())}\n\n[files]\n{rows}"


def read_marker(project: Path) -> Marker | None:
    """The marker of a project; None where there is none, as in a checkout of the source.

    Raises:
        ConfigError: when the file is damaged.
    """
    path = project / MARKER
    if not path.is_file():
        return None
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        return Marker(str(said["version"]), {str(name): str(digest) for name, digest in said["files"].items()})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        remedy = 'restore it, or write: version = "0" and an empty table [files]'
        raise ConfigError(f"cannot be read: {error}", where=str(path), remedy=remedy) from error


def changed_since(made: Marker) -> list[str]:
    """The files that ship otherwise than when the project was made, or are new, or do not ship any more; sorted.

    Files that the user alone has changed are not among them.
    """
    now = {name: _digest(path) for name, path in shipped_files().items()}
    return sorted(name for name in now.keys() | made.files.keys() if now.get(name) != made.files.get(name))


def upgrade_since(project: Path) -> str:
    """What ships otherwise since a project was made, in one line; empty where nothing does, and for a checkout.

    Raises:
        ConfigError: when the marker is damaged.
    """
    made = read_marker(project)
    changed = changed_since(made) if made else []
    if made is None or not changed:
        return ""
    names = ", ".join(changed[:SHOWN]) + (f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else "")
    return f"made by version {made.version}, this is {package_version()}; ships otherwise or new: {names}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
