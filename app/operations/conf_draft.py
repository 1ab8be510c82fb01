"""Changes of YAML files, judged on a copy of the folder before any of them is made."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from conf.compose import check
from conf.environment import yaml_files
from conf.problems import ConfigProblems


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold a folder of YAML files until the block ends: another program that would change it waits meanwhile."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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
