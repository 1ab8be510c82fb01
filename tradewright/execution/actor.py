"""The account's actor: everything that happens to one account at the venue goes through one object and one lock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tradewright.execution.account_reader import AccountReader
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.deciding import checks_of
from tradewright.execution.risk_snapshot import SnapshotBuilder, SnapshotRequest
from tradewright.execution.sender import Sender
from tradewright.execution.types import Checkpoint, ProtocolTimes, SenderSettings, SendResult, no_checkpoint
from tradewright.ledger.attempts import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import Broker, BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.decision import Reason
from tradewright.policy.recheck import recheck


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


class AccountActor:
    """The holder of one account's sending connection, on one ledger.

    Args:
        builder: makes the gate's snapshot, for the decision and again at the moment of sending.
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
        self._ledger, self._builder, self._account = ledger, builder, settings.account
        self._starts_stopped = settings.starts_stopped
        self._reader = AccountReader(broker, ledger, builder, settings.account)
        self._sender = Sender(ledger, broker, clock, self.recheck, settings, times, checkpoint=checkpoint)

    async def send(self, decision_ids: Collection[str] | None = None) -> tuple[SendResult, ...]:
        """Send what is approved; see :meth:`Sender.drain` for the errors."""
        return await self._sender.drain(decision_ids)

    async def recheck(self, order: ApprovedOrder, snapshot: BrokerSnapshot) -> Sequence[Reason]:
        """The gate's hard rules again, on the state of the moment of sending (R-RISK-39)."""
        symbols = {order.terms.instrument}
        view = await self._reader.valued(snapshot, symbols)
        self._builder.read_ahead(view, symbols)
        request = SnapshotRequest(
            instrument=order.terms.instrument,
            side=order.terms.side,
            strategy=order.strategy,
            intent_id=order.intent_id,
            checks=checks_of(order.strategy, order.terms.instrument),
            at_send=True,
        )
        return recheck(order, self._builder.snapshot(request, view), self._builder.limits)

    async def reconcile(self) -> ReconciliationResult:
        """Ask the venue for everything, adopt its answers, record the equity (R-EXEC-08).

        Raises:
            BrokerError: when the venue cannot be reached or read.
            LedgerError: when something cannot be written down.
        """
        recovered = await self._sender.recover()
        money = await self._reader.money()
        mark = self._ledger.equity.mark(self._account, money.equity, money.cash)
        last = self._ledger.broker_journal.last_reconciliation(self._account)
        held = {row.instrument: row.quantity for row in recovered.snapshot.positions if row.quantity}
        return ReconciliationResult(mark.at, last.differences if last else (), money.equity, held)

    async def cancel_stopped(self) -> Cancelled:
        """Cancel every open order that a kill switch covers; see :meth:`Sender.cancel_all` for the errors."""

        def is_covered(attempt: Attempt) -> bool:
            switches = self._ledger.kill_switches
            return bool(switches.stopping(attempt.strategy, self._account, starts_stopped=self._starts_stopped))

        return await self._sender.cancel_all(is_covered, "kill switch", "a kill switch covers it")

    async def cancel(self, ref: str, actor: str, reason: str) -> Cancelled:
        """Cancel one order; see :meth:`Sender.cancel` for the errors."""
        return await self._sender.cancel(ref, actor, reason)

    async def close(self) -> None:
        """Disconnect and let the account go; harmless when nothing was open."""
        await self._sender.close()
