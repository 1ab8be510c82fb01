"""The operator's acts on an account: cancel, flatten, and the ways back from every stop, through the inbox."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.operations.actors import actor_name, checked_reason
from app.operations.trading import opened_ledger
from conf.schema.settings import Settings
from runtime import trading as wiring
from runtime.container import Container
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.health import AccountCode, Problem
from tradewright.execution.inbox import Inbox
from tradewright.model.command import Command, CommandKind
from tradewright.model.decision import Decision, Verdict


@dataclass(frozen=True)
class Done:
    """The outcome of an act on an account.

    Args:
        answer: of the actor, as plain values.
        problems: everything that is still not well on the account.
    """

    answer: object
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Flattened:
    """The outcome of the cancels, the decisions on closing every holding, and what is not well on the account."""

    cancelled: Cancelled
    decisions: tuple[Decision, ...]
    problems: tuple[Problem, ...]

    @property
    def failed(self) -> bool:
        """Whether an order may still be open or was rejected, or the account is not well; a stop is no fault here."""
        is_rejected = any(made.verdict is Verdict.REJECT for made in self.decisions)
        is_open = bool(self.cancelled.open or self.cancelled.problem)
        return is_open or is_rejected or any(problem.code != AccountCode.STOPPED for problem in self.problems)


def inbox(settings: Settings, most: int) -> list[Command]:
    """The newest commands with their outcomes, newest first."""
    with opened_ledger(settings) as ledger:
        return ledger.commands.newest(most)


def cancel(settings: Settings, ref: str, reason: str, actor: str = "") -> Cancelled:
    """Cancel one order and wait for the venue's confirmation.

    Raises:
        CommandRefused: when it is unknown, at its end, or in doubt, or the venue cannot be asked.
    """
    name, said = actor_name(actor), checked_reason(reason)
    with Container(settings) as house:
        return wiring.asking(house, lambda box: box.cancel(ref, name, said))


def cancel_all(settings: Settings, reason: str, actor: str = "") -> Cancelled:
    """Cancel every open order of the account at once.

    Raises:
        CommandRefused: when the venue cannot be asked.
    """
    name, said = actor_name(actor), checked_reason(reason)
    with Container(settings) as house:
        return wiring.cancelling(house, lambda box: box.cancel_all(name, said))


def flatten(settings: Settings, reason: str, actor: str = "", key: str = "") -> tuple[Cancelled, list[Decision]]:
    """Cancel every open order and decide on closing every holding; ``send`` sends what is approved.

    Args:
        key: the idempotency key; made up when empty.

    Raises:
        BrokerError: when the venue cannot be read.
    """
    name, said, own = actor_name(actor), checked_reason(reason), key or secrets.token_hex(8)
    with Container(settings) as house:
        return wiring.flatten(house, name, said, own)


def flatten_all(settings: Settings, reason: str, actor: str = "", key: str = "") -> Flattened:
    """As :func:`flatten`, with everything that is not well afterwards."""
    cancelled, decisions = flatten(settings, reason, actor, key)
    return Flattened(cancelled, tuple(decisions), not_well(settings))


def not_well(settings: Settings) -> tuple[Problem, ...]:
    """Everything that is not well on the account in force, with the commands that help; empty when it may trade."""
    with Container(settings) as house:
        return wiring.not_well(house)


def acknowledge(settings: Settings, instrument: str, reason: str, actor: str = "") -> Done:
    """Lift the freezes of an instrument after a person has looked at their cause at the venue."""
    return _ask(settings, CommandKind.ACKNOWLEDGE, reason, actor, {"instrument": instrument})


def adopt(settings: Settings, instrument: str, reason: str, actor: str = "") -> Done:
    """Take over the venue's position of an instrument into the ledger."""
    return _ask(settings, CommandKind.ADOPT_POSITION, reason, actor, {"instrument": instrument})


def confirm_not_sent(settings: Settings, ref: str, reason: str, actor: str = "") -> Done:
    """A person confirms, on fresh evidence, that an order in doubt never arrived (R5)."""
    return _ask(settings, CommandKind.CONFIRM_NOT_SENT, reason, actor, {"ref": ref})


def settle(
    settings: Settings,
    ref: str,
    state: str,
    fills: Sequence[Mapping[str, object]],
    reason: str,
    actor: str = "",
) -> Done:
    """End an order by the venue's statement (R6).

    Args:
        state: FILLED, CANCELLED, REJECTED or NOT_SENT.
        fills: ``exec_id``, ``quantity`` and ``price`` of each execution that the statement shows for the order.
    """
    payload: dict[str, object] = {"ref": ref, "state": state, "fills": [dict(row) for row in fills]}
    return _ask(settings, CommandKind.SETTLE, reason, actor, payload)


def end_of_day(settings: Settings, reason: str, actor: str = "") -> Done:
    """Before the venue's midnight: compare, and block what is still open or differs (S9)."""
    return _ask(settings, CommandKind.END_OF_DAY, reason, actor, {})


def _ask(settings: Settings, kind: CommandKind, reason: str, actor: str, payload: dict[str, object]) -> Done:
    name, said = actor_name(actor), checked_reason(reason)

    async def act(box: Inbox) -> Done:
        answer = await box.ask(kind, name, said, payload)
        return Done(answer, wiring.not_well(house, box.account))

    with Container(settings) as house:
        return wiring.asking(house, act)
