"""Keeping a venue's state in a file, so that it survives its process: one line of state, then one line per change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, ClassVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from brokers.sim.ended import ended_orders, set_aside
from brokers.sim.state import Change, EndedOrder, VenueState
from tradewright.model.errors import BrokerError
from tradewright.model.plain_words import plain_error


class VenueFile:
    """A journal of one venue; one venue at a time may have it open.

    The first line is a whole state; every further line is one change. A change costs one appended and synced line,
    whatever the length of the history. Opening joins the changes into the state and writes that as the new first line,
    without the orders that ended long ago: these go to a file beside it (``ended``), so that opening costs by what is
    live and recent.
    A last line without its end was never synced, hence never told to a client: it is dropped. Any other line that
    cannot be read refuses the file.
    """

    lasting: ClassVar[bool] = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path.with_name(path.name + ".lock"), timeout=0)
        self._file: BinaryIO | None = None

    def open(self, initial: VenueState) -> VenueState:
        """Take the file and read it; ``initial`` becomes its content when it does not exist yet.

        The operating system releases the lock when the process ends, however it ends.

        Raises:
            BrokerError: when another venue has it, it cannot be opened, or it is damaged; it is left as it is.
        """
        self._take()
        opened = False
        try:
            state = _read(self.path.read_bytes()) if self.path.exists() else initial
            state.date_orders()
            set_aside(self.path, state)
            self._compact(state)
            self._file = self.path.open("ab")
            opened = True
        except (ValidationError, ValueError) as problem:
            raise self._error(
                f"is no state of a simulated venue: {plain_error(problem)}", "move the file away"
            ) from problem
        except OSError as problem:
            raise self._error(f"cannot be written: {problem}", "free some space") from problem
        finally:
            if not opened:
                self._lock.release()
        return state

    def _take(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as problem:
            raise self._error("another client has it open", "stop the other process") from problem
        except OSError as problem:
            raise self._error(f"cannot be opened: {problem}", "see broker.state_file") from problem

    def _compact(self, state: VenueState) -> None:
        """Write the whole state as one line aside, sync it, and put it in place of the file."""
        draft = self.path.with_name(self.path.name + ".tmp")
        try:
            with draft.open("wb") as file:
                file.write(state.model_dump_json().encode() + b"\n")
                _sync(file)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)

    def append(self, change: Change) -> None:
        """Write one change, durably, or leave the file as it was.

        Raises:
            BrokerError: when the disk refuses, or the file is not open.
        """
        if self._file is None:
            raise self._error("it is not open", "connect a client first")
        length = self._file.tell()
        try:
            self._file.write(change.model_dump_json().encode() + b"\n")
            _sync(self._file)
        except OSError as problem:
            self._file.truncate(length)
            raise self._error(f"cannot be written: {problem}", "free some space") from problem

    def ended(self, state: VenueState) -> list[EndedOrder]:
        """The orders that ended long ago and are not in a state of this file.

        Raises:
            BrokerError: when they cannot be read.
        """
        return _ended(self.path, state)

    def close(self) -> None:
        """Let another process have it."""
        if self._file is not None:
            self._file.close()
            self._lock.release()
        self._file = None

    def _error(self, what: str, remedy: str) -> BrokerError:
        return BrokerError(what, where=str(self.path), remedy=remedy)


class VenueCopy:
    """A look at a venue that another process may have open: read once, never written."""

    lasting: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, initial: VenueState) -> VenueState:
        """The venue as it was last saved; ``initial`` where nothing was.

        Raises:
            BrokerError: when it cannot be read.
        """
        try:
            state = _read(self.path.read_bytes()) if self.path.exists() else initial
            state.date_orders()
            return state
        except (ValidationError, ValueError, OSError) as problem:
            what = f"is no state of a simulated venue: {plain_error(problem)}"
            raise BrokerError(what, where=str(self.path), remedy="move the file away") from problem

    def append(self, change: Change) -> None:
        """Keep nothing: a reading connection changes nothing that lasts."""

    def ended(self, state: VenueState) -> list[EndedOrder]:
        """The orders that ended long ago, as of :class:`VenueFile`.

        Raises:
            BrokerError: when they cannot be read.
        """
        return _ended(self.path, state)

    def close(self) -> None:
        """Nothing is open."""


def _ended(path: Path, state: VenueState) -> list[EndedOrder]:
    try:
        return ended_orders(path, state)
    except (ValueError, OSError) as problem:
        what = f"its ended orders cannot be read: {plain_error(problem)}"
        raise BrokerError(what, where=str(path), remedy="restore its file of ended orders") from problem


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _read(content: bytes) -> VenueState:
    """The state of a journal.

    Raises:
        ValidationError: when a line that was synced cannot be read.
    """
    first, *changes = content.split(b"\n")
    state = VenueState.model_validate_json(first)
    for line in changes[:-1]:  # what follows the last end of a line is empty, or was never synced
        state.apply(Change.model_validate_json(line))
    return state
