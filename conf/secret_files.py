"""A secret in a file of its own, as container secrets and systemd credentials are: ``NAME_FILE`` names it for ``NAME``.

The file is read whenever the secret is asked for, so that a new one is in force without a restart, and no copy of it
stands in the environment of this process or of those that it starts.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tradewright.model.errors import ConfigError

SUFFIX = "_FILE"
MOST_BYTES = 65_536
"""Of a file with a secret; a key or a certificate has a few thousand."""
_MOUNTS = ("/run/secrets", "/var/run/secrets", "/run/credentials")
"""Folders of secrets of containers and services, which their manager guards, whatever the mode of a file is."""
_CREDENTIALS = "CREDENTIALS_DIRECTORY"


def read_secret(path: Path, where: str, *, guarded: bool = True) -> str:
    """The text of a file without the line ends behind it.

    The file is the user's own and nobody else may read it, or it is root's and at most a group may (the rule of
    PostgreSQL for its keys), or a manager of secrets has put it where those stand.

    Args:
        where: the variable that names the file, for messages, which never repeat its text.
        guarded: whether a file that others may read is refused.

    Raises:
        ConfigError: for a file that is missing, no plain one, open to others, empty, too large, or no text.
    """
    remedy = f"write the secret into it and nothing else, for your eyes alone: chmod 600 {path}"
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        closed = isinstance(error, PermissionError)
        remedy = f"let this user own {path}" if closed else "correct the path, or unset the variable"
        raise ConfigError(f"{path} cannot be read: {error.strerror}", where=where, remedy=remedy) from error
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path} is no plain file", where=where, remedy=remedy)
        if guarded and _is_open(found) and not _is_mounted(path):
            what = f"others may read or replace the secret in {path} (mode {stat.S_IMODE(found.st_mode):04o})"
            remedy = f"chmod 600 {path}, owned by this user; or let it be mounted below {_MOUNTS[0]}"
            raise ConfigError(what, where=where, remedy=remedy)
        content = os.read(number, MOST_BYTES + 1)
    finally:
        os.close(number)
    return _text(content, path, where, remedy)


def _text(content: bytes, path: Path, where: str, remedy: str) -> str:
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path} is larger than {MOST_BYTES} bytes", where=where, remedy=remedy)
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:  # whose text would repeat the content
        raise ConfigError(f"{path} is no text in UTF-8", where=where, remedy=remedy) from None
    if not text.strip():
        raise ConfigError(f"{path} is empty", where=where, remedy=remedy)
    return text


def _is_open(found: os.stat_result) -> bool:
    """Whether another user than this one and root may read or replace a file; a group may read root's."""
    allowed = 0o740 if found.st_uid == 0 else 0o700
    return found.st_uid not in (0, os.getuid()) or bool(stat.S_IMODE(found.st_mode) & 0o777 & ~allowed)


def _is_mounted(path: Path) -> bool:
    """Whether a file really lies in a folder of a manager of secrets."""
    folders = [*_MOUNTS, *filter(os.path.isabs, [os.environ.get(_CREDENTIALS, "")])]
    return any(path.resolve().is_relative_to(folder) for folder in folders)
