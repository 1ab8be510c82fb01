"""A new project: the files that ship, copied into a folder of the user's own; all of them or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conf.environment import MARKER
from runtime.project_files import marker_text, package_version, shipped_files
from tradewright.model.errors import ConfigError

SHOWN = 5
"""How many entries of a folder that is not empty a refusal names."""


@dataclass(frozen=True)
class NewProject:
    """A project that was made.

    Args:
        files: those that were written, by their paths in the folder; sorted.
    """

    folder: Path
    version: str
    files: tuple[str, ...]


def make_project(folder: Path) -> NewProject:
    """Write a new project into a folder that is empty or is not there.

    The files are written beside it and moved at the end, the marker last: a folder without a marker is no project.

    Raises:
        ConfigError: when the folder holds anything, is no folder, or cannot be written; nothing is left behind.
    """
    folder = folder.expanduser().absolute()
    _demand_empty(folder)
    files = shipped_files()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".tradewright-init-", dir=folder.parent))
        try:
            _write(draft, files)
            _move(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        remedy = "choose a folder that you may write to"
        raise ConfigError(f"cannot be made: {error.strerror or error}", where=str(folder), remedy=remedy) from error
    return NewProject(folder, package_version(), tuple(sorted((*files, MARKER))))


def _demand_empty(folder: Path) -> None:
    remedy = "name a folder that is empty, or that is not there yet"
    if folder.is_symlink() and not folder.exists():
        raise ConfigError("is a link to nothing", where=str(folder), remedy=remedy)
    if folder.exists() and not folder.is_dir():
        raise ConfigError("is no folder", where=str(folder), remedy=remedy)
    try:
        inside = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(folder), remedy=remedy) from error
    if inside:
        more = f" and {len(inside) - SHOWN} more" if len(inside) > SHOWN else ""
        raise ConfigError(f"is not empty: {', '.join(inside[:SHOWN])}{more}", where=str(folder), remedy=remedy)


def _write(draft: Path, files: Mapping[str, Path]) -> None:
    for name, path in files.items():
        target = draft / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (draft / MARKER).write_text(marker_text(dict(files)), encoding="utf-8")


def _move(draft: Path, folder: Path) -> None:
    """The draft in the place of the folder; one that is there stays, for a shell may stand in it."""
    if not folder.is_dir():
        draft.rename(folder)
        return
    names = sorted((path.name for path in draft.iterdir()), key=lambda name: name == MARKER)
    moved: list[Path] = []
    try:
        for name in names:
            target = folder / name
            if target.exists():  # a rename would replace it
                raise FileExistsError(17, f"{name} appeared meanwhile")
            (draft / name).rename(target)
            moved.append(target)
    except OSError:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
