"""Order placement: the write-ahead, the one call that sends, and the wait for the venue's word (S4 to S6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.order_tracking import OrderTracker
from tradewright.execution.send_guard import SendGuard
from tradewright.execution.types import Checkpoint, ProtocolTimes, SenderSettings, SendResult, SendStatus
from tradewright.execution.waiter import Waiter
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.decision import Reason
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.model.order import AttemptState, Leg

_STATUS = {
    AttemptState.UNKNOWN: SendStatus.UNKNOWN,
    AttemptState.NOT_SENT: SendStatus.NOT_SENT,
    AttemptState.REJECTED: SendStatus.REJECTED,
}


class OrderPlacement:
    """Writes a claimed order down, hands all its legs to the venue once, and waits for the answers."""

    def __init__(
        self,
        connection: BrokerConnection,
        tracker: OrderTracker,
        ledger: Ledger,
        guard: SendGuard,
        settings: SenderSettings,
        times: ProtocolTimes,
        waiter: Waiter,
        checkpoint: Checkpoint,
    ) -> None:
        self._connection, self._tracker, self._ledger, self._guard = connection, tracker, ledger, guard
        self._holder, self._times, self._waiter, self._checkpoint = settings.holder, times, waiter, checkpoint

    async def place(self, attempt: Attempt, order_ids: Mapping[Leg, int]) -> SendResult:
        """S4 to S6 for one claimed order.

        Args:
            attempt: the entry; the protective legs that were claimed with it go out in the same call.
            order_ids: the session's reserved number of each leg.

        Raises:
            LedgerError: when the write-ahead is not there when it is read back; nothing was sent.
        """
        order = self._guard.restored(attempt.decision_id)
        if isinstance(order, Reason):
            return self.refuse(attempt, (order,))
        self._checkpoint("S4.before_write")
        await self._connection.keep_messages()
        legs = self._write_ahead(attempt, order, order_ids)
        self._checkpoint("S4.read_back")
        # From the final check to the call of place() nothing is awaited: no message, no kill switch and no other
        # sender can come between the last look and the send.
        reasons = self._guard.final_check(order, self._connection)
        reasons += self._guard.waited_too_long(attempt.claimed_at, self._times.claim)
        if reasons:
            return self._stopped_before_send(legs, reasons)
        self._checkpoint("S5.before_place")
        patience = self._times.acknowledge
        try:
            await self._hand_over(order, legs, order_ids)
        except BrokerError:
            self._connection.require_recovery()
            patience = 0.0
        self._checkpoint("S5.placed")
        return await self._acknowledged([leg.ref for leg in legs], attempt, patience)

    def refuse(self, attempt: Attempt, reasons: Sequence[Reason]) -> SendResult:
        """Give the claim back because our own checks speak against it; nothing was sent."""
        codes = ", ".join(sorted({reason.code for reason in reasons}))
        expired = any(reason.code == "APPROVAL_EXPIRED" for reason in reasons)
        state = self._ledger.claims.release(attempt.ref, f"refused at send time: {codes}", spent=not expired)
        detail = {"reasons": [f"{reason.code}: {reason.text}" for reason in reasons]}
        self._ledger.audit.append("sender", "REFUSE", attempt.ref, detail)
        return SendResult(attempt.decision_id, attempt.ref, SendStatus.REFUSED, state, tuple(reasons))

    def updated(self, result: SendResult) -> SendResult:
        """A result with the present state of its entry."""
        state = self._ledger.attempts.get(result.ref).state
        return replace(result, state=state, status=_STATUS.get(state, SendStatus.SENT))

    def _write_ahead(self, attempt: Attempt, order: ApprovedOrder, order_ids: Mapping[Leg, int]) -> list[Attempt]:
        """S4: commit all legs, then read them back on a fresh connection; only what is really there may be sent."""
        session = self._connection.broker.session
        self._ledger.claims.begin_sending(attempt.ref, session, order_ids, order.payload_hash, self._holder)
        self._checkpoint("S4.written")
        found = {leg.leg: leg for leg in self._ledger.attempts.read_back(attempt.ref)}
        there = {
            name
            for name, leg in found.items()
            if (leg.state, leg.session, leg.order_id, leg.payload_hash)
            == (AttemptState.SENDING, session, order_ids.get(name), order.payload_hash)
        }
        if there != order_ids.keys():
            raise LedgerError(
                "the write-ahead is not there when read back",
                where=f"attempt {attempt.ref}",
                remedy="nothing was sent; check the disk or the server of the ledger",
            )
        return list(found.values())

    def _stopped_before_send(self, legs: Sequence[Attempt], reasons: Sequence[Reason]) -> SendResult:
        """Written down and provably not sent: each leg ends as NOT_SENT."""
        text = ", ".join(reason.code for reason in reasons)
        with self._ledger.transaction():
            for leg in legs:
                self._ledger.attempts.move(leg.ref, AttemptState.NOT_SENT, f"stopped before the send: {text}")
        entry = legs[0]
        return SendResult(entry.decision_id, entry.ref, SendStatus.REFUSED, AttemptState.NOT_SENT, tuple(reasons))

    async def _hand_over(self, order: ApprovedOrder, legs: Sequence[Attempt], order_ids: Mapping[Leg, int]) -> None:
        """S5: one call for an order of one leg, one call for a group."""
        broker = self._connection.broker
        if order.protective:
            await broker.place_group(order, {leg.leg: leg.ref for leg in legs}, order_ids)
        else:
            await broker.place(order, legs[0].ref, order_ids[Leg.ENTRY])

    async def _acknowledged(self, refs: Sequence[str], entry: Attempt, patience: float) -> SendResult:
        """S6: the venue's first message under each of our references; silence leaves a leg in doubt."""
        connection, clock = self._connection, self._ledger.clock
        self._checkpoint("S6.before_wait")
        deadline = clock.monotonic() + patience
        while self._silent(refs):
            remaining, news = deadline - clock.monotonic(), partial(self._has_news, refs, len(self._silent(refs)))
            received = await self._waiter.until(connection.message_received, news, remaining)
            connection.raise_failure()
            if not received:
                break
            await self._ask(refs)
        await self._ask(refs)
        if silent := self._silent(refs):
            with self._ledger.transaction():
                for ref in silent:
                    text = f"no word from the venue in {patience:g} s"
                    self._ledger.attempts.move(ref, AttemptState.UNKNOWN, text)
            connection.require_recovery()
        if entry.ref not in silent:
            self._checkpoint("S6.acknowledged")
        return self.updated(SendResult(entry.decision_id, entry.ref, SendStatus.SENT))

    async def _ask(self, refs: Sequence[str]) -> None:
        """Settle a message that casts doubt on a leg by a query. A query that proves nothing lets the wait go on."""
        doubts = self._connection.reports.doubts
        if doubts.intersection(refs):
            doubts.difference_update(refs)
            try:
                await self._tracker.query()
            except BrokerError:
                self._connection.require_recovery()

    def _has_news(self, refs: Sequence[str], silent_before: int) -> bool:
        doubted = bool(self._connection.reports.doubts.intersection(refs))
        return self._connection.failed or doubted or len(self._silent(refs)) < silent_before

    def _silent(self, refs: Sequence[str]) -> list[str]:
        """The legs that the venue has not answered yet."""
        return [ref for ref in refs if self._ledger.attempts.get(ref).state is AttemptState.SENDING]
