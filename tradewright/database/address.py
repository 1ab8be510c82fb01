"""The addresses of SQLite databases: a file as a URL, and the file that a URL names.

A URL takes ``%`` for the start of an escape and ``?`` for the end of the path, so that a path is percent-encoded in it.
Nothing here loads SQLAlchemy.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

from tradewright.model.errors import ConfigError

SQLITE = "sqlite:///"
_DRIVER = "sqlite+pysqlite:///"


def sqlite_url(path: Path) -> str:
    """The URL of a file; two files have two URLs.

    Raises:
        ConfigError: for a path that is no text in UTF-8, which no URL can hold.
    """
    try:
        return SQLITE + quote(str(path))
    except UnicodeEncodeError as error:
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        remedy = "rename the folder: letters of UTF-8 only"
        raise ConfigError("the path is no text in UTF-8", where=shown, remedy=remedy) from error


def sqlite_file(url: str) -> Path | None:
    """The file that a URL names, as SQLAlchemy reads it; None for the URL of a server."""
    for start in (SQLITE, _DRIVER):
        if url.startswith(start):
            return Path(unquote(url.removeprefix(start).partition("?")[0]))
    return None
