"""The sender's connection to the venue under the fixed client id, and every message that comes in over it."""

from __future__ import annotations

import asyncio

from tradewright.execution.execution_reports import ReportHandler
from tradewright.execution.heard import heard_session, snapshot_since
from tradewright.execution.types import Checkpoint, SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import Broker, BrokerEvent, BrokerEventKind, BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError, LedgerError


class BrokerConnection:
    """A connection and whether it is trusted.

    ``trusted`` is False until a recovery has succeeded on the connection, and again after every sign of trouble: a
    link notice, an order without an answer, a failed query, a message that could not be kept. Inbound messages are
    taken at all times (fault 1).

    Messages that arrive together are kept together: one commit for their raw form, one for what follows from them.
    """

    def __init__(
        self, broker: Broker, ledger: Ledger, clock: Clock, settings: SenderSettings, checkpoint: Checkpoint
    ) -> None:
        self.broker, self._ledger, self._clock, self._settings = broker, ledger, clock, settings
        self.reports = ReportHandler(ledger, settings.account, checkpoint)
        self.message_received = asyncio.Event()
        self.connected = self.trusted = False
        self.up = True
        self.disturbances = 0
        self._inbox: list[tuple[str, BrokerEvent]] = []
        self._keeper: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._checkpoint = checkpoint

    async def connect(self, *, complete: bool = True) -> None:
        """Connect, or do nothing when connected.

        Args:
            complete: False for a connection on which nothing but cancels is asked for.

        Raises:
            BrokerError: when the venue refuses, hangs, or holds the client id for another.
        """
        if self.connected:
            return
        self.up, self.trusted = True, False
        await self.broker.connect(self._receive, complete=complete)
        self.connected = True
        settings = self._settings
        self._ledger.broker_journal.record_session(
            self.broker.session, self.broker.venue, settings.account, settings.holder
        )
        self._checkpoint("S3.connected")

    async def disconnect(self) -> None:
        """Keep what has arrived, then close the connection; an order in doubt stays in doubt.

        A message that could not be kept is told by the next recovery.
        """
        self.connected = self.trusted = False
        await self._all_kept()
        await self.broker.disconnect()
        await self._all_kept()

    async def check_time(self) -> None:
        """Compare the clocks (R1).

        Raises:
            BrokerError: when they differ by more than the settings allow, or the venue does not answer.
        """
        theirs = await self.broker.time()
        skew = abs((theirs - self._clock.now()).total_seconds())
        if skew > self._settings.max_skew:
            raise BrokerError(
                f"its clock says {theirs.isoformat()} and ours differs by {skew:.1f} s",
                where=self.broker.venue,
                remedy="synchronise this machine's clock; a real gateway also needs feed=ibkr or feed=files, because "
                "the clock of feed=scenario is the scenario's",
            )

    async def snapshot(self, *, whole: bool = False) -> BrokerSnapshot:
        """What the venue knows, complete or not at all (R2).

        Args:
            whole: also the finished orders that the ledger provably knows; see :func:`heard_session`.

        Raises:
            BrokerError: when any query did not come to its end; the connection is then not trusted.
            LedgerError: when a message that came in could not be kept or applied.
        """
        try:
            since = "" if whole else heard_session(self._ledger, self._settings.account)
            snapshot = await snapshot_since(self.broker, since)
        except BrokerError:
            self.trusted = False
            raise
        await self.keep_messages()
        return snapshot

    def require_recovery(self) -> None:
        """Demand a recovery before the next order."""
        self.trusted = False

    def raise_failure(self) -> None:
        """Raise the reason why a message could not be kept or applied.

        Raises:
            LedgerError: then nothing more may be sent until the ledger works and a recovery has succeeded.
        """
        if self._failure is None:
            return
        failure, self._failure = self._failure, None
        self.trusted = False
        if isinstance(failure, LedgerError) or not isinstance(failure, Exception):
            raise failure
        raise LedgerError(
            f"a message of the venue could not be applied: {failure!r}",
            where=self.broker.venue,
            remedy="its raw form is kept; reconcile, and report this as a defect",
        ) from failure

    @property
    def failed(self) -> bool:
        """Whether a message could not be kept or applied."""
        return self._failure is not None

    async def keep_messages(self) -> None:
        """Wait until every message that has arrived is kept and applied.

        Raises:
            LedgerError: as :meth:`raise_failure`.
        """
        await self._all_kept()
        self.raise_failure()

    async def _all_kept(self) -> None:
        while self._keeper is not None:
            await asyncio.wait({self._keeper})

    async def _keep_soon(self) -> None:
        """Keep the messages that have arrived, raw and before anything is concluded from them (S7)."""
        await asyncio.sleep(0)
        messages, self._inbox = self._inbox, []
        with self._ledger.transaction():
            for session, event in messages:
                self._ledger.broker_journal.record_event(session, event)
        self._checkpoint("S7.recorded")
        with self._ledger.transaction():
            for session, event in messages:
                self.reports.event(session, event)
        self._checkpoint("S7.applied")

    def _receive(self, event: BrokerEvent) -> None:
        """Take a message. It is kept a moment later, by a task, so that a burst is one batch and one commit.

        A task keeps its exception until somebody asks: nothing is lost in the event loop of the venue's library.
        """
        if event.kind is BrokerEventKind.LINK:
            self.up, self.trusted = event.link_up, False
            self.disturbances += 1
        self._inbox.append((self.broker.session, event))
        if self._keeper is None:
            self._start_keeper()

    def _start_keeper(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep_soon())
        self._keeper.add_done_callback(self._kept)

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._keeper = None
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure, self.trusted = failure, False
        self.message_received.set()
        if self._inbox and not task.cancelled():
            self._start_keeper()
