"""Cancellation: written down before it is asked for, believed only when a query confirms it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.execution_reports import external_keys
from tradewright.execution.order_tracking import OrderTracker
from tradewright.execution.types import Checkpoint, ProtocolTimes
from tradewright.execution.waiter import Waiter
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.model.order import AttemptState

_CANCELLABLE = frozenset(
    {AttemptState.ACKED, AttemptState.WORKING, AttemptState.PARTIAL, AttemptState.CANCEL_REQUESTED}
)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The outcome of a request to cancel several orders.

    Args:
        ended: references that the venue has confirmed as ended, filled ones included.
        open: references that were still open, or in doubt, at the venue's last answer; asking again is allowed.
        problem: the reason why the venue could not be asked or confirm; empty when there is none.
    """

    ended: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    problem: str = ""


class Canceller:
    """Cancels orders over a connection, one or many at once."""

    def __init__(
        self,
        connection: BrokerConnection,
        tracker: OrderTracker,
        ledger: Ledger,
        account: str,
        times: ProtocolTimes,
        waiter: Waiter,
        checkpoint: Checkpoint,
    ) -> None:
        self._connection, self._tracker, self._ledger, self._account = connection, tracker, ledger, account
        self._times, self._waiter, self._checkpoint = times, waiter, checkpoint

    def is_possible(self, attempt: Attempt, snapshot: BrokerSnapshot) -> bool:
        """Whether the venue is known to have the order, it has not ended, and this session knows its number."""
        return attempt.state in _CANCELLABLE and self._order_id(attempt, snapshot) is not None

    async def cancel(self, refs: Sequence[str], actor: str, reason: str, snapshot: BrokerSnapshot) -> Cancelled:
        """Ask the venue to cancel these orders, all at once, and wait until queries have confirmed each.

        All requests are written down in one transaction, then all go out, then the answers are awaited together. The
        venue's answer to a request (also 10147 and 10148) decides nothing: only a query does, and an order that stays
        open stays ``CANCEL_REQUESTED`` (fault 20).

        Args:
            snapshot: a fresh view of the venue, which tells the number that this session knows an order by.

        Raises:
            LedgerError: when an order is at its end, in doubt, or not among the venue's open orders; none is
                cancelled then.
        """
        attempts = [self._ledger.attempts.get(ref) for ref in refs]
        numbers = {attempt.ref: self._order_id(attempt, snapshot) for attempt in attempts}
        with self._ledger.transaction():
            for attempt in attempts:
                self._demand_possible(attempt, snapshot)
                self._ledger.attempts.move(attempt.ref, AttemptState.CANCEL_REQUESTED, f"{actor}: {reason}")
                self._ledger.audit.append(actor, "CANCEL", attempt.ref, {"reason": reason})
        self._checkpoint("C.written")
        problems = await self._request(numbers)
        self._checkpoint("C.cancelled")
        try:
            await self._confirmed(refs)
        except BrokerError as error:
            self._connection.require_recovery()
            problems.append(str(error))
        states = {ref: self._ledger.attempts.get(ref).state for ref in refs}
        ended = tuple(ref for ref, state in states.items() if state.terminal)
        return Cancelled(ended, tuple(ref for ref in refs if ref not in ended), "; ".join(dict.fromkeys(problems)))

    async def cancel_unseen(
        self, attempts: Sequence[Attempt], actor: str, reason: str, error: BrokerError, whole_account: bool
    ) -> Cancelled:
        """Ask for cancels although the venue could not be read to the end: a kill must not wait for its answers.

        A new connection asks for the open orders alone, and is closed afterwards, since nothing may be concluded on
        it. The venue refuses the cancel of an order that it does not have, so that one in doubt is asked for as well;
        its state stays as it is. All count as open until a complete view tells.

        Args:
            error: the reason why the venue could not be read.
            whole_account: whether an order that this connection cannot name is cancelled together with all others of
                the account, those of other programs and of persons included.

        Raises:
            BrokerError: when there is no connection at all; nothing was asked then.
        """
        await self._connection.disconnect()
        await self._connection.connect(complete=False)
        try:
            left = self._written(attempts, actor, reason, error)
            self._checkpoint("C.written")
            problems = await self._request({attempt.ref: attempt.order_id for attempt in left})
            if problems and whole_account and any(row.state is not AttemptState.CANCEL_REQUESTED for row in left):
                problems.append(await self._cancel_everything())
            self._checkpoint("C.cancelled")
            await self._waiter.sleep(self._times.pause)  # the cancels leave the process, and first answers are kept
        finally:
            await self._connection.disconnect()
        problems = [f"the venue could not be read to the end ({error}); the cancels were asked for unseen", *problems]
        return Cancelled(open=tuple(attempt.ref for attempt in left), problem="; ".join(dict.fromkeys(problems)))

    def _written(self, attempts: Sequence[Attempt], actor: str, reason: str, error: BrokerError) -> list[Attempt]:
        """Write the cancels down; the orders that have not ended meanwhile, as they were before."""
        with self._ledger.transaction():
            present = [self._ledger.attempts.get(attempt.ref) for attempt in attempts]
            left = [attempt for attempt in present if not attempt.state.terminal]
            for attempt in left:
                if attempt.state in _CANCELLABLE:
                    self._ledger.attempts.move(attempt.ref, AttemptState.CANCEL_REQUESTED, f"{actor}: {reason}")
                self._ledger.audit.append(actor, "CANCEL", attempt.ref, {"reason": reason, "view": str(error)})
        return left

    async def _cancel_everything(self) -> str:
        """Ask the venue to end every order of the account; what came of it, as text."""
        try:
            await self._connection.broker.cancel_all()
        except BrokerError as error:
            return str(error)
        return "every order of the account was asked to end, those of other programs included"

    async def cancel_external(self, keys: Sequence[str], actor: str, reason: str) -> Cancelled:
        """Ask the venue to end the orders of other programs and of persons, which only all together can be ended."""
        if not keys:
            return Cancelled()
        self._ledger.audit.append(actor, "CANCEL", self._account, {"reason": reason, "orders": list(keys)})
        try:
            await self._connection.broker.cancel_all()
            left = await self.external_left(keys)
        except BrokerError as error:
            return Cancelled(open=tuple(keys), problem=f"{error}; cancel {', '.join(keys)} at the venue")
        return Cancelled(tuple(key for key in keys if key not in left), left)

    async def external_left(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Which orders of other programs and of persons the venue still lists as open.

        It is asked until there is none, or for ``acknowledge`` seconds.

        Raises:
            BrokerError: when the venue cannot be read to the end.
        """
        clock = self._ledger.clock
        deadline, left = clock.monotonic() + self._times.acknowledge, tuple(keys)
        while left and (remaining := deadline - clock.monotonic()) > 0:
            await self._waiter.sleep(min(self._times.pause, remaining))
            listed = external_keys(self._ledger, self._account, await self._tracker.query())
            left = tuple(key for key in keys if key in listed)
        return left

    async def _request(self, numbers: Mapping[str, int | None]) -> list[str]:
        """Ask for every cancel, also when one of them fails, and return the problems.

        A request that failed may have gone out: the next recovery finds out what became of its order.
        """
        problems = []
        for ref, order_id in numbers.items():
            try:
                await self._connection.broker.cancel(ref, order_id or 0)
            except BrokerError as error:
                self._connection.require_recovery()
                problems.append(str(error))
        return problems

    async def _confirmed(self, refs: Sequence[str]) -> None:
        """Query whenever the venue says something, until every order has ended or ``acknowledge`` seconds are over."""
        clock = self._ledger.clock
        deadline = clock.monotonic() + self._times.acknowledge
        while (remaining := deadline - clock.monotonic()) > 0 and (left := self._open(refs)):
            answered = partial(self._is_answered, left)
            await self._waiter.until(self._connection.message_received, answered, remaining)
            await self._waiter.sleep(min(self._times.pause, remaining))  # the other answers of a burst are near
            self._connection.raise_failure()
            await self._tracker.query()

    def _open(self, refs: Sequence[str]) -> list[str]:
        return [ref for ref in refs if not self._ledger.attempts.get(ref).state.terminal]

    def _is_answered(self, refs: Sequence[str]) -> bool:
        """Whether one of these orders has had an answer or ended, or something went wrong meanwhile."""
        connection = self._connection
        has_answer = any(ref in connection.reports.doubts for ref in refs) or len(self._open(refs)) < len(refs)
        return connection.failed or not connection.up or has_answer

    def _demand_possible(self, attempt: Attempt, snapshot: BrokerSnapshot) -> None:
        if self.is_possible(attempt, snapshot):
            return
        remedy = "nothing is left to cancel" if attempt.state.terminal else "tradewright reconcile, then cancel again"
        what = f"it is {attempt.state} and cannot be cancelled"
        raise LedgerError(what, where=f"attempt {attempt.ref}", remedy=remedy)

    def _order_id(self, attempt: Attempt, snapshot: BrokerSnapshot) -> int | None:
        """The number that the present session knows the order by."""
        if attempt.session == self._connection.broker.session:
            return attempt.order_id
        return next((order.order_id for order in snapshot.open_orders if order.ref == attempt.ref), None)
