"""The gate: every intent gets a verdict, with coded reasons. A pure function without an off switch."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, localcontext

from tradewright.model.decision import Decision, Reason, Verdict
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.policy.caps import CAPS
from tradewright.policy.case import Case
from tradewright.policy.controls import CONTROL_RULES, UNREADABLE
from tradewright.policy.figure import ARITHMETIC
from tradewright.policy.hard import HARD_RULES
from tradewright.policy.limits import Limits
from tradewright.policy.remarks import REMARK_RULES
from tradewright.policy.review import REVIEW_RULES
from tradewright.policy.rule import Rule
from tradewright.policy.sizing import near_limits, size_pct, sized
from tradewright.policy.snapshot import Snapshot
from tradewright.policy.unknown import UNKNOWN_RULES

RULES_VERSION = "3"
"""Changes whenever the code of the rules does: a test compares the code with the version."""

RULES: tuple[Rule, ...] = (*UNKNOWN_RULES, *HARD_RULES, *CONTROL_RULES, *REVIEW_RULES, *REMARK_RULES)
"""Every rule that is asked, in the order in which reasons of one verdict are listed."""

PRECEDENCE = (Verdict.REJECT, Verdict.REVIEW, Verdict.APPROVE)
"""Reject over review over approve (R-RISK-13)."""


def decide(intent: Intent, snapshot: Snapshot, limits: Limits) -> Decision:
    """The verdict on one intent: same inputs, same bytes.

    All rules are asked and all hits listed (R-RISK-13), the gravest first; remarks carry ``APPROVE``. A reduce-only
    intent is an exit: rules that do not bind exits are remarked as waived, and the quantity is capped by the holding
    alone (Q-19).

    Args:
        intent: what is asked for.
        snapshot: all that is known at ``snapshot.now``, which is the time of the decision.
        limits: the numbers of the rules.

    Returns:
        A decision that lives 60 s, or 600 s where it waits for a person (``limits``).
    """
    with localcontext(ARITHMETIC):
        case = Case.of_intent(intent, snapshot, limits)
        quantity, reasons = _judged(case)
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
            approved_size_pct=size_pct(case, quantity) if quantity else 0.0,
            decided_at=snapshot.now,
            expires_at=snapshot.now + timedelta(seconds=float(waits)),
            rule_set_hash=rules,
            snapshot_hash=seen,
        )


def _judged(case: Case) -> tuple[Decimal, tuple[Reason, ...]]:
    if unreadable := UNREADABLE.ask(case):
        return Decimal(0), (unreadable,)
    hits = tuple(reason for rule in RULES if (reason := rule.ask(case)))
    quantity, of_size = sized(case)
    return quantity, (*hits, *of_size, *near_limits(case, quantity))


def rule_set_hash(limits: Limits) -> str:
    """Which rules speak: the version of their code, their codes and effects, and the limits."""
    with localcontext(ARITHMETIC):
        rules = [
            [rule.code, rule.verdict, rule.source, rule.binds_exits, rule.at_send] for rule in (UNREADABLE, *RULES)
        ]
        caps = [[cap.code, cap.source, cap.binds_exits, cap.at_send] for cap in CAPS]
        return content_hash({"version": RULES_VERSION, "rules": rules, "caps": caps, "limits": limits})
