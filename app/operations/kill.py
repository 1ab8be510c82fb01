"""The kill switch from the command line. The stop needs nothing but the ledger; the cancels need the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from app.operations.actors import actor_name, checked_reason
from app.operations.kill_scopes import checked_scope, scopes
from conf.compose import compose_without_strategy
from conf.environment import options
from conf.ledger_place import LedgerPlace, ledger_place
from conf.schema.settings import Settings
from runtime import trading as wiring
from runtime.alerts import tell_alerts
from runtime.container import Container
from tradewright.database.address import sqlite_file
from tradewright.execution.cancellation import Cancelled
from tradewright.ledger.kill_switches import EVERYTHING, Switch, account_scope, strategy_scope
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock, SystemClock
from tradewright.model.command import Command, CommandKind, CommandState
from tradewright.model.errors import LedgerError, StoreError, TradewrightError
from tradewright.model.intent import MANUAL
from tradewright.store.files import private_folder

WAIT = 15.0
"""Seconds to wait for a sender at work to cancel, where this process cannot ask the venue itself."""
_CANCELLED = TypeAdapter(Cancelled)


@dataclass(frozen=True)
class KillTarget:
    """The ledger in which a kill sets its flag, and the overrides for everything that comes after.

    Args:
        overrides: those in force, the named ledger among them.
    """

    place: LedgerPlace
    overrides: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """Modes and ledger, then the files that could not be read."""
        modes = " and ".join(self.place.modes)
        return [f"mode {modes}, ledger {self.place.shown}", *(f"not read: {text}" for text in self.place.remarks)]


def target(overrides: Sequence[str], url: str = "") -> KillTarget:
    """Where the flag goes. No configuration is composed; only the choice of storage and mode is looked at.

    Args:
        url: the ledger's database, for when its place cannot be read.

    Raises:
        ConfigError: when the ledger's place cannot be read; the remedy says how to name it.
    """
    named = (*overrides, f"storage.ledger_url='{url}'") if url else tuple(overrides)
    return KillTarget(ledger_place(named), named)


def kill(at: KillTarget, scope: str, reason: str, actor: str = "") -> tuple[Switch, Cancelled]:
    """Stop: the flag first, in a commit of its own, then a cancel of every open order that it covers, all at once.

    The flag needs no configuration. Where that cannot be composed, the cancels are left to the account's sender if one
    is at work, and the reply says what is wrong. Where the flag cannot be written because the ledger is damaged, the
    orders are cancelled all the same: nothing is sent on such a ledger.

    Returns:
        The stop, which holds whatever became of the cancels (``stopped`` is False where it could not be written), and
        the outcome of these.

    Raises:
        ConfigError: without a reason, or for an unknown scope.
    """
    said, name = checked_reason(reason), actor_name(actor)
    if scope in ("", EVERYTHING):  # the flag before anything is composed
        switch, problem = _stop(at.place, EVERYTHING, name, said)
        composed, checked = _composed(at), EVERYTHING
    else:
        composed = _composed(at)
        checked = _known_scope(composed, at.place, scope)
        switch, problem = _stop(at.place, checked, name, said)
    done = _cancel(composed, at.place, checked, name, said)
    if not isinstance(composed, TradewrightError):
        tell_alerts(composed)  # last: a slow receiver delays no cancel
    return switch, replace(done, problem="; ".join(filter(None, (problem, done.problem))))


def _composed(at: KillTarget) -> Settings | TradewrightError:
    """The settings, or why there are none."""
    try:
        return compose_without_strategy(at.overrides)
    except TradewrightError as error:
        return error


def _stop(place: LedgerPlace, scope: str, actor: str, reason: str) -> tuple[Switch, str]:
    """Set the flag in every mode that may be meant: the switch of the last one, or why it could not be written."""
    try:
        return [ledger.kill_switches.stop(scope, actor, reason) for ledger in _ledgers(place)][-1], ""
    except (LedgerError, OSError) as error:
        return Switch(scope, False, actor, reason, SystemClock().now()), f"THE STOP COULD NOT BE WRITTEN: {error}"


def _ledgers(place: LedgerPlace) -> Iterator[Ledger]:
    """The ledger, open in each of the modes in turn.

    Its own clock is told by the configuration alone, so that the machine's is taken: of the settings of a switch the
    last one that was written counts, whatever its time, and a sender is found by its process.
    """
    if file := sqlite_file(place.url):
        private_folder(file.parent)
    for mode in place.modes:
        with Ledger.create(place.url, SystemClock(), mode=mode) as ledger:
            yield ledger


def _known_scope(composed: Settings | TradewrightError, place: LedgerPlace, scope: str) -> str:
    """A scope that the configuration, or without one the ledger and the strategy files, have heard of.

    Raises:
        ConfigError: for any other one: a misspelt stop would stop nothing.
    """
    known, accounts = [MANUAL, *options("strategy")], list[str]()
    try:
        if isinstance(composed, Settings):
            with Container(composed) as house:
                return checked_scope(scope, scopes(composed, house.ledger))
        for ledger in _ledgers(place):
            known += ledger.decisions.strategies()
            accounts += ledger.outbox.accounts()
    except (LedgerError, StoreError):
        return checked_scope(scope, [scope])  # a damaged ledger knows no names: the one that is given holds
    return checked_scope(scope, [*map(account_scope, accounts), *map(strategy_scope, known)])


def _cancel(
    composed: Settings | TradewrightError, place: LedgerPlace, scope: str, actor: str, reason: str
) -> Cancelled:
    """Cancel what the stop covers; set the flag also where the composition leads, should that be another place."""
    if not isinstance(composed, Settings):
        return _leave_to_senders(place, actor, reason, str(composed))
    with Container(composed, _clock(composed)) as house:
        try:
            if house.ledger_url() != place.url or composed.mode.name not in place.modes:
                house.ledger.kill_switches.stop(scope, actor, reason)
            return wiring.cancelling_stopped(house, scope, actor, reason)
        except TradewrightError as error:
            return Cancelled(problem=str(error))


def _clock(composed: Settings) -> Clock:
    """The clock of the settings; the machine's where that of a scenario cannot be read."""
    try:
        return Container(composed).clock
    except (StoreError, OSError):
        return SystemClock()


def _leave_to_senders(place: LedgerPlace, actor: str, reason: str, problem: str) -> Cancelled:
    """Ask the senders at work for the cancels, and wait a little for their answers."""
    ended: list[str] = []
    still_open: list[str] = []
    for ledger in _ledgers(place):
        for lease in ledger.leases.at_work():
            asked = ledger.commands.enqueue(CommandKind.CANCEL_ALL, lease.name, {"stopped_only": True}, actor, reason)
            answer = asyncio.run(_outcome(ledger, asked))
            if answer is None:
                problem += f"; the sender of {lease.name} (process {lease.pid}) has not answered yet"
            else:
                ended += answer.ended
                still_open += answer.open
    return Cancelled(tuple(ended), tuple(still_open), problem)


async def _outcome(ledger: Ledger, command: Command) -> Cancelled | None:
    deadline = ledger.clock.monotonic() + WAIT
    while not (command := ledger.commands.get(command.command_id)).state.is_finished:
        if ledger.clock.monotonic() >= deadline:
            return None
        await ledger.clock.sleep(0.2)
    return _CANCELLED.validate_python((command.result or {})["answer"]) if command.state is CommandState.DONE else None
