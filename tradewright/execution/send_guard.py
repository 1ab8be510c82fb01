"""The guard before every send: each reason why an order must not go out now, asked again at send time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.exposure import may_have_reached
from tradewright.execution.types import SenderSettings
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import Broker, BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.decision import Reason, Verdict
from tradewright.model.errors import NotApproved, OrderNotAccepted
from tradewright.model.intent import FLATTEN
from tradewright.policy.approval import restore

Recheck = Callable[[ApprovedOrder, BrokerSnapshot], Awaitable[Sequence[Reason]]]
"""The gate's send-time controls: reasons that speak against sending now; a REJECT among them stops the order."""


class SendGuard:
    """Reasons against sending, each with a code. An empty list means go."""

    def __init__(self, ledger: Ledger, clock: Clock, pre_send_check: Recheck, settings: SenderSettings) -> None:
        self._ledger, self._clock, self._recheck, self._settings = ledger, clock, pre_send_check, settings

    def restored(self, decision_id: str) -> ApprovedOrder | Reason:
        """The order as it was approved, or why it is not: its hash is computed again (control 18, fault 38)."""
        try:
            row = self._ledger.outbox.get(decision_id)
            return restore(
                intent_id=row.intent_id,
                decision_id=row.decision_id,
                strategy=row.strategy,
                account=row.account,
                terms=row.terms,
                expires_at=row.expires_at,
                rule_set_hash=row.rule_set_hash,
                payload_hash=row.payload_hash,
                protective=row.protective,
            )
        except (NotApproved, LedgerTampered, ValueError) as error:
            self._ledger.audit.append("sender", "ALTERED", decision_id, {"error": str(error)})
            return reject_reason("APPROVAL_ALTERED", str(error))

    async def reject_reasons(self, order: ApprovedOrder, snapshot: BrokerSnapshot) -> tuple[Reason, ...]:
        """Before the write-ahead (S3): the gate's own controls, the kill switches, the freezes.

        The end of the approval is not asked here: the claim ended its life, and the age of a claim is bounded.

        Raises:
            BrokerError: when the gate's controls cannot get what they need.
        """
        found = [reason for reason in await self._recheck(order, snapshot) if reason.verdict is Verdict.REJECT]
        found += self.stopped(order.strategy)
        found += self.reached_before(order)
        for freeze in self._ledger.freezes.of(self._settings.account, order.terms.instrument):
            found.append(reject_reason("INSTRUMENT_FROZEN", f"{freeze.code} {freeze.ref}: {freeze.text}"))
        return tuple(found)

    def final_check(self, order: ApprovedOrder, connection: BrokerConnection) -> list[Reason]:
        """Before the wire (S5): the kill switch again, a calm link, and nothing waiting in the library's own queue."""
        found = self.stopped(order.strategy)
        if not connection.trusted or connection.failed:
            found.append(reject_reason("LINK_DISTURBED", "a notice came in after the recovery"))
        if waiting := connection.broker.pending_sends():
            found.append(reject_reason("SENDS_PENDING", f"{waiting} messages wait in the library's queue"))
        return found

    def reached_before(self, order: ApprovedOrder) -> list[Reason]:
        """Whether an earlier attempt of the same intent may have left an order at the venue (H0)."""
        attempts = self._ledger.attempts.all(order.intent_id)
        reached = [attempt for attempt in attempts if may_have_reached(self._ledger, attempt)]
        return [reject_reason("INTENT_AT_VENUE", f"{attempt.ref} is {attempt.state}") for attempt in reached]

    async def not_accepted(self, order: ApprovedOrder, broker: Broker) -> tuple[Reason, ...]:
        """Why the venue's adapter cannot write this order: contract, kind, step, permission.

        It is asked before the write-ahead, so that an order that provably cannot be sent is refused and not in doubt.

        Raises:
            BrokerError: when the venue does not answer.
        """
        try:
            await broker.check(order)
        except OrderNotAccepted as error:
            return (reject_reason("NOT_ACCEPTED", str(error)),)
        return ()

    def waited_too_long(self, claimed_at: datetime, seconds: float) -> list[Reason]:
        """Whether a claim has waited for its turn for longer than a claim may live."""
        over = claimed_at + timedelta(seconds=seconds) <= self._clock.now()
        return (
            [reject_reason("APPROVAL_EXPIRED", f"claimed at {claimed_at.isoformat()}, {seconds:g} s ago")]
            if over
            else []
        )

    def expired(self, expires_at: datetime) -> list[Reason]:
        """Whether an approval ended before it was claimed (control 18)."""
        over = expires_at <= self._clock.now()
        return [reject_reason("APPROVAL_EXPIRED", f"at {expires_at.isoformat()}")] if over else []

    def stopped(self, strategy: str) -> list[Reason]:
        """The kill switches that stop a strategy on this account (control 19); an order that flattens passes."""
        if strategy == FLATTEN:
            return []
        switches = self._ledger.kill_switches.stopping(
            strategy, self._settings.account, starts_stopped=self._settings.starts_stopped
        )
        return [reject_reason("KILL_SWITCH", f"{switch.scope}, {switch.actor}: {switch.reason}") for switch in switches]


def reject_reason(code: str, text: str) -> Reason:
    """A reason that stops an order at send time."""
    return Reason(code=code, verdict=Verdict.REJECT, text=text)
