"""The gate: ``decide`` judges an intent, ``pre_send_check`` the approved order again at the moment of sending."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, localcontext

from tradewright.model.approved import ApprovedOrder
from tradewright.model.decision import Decision, Reason, Verdict
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.policy.caps import CAPS, exceeded, near_limits, size_pct, sized
from tradewright.policy.decimals import ARITHMETIC
from tradewright.policy.limits import Limits
from tradewright.policy.market_rules import MARKET_RULES
from tradewright.policy.missing_inputs import MISSING_INPUT_RULES
from tradewright.policy.order_context import OrderContext, Rule
from tradewright.policy.order_rules import ORDER_RULES, UNREADABLE
from tradewright.policy.price_rules import PRICE_RULES
from tradewright.policy.review_rules import ADVISORIES, REVIEW_RULES
from tradewright.policy.snapshot import Snapshot

RULES_VERSION = "14"
"""Changes whenever the code of the rules does: a test compares the code with the version."""

RULES: tuple[Rule, ...] = (*MISSING_INPUT_RULES, *MARKET_RULES, *PRICE_RULES, *ORDER_RULES, *REVIEW_RULES, *ADVISORIES)
"""Every rule that is evaluated, in the order in which reasons of one verdict are listed."""

PRECEDENCE = (Verdict.REJECT, Verdict.REVIEW, Verdict.APPROVE)
"""Reject over review over approve (R-RISK-13)."""


def decide(intent: Intent, snapshot: Snapshot, limits: Limits) -> Decision:
    """The verdict on one intent, a pure function without an off switch: same inputs, same bytes.

    All rules are evaluated and all findings listed (R-RISK-13), the gravest first; advisories carry ``APPROVE``. A
    reduce-only intent is an exit: findings of rules that do not apply to exits are listed as waived, and the quantity
    is capped by the holding alone (Q-19). Figures of any finite size are judged, never raised about.

    Args:
        snapshot: all that is known at ``snapshot.now``, which is the time of the decision.
        limits: the numbers of the rules.

    Returns:
        A decision that lives 60 s, or 600 s where it waits for a person (``limits``).
    """
    with localcontext(ARITHMETIC):
        context = OrderContext.of_intent(intent, snapshot, limits)
        quantity, reasons = _evaluated(context)
        verdict = next((grade for grade in PRECEDENCE if any(r.verdict is grade for r in reasons)), Verdict.APPROVE)
        if verdict is Verdict.REJECT:
            quantity = Decimal(0)
        waits = limits.review_ttl_seconds if verdict is Verdict.REVIEW else limits.approval_ttl_seconds
        rules, seen = rule_set_hash(limits), content_hash(snapshot)
        return Decision(
            decision_id=content_hash([intent, rules, seen])[:24],
            intent_id=intent.intent_id,
            verdict=verdict,
            reasons=tuple(sorted(reasons, key=lambda reason: PRECEDENCE.index(reason.verdict))),
            approved_quantity=quantity,
            approved_size_pct=size_pct(context, quantity) if quantity else 0.0,
            decided_at=snapshot.now,
            expires_at=snapshot.now + timedelta(seconds=float(waits)),
            rule_set_hash=rules,
            snapshot_hash=seen,
            market=snapshot.market.context(),
        )


def _evaluated(context: OrderContext) -> tuple[Decimal, tuple[Reason, ...]]:
    # Nothing may be computed with an unreadable order: its rule comes first and alone.
    if unreadable := UNREADABLE.evaluate(context):
        return Decimal(0), (unreadable,)
    findings = tuple(reason for rule in RULES if (reason := rule.evaluate(context)))
    quantity, of_size = sized(context)
    return quantity, (*findings, *of_size, *near_limits(context, quantity))


def pre_send_check(order: ApprovedOrder, snapshot: Snapshot, limits: Limits) -> tuple[Reason, ...]:
    """Why an approved order may not be sent now; empty when it may (R-RISK-39).

    The rules of the gate on the state of this moment. Whether the order is an exit is computed from the holding and
    the open orders, never taken from the intent. The snapshot must not count the order itself among the open orders,
    the exposures, the committed cash or the orders of its intent.

    Args:
        order: an order of the outbox.
        snapshot: of the sender; it needs no ATR and no advice.
        limits: those in force; an order approved under others is not sent.

    Returns:
        The reasons, all of them REJECT.
    """
    with localcontext(ARITHMETIC):
        context = OrderContext.of_order(order, snapshot, limits)
        if unreadable := UNREADABLE.evaluate(context):
            return (*_of_approval(order, snapshot, limits), unreadable)
        found = (rule.evaluate(context) for rule in RULES if rule.pre_send)
        findings = (reason for reason in found if reason and reason.verdict is Verdict.REJECT)
        return (*_of_approval(order, snapshot, limits), *findings, *exceeded(context))


def _of_approval(order: ApprovedOrder, snapshot: Snapshot, limits: Limits) -> tuple[Reason, ...]:
    """Control 18: the approved terms, the rules of the approval, its end."""
    ended = f"the approval ended at {order.expires_at.isoformat()}, it is {snapshot.now.isoformat()}"
    findings = (
        ("PAYLOAD_CHANGED", order.payload_hash != order.computed_hash(), "the order differs from the approved one"),
        ("APPROVAL_EXPIRED", snapshot.now >= order.expires_at, ended),
        ("RULES_CHANGED", order.rule_set_hash != rule_set_hash(limits), "approved under other rules or limits"),
    )
    return tuple(Reason(code=code, verdict=Verdict.REJECT, text=text) for code, found, text in findings if found)


def rule_set_hash(limits: Limits) -> str:
    """The identity of a rule set: the version of its code, its codes and effects, and the limits."""
    with localcontext(ARITHMETIC):
        rules = [
            [rule.code, rule.verdict, rule.source, rule.applies_to_exits, rule.pre_send]
            for rule in (UNREADABLE, *RULES)
        ]
        caps = [[cap.code, cap.source, cap.applies_to_exits, cap.pre_send] for cap in CAPS]
        return content_hash({"version": RULES_VERSION, "rules": rules, "caps": caps, "limits": limits})
