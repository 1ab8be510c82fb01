"""Asking an account's actor: put a command into the inbox, and wait for its outcome, whoever carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from tradewright.execution.actor import AccountActor, ReconciliationResult
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.types import SendRefused, SendResult
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock
from tradewright.model.command import Command, CommandKind, CommandState
from tradewright.model.errors import TradewrightError

_RESULTS = TypeAdapter(tuple[SendResult, ...])
_RECONCILED = TypeAdapter(ReconciliationResult)
_CANCELLED = TypeAdapter(Cancelled)

LOOK = 0.25
"""Seconds between two looks at a command that another actor carries out."""


class CommandRefused(TradewrightError):
    """The actor refused the command or could not carry it out; the text says why, and what to do."""


class CommandPending(TradewrightError):
    """The command is in the inbox and another actor has not finished it in the time allowed. It is not lost."""


@dataclass(frozen=True)
class Inbox:
    """The way from a person, an app or a job to the actor of an account.

    Args:
        actor: becomes the account's actor until the request is done, when no other holds the account.
        patience: how many seconds to wait for another actor.
    """

    ledger: Ledger
    actor: AccountActor
    account: str
    clock: Clock
    patience: float = 120.0

    async def ask(
        self, kind: CommandKind, actor: str, reason: str, payload: Mapping[str, object] | None = None, key: str = ""
    ) -> object:
        """Ask for one command and return its answer as plain values.

        Args:
            actor: the person or the program that asks.
            key: the idempotency key: asking again under it gives the first answer and does nothing twice.

        Raises:
            CommandRefused: when it was refused or failed.
            CommandPending: when another actor is still busy after ``patience`` seconds.
            IdempotencyConflict: for the same key with another request.
            LedgerError: when the ledger cannot be used.
        """
        command = self.ledger.commands.enqueue(kind, self.account, payload or {}, actor, reason, key)
        deadline = self.clock.monotonic() + self.patience
        while not (command := self.ledger.commands.get(command.command_id)).state.is_finished:
            try:
                await self.actor.work()
            except SendRefused as error:
                if self.clock.monotonic() >= deadline:
                    raise _pending(command, error) from error
                await self.clock.sleep(LOOK)
        return _answer(command)

    async def send(self, actor: str, reason: str, decision_ids: Sequence[str] | None = None) -> tuple[SendResult, ...]:
        """Send what is approved, or the orders of these decisions; see :meth:`Sender.drain`."""
        payload = {} if decision_ids is None else {"decision_ids": list(decision_ids)}
        return _RESULTS.validate_python(await self.ask(CommandKind.SEND, actor, reason, payload))

    async def reconcile(self, actor: str, reason: str) -> ReconciliationResult:
        """Compare the account with the venue and adopt the venue's answers."""
        return _RECONCILED.validate_python(await self.ask(CommandKind.RECONCILE, actor, reason))

    async def cancel(self, ref: str, actor: str, reason: str) -> Cancelled:
        """Cancel one order and wait for the venue's confirmation."""
        return _CANCELLED.validate_python(await self.ask(CommandKind.CANCEL, actor, reason, {"ref": ref}))

    async def cancel_all(self, actor: str, reason: str, *, stopped_only: bool = False) -> Cancelled:
        """Cancel every open order, or those that a kill switch covers."""
        payload = {"stopped_only": stopped_only}
        return _CANCELLED.validate_python(await self.ask(CommandKind.CANCEL_ALL, actor, reason, payload))


def _answer(command: Command) -> object:
    answer = (command.result or {}).get("answer")
    if command.state is CommandState.DONE:
        return answer
    told = answer if isinstance(answer, dict) else {}
    raise CommandRefused(
        str(told.get("what", "no reason was given")),
        where=str(told.get("where", "")) or f"command {command.command_id}",
        remedy=str(told.get("remedy", "")),
        code=str(told.get("code", "")),
    )


def _pending(command: Command, error: SendRefused) -> CommandPending:
    return CommandPending(
        f"{command.kind} is {command.state} in the inbox: {error.what}",
        where=f"command {command.command_id}",
        remedy="wait for its outcome with tradewright commands; it is carried out as soon as the account is free",
    )
