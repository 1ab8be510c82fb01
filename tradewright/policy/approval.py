"""Approved orders are made here alone: of a decision, or restored from a ledger row."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import Field

from tradewright.model.approved import GATE_SEAL, ApprovedOrder, approval_hash
from tradewright.model.base import FrozenModel, Instant
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import NotApproved
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.model.order import Leg, LimitOrder, OrderTerms, ProtectiveLeg, StopOrder, TimeInForce


class HumanApproval(FrozenModel):
    """A person's yes to a decision that asked for review (R-RISK-14, R-RISK-35).

    Args:
        decision_hash: the content hash of the decision that the person was shown; another decision is not approved.
        actor: the person.
        reason: the person's reason; kept in the audit log.
        at: when. It must lie within the life of the decision.
        valid_seconds: how long the yes may be acted upon, ``limits.approval_ttl_seconds`` (60 s, Q-18).
    """

    decision_id: str
    decision_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    actor: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    at: Instant
    valid_seconds: float = Field(default=60, gt=0, le=600)


def approve(intent: Intent, decision: Decision, account: str, approval: HumanApproval | None = None) -> ApprovedOrder:
    """The order that a decision allows, in the approved quantity.

    Args:
        intent: the order that was asked for.
        decision: the gate's verdict on it; ``APPROVE``, or ``REVIEW`` together with a person's approval.
        account: where to send it; equal to the intent's account where that names one.
        approval: needed for ``REVIEW``, refused for anything else.

    Raises:
        NotApproved: when the decision rejects, belongs to another intent, waits for a person who did not approve it in
            time or was shown another decision, or allows more than was asked.
    """
    where = f"intent {intent.intent_id}"
    if problem := _objection(intent, decision, account):
        raise NotApproved(problem, where=where, remedy="let the gate decide the intent again")
    expires_at = decision.expires_at
    if decision.verdict is Verdict.REVIEW or approval is not None:
        expires_at = _expiry_of_approval(decision, approval, where)
    terms = OrderTerms.model_validate(intent.terms.model_dump() | {"quantity": decision.approved_quantity})
    rule_set, legs = decision.rule_set_hash, protective_legs(intent, decision.approved_quantity)
    payload_hash = approval_hash(
        intent.intent_id, decision.decision_id, intent.strategy, account, terms, expires_at, rule_set, legs
    )
    return restore(
        intent_id=intent.intent_id,
        decision_id=decision.decision_id,
        strategy=intent.strategy,
        account=account,
        terms=terms,
        expires_at=expires_at,
        rule_set_hash=rule_set,
        payload_hash=payload_hash,
        protective=legs,
    )


def protective_legs(intent: Intent, quantity: Decimal) -> tuple[ProtectiveLeg, ...]:
    """The stop loss and the take profit of an intent, each for the whole quantity and good till cancelled.

    Of a stop and a trailing stop one leg is made: it trails, and starts at the stop.
    None for an intent that only reduces, and for one whose stop and take-profit are not for the venue.
    """
    if not intent.protective_orders or intent.reduce_only:
        return ()
    closing = {
        "instrument": intent.terms.instrument,
        "side": intent.terms.side.opposite,
        "quantity": quantity,
        "tif": TimeInForce.GTC,
    }
    legs = []
    fixed = None if intent.stop is None else StopOrder(stop_price=intent.stop)
    if (stop := intent.trailing_stop or fixed) is not None:
        terms = OrderTerms.model_validate(closing | {"order": stop})
        legs.append(ProtectiveLeg(leg=Leg.STOP_LOSS, terms=terms))
    if intent.take_profit is not None:
        terms = OrderTerms.model_validate(closing | {"order": LimitOrder(limit_price=intent.take_profit)})
        legs.append(ProtectiveLeg(leg=Leg.TAKE_PROFIT, terms=terms))
    return tuple(legs)


def restore(
    *,
    intent_id: str,
    decision_id: str,
    strategy: str,
    account: str,
    terms: OrderTerms,
    expires_at: datetime,
    rule_set_hash: str,
    payload_hash: str,
    protective: tuple[ProtectiveLeg, ...] = (),
) -> ApprovedOrder:
    """An approved order read back from the ledger; its hash is computed again.

    Raises:
        NotApproved: when any field differs from what was approved.
    """
    return ApprovedOrder(
        intent_id=intent_id,
        decision_id=decision_id,
        strategy=strategy,
        account=account,
        terms=terms,
        expires_at=expires_at,
        rule_set_hash=rule_set_hash,
        payload_hash=payload_hash,
        seal=GATE_SEAL,
        protective=protective,
    )


def verify(order: object) -> ApprovedOrder:
    """The order itself when it is an approved order and unaltered; for the sender and the venues, before the wire.

    Raises:
        NotApproved: for anything that is not an ``ApprovedOrder``, and for one altered behind Python's back.
    """
    if not isinstance(order, ApprovedOrder):
        raise NotApproved(f"{type(order).__name__} is not an approved order", remedy="let the gate decide an intent")
    if order.payload_hash != order.computed_hash():
        raise NotApproved(
            "the order is not what was approved: its payload hash differs",
            where=f"intent {order.intent_id}",
            remedy="let the gate decide the intent again",
        )
    return order


def _objection(intent: Intent, decision: Decision, account: str) -> str:
    if decision.intent_id != intent.intent_id:
        return f"decision {decision.decision_id} is about intent {decision.intent_id}"
    if decision.verdict is Verdict.REJECT:
        return f"decision {decision.decision_id} rejects it"
    if not 0 < decision.approved_quantity <= intent.terms.quantity:
        return f"{decision.approved_quantity} approved of {intent.terms.quantity} asked"
    if not account or (intent.account and account != intent.account):
        return f"account {account!r} is not the intent's account {intent.account!r}"
    return ""


def _expiry_of_approval(decision: Decision, approval: HumanApproval | None, where: str) -> datetime:
    """The end of a person's approval, which lives from the moment it was given, not from the decision."""
    if approval is None:
        raise NotApproved(
            f"decision {decision.decision_id} waits for a person", where=where, remedy="tradewright approve"
        )
    if decision.verdict is not Verdict.REVIEW:
        raise NotApproved(f"decision {decision.decision_id} did not ask for a person", where=where)
    if approval.decision_id != decision.decision_id:
        raise NotApproved(f"the approval is for decision {approval.decision_id}", where=where)
    if approval.decision_hash != content_hash(decision):
        raise NotApproved(
            f"decision {decision.decision_id} is not the one that {approval.actor} was shown: their hashes differ",
            where=where,
            remedy="look at the decision again, then approve it",
        )
    if not decision.decided_at <= approval.at < decision.expires_at:
        raise NotApproved(
            f"approved at {approval.at.isoformat()}, outside the decision's life "
            f"({decision.decided_at.isoformat()} to {decision.expires_at.isoformat()})",
            where=where,
            remedy="let the gate decide the intent again",
        )
    return approval.at + timedelta(seconds=approval.valid_seconds)
