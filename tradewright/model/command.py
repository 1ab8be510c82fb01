"""Commands: requests to the actor of an account, each with who asked, why, and what came of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tradewright.model.base import FrozenModel, Instant


class CommandKind(StrEnum):
    """Everything that can be asked of an account's actor."""

    SEND = "SEND"
    CANCEL = "CANCEL"
    CANCEL_ALL = "CANCEL_ALL"
    RECONCILE = "RECONCILE"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    ADOPT_POSITION = "ADOPT_POSITION"
    CONFIRM_NOT_SENT = "CONFIRM_NOT_SENT"
    SETTLE = "SETTLE"
    END_OF_DAY = "END_OF_DAY"

    @property
    def is_urgent(self) -> bool:
        """Whether it goes before everything else, also in the middle of a batch."""
        return self in (CommandKind.CANCEL_ALL, CommandKind.CANCEL)


class CommandState(StrEnum):
    """Where a command stands. Each may be carried out again after a crash: no command sends an order twice."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    """It cannot be done as asked; the result says why, and what to do."""
    FAILED = "FAILED"
    """The venue or the ledger could not be used; it may be asked again."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing more happens to it."""
        return self in (CommandState.DONE, CommandState.REFUSED, CommandState.FAILED)


class Command(FrozenModel):
    """One command.

    Args:
        key: the idempotency key: the same key with the same request is the same command.
        payload: what is asked, by the kind: references, quantities, decisions.
        actor: the person or the program that asked.
        holder: the sender that carries it out; empty while it is queued.
        result: the outcome as plain values; an error has ``what``, ``where`` and ``remedy``.
    """

    command_id: int
    key: str
    kind: CommandKind
    mode: str
    account: str
    payload: dict[str, object]
    actor: str
    reason: str
    state: CommandState
    holder: str = ""
    result: dict[str, object] | None = None
    created_at: Instant
    started_at: datetime | None = None
    finished_at: datetime | None = None
