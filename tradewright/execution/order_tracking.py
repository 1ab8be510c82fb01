"""Order tracking: ask the venue again while orders live; its answer is the truth (R-EXEC-08, S8, S9)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

from tradewright.execution.absence import AbsenceEvidence
from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.reconciliation import Difference, compare, confirmed, freeze_differences, rule_corrections
from tradewright.execution.types import ProtocolTimes, SenderSettings
from tradewright.execution.waiter import Waiter
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.order import AttemptState, TimeInForce

RECORD_EVERY = timedelta(minutes=1)
"""How often a comparison without a difference is recorded while the same sender goes on comparing."""


class OrderTracker:
    """Repeated queries over a connection that a recovery has made trusted.

    Args:
        keep: keeps the account, and raises ``SendRefused`` when another sender has had it since.
    """

    def __init__(
        self,
        connection: BrokerConnection,
        ledger: Ledger,
        clock: Clock,
        settings: SenderSettings,
        times: ProtocolTimes,
        evidence: AbsenceEvidence,
        waiter: Waiter,
        keep: Callable[[], None],
    ) -> None:
        self._connection, self._ledger, self._clock, self._times = connection, ledger, clock, times
        self._account, self._evidence, self._waiter, self._keep = settings.account, evidence, waiter, keep
        self.snapshot: BrokerSnapshot | None = None
        self._taken = 0.0

    @property
    def stale(self) -> bool:
        """Whether a comparison is due: the newest snapshot is old, missing, or contradicted the ledger."""
        if self.snapshot is None or self._connection.reports.contradicted:
            return True
        return self._clock.monotonic() - self._taken >= self._times.poll

    def take(self, snapshot: BrokerSnapshot) -> None:
        """Keep a snapshot that was absorbed already."""
        self.snapshot, self._taken = snapshot, self._clock.monotonic()

    async def query(self, *, whole: bool = False) -> BrokerSnapshot:
        """One snapshot and everything that follows from it alone; differences are not concluded from one.

        Args:
            whole: also the finished orders that the ledger provably knows.

        Raises:
            BrokerError: when it is incomplete.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when it cannot be written down.
        """
        snapshot = await self._connection.snapshot(whole=whole)
        self._keep()
        self._connection.reports.absorb(snapshot)
        for ref in rule_corrections(self._ledger, self._account, snapshot):
            self._connection.reports.progress(ref)
        self._evidence.observe(snapshot)
        self.take(snapshot)
        return snapshot

    async def poll(self) -> tuple[Difference, ...]:
        """Ask, correct the ledger, and freeze what still differs when asked a second time.

        Raises:
            BrokerError: when a query is incomplete.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when it cannot be written down.
        """
        snapshot = await self.query()
        found = present = compare(self._ledger, self._account, snapshot)
        if found and snapshot.since:  # a difference is concluded from snapshots of everything alone
            found = present = compare(self._ledger, self._account, await self.query(whole=True))
        if found:
            await self._waiter.sleep(self._times.settle)
            present = compare(self._ledger, self._account, await self.query(whole=True))
            found = confirmed(found, present)
        found = freeze_differences(self._ledger, self._account, found, present)
        self._connection.reports.contradicted = False
        last = self._ledger.broker_journal.last_reconciliation(self._account)
        now = self._ledger.clock.now()
        if found or last is None or not last.clean or now - last.at >= RECORD_EVERY:
            texts = tuple(each.told for each in found)
            self._ledger.broker_journal.record_reconciliation(self._connection.broker.session, self._account, texts)
        return found

    async def follow(self, seconds: float) -> bool:
        """Poll until no order of the account lives, or the time is over; True when none lives.

        Raises:
            BrokerError: when a query is incomplete; the connection is then not trusted.
            LedgerError: when something cannot be written down.
        """
        deadline = self._clock.monotonic() + seconds
        while self._ledger.attempts.live(self._account):
            remaining = deadline - self._clock.monotonic()
            if remaining <= 0:
                return False
            received = self._connection.message_received
            await self._waiter.until(received, self._has_news, min(remaining, self._times.poll))
            self._connection.raise_failure()
            await self.poll()
        return True

    async def settle_doubts(self, refs: Collection[str]) -> None:
        """Query until none of these orders is in doubt, or the evidence of their absence is complete.

        It takes ``absence`` seconds at the least where an order never arrived, so nothing else waits for it: orders in
        other instruments go out first.

        Raises:
            BrokerError: when a query is incomplete; the orders stay in doubt.
            LedgerError: when something cannot be written down.
        """
        asked, begun = 0, self._clock.monotonic()
        while asked < 2 and (doubted := self._doubted(refs, begun)):
            await self._waiter.sleep(max(self._evidence.seconds_left(ref) for ref in doubted))
            await self.query()
            asked += 1

    async def end_of_day(self) -> tuple[Difference, ...]:
        """Before the venue's midnight: no DAY order lives and positions agree, else the instrument is blocked (S9).

        Raises:
            BrokerError: when a query is incomplete; then nothing is cleared.
            LedgerError: when it cannot be written down.
        """
        found = list(await self.poll())
        for attempt in self._ledger.attempts.live(self._account):
            if attempt.tif is TimeInForce.DAY:
                text = f"{attempt.state} when the day ended"
                found.append(Difference(FreezeCode.OPEN_OVERNIGHT, attempt.instrument, attempt.ref, text))
                open_order = (self._account, attempt.instrument, FreezeCode.OPEN_OVERNIGHT, text, attempt.ref)
                self._ledger.freezes.freeze(*open_order)
        return tuple(found)

    def _doubted(self, refs: Collection[str], since: float) -> list[str]:
        """The orders of ``refs`` in doubt that no evidence has been completed for since a moment."""
        unknown = self._ledger.attempts.in_state(self._account, AttemptState.UNKNOWN)
        return [row.ref for row in unknown if row.ref in refs and not self._evidence.is_complete(row.ref, since)]

    def _has_news(self) -> bool:
        connection = self._connection
        return bool(connection.reports.doubts) or connection.failed or not self._ledger.attempts.live(self._account)
