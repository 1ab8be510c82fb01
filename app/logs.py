"""Logging of the command line: lines of client libraries stay out of the terminal, known notices get a text."""

from __future__ import annotations

import logging
import re
import sys

LIBRARIES = ("ib_async", "asyncio")
NOTICES = {
    "326": ("the client id is in use", "stop the other program, or choose another: broker.client_id=N"),
    "1100": ("the gateway lost its connection to the broker", "wait until it is back; no order is sent meanwhile"),
    "2110": (
        "the gateway lost its connection to the broker's servers",
        "check its network, or restart it",
    ),
}
"""Notices of the Interactive Brokers gateway that need a person: code -> (meaning, remedy)."""
_CODE = re.compile(r"\b(?:Error|Warning) (\d+)\b")


class NoticeHandler(logging.Handler):
    """Writes a known notice with its remedy to standard error, once each; drops every other record."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Handle one record of a client library."""
        found = _CODE.search(record.getMessage())
        code = found.group(1) if found else ""
        if code in NOTICES and code not in self._told:
            self._told.add(code)
            meaning, remedy = NOTICES[code]
            sys.stderr.write(f"venue: {meaning} ({code})\n  what to do: {remedy}\n")


def quiet_libraries() -> None:
    """Route the records of the client libraries to one :class:`NoticeHandler`; repeated calls start afresh."""
    ours = logging.getLogger("tradewright")
    if not ours.handlers:  # before settings name a log file; without any handler Python would write to the terminal
        ours.addHandler(logging.NullHandler())
    handler = NoticeHandler()
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
