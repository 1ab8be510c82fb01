"""Keeping a venue's memory in a file, so that it survives its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from brokers.sim.state import VenueState
from tradewright.model.errors import BrokerError


class VenueFile:
    """One venue's state as JSON; one venue at a time may have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def open(self) -> VenueState | None:
        """Take the file for ourselves and read it; None when nothing was saved yet.

        The kernel lets go of it when the process ends, however it ends.

        Raises:
            BrokerError: when another venue has it, it cannot be opened, or it is damaged; it is left as it is.
        """
        lock = self._take()
        try:
            state = VenueState.model_validate_json(self.path.read_bytes()) if self.path.exists() else None
        except (ValidationError, OSError) as problem:
            lock.close()
            raise self._error(f"is no state of a simulated venue: {problem}", "move the file away") from problem
        self._lock = lock
        return state

    def _take(self) -> IO[str]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_name(self.path.name + ".lock").open("w")
        except OSError as problem:
            raise self._error(f"cannot be opened: {problem}", "see broker.state_file") from problem
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            lock.close()
            raise self._error("another client has it open", "stop the other process") from problem
        return lock

    def save(self, state: VenueState) -> None:
        """Write the whole state, durably, or leave the old one.

        Raises:
            BrokerError: when the disk refuses, or the file is not open.
        """
        if self._lock is None:
            raise self._error("nobody has it open", "connect a client first")
        draft = self.path.with_name(self.path.name + ".tmp")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(state.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as problem:
            draft.unlink(missing_ok=True)
            raise self._error(f"cannot be written: {problem}", "free some space") from problem

    def close(self) -> None:
        """Let another have it."""
        if self._lock is not None:
            self._lock.close()
        self._lock = None

    def _error(self, what: str, remedy: str) -> BrokerError:
        return BrokerError(what, where=str(self.path), remedy=remedy)
