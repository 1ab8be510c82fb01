"""The sender: the one road of an approved order to the venue (S1 to S9). At most once, then reconcile."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from tradewright.execution.absence import AbsenceEvidence
from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.cancellation import Cancelled, Canceller
from tradewright.execution.execution_reports import external_keys, lost_references
from tradewright.execution.order_placement import OrderPlacement
from tradewright.execution.order_tracking import OrderTracker
from tradewright.execution.protection import orders_to_end_first
from tradewright.execution.rate_limiter import RateLimiter
from tradewright.execution.recovery import Recovered, Recovery
from tradewright.execution.send_guard import Recheck, SendGuard, reject_reason
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
from tradewright.ledger.outbox import Sendable
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import Broker, BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.decision import Reason
from tradewright.model.errors import BrokerError
from tradewright.model.intent import MANUAL
from tradewright.model.order import AttemptState, OrderType

CANCEL_ALL = 'tradewright cancel-all --reason "..."'
RECOVERIES = 3
"""How often a recovery is repeated when the connection is disturbed during it."""
_UNSETTLED = frozenset({AttemptState.CLAIMED, AttemptState.SENDING, AttemptState.UNKNOWN})
_DOUBTFUL = frozenset({AttemptState.UNKNOWN, AttemptState.NOT_SENT})


class Sender:
    """Sends the approved orders of one account, one order at a time.

    Args:
        pre_send_check: the gate's send-time controls.
        waiter: every wait of the sender; it serves urgent commands meanwhile.
        checkpoint: called at every step boundary; tests kill the process there.

    Raises:
        SendRefused: when mode, ledger, account and port contradict each other.
    """

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        clock: Clock,
        pre_send_check: Recheck,
        settings: SenderSettings,
        times: ProtocolTimes | None = None,
        waiter: Waiter | None = None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        settings.check(ledger.mode)
        self._ledger, self._broker, self._clock = ledger, broker, clock
        self._settings, self._times, self._checkpoint = settings, times or ProtocolTimes(), checkpoint
        self._waiter = waiter or Waiter(clock, self._times.pause)
        connection = BrokerConnection(broker, ledger, clock, settings, checkpoint)
        evidence = AbsenceEvidence(connection, ledger, clock, settings, self._times)
        shared = (evidence, self._waiter, self._keep_lease)
        self._connection = connection
        self._recovery = Recovery(connection, ledger, settings, self._times, *shared)
        self._limiter = RateLimiter(ledger, clock, settings, self._waiter)
        self._guard = SendGuard(ledger, clock, pre_send_check, settings)
        self.tracker = OrderTracker(connection, ledger, clock, settings, self._times, *shared)
        self._canceller = Canceller(
            connection, self.tracker, ledger, settings.account, self._times, self._waiter, checkpoint
        )
        self._placement = OrderPlacement(
            connection, self.tracker, ledger, self._guard, settings, self._times, self._waiter, checkpoint
        )

    async def drain(self, decision_ids: Collection[str] | None = None) -> tuple[SendResult, ...]:
        """Send what is approved, oldest first, and settle what came to be in doubt on the way.

        Every order is claimed before the first one goes out: an approval's life ends at its claim, and the limit on
        the rate of orders comes after it, so that a whole rebalance goes out however long it takes.

        Args:
            decision_ids: only these. None for everything in the outbox.

        Raises:
            SendRefused: when another sender has the account.
            BrokerError: when the venue cannot be reached or read; what was not sent stays approved.
            LedgerError: when something cannot be written down; nothing is sent after that.
        """
        self.hold_lease()
        self._ledger.events.check_end()
        self._give_back_claims()  # of a batch that broke off and could not give them back itself
        await self._settle_leftovers()
        listed = self._ledger.outbox.sendable(self._settings.account)
        self._checkpoint("S1.listed")
        chosen = [row for row in listed if decision_ids is None or row.decision_id in decision_ids]
        missing = [name for name in decision_ids or () if name not in {row.decision_id for row in chosen}]
        results = [self._unlisted(decision_id) for decision_id in missing]
        try:
            claims = [self._claim(row) for row in chosen]
            results += [row if isinstance(row, SendResult) else await self._send(row) for row in claims]
        finally:
            self._give_back_claims()
        return await self._final(results)

    async def cancel(self, ref: str, actor: str, reason: str) -> Cancelled:
        """Ask the venue to cancel one order and wait for its confirmation; see :meth:`Canceller.cancel`.

        Raises:
            SendRefused: when another sender has the account.
            BrokerError: when the venue cannot be reached or read; nothing was asked then.
            LedgerError: when the order is in doubt, at its end, or not among the venue's open orders.
        """
        return await self._canceller.cancel([ref], actor, reason, await self.ready())

    async def cancel_all(
        self,
        covers: Callable[[Attempt], bool],
        actor: str,
        reason: str,
        *,
        whole_account: bool = False,
        others: bool = False,
    ) -> Cancelled:
        """Cancel every open order for which ``covers`` holds, all at once (control 19).

        It waits for no recovery: one complete snapshot tells which orders are open. An order in doubt that the venue
        does not list cannot be cancelled; it counts as open. When the venue cannot be read to the end, the cancels are
        asked for all the same, and every order counts as open.

        Args:
            whole_account: whether ``covers`` holds for every order; see :meth:`Canceller.cancel_unseen`.
            others: whether the orders of other programs and of persons are meant too. Where they are not and the whole
                account is, those that a lost or another ledger of this program sent are told as open.

        Raises:
            SendRefused: when another sender has the account.
            BrokerError: when the venue cannot be reached.
            LedgerError: when something cannot be written down.
        """
        self.hold_lease()
        try:
            await self._connection.connect()
            snapshot = await self.tracker.query()
        except BrokerError as error:
            return await self._canceller.cancel_unseen(self._sent(covers), actor, reason, error, whole_account)
        sent = self._sent(covers)
        listed = {order.ref for order in snapshot.open_orders}
        possible = [row.ref for row in sent if row.ref in listed and self._canceller.is_possible(row, snapshot)]
        keys = external_keys(self._ledger, self._settings.account, snapshot) if others else ()
        done = await self._canceller.cancel(possible, actor, reason, snapshot)
        left = tuple(row.ref for row in sent if row.ref not in possible)
        foreign = await self._canceller.cancel_external(keys, actor, reason)
        lost = lost_references(self._ledger, self._settings.account, snapshot) if whole_account and not others else ()
        told = f"{', '.join(lost)} were sent from a lost or another ledger: {CANCEL_ALL} ends them" if lost else ""
        problem = "; ".join(filter(None, (done.problem, foreign.problem, told)))
        return Cancelled((*done.ended, *foreign.ended), (*done.open, *left, *foreign.open, *lost), problem)

    def _sent(self, covers: Callable[[Attempt], bool]) -> list[Attempt]:
        """The live orders for which ``covers`` holds and whose sending has begun."""
        live = [attempt for attempt in self._ledger.attempts.live(self._settings.account) if covers(attempt)]
        return [attempt for attempt in live if attempt.state is not AttemptState.CLAIMED]

    async def ready(self) -> BrokerSnapshot:
        """A complete, fresh view of the venue over a trusted connection (S3, R1 to R4), connecting where needed.

        Raises:
            BrokerError: when there is none to be had.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when nothing can be written down.
        """
        self._connection.raise_failure()
        if not self._connection.connected or not self._connection.trusted:
            return (await self._recover()).snapshot
        if self.tracker.stale:
            await self._connection.check_time()
            await self.tracker.poll()
        if self.tracker.snapshot is None or not self._connection.trusted:
            return (await self._recover()).snapshot
        return self.tracker.snapshot

    async def recover(self) -> Recovered:
        """Find out what became of every order, and wait for the evidence on those that are in doubt (R1 to R6).

        Raises:
            BrokerError: when clocks differ, a query stays incomplete, or the connection is not calm.
            SendRefused: when another sender has the account, or took it over meanwhile.
            LedgerError: when nothing can be written down.
        """
        found = await self._recover()
        if not found.unknown:
            return found
        await self.tracker.settle_doubts(found.unknown)
        states = {ref: self._ledger.attempts.get(ref).state for ref in found.unknown}
        return replace(
            found,
            snapshot=self.tracker.snapshot or found.snapshot,
            unknown=tuple(ref for ref, state in states.items() if state is AttemptState.UNKNOWN),
            not_sent=tuple(ref for ref, state in states.items() if state is AttemptState.NOT_SENT),
            adopted=(*found.adopted, *(ref for ref, state in states.items() if state not in _DOUBTFUL)),
        )

    def hold_lease(self) -> None:
        """Take or prolong the lease of the account.

        Raises:
            SendRefused: while another sender holds it.
        """
        account, holder = self._settings.account, self._settings.holder
        if not self._ledger.leases.acquire(account, holder, self._times.lease):
            lease = self._ledger.leases.get(account)
            other = f"{lease.holder} until {lease.expires_at.isoformat()}" if lease else "another one"
            raise SendRefused(
                f"another sender has the account: {other}",
                where=f"account {account}",
                remedy="its actor carries your command out; ask for it with tradewright commands",
            )

    async def close(self) -> None:
        """Disconnect and let the account go."""
        await self._connection.disconnect()
        self._ledger.leases.release(self._settings.account, self._settings.holder)

    async def _recover(self) -> Recovered:
        """Recover on this connection or, when it is dead, on a new one."""
        self.hold_lease()
        was_connected = self._connection.connected
        await self._connection.connect()
        try:
            return await self._calm_recovery()
        except BrokerError:
            await self._connection.disconnect()
            if not was_connected:
                raise
        await self._connection.connect()
        return await self._calm_recovery()

    async def _calm_recovery(self) -> Recovered:
        for _ in range(RECOVERIES):
            found = await self._recovery.run()
            self._checkpoint("S3.reconciled")
            if self._connection.trusted:
                self.tracker.take(found.snapshot)
                await self._cancel_incomplete(found)
                return found
        raise BrokerError(f"the connection was disturbed during {RECOVERIES} recoveries", where=self._broker.venue)

    def _unlisted(self, decision_id: str) -> SendResult:
        """An order that may not be claimed: another sender has it already, or there is none."""
        for attempt in reversed(self._ledger.attempts.of_decision(decision_id)):
            if attempt.state is not AttemptState.EXPIRED:
                return SendResult(decision_id, attempt.ref, SendStatus.TAKEN, attempt.state)
        return SendResult(decision_id, "", SendStatus.LOST)

    def _claim(self, row: Sendable) -> Attempt | SendResult:
        """S2: one conditional insert, or the reason why this order is not to be had."""
        order = self._guard.restored(row.decision_id)
        if isinstance(order, Reason):
            return SendResult(row.decision_id, row.ref, SendStatus.REFUSED, reasons=(order,))
        self._checkpoint("S2.before_claim")
        self.hold_lease()
        attempt = self._ledger.claims.claim(row.decision_id, order.payload_hash, self._settings.holder)
        if attempt is not None:
            self._checkpoint("S2.claimed")
            return attempt
        if reasons := self._guard.expired(row.expires_at):
            return SendResult(row.decision_id, row.ref, SendStatus.REFUSED, reasons=tuple(reasons))
        return SendResult(row.decision_id, row.ref, SendStatus.LOST)

    async def _send(self, attempt: Attempt) -> SendResult:
        """S3 to S6 for one claimed order. Whatever stops it before S4 leaves the claim to be given back."""
        await self._limiter.acquire()
        order = self._guard.restored(attempt.decision_id)
        if isinstance(order, Reason):
            return self._placement.refuse(attempt, (order,))
        snapshot = await self.ready()
        reasons = await self._guard.reject_reasons(order, snapshot)
        reasons += tuple(self._guard.waited_too_long(attempt.claimed_at, self._times.claim))
        reasons += await self._guard.not_accepted(order, self._broker)
        reasons = reasons or await self._free_holding(attempt, order)
        order_ids = {leg: self._broker.next_order_id() for leg in order.legs()}
        # Hold the lease again: the checks may have taken long enough for another sender to come.
        self.hold_lease()
        if self._ledger.attempts.get(attempt.ref).state is not AttemptState.CLAIMED:
            raise self._taken_over()
        if reasons:
            return self._placement.refuse(attempt, reasons)
        self._checkpoint("S3.rechecked")
        return await self._placement.place(attempt, order_ids)

    async def _free_holding(self, attempt: Attempt, order: ApprovedOrder) -> tuple[Reason, ...]:
        """Cancel the orders that could open a position once this one has closed the holding, and check it once more.

        A leg may also have been filled before its cancel arrived: then there is less to close, which the second check
        finds. A person's order that rests is refused instead: it may never close anything.
        """
        snapshot = await self.ready()
        orders = orders_to_end_first(self._ledger, order)
        if not orders:
            return ()
        names = ", ".join(row.ref for row in orders)
        if order.strategy == MANUAL and order.terms.order.kind is not OrderType.MARKET:
            return (reject_reason("PROTECTION_OPEN", f"{names} covers the same holding: cancel it first"),)
        possible = [row.ref for row in orders if self._canceller.is_possible(row, snapshot)]
        done = await self._canceller.cancel(possible, "sender", f"{attempt.ref} closes what it protects", snapshot)
        if left := [row.ref for row in orders if not self._ledger.attempts.get(row.ref).state.terminal]:
            return (reject_reason("PROTECTION_OPEN", f"{', '.join(left)} may still be filled: {done.problem}"),)
        return await self._guard.reject_reasons(order, await self.ready())

    async def _cancel_incomplete(self, found: Recovered) -> None:
        """End what is left of a group whose sending broke off between two legs.

        The venue holds such legs back and works none of them; the missing ones are never sent again.
        """
        held = [self._ledger.attempts.get(ref) for ref in found.held_back]
        if refs := [row.ref for row in held if self._canceller.is_possible(row, found.snapshot)]:
            await self._canceller.cancel(refs, "sender", "its group was not sent to the end", found.snapshot)

    def _give_back_claims(self) -> None:
        """Let the claims go that were not acted on. Another sender that took the account over may have done so."""
        with self._ledger.transaction():
            for attempt in self._ledger.attempts.in_state(self._settings.account, AttemptState.CLAIMED):
                if attempt.holder == self._settings.holder and not attempt.is_protective:  # its entry releases a leg
                    self._ledger.claims.release(attempt.ref, "the batch broke off before it was sent")

    async def _settle_leftovers(self) -> None:
        """Recover when an earlier sender died over an order, or this one broke off: whatever is under way is theirs.

        A recovery comes before anything new; an order in doubt since an earlier one only wants a fresh view.
        """
        states = {attempt.state for attempt in self._ledger.attempts.live(self._settings.account)} & _UNSETTLED
        if states - {AttemptState.UNKNOWN}:
            self._connection.require_recovery()
        if states:
            await self.ready()

    async def _final(self, results: Iterable[SendResult]) -> tuple[SendResult, ...]:
        """The results as they are known at the end, after the orders in doubt had their chance to be found."""
        found = tuple(results)
        sent = (row.ref for row in found if row.status in (SendStatus.SENT, SendStatus.UNKNOWN))
        legs = (leg for ref in sent for leg in self._ledger.attempts.group(ref))
        doubted = [leg.ref for leg in legs if leg.state is AttemptState.UNKNOWN]
        if doubted:
            with contextlib.suppress(BrokerError):
                await self.ready()
                await self.tracker.settle_doubts(doubted)
        placed = (SendStatus.SENT, SendStatus.UNKNOWN)
        return tuple(self._placement.updated(row) if row.status in placed else row for row in found)

    def _keep_lease(self) -> None:
        """Prove that this sender has held the account all the time; else its view of the venue is out of date."""
        account, holder = self._settings.account, self._settings.holder
        if not self._ledger.leases.keep(account, holder, self._times.lease):
            raise self._taken_over()

    def _taken_over(self) -> SendRefused:
        return SendRefused(
            "another sender took the account over",
            where=f"account {self._settings.account}",
            remedy="it settles what is under way; ask again when it is done",
        )
