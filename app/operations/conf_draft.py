"""Changes of YAML files, judged on a copy of the folder before any of them is made."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from conf.compose import check
from conf.environment import yaml_files
from conf.problems import ConfigProblems
from tradewright.model.errors import ConfigError

TURN = 30.0
"""Seconds to wait for another command that changes the same folder."""
_POLL = 0.05


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Change the files of a folder alone among all threads and processes, from the reading to the writing.

    The folder itself is locked, so that no file is left in it; the lock of a holder that dies is released. Where there
    is no such folder there is nothing to lock.

    Raises:
        ConfigError: when another command keeps its turn for longer than ``TURN``.
    """
    if not folder.is_dir():
        yield
        return
    handle, until = os.open(folder, os.O_RDONLY | os.O_CLOEXEC), time.monotonic() + TURN
    try:
        while not _taken(handle):
            if time.monotonic() > until:
                what = f"another command has been changing it for more than {TURN:g} s"
                raise ConfigError(what, where=str(folder), remedy="wait for it to end; nothing was changed")
            time.sleep(_POLL)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def draft(folder: Path, changes: Mapping[Path, bytes]) -> Iterator[Path]:
    """A copy of the YAML files below ``folder`` with these changes in it, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="tradewright-") as beside:
        copy = Path(beside) / folder.name
        for file in yaml_files(folder):
            target = copy / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        for path, data in changes.items():
            (copy / path.relative_to(folder)).write_bytes(data)
        yield copy


def demand_no_new_problems(folder: Path, copy: Path) -> None:
    """Compare the problems of a draft with those of the folder that it is a copy of.

    Raises:
        ConfigProblems: with every problem of the draft that was not there before.
    """
    if (problems := check((), copy)) and (new := sorted(set(problems) - set(check((), folder)), key=str)):
        raise ConfigProblems(new)
