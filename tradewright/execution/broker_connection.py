"""The link: one connection to the venue under the fixed client id, and everything that comes in over it."""

from __future__ import annotations

import asyncio

from tradewright.execution.execution_reports import ReportHandler
from tradewright.execution.types import Checkpoint, SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import Broker, BrokerEvent, BrokerEventKind, BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError, LedgerError


class BrokerConnection:
    """A connection and its state of trust.

    ``trusted`` is False until a recovery has succeeded on the connection, and again after every sign of trouble: a
    link notice, an order without an answer, a failed query. Inbound messages are always taken (fault 1).
    """

    def __init__(
        self, broker: Broker, ledger: Ledger, clock: Clock, settings: SenderSettings, checkpoint: Checkpoint
    ) -> None:
        self.broker, self._ledger, self._clock, self._settings = broker, ledger, clock, settings
        self.intake = ReportHandler(ledger, settings.account, checkpoint)
        self.message_received = asyncio.Event()
        self.connected = self.trusted = False
        self.up = True
        self.disturbances = 0
        self._failure: LedgerError | None = None
        self._checkpoint = checkpoint

    async def connect(self) -> None:
        """Connect, or do nothing when connected.

        Raises:
            BrokerError: when the venue refuses, hangs, or holds the client id for another.
        """
        if self.connected:
            return
        self.up, self.trusted = True, False
        await self.broker.connect(self._receive)
        self.connected = True
        settings = self._settings
        self._ledger.venues.record_session(self.broker.session, self.broker.venue, settings.account, settings.holder)
        self._checkpoint("S3.connected")

    async def disconnect(self) -> None:
        """Close the connection; what was in doubt stays so."""
        self.connected = self.trusted = False
        await self.broker.disconnect()

    async def check_time(self) -> None:
        """Compare the clocks (R1).

        Raises:
            BrokerError: when they differ by more than the settings allow, or the venue does not answer.
        """
        theirs = await self.broker.time()
        skew = abs((theirs - self._clock.now()).total_seconds())
        if skew > self._settings.max_skew:
            raise BrokerError(
                f"its clock and ours differ by {skew:.1f} s",
                where=self.broker.venue,
                remedy="synchronise this machine's clock",
            )

    async def snapshot(self) -> BrokerSnapshot:
        """Everything the venue knows, complete or not at all (R2).

        Raises:
            BrokerError: when any query did not come to its end; the link is then not trusted.
            LedgerError: when a message that came in could not be kept.
        """
        try:
            snapshot = await self.broker.snapshot()
        except BrokerError:
            self.trusted = False
            raise
        self.raise_failure()
        return snapshot

    def require_recovery(self) -> None:
        """Demand a recovery before the next order."""
        self.trusted = False

    def raise_failure(self) -> None:
        """Raise what went wrong while a message was being kept.

        Raises:
            LedgerError: then nothing more may be sent until the ledger works and a recovery has succeeded.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self.trusted = False
            raise failure

    @property
    def failed(self) -> bool:
        """Whether a message could not be kept."""
        return self._failure is not None

    def _receive(self, event: BrokerEvent) -> None:
        try:
            self._ledger.venues.record_event(self.broker.session, event)
            self._checkpoint("S7.recorded")
            self.intake.event(self.broker.session, event)
            self._checkpoint("S7.applied")
        except LedgerError as error:
            self._failure, self.trusted = error, False
        if event.kind is BrokerEventKind.LINK:
            self.up, self.trusted = event.link_up, False
            self.disturbances += 1
        self.message_received.set()
