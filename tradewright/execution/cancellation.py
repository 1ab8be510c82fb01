"""Canceller one order, written down before it is asked for, believed only when a query confirms it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.order_tracking import OrderTracker
from tradewright.execution.timing import wait_until
from tradewright.execution.types import Checkpoint, ProtocolTimes
from tradewright.ledger.attempts import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.model.order import AttemptState

_POSSIBLE = frozenset({AttemptState.ACKED, AttemptState.WORKING, AttemptState.PARTIAL, AttemptState.CANCEL_REQUESTED})


class Canceller:
    """Cancels over a trusted link."""

    def __init__(
        self,
        connection: BrokerConnection,
        polling: OrderTracker,
        ledger: Ledger,
        ready: Callable[[], Awaitable[BrokerSnapshot]],
        times: ProtocolTimes,
        checkpoint: Checkpoint,
    ) -> None:
        self._connection, self._polling, self._ledger = connection, polling, ledger
        self._ready, self._times, self._checkpoint = ready, times, checkpoint

    def possible(self, attempt: Attempt) -> bool:
        """Whether the venue is known to have the order and it has not ended."""
        return attempt.state in _POSSIBLE

    async def cancel(self, ref: str, actor: str, reason: str) -> AttemptState:
        """Ask the venue once to cancel an order, and return its state after a query.

        Whatever the venue answers (also 10147 and 10148), only the query decides: an order that stays open stays
        ``CANCEL_REQUESTED``, and asking again is allowed (fault 20).

        Raises:
            LedgerError: when the order is in doubt, at its end, or not among the venue's open orders.
            BrokerError: when the venue cannot be reached or read; the request may have gone out.
        """
        await self._ready()
        attempt = self._ledger.attempts.get(ref)
        order_id = self._order_id(attempt)
        if not self.possible(attempt) or order_id is None:
            remedy = "reconcile first" if not attempt.state.terminal else "nothing is left to cancel"
            raise LedgerError(f"it is {attempt.state} and cannot be cancelled", where=f"attempt {ref}", remedy=remedy)
        with self._ledger.transaction():
            self._ledger.attempts.move(ref, AttemptState.CANCEL_REQUESTED, f"{actor}: {reason}")
            self._ledger.audit.append(actor, "CANCEL", ref, {"reason": reason})
        self._checkpoint("C.written")
        try:
            await self._connection.broker.cancel(ref, order_id)
        except BrokerError:
            self._connection.require_recovery()
            raise
        self._checkpoint("C.cancelled")
        await wait_until(
            self._ledger.clock,
            self._connection.message_received,
            lambda: self._news(ref),
            self._times.acknowledge,
            self._times.pause,
        )
        self._connection.raise_failure()
        await self._polling.settle()
        return self._ledger.attempts.get(ref).state

    def _order_id(self, attempt: Attempt) -> int | None:
        """The number that the present session knows the order by."""
        if attempt.session == self._connection.broker.session:
            return attempt.order_id
        listed = self._polling.snapshot.open_orders if self._polling.snapshot else ()
        return next((order.order_id for order in listed if order.ref == attempt.ref), None)

    def _news(self, ref: str) -> bool:
        ended = self._ledger.attempts.get(ref).state.terminal
        return ended or self._connection.failed or ref in self._connection.intake.doubts
