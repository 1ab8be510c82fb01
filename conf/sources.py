"""All that a composition is made of: the YAML files with their contents, and one digest of them and the environment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conf.environment import conf_folder, secrets, yaml_files
from conf.problems import ConfigProblems, Problem


def contents(folder: Path) -> list[tuple[str, bytes]]:
    """Every YAML file by its place in a conf folder, with its content.

    A file that is gone by now, or that may not be read, has none: who chooses it is told of it.

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    return [(str(path.relative_to(folder)), _content(path)) for path in yaml_files(folder)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        return f"\0{error.strerror}".encode()  # no content of a file that could be composed


def digest_of_sources() -> str:
    """A digest of all that a composition reads beside its overrides: every YAML file, the environment, its secrets.

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    digest, folder = hashlib.sha256(), conf_folder()
    for name, content in contents(folder):
        digest.update(f"{folder / name}\0{len(content)}\0".encode() + content)
    for name, value in sorted(os.environ.items()):
        digest.update(f"{name}={value}\0".encode(errors="surrogateescape"))
    for secret in secrets():  # one of a file may be another by now
        digest.update(f"{secret}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


@contextmanager
def files_in_place(folder: Path) -> Iterator[None]:
    """Demand that no file goes while a conf folder is gone through.

    Raises:
        ConfigProblems: naming the file or folder that is gone, or may not be read.
    """
    try:
        yield
    except OSError as error:
        path = Path(os.fsdecode(error.filename or folder))
        shown = path.relative_to(folder.parent) if path.is_relative_to(folder.parent) else path
        rule = f"cannot be read: {error.strerror or error}; put it back, or see who may read it"
        raise ConfigProblems([Problem(str(shown), 0, "", "", rule)]) from error
