"""OrderTracker: ask the venue again while orders live; its answer is the truth (R-EXEC-08, S8, S9)."""

from __future__ import annotations

from collections.abc import Callable

from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.reconciliation import Difference, compare, confirmed, freeze_differences, rule_corrections
from tradewright.execution.timing import wait_until
from tradewright.execution.types import ProtocolTimes, SenderSettings
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.order import TimeInForce


class OrderTracker:
    """Repeated queries over a link that a recovery has made trusted.

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
        keep: Callable[[], None],
    ) -> None:
        self._connection, self._ledger, self._clock, self._times = connection, ledger, clock, times
        self._account, self._keep = settings.account, keep
        self.snapshot: BrokerSnapshot | None = None
        self._taken = 0.0

    @property
    def stale(self) -> bool:
        """Whether the newest snapshot is older than ``poll`` seconds, or there is none."""
        return self.snapshot is None or self._clock.monotonic() - self._taken >= self._times.poll

    def take(self, snapshot: BrokerSnapshot) -> None:
        """Keep a snapshot that was absorbed already."""
        self.snapshot, self._taken = snapshot, self._clock.monotonic()

    async def settle(self) -> BrokerSnapshot:
        """One query and everything that follows from it, without comparing.

        Raises:
            BrokerError: when it is incomplete.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when it cannot be written down.
        """
        snapshot = await self._connection.snapshot()
        self._keep()
        self._connection.intake.absorb(snapshot)
        rule_corrections(self._ledger, self._account, snapshot)
        self.take(snapshot)
        return snapshot

    async def poll(self) -> tuple[Difference, ...]:
        """Ask, correct the ledger, and freeze what still differs when asked a second time.

        Raises:
            BrokerError: when a query is incomplete.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when it cannot be written down.
        """
        found = compare(self._ledger, self._account, await self.settle())
        if found:
            await self._clock.sleep(self._times.settle)
            found = confirmed(found, compare(self._ledger, self._account, await self.settle()))
        freeze_differences(self._ledger, self._account, found)
        last = self._ledger.venues.last_reconciliation(self._account)
        if found or last is None or not last.clean:
            texts = tuple(f"{each.code} {each.instrument} {each.ref}: {each.text}" for each in found)
            self._ledger.venues.record_reconciliation(self._connection.broker.session, self._account, texts)
        return found

    async def follow(self, seconds: float) -> bool:
        """Poll until no order of the account lives, or the time is over; True when none lives.

        Raises:
            BrokerError: when a query is incomplete; the link is then not trusted.
            LedgerError: when something cannot be written down.
        """
        deadline = self._clock.monotonic() + seconds
        while self._ledger.attempts.live(self._account):
            remaining = deadline - self._clock.monotonic()
            if remaining <= 0:
                return False
            received, pause = self._connection.message_received, self._times.pause
            await wait_until(self._clock, received, self._news, min(remaining, self._times.poll), pause)
            self._connection.raise_failure()
            await self.poll()
        return True

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
        freeze_differences(self._ledger, self._account, tuple(found))
        return tuple(found)

    def _news(self) -> bool:
        return (
            bool(self._connection.intake.doubts)
            or self._connection.failed
            or not self._ledger.attempts.live(self._account)
        )
