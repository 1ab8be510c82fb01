"""The account's actor: everything that happens to one account at the venue goes through one object and one lock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches

from pydantic import TypeAdapter, ValidationError

from tradewright.execution import operator_actions
from tradewright.execution.account_reader import AccountReader
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.kill_coverage import KillCoverage
from tradewright.execution.protection import units_to_close
from tradewright.execution.risk_snapshot import SnapshotBuilder
from tradewright.execution.sender import Sender
from tradewright.execution.types import (
    Checkpoint,
    ProtocolTimes,
    SenderSettings,
    SendRefused,
    SendResult,
    SendStatus,
    no_checkpoint,
)
from tradewright.execution.waiter import Waiter
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import Broker, BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.command import Command, CommandKind, CommandState
from tradewright.model.decision import Reason, Verdict
from tradewright.model.errors import BrokerError, LedgerError, OrderNotAccepted, TradewrightError
from tradewright.model.intent import RESERVED
from tradewright.model.order import AttemptState, Fill
from tradewright.policy.gate import pre_send_check
from tradewright.policy.order_context import OrderContext

LOG = logging.getLogger(__name__)
_PLAIN: TypeAdapter[object] = TypeAdapter(object)
_NAMES = TypeAdapter(list[str])
_ROWS = TypeAdapter(list[dict[str, object]])
_MOST = 300
"""Characters of what is wrong with a command."""


@dataclass(frozen=True)
class ReconciliationResult:
    """The result of a reconciliation.

    Args:
        differences: the points on which venue and ledger disagree, one line each.
        equity: the account's, in its base currency.
    """

    at: datetime
    differences: tuple[str, ...]
    equity: Decimal
    positions: dict[str, Decimal]


@contextlib.contextmanager
def _reading(command: Command) -> Iterator[None]:
    """Turns what cannot be read into a refusal: left running, the command would stand in front of all others for ever.

    Raises:
        LedgerError: with the code ``COMMAND_UNREADABLE``.
    """
    try:
        yield
    except (ValueError, TypeError, ArithmeticError) as error:
        rows = error.errors() if isinstance(error, ValidationError) else []
        told = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}".removeprefix(": ") for row in rows] or [str(error)]
        raise _unreadable(command, "; ".join(told)) from error


def _text(command: Command, name: str) -> str:
    if name not in command.payload:
        raise _unreadable(command, f"{name} is missing")
    return str(command.payload[name])


def _end(command: Command) -> AttemptState:
    ends = {state.value: state for state in AttemptState if state.terminal}
    if (text := _text(command, "state")) not in ends:
        raise _unreadable(command, f"{text[:40]!r} ends no order; one of {', '.join(ends)} does")
    return ends[text]


def _unreadable(command: Command, why: str) -> LedgerError:
    what = f"this {command.kind} cannot be read: {' '.join(why.split())[:_MOST]}"
    remedy = "nothing was done; ask again with the right values"
    return LedgerError(what, where=f"command {command.command_id}", remedy=remedy, code="COMMAND_UNREADABLE")


class AccountActor:
    """The holder of one account's sending connection: it carries out the commands of the account's inbox.

    One object, one lock, one connection. It is not re-entrant: a second caller waits for the lock. Cancels alone are
    served in the middle of other work, during every wait, so that a kill switch waits for nobody.

    Args:
        builder: makes the gate's snapshot again at the moment of sending.
        checkpoint: called at every step boundary of the protocol; tests kill the process there.
    """

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        clock: Clock,
        builder: SnapshotBuilder,
        settings: SenderSettings,
        times: ProtocolTimes | None = None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        self._ledger, self._builder, self._settings, self._account = ledger, builder, settings, settings.account
        chosen = times or ProtocolTimes()
        waiter = Waiter(clock, chosen.pause, self._serve_urgent)
        self._reader = AccountReader(broker, ledger, builder, settings.account)
        self._sender = Sender(ledger, broker, clock, self.pre_send_check, settings, chosen, waiter, checkpoint)
        self._lock = asyncio.Lock()
        self._handlers: dict[CommandKind, Callable[[Command], Awaitable[object]]] = {
            CommandKind.SEND: self._send,
            CommandKind.CANCEL: self._cancel,
            CommandKind.CANCEL_ALL: self._cancel_all,
            CommandKind.RECONCILE: self._reconcile,
            CommandKind.ACKNOWLEDGE: self._acknowledge,
            CommandKind.ADOPT_POSITION: self._adopt_position,
            CommandKind.CONFIRM_NOT_SENT: self._confirm_not_sent,
            CommandKind.SETTLE: self._settle,
            CommandKind.END_OF_DAY: self._end_of_day,
        }

    async def work(self) -> None:
        """Carry out the commands of the inbox, cancels first, until it is empty.

        Raises:
            SendRefused: when another sender holds the account; its actor carries the commands out.
            LedgerError: when an outcome cannot be written down; the command is carried out again by the next actor.
        """
        async with self._lock:
            self._sender.hold_lease()
            self._ledger.commands.requeue_abandoned(self._account, self._settings.holder)
            while (command := self._ledger.commands.next(self._account)) is not None:
                await self._carry_out(command)

    async def pre_send_check(self, order: ApprovedOrder, snapshot: BrokerSnapshot) -> Sequence[Reason]:
        """The gate's hard rules again, on the state of the moment of sending (R-RISK-39)."""
        symbols = {order.terms.instrument}
        view = await self._reader.valued(snapshot, symbols)
        intent = self._ledger.decisions.intent(order.intent_id)
        self._builder.read_ahead(view, symbols, [intent])
        request = self._builder.request(intent, before_send=True)
        self._builder.watch_losses(view.account)  # before the snapshot, which tells the trip
        builder = self._builder.in_force(self._account)
        found, limits = builder.snapshot(request, view), builder.limits
        reasons = pre_send_check(order, found, limits)
        own = units_to_close(self._ledger, order)
        is_own = order.strategy in RESERVED or order.terms.quantity <= own
        is_exit = is_own and OrderContext.of_order(order, found, limits).exit
        if order.protective and own:
            text = f"it would close {min(own, order.terms.quantity)}; its protective legs would then open a position"
            reasons = (*reasons, Reason(code="LEGS_ON_CLOSING", verdict=Verdict.REJECT, text=text))
        if intent.reduce_only and not is_exit:
            # What it was to close may be closed by now, by a protective leg for one: it must not open a position.
            reasons = (*reasons, Reason(code="NOT_REDUCING", verdict=Verdict.REJECT, text="it would open a position"))
        return reasons

    async def close(self) -> None:
        """Disconnect and let the account go; harmless when nothing was open."""
        await self._sender.close()

    async def _serve_urgent(self) -> None:
        while (command := self._ledger.commands.next(self._account, urgent_only=True)) is not None:
            await self._carry_out(command)

    async def _carry_out(self, command: Command) -> None:
        """Do one command and write down its outcome. A command that this program cannot do is refused with the reason.

        An unforeseen error leaves the command running: whoever holds the account next puts it back into the inbox.
        """
        if not self._ledger.commands.begin(command.command_id, self._settings.holder):
            return
        try:
            result = _PLAIN.dump_python(await self._handlers[command.kind](command), mode="json")
            state = CommandState.DONE
        except TradewrightError as error:
            retry = isinstance(error, BrokerError | SendRefused) and not isinstance(error, OrderNotAccepted)
            state = CommandState.FAILED if retry else CommandState.REFUSED
            result = {"code": error.code, "what": error.what, "where": error.where, "remedy": error.remedy}
            LOG.error("%s by %s: %s: %s", command.kind, command.actor, error.code, error.what)
        else:
            LOG.info("%s by %s: %s", command.kind, command.actor, command.reason)
        self._ledger.commands.finish(command.command_id, state, {"answer": result})

    async def _send(self, command: Command) -> Sequence[SendResult]:
        chosen = command.payload.get("decision_ids")
        with _reading(command):
            names = None if chosen is None else _NAMES.validate_python(chosen)
        results = await self._sender.drain(names)
        for result in results:
            level = logging.INFO if result.status in (SendStatus.SENT, SendStatus.TAKEN) else logging.ERROR
            why = "; ".join(f"{reason.code}: {reason.text}" for reason in result.reasons)
            LOG.log(level, "decision %s: %s %s %s", result.decision_id, result.status, result.ref, why)
        return results

    async def _cancel(self, command: Command) -> Cancelled:
        return await self._sender.cancel(_text(command, "ref"), command.actor, command.reason)

    async def _cancel_all(self, command: Command) -> Cancelled:
        """Every open order, or those that the kill switches cover when the payload says so."""
        stopped_only = bool(command.payload.get("stopped_only", False))
        covered = KillCoverage(self._ledger, self._account, self._settings.starts_stopped)

        def is_covered(attempt: Attempt) -> bool:
            return not stopped_only or covered.covers(attempt)

        whole = not stopped_only or covered.whole_account
        return await self._sender.cancel_all(
            is_covered, command.actor, command.reason, whole_account=whole, others=not stopped_only
        )

    async def _reconcile(self, _command: Command) -> ReconciliationResult:
        """Ask the venue for everything, adopt its answers, record the equity (R-EXEC-08)."""
        recovered = await self._sender.recover()
        money = await self._reader.money()
        mark = self._ledger.equity.mark(self._account, money.equity, money.cash)
        self._builder.watch_losses(money)
        last = self._ledger.broker_journal.last_reconciliation(self._account)
        for difference in last.differences if last else ():
            LOG.warning("account %s differs from the venue: %s", self._account, difference)
        held = {row.instrument: row.quantity for row in recovered.snapshot.positions if row.quantity}
        return ReconciliationResult(mark.at, last.differences if last else (), money.equity, held)

    async def _acknowledge(self, command: Command) -> int:
        instrument = _text(command, "instrument")
        return operator_actions.acknowledge(self._ledger, self._account, instrument, command.actor, command.reason)

    async def _adopt_position(self, command: Command) -> Decimal:
        """Take over the venue's own position, as a fresh recovery finds it, never a number that a person types."""
        instrument = _text(command, "instrument")
        snapshot = (await self._sender.recover()).snapshot
        self._demand_known(instrument, snapshot)
        held = [row for row in snapshot.positions if row.instrument == instrument and row.account == self._account]
        quantity, price = (held[0].quantity, held[0].average_price) if held else (Decimal(0), Decimal(0))
        person = (command.actor, command.reason)
        return operator_actions.adopt_position(self._ledger, self._account, instrument, quantity, price, *person)

    def _demand_known(self, instrument: str, snapshot: BrokerSnapshot) -> None:
        """An instrument may be adopted when it is configured, held here or at the venue, or frozen.

        Raises:
            LedgerError: for any other one; the nearest known name is given.
        """
        held = (*snapshot.positions, *self._ledger.executions.positions(self._account))
        frozen = (freeze.instrument for freeze in self._ledger.freezes.present(self._account))
        known = {*self._builder.instruments, *(row.instrument for row in held), *frozen}
        if instrument in known:
            return
        near = get_close_matches(instrument, known, 1)
        remedy = f"did you mean {near[0]!r}?" if near else "tradewright freezes and tradewright positions name them"
        what, where = f"there is no instrument {instrument!r}", f"account {self._account}"
        raise LedgerError(what, where=where, remedy=remedy, code="INSTRUMENT_UNKNOWN")

    async def _confirm_not_sent(self, command: Command) -> None:
        """Gather the evidence first: two snapshots that do not list the order; then the person's word counts (R5)."""
        ref = _text(command, "ref")
        await self._sender.recover()
        operator_actions.confirm_not_sent(self._ledger, ref, command.actor, command.reason)

    async def _settle(self, command: Command) -> AttemptState:
        """End an order by the venue's statement (R6)."""
        ref, state = _text(command, "ref"), _end(command)
        attempt = self._ledger.attempts.get(ref)
        known = {"ref": ref, "perm_id": 0, "instrument": attempt.instrument, "side": attempt.side}
        known |= {"account": attempt.account, "time": attempt.sending_at or attempt.claimed_at}
        with _reading(command):
            rows = _ROWS.validate_python(command.payload.get("fills", []))
            fills = [Fill.model_validate(known | row) for row in rows]
        person = (command.actor, command.reason)
        return operator_actions.settle_by_statement(self._ledger, ref, fills, state, *person).state

    async def _end_of_day(self, _command: Command) -> Sequence[str]:
        await self._sender.ready()
        return [difference.told for difference in await self._sender.tracker.end_of_day()]
