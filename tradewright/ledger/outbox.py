"""The outbox: orders that the gate approved and that were not sent yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from tradewright.database.engine import Database
from tradewright.ledger.attempt_evidence import AttemptEvidence
from tradewright.ledger.decisions import Decisions
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.events import Events
from tradewright.ledger.facts import of_subject
from tradewright.ledger.leases import lease_held
from tradewright.ledger.schema import (
    UNSENT_STATES,
    approvals,
    approved_orders,
    attempts,
    decisions,
    events,
    executions,
    perm_ids,
)
from tradewright.model.approved import ApprovedOrder
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash
from tradewright.model.order import AttemptState, Leg, OrderTerms, ProtectiveLeg
from tradewright.model.topic import Topic

FORGED_ORDER = "FORGED_ORDER"
"""The action of the audit entry about an order that nothing on record allows."""


@dataclass(frozen=True, slots=True)
class ApprovedRow:
    """An approved order as it is stored. Only ``policy.restore`` makes an order of it again."""

    intent_id: str
    decision_id: str
    strategy: str
    account: str
    terms: OrderTerms
    expires_at: datetime
    rule_set_hash: str
    payload_hash: str
    protective: tuple[ProtectiveLeg, ...] = ()


@dataclass(frozen=True, slots=True)
class Sendable:
    """An approved order that may be claimed now, under the reference that its next attempt will bear."""

    decision_id: str
    intent_id: str
    ref: str
    account: str
    expires_at: datetime


def batch_key(batch: Iterable[Sendable]) -> str:
    """The run key of a batch (S1): the same attempts on the same decisions give the same key, in any order.

    A scheduler starts one run per key. Were it made of references alone, an order whose run died before its claim would
    never get another: its next decision leads to the same reference.
    """
    return f"batch:{content_hash(sorted([row.ref, row.decision_id] for row in batch))}"


def claimable(now: datetime, *, abandoned: bool = False) -> ColumnElement[bool]:
    """Whether a row of ``approved_orders`` may be claimed: the one rule behind listing (S1) and claiming (S2).

    It has not expired, no person has said no, its own decision was never spent on an attempt, and its intent has
    neither a live attempt nor one that went out and was not proved unsent: an intent never becomes two orders. An
    execution or a permanent id of an attempt proves that it went out, whatever its state says (H0).
    A row without a decision that allows it, or without its event, is never claimable.

    Args:
        abandoned: True, for listing alone, overlooks a mere claim whose holder has lost the lease: the next recovery
            gives it back.
    """
    same_decision = and_(attempts.c.decision_id == approved_orders.c.decision_id, attempts.c.spent.is_(True))
    seen = or_(
        exists(select(executions.c.exec_id).where(executions.c.ref == attempts.c.ref)),
        exists(select(perm_ids.c.ref).where(perm_ids.c.ref == attempts.c.ref)),
    )
    went_out = or_(attempts.c.state.not_in(UNSENT_STATES), seen)
    same_intent = and_(attempts.c.intent_id == approved_orders.c.intent_id, went_out)
    if abandoned:
        unfinished = attempts.c.state == AttemptState.CLAIMED.value
        same_intent &= ~(unfinished & ~lease_held(attempts.c.account, attempts.c.holder, now))
    vetoed = and_(approvals.c.decision_id == approved_orders.c.decision_id, approvals.c.approved.is_(False))
    return and_(
        approved_orders.c.expires_at > now,
        ~exists(select(attempts.c.ref).where(or_(same_decision, same_intent))),
        ~exists(select(approvals.c.id).where(vetoed)),
        _permitted(),
    )


def _permitted() -> ColumnElement[bool]:
    """The decision allows the order, and the event of the order is there (D5)."""
    of_decision = decisions.c.decision_id == approved_orders.c.decision_id
    of_person = and_(approvals.c.decision_id == approved_orders.c.decision_id, approvals.c.approved.is_(True))
    reviewed = and_(
        decisions.c.verdict == Verdict.REVIEW.value,
        exists(select(approvals.c.id).where(of_person).correlate(approved_orders)),
    )
    allowed = or_(decisions.c.verdict == Verdict.APPROVE.value, reviewed)
    recorded = and_(
        events.c.seq == approved_orders.c.event_seq,
        events.c.topic == Topic.ORDER_APPROVED.value,
        events.c.subject == approved_orders.c.decision_id,
    )
    same = decisions.c.intent_id == approved_orders.c.intent_id
    return and_(
        exists(select(decisions.c.decision_id).where(of_decision, same, allowed)),
        exists(select(events.c.seq).where(recorded)),
    )


class Outbox:
    """Approved orders, in and out."""

    def __init__(self, database: Database, events: Events, decisions: Decisions, evidence: AttemptEvidence) -> None:
        self._database, self._events, self._decisions, self._evidence = database, events, decisions, evidence

    def put(self, order: ApprovedOrder) -> bool:
        """Store an approved order for the sender; False when its decision is there already with the same content.

        Raises:
            LedgerError: when the ledger knows no decision that permits it, or the decision is there with other terms.
        """
        where = f"decision {order.decision_id}"
        with self._database.write() as connection:
            query = select(approved_orders.c.payload_hash).where(approved_orders.c.decision_id == order.decision_id)
            present = connection.execute(query).scalar()
            if present == order.payload_hash:
                return False
            if present is not None:
                raise LedgerError("another order was approved by this decision", where=where)
            if not self._decisions.permits(order.decision_id):
                raise LedgerError("no decision on record permits this order", where=where, remedy="tradewright approve")
            if self._decisions.decision(order.decision_id).intent_id != order.intent_id:
                raise LedgerError(f"the decision is not about intent {order.intent_id}", where=where)
            row = {name: getattr(order, name) for name in ApprovedRow.__slots__}
            row["recorded_at"] = self._database.clock.now()
            topic = Topic.ORDER_APPROVED
            self._events.record(approved_orders, row, topic, order.decision_id, actor="gate", account=order.account)
        return True

    def get(self, decision_id: str) -> ApprovedRow:
        """The stored approved order of a decision, compared with its event, its decision, intent and approvals (D5).

        Raises:
            LedgerError: when there is none, or no decision on record permits it.
            LedgerTampered: when one of those rows is not what was recorded.
        """
        query = select(approved_orders).where(approved_orders.c.decision_id == decision_id)
        with self._events.facts.read(of_subject(approved_orders, "decision_id", [decision_id])) as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise LedgerError("no approved order", where=f"decision {decision_id}", remedy="tradewright intents")
        self._verify_permission(row["decision_id"], row["intent_id"])
        fields = {name: row[name] for name in ApprovedRow.__slots__}
        legs = tuple(ProtectiveLeg.model_validate(leg) for leg in fields["protective"])
        return ApprovedRow(**fields | {"terms": OrderTerms.model_validate(fields["terms"]), "protective": legs})

    def sendable(self, account: str = "") -> list[Sendable]:
        """The orders of this mode that may be claimed now, oldest first (S1); of one account where one is given.

        Listing grants nothing. An order without a decision or an event that allows it is skipped, and recorded once as
        an alarm in the audit log (D5).

        Raises:
            LedgerTampered: when an attempt of a listed intent is not what its events say, or is gone.
        """
        self._report_unrecorded()
        of_intent = (attempts.c.intent_id == approved_orders.c.intent_id, attempts.c.leg == Leg.ENTRY.value)
        count = select(func.count()).where(*of_intent).scalar_subquery()
        query = select(approved_orders, count.label("tried")).where(
            claimable(self._database.clock.now(), abandoned=True), self._events.own(approved_orders)
        )
        if account:
            query = query.where(approved_orders.c.account == account)
        with self._database.read() as connection:
            rows = connection.execute(
                query.order_by(approved_orders.c.recorded_at, approved_orders.c.decision_id)
            ).all()
            self._evidence.check_intents(connection, {row.intent_id for row in rows})
        return [
            Sendable(row.decision_id, row.intent_id, f"{row.intent_id}.{row.tried + 1}", row.account, row.expires_at)
            for row in rows
        ]

    def _verify_permission(self, decision_id: str, intent_id: str) -> None:
        """Compare intent, decision and approvals with their events, and ask whether the decision is about the intent.

        ``put`` stored the order only with all of them on record, so that a missing one was removed from outside.
        """
        with self._database.read():
            intent = self._decisions.find_intent(intent_id)
            decision = self._decisions.find_decision(decision_id)
            self._decisions.approvals(decision_id)
        missing = "intents" if intent is None else "decisions"
        if intent is None or decision is None or decision.intent_id != intent_id or decision.verdict is Verdict.REJECT:
            raise LedgerTampered(
                f"the ledger was altered: {missing} has no row that permits this order",
                where=f"table approved_orders, decision_id {decision_id}",
                remedy="stop trading, keep the database as evidence, compare with the last backup",
            )

    def _report_unrecorded(self) -> None:
        """Record each open order that no decision or no event allows; written once per order."""
        columns = (approved_orders.c.decision_id, approved_orders.c.account)
        query = select(*columns).where(approved_orders.c.expires_at > self._database.clock.now(), ~_permitted())
        with self._database.read() as connection:
            found = connection.execute(query).all()
        for row in found:
            told = (event.payload.get("action") for event in self._events.about(row.decision_id))
            if FORGED_ORDER not in told:
                text = "an approved order without the decision or the event that allows it: stop trading, keep the file"
                payload = {"action": FORGED_ORDER, "detail": {"text": text}}
                self._events.append(Topic.AUDIT_ENTRY, row.decision_id, payload, "program", row.account)

    def accounts(self) -> list[str]:
        """Every account for which an order was ever approved in this mode, by name."""
        own = self._events.own(approved_orders)
        query = select(approved_orders.c.account).where(own).distinct().order_by(approved_orders.c.account)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())
