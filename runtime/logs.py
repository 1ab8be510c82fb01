"""The log files of every program: one JSON document a line, one file a day, secrets left out (R-OBS-02, R-OBS-03)."""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from conf.environment import in_project, secrets
from conf.schema.settings import Settings

LOGGERS = ("tradewright", "ib_async", "asyncio")
"""Our own loggers, below the first name, and those of the client libraries."""

HIDDEN = "***"
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]+(?=@)")
_TOKEN = re.compile(r"(?<=token=)[^&\s\"']+")
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700


class DailyFile(logging.Handler):
    """Appends records to ``<folder>/<day>.log``, the day by UTC; any number of processes may share the folder.

    A line is one ``write`` to a file opened for appending, so lines of two processes never mix. A folder whose parent
    does not exist is not made: nothing has happened there. A disk that refuses is told once on standard error and
    stops nobody.

    Args:
        days: how many days of files are kept; older ones are deleted at the first line of a day.
        hidden: texts that are replaced by ``***``.
    """

    def __init__(self, folder: Path, days: int, hidden: Sequence[str]) -> None:
        super().__init__()
        self.folder, self.days, self.hidden = folder, days, tuple(hidden)
        self._day, self._told = "", False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if not self.folder.parent.is_dir():
            return
        try:
            self._write(record)
        except OSError as error:
            if not self._told:
                self._told = True
                sys.stderr.write(f"warning: no log is written to {self.folder}: {error.strerror or error}\n")

    def _write(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created, UTC)
        self.folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        if (day := f"{at:%Y-%m-%d}") != self._day:
            self._day = day
            self._forget(at.date())
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe keeps no kill waiting
        descriptor = os.open(self.folder / f"{day}.log", flags, _PRIVATE_FILE)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{day}.log is no plain file")
            os.write(descriptor, f"{self.line(record, at)}\n".encode())
        finally:
            os.close(descriptor)

    def line(self, record: logging.LogRecord, at: datetime) -> str:
        """One record as a JSON document."""
        told = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "text": redacted(record.getMessage(), self.hidden),
        }
        if record.exc_info:
            told["trace"] = redacted(logging.Formatter().formatException(record.exc_info), self.hidden)
        return json.dumps(told)

    def _forget(self, today: date) -> None:
        for path in self.folder.glob("????-??-??.log"):
            try:
                written = date.fromisoformat(path.stem)
            except ValueError:
                continue  # a file of someone else's
            if written <= today - timedelta(days=self.days):
                path.unlink(missing_ok=True)


def redacted(text: str, hidden: Sequence[str]) -> str:
    """A text without these secrets, without passwords in addresses and without tokens in them."""
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
    return _TOKEN.sub(HIDDEN, _PASSWORD.sub(rf"\1:{HIDDEN}", text))


def start_logging(settings: Settings) -> None:
    """Write this process's log under the storage folder, from the level on that ``observability.log_level`` names.

    The terminal stays as it is. Called again, it follows the new settings.
    """
    chosen = settings.observability
    folder = in_project(settings.storage.root) / "logs"
    handler = DailyFile(folder, chosen.log_retention_days, sorted(_hidden(settings), key=len, reverse=True))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [one for one in logger.handlers if not isinstance(one, DailyFile)] + [handler]
        logger.setLevel(chosen.log_level)
        logger.propagate = False


def _hidden(settings: Settings) -> set[str]:
    """Every secret of the environment and the settings, whole, and the password in it where it is an address."""
    url = settings.storage.ledger_url
    found = {*secrets(), *(() if url is None else (url.get_secret_value(),))}
    for address in list(found):
        if "://" in address and (password := _password(address)):
            found |= {password, unquote(password)}
    return {secret for secret in found if secret}


def _password(address: str) -> str | None:
    try:
        return urlsplit(address).password
    except ValueError:
        return None  # no address after all
