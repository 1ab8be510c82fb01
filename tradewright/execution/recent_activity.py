"""Recent activity of an account: how many orders went out lately, and which could be the same order again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tradewright.execution.exposure import may_have_reached
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Decision, Verdict
from tradewright.model.intent import FLATTEN
from tradewright.policy.snapshot import Activity, RecentOrder


@dataclass(frozen=True)
class RecentActivity:
    """The orders and intents of an account in the time before ``now``. Protective legs count nowhere.

    Args:
        window: how long an order or an intent counts as recent; one exactly that old does not.
    """

    ledger: Ledger
    account: str
    now: datetime
    window: timedelta

    def seen_by(self, intent_id: str, instrument: str, strategy: str, *, before_send: bool) -> Activity:
        """The activity beside one intent.

        Args:
            before_send: whether only orders count (the sender asks), or intents too (the gate asks).
        """
        # The sender spaces what is approved: no decision is refused because another order went out a moment ago.
        spaced = not before_send or strategy == FLATTEN
        sent = [] if spaced else self.ledger.attempts.sent_at(self.account, self.now - timedelta(minutes=1))
        own = [row for row in self.ledger.attempts.all(intent_id) if not row.is_protective]
        intents = () if before_send else self._intents(intent_id, instrument)
        return Activity(
            recent=(*intents, *self._orders(intent_id, instrument)),
            orders_last_second=sum(at > self.now - timedelta(seconds=1) for at in sent),
            orders_last_minute=len(sent),
            orders_of_intent=sum(may_have_reached(self.ledger, attempt) for attempt in own),
        )

    def _intents(self, intent_id: str, instrument: str) -> Iterator[RecentOrder]:
        """Other intents in the instrument that the gate, or a person after it, lately let go ahead."""
        since = self.now - self.window
        newest = {row.intent_id: row for row in self.ledger.decisions.decisions_alive(since)}
        for decision in newest.values():
            at = self._let_go(decision) if decision.expires_at > since else None
            if at is None or at <= since:
                continue
            intent = self.ledger.decisions.intent(decision.intent_id)
            is_other = intent.intent_id != intent_id and intent.account in ("", self.account)
            if is_other and intent.terms.instrument == instrument:
                yield RecentOrder(
                    intent_id=intent.intent_id,
                    side=intent.terms.side,
                    quantity=decision.approved_quantity,
                    asked=intent.terms.quantity,
                    at=at,
                )

    def _let_go(self, decision: Decision) -> datetime | None:
        """When an intent became an order, which is before its decision expires; None without a yes, or with a no."""
        said = self.ledger.decisions.approvals(decision.decision_id) if decision.verdict is not Verdict.REJECT else []
        if not all(approval.approved for approval in said):
            return None
        yes = decision.decided_at if decision.verdict is Verdict.APPROVE else None
        return said[-1].at if said else yes

    def _orders(self, intent_id: str, instrument: str) -> Iterator[RecentOrder]:
        """Other orders in the instrument that may have gone out lately."""
        for row in self.ledger.attempts.sent_after(self.account, self.now - self.window):
            is_other = row.intent_id != intent_id and row.instrument == instrument
            if is_other and row.sending_at is not None and may_have_reached(self.ledger, row):
                yield RecentOrder(intent_id=row.intent_id, side=row.side, quantity=row.quantity, at=row.sending_at)
