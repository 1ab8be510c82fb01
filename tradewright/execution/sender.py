"""The sender: the one road of an approved order to the venue (S1 to S9). At most once, then reconcile."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from tradewright.execution.cancelling import Cancelling
from tradewright.execution.checkpoints import Checkpoint, pass_by
from tradewright.execution.errors import SendRefused
from tradewright.execution.guard import Guard, Recheck
from tradewright.execution.link import Link
from tradewright.execution.outcome import Outcome, SendStatus
from tradewright.execution.pace import Pace
from tradewright.execution.polling import Polling
from tradewright.execution.recovery import Recovered, Recovery
from tradewright.execution.settings import SenderSettings
from tradewright.execution.times import ProtocolTimes
from tradewright.execution.waiting import wait_until
from tradewright.ledger.attempts import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.outbox import Sendable
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import Broker, BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.decision import Reason
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.model.order import AttemptState

RECOVERIES = 3
"""How often a recovery is repeated when the link is disturbed during it."""
_UNSETTLED = frozenset({AttemptState.CLAIMED, AttemptState.SENDING, AttemptState.UNKNOWN})


class Sender:
    """Drains the outbox of one account, one order at a time.

    Args:
        pre_send_check: the gate's send-time controls.
        checkpoint: called at every step boundary; tests kill the process there.

    Raises:
        SendRefused: when mode, account and port contradict each other.
    """

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        clock: Clock,
        pre_send_check: Recheck,
        settings: SenderSettings,
        times: ProtocolTimes | None = None,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        settings.check()
        self._ledger, self._broker, self._clock = ledger, broker, clock
        self._settings, self._times, self._checkpoint = settings, times or ProtocolTimes(), checkpoint
        self._link = Link(broker, ledger, clock, settings, checkpoint)
        self._recovery = Recovery(self._link, ledger, clock, settings, self._times, self._keep_lease)
        self._pace = Pace(ledger, clock, settings)
        self._guard = Guard(ledger, clock, pre_send_check, settings)
        self.polling = Polling(self._link, ledger, clock, settings, self._times, self._keep_lease)
        self.cancelling = Cancelling(self._link, self.polling, ledger, self.ready, self._times, checkpoint)

    async def drain(self, decision_ids: Collection[str] | None = None) -> tuple[Outcome, ...]:
        """Send what is approved, oldest first, and settle what came to be in doubt on the way.

        Args:
            decision_ids: only these; one that is not sendable is LOST. None for everything in the outbox.

        Raises:
            SendRefused: when another sender has the account.
            BrokerError: when the venue cannot be reached or read; what was not sent stays approved.
            LedgerError: when something cannot be written down; nothing is sent after that.
        """
        self._hold_lease()
        await self._settle_what_was_left()
        listed = self._ledger.outbox.sendable(self._settings.account)
        self._checkpoint("S1.listed")
        chosen = [row for row in listed if decision_ids is None or row.decision_id in decision_ids]
        outcomes = [
            Outcome(decision_id, "", SendStatus.LOST)
            for decision_id in decision_ids or ()
            if decision_id not in {row.decision_id for row in chosen}
        ]
        for row in chosen:
            await self._pace.keep()
            outcomes.append(await self._send(row))
        if any(outcome.status is SendStatus.UNKNOWN for outcome in outcomes):
            with contextlib.suppress(BrokerError):
                await self.ready()
        return tuple(outcomes)

    async def cancel_stopped(self) -> tuple[str, ...]:
        """Cancel every open order that a kill switch covers, and return their references (control 19).

        Raises:
            SendRefused: when another sender has the account.
            BrokerError: when the venue cannot be reached or read.
            LedgerError: when something cannot be written down.
        """
        self._hold_lease()
        await self.ready()
        cancelled = []
        for attempt in self._ledger.attempts.live(self._settings.account):
            if (reasons := self._guard.stopped(attempt.strategy)) and self.cancelling.possible(attempt):
                await self.cancelling.cancel(attempt.ref, "kill switch", reasons[0].text)
                cancelled.append(attempt.ref)
        return tuple(cancelled)

    async def ready(self, mine: str = "") -> BrokerSnapshot:
        """A complete, fresh view of the venue over a trusted link (S3, R1 to R4), connecting where needed.

        Raises:
            BrokerError: when there is none to be had.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when nothing can be written down.
        """
        self._link.raise_failure()
        if not self._link.connected or not self._link.trusted:
            return (await self.recover(mine)).snapshot
        if self.polling.stale:
            await self._link.check_time()
            await self.polling.poll()
        if self.polling.snapshot is None or not self._link.trusted:
            return (await self.recover(mine)).snapshot
        return self.polling.snapshot

    async def recover(self, mine: str = "") -> Recovered:
        """Find out what became of every order, on this connection or, when it is dead, on a new one.

        Raises:
            BrokerError: when clocks differ, a query stays incomplete, or the link is not calm.
            SendRefused: when another sender has the account, or took it over meanwhile.
            LedgerError: when nothing can be written down.
        """
        self._hold_lease()
        was_connected = self._link.connected
        await self._link.connect()
        try:
            return await self._recovered(mine)
        except BrokerError:
            await self._link.disconnect()
            if not was_connected:
                raise
        await self._link.connect()
        return await self._recovered(mine)

    async def close(self) -> None:
        """Disconnect and let the account go."""
        await self._link.disconnect()
        self._ledger.leases.release(self._settings.account, self._settings.holder)

    async def _recovered(self, mine: str) -> Recovered:
        for _ in range(RECOVERIES):
            found = await self._recovery.run(mine)
            self._checkpoint("S3.reconciled")
            if self._link.trusted:
                self.polling.take(found.snapshot)
                return found
        raise BrokerError(f"the link was disturbed during {RECOVERIES} recoveries", where=self._broker.venue)

    async def _send(self, row: Sendable) -> Outcome:
        order = self._guard.restored(row.decision_id)
        if isinstance(order, Reason):
            return Outcome(row.decision_id, row.ref, SendStatus.REFUSED, reasons=(order,))
        self._checkpoint("S2.before_claim")
        self._hold_lease()
        attempt = self._ledger.attempts.claim(row.decision_id, order.payload_hash, self._settings.holder)
        if attempt is None:
            return self._unclaimed(row)
        self._checkpoint("S2.claimed")
        try:
            snapshot = await self.ready(attempt.ref)
            reasons = await self._guard.objections(order, snapshot)
            order_id = self._broker.next_order_id()
            self._hold_lease()
        except (BrokerError, SendRefused):
            self._give_back(attempt.ref)
            raise
        if reasons:
            return self._refused(attempt, reasons)
        self._checkpoint("S3.rechecked")
        return await self._write_and_place(attempt, order_id)

    def _give_back(self, ref: str) -> None:
        """Let a claim go that was not acted on. Whoever took the account over may have done so already."""
        with self._ledger.transaction():
            if self._ledger.attempts.get(ref).state is AttemptState.CLAIMED:
                self._ledger.attempts.release(ref, "the venue was not ready")

    def _unclaimed(self, row: Sendable) -> Outcome:
        """Too late is a refusal; anything else that keeps an order from being claimed is a loss."""
        if reasons := self._guard.expired(row.expires_at):
            return Outcome(row.decision_id, row.ref, SendStatus.REFUSED, reasons=tuple(reasons))
        return Outcome(row.decision_id, row.ref, SendStatus.LOST)

    async def _settle_what_was_left(self) -> None:
        """An earlier sender died over an order, or this one broke off: what is under way now was left behind.

        A recovery comes before anything new; what is in doubt since an earlier one only wants a fresh view.
        """
        states = {attempt.state for attempt in self._ledger.attempts.live(self._settings.account)} & _UNSETTLED
        if states - {AttemptState.UNKNOWN}:
            self._link.distrust()
        if states:
            await self.ready()

    def _refused(self, attempt: Attempt, reasons: tuple[Reason, ...]) -> Outcome:
        codes = ", ".join(sorted({reason.code for reason in reasons}))
        expired = any(reason.code == "APPROVAL_EXPIRED" for reason in reasons)
        state = self._ledger.attempts.release(attempt.ref, f"refused at send time: {codes}", spent=not expired)
        detail = {"reasons": [f"{reason.code}: {reason.text}" for reason in reasons]}
        self._ledger.audit.append("sender", "REFUSE", attempt.ref, detail)
        return Outcome(attempt.decision_id, attempt.ref, SendStatus.REFUSED, state, reasons)

    async def _write_and_place(self, attempt: Attempt, order_id: int) -> Outcome:
        order = self._guard.restored(attempt.decision_id)
        if isinstance(order, Reason):
            return self._refused(attempt, (order,))
        self._checkpoint("S4.before_write")
        self._write_ahead(attempt, order, order_id)
        self._checkpoint("S4.read_back")
        if reasons := self._guard.last_look(order, self._link):
            text = ", ".join(reason.code for reason in reasons)
            moved = self._ledger.attempts.move(attempt.ref, AttemptState.NOT_SENT, f"stopped before the send: {text}")
            return Outcome(attempt.decision_id, attempt.ref, SendStatus.REFUSED, moved.state, tuple(reasons))
        self._checkpoint("S5.before_place")
        patience = self._times.acknowledge
        try:
            await self._broker.place(order, attempt.ref, order_id)
        except BrokerError:
            self._link.distrust()
            patience = 0.0
        self._checkpoint("S5.placed")
        return await self._acknowledged(attempt, patience)

    def _write_ahead(self, attempt: Attempt, order: ApprovedOrder, order_id: int) -> None:
        """S4: commit, then read it back on a fresh connection; only what is really there may be sent."""
        session = self._broker.session
        self._ledger.attempts.begin_sending(attempt.ref, session, order_id, order.payload_hash, self._settings.holder)
        self._checkpoint("S4.written")
        found = self._ledger.attempts.read_back(attempt.ref)
        wanted = (AttemptState.SENDING, session, order_id, order.payload_hash)
        if found is None or (found.state, found.session, found.order_id, found.payload_hash) != wanted:
            raise LedgerError(
                "the write-ahead is not there when read back",
                where=f"attempt {attempt.ref}",
                remedy="nothing was sent; check the disk or the server of the ledger",
            )

    async def _acknowledged(self, attempt: Attempt, patience: float) -> Outcome:
        """S6: the first word of the venue under our reference; silence leaves the order in doubt."""
        ref, link = attempt.ref, self._link
        self._checkpoint("S6.before_wait")
        deadline = self._clock.monotonic() + patience
        while not self._answered(ref):
            remaining, pause = deadline - self._clock.monotonic(), self._times.pause
            heard = await wait_until(self._clock, link.heard, lambda: link.failed or self._news(ref), remaining, pause)
            link.raise_failure()
            if not heard:
                break
            await self._ask(ref)
        await self._ask(ref)
        state = self._ledger.attempts.get(ref).state
        if state is AttemptState.SENDING:
            self._ledger.attempts.move(ref, AttemptState.UNKNOWN, f"no word from the venue in {patience:g} s")
            link.distrust()
            return Outcome(attempt.decision_id, ref, SendStatus.UNKNOWN, AttemptState.UNKNOWN)
        self._checkpoint("S6.acknowledged")
        return Outcome(attempt.decision_id, ref, SendStatus.SENT, state)

    async def _ask(self, ref: str) -> None:
        """A message that casts doubt on an order is settled by a query; what is no answer leaves the wait to go on."""
        if ref in self._link.intake.doubts:
            self._link.intake.doubts.discard(ref)
            try:
                await self.polling.settle()
            except BrokerError:
                self._link.distrust()

    def _news(self, ref: str) -> bool:
        return ref in self._link.intake.doubts or self._answered(ref)

    def _answered(self, ref: str) -> bool:
        return self._ledger.attempts.get(ref).state is not AttemptState.SENDING

    def _hold_lease(self) -> None:
        account, holder = self._settings.account, self._settings.holder
        if not self._ledger.leases.acquire(account, holder, self._times.lease):
            lease = self._ledger.leases.get(account)
            other = f"{lease.holder} until {lease.expires_at.isoformat()}" if lease else "another one"
            raise SendRefused(
                f"another sender has the account: {other}",
                where=f"account {account}",
                remedy="wait, or end that sender",
            )

    def _keep_lease(self) -> None:
        """The account has been ours all the time, and stays so; else what we know of the venue is out of date."""
        account, holder = self._settings.account, self._settings.holder
        if not self._ledger.leases.keep(account, holder, self._times.lease):
            raise SendRefused(
                "another sender took the account over",
                where=f"account {account}",
                remedy="it settles what is under way; ask again when it is done",
            )
