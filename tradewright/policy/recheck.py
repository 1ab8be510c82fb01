"""The recheck: the hard rules, asked again by the sender at the moment of sending (R-RISK-39)."""

from __future__ import annotations

from decimal import localcontext

from tradewright.model.approved import ApprovedOrder
from tradewright.model.decision import Reason, Verdict
from tradewright.policy.case import Case
from tradewright.policy.controls import UNREADABLE
from tradewright.policy.figure import ARITHMETIC
from tradewright.policy.gate import RULES, rule_set_hash
from tradewright.policy.limits import Limits
from tradewright.policy.sizing import exceeded
from tradewright.policy.snapshot import Snapshot


def recheck(order: ApprovedOrder, snapshot: Snapshot, limits: Limits) -> tuple[Reason, ...]:
    """Why an approved order may not be sent now; empty when it may.

    The same rules as at the gate, on the state of this moment. Whether the order is an exit is computed from the
    holding and the open orders, not taken from anybody's word. The snapshot must not count the order itself among the
    open orders, the exposures or the orders of its intent.

    Args:
        order: what the ledger holds to be sent.
        snapshot: as seen by the sender; it needs no ATR and no advice.
        limits: those in force; an order approved under others is not sent.

    Returns:
        The reasons, all of them REJECT.
    """
    with localcontext(ARITHMETIC):
        case = Case.of_order(order, snapshot, limits)
        if unreadable := UNREADABLE.ask(case):
            return (*_of_approval(order, snapshot, limits), unreadable)
        asked = (rule.ask(case) for rule in RULES if rule.at_send)
        hits = (reason for reason in asked if reason and reason.verdict is Verdict.REJECT)
        return (*_of_approval(order, snapshot, limits), *hits, *exceeded(case))


def _of_approval(order: ApprovedOrder, snapshot: Snapshot, limits: Limits) -> tuple[Reason, ...]:
    """Control 18: what was approved, under which rules, until when."""
    findings = (
        ("PAYLOAD_CHANGED", order.payload_hash != order.computed_hash(), "the order is not what was approved"),
        (
            "APPROVAL_EXPIRED",
            snapshot.now >= order.expires_at,
            f"the approval ended at {order.expires_at.isoformat()}, it is {snapshot.now.isoformat()}",
        ),
        ("RULES_CHANGED", order.rule_set_hash != rule_set_hash(limits), "approved under other rules or limits"),
    )
    return tuple(Reason(code=code, verdict=Verdict.REJECT, text=text) for code, hit, text in findings if hit)
