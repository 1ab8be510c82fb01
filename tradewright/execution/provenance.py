"""Where an order comes from: from any of its ids back to the hashes of what it was made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from tradewright.execution.operator_actions import OrderView, orders
from tradewright.ledger.audit_log import AuditEntry
from tradewright.ledger.decisions import Approval
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.limits import LimitChange
from tradewright.model.decision import Decision
from tradewright.model.errors import LedgerError
from tradewright.model.intent import Intent


@dataclass(frozen=True, slots=True)
class Provenance:
    """The way of one intent, from its signal to its fills.

    Args:
        hashes: what it was made from: the intent's own provenance (data, features, configuration, code), and for each
            decision the hashes of its rule set and of the inputs it saw.
        limits: the changes that brought the limits of its decisions into force, by the hash of the rule set.
        audit: the log entries about its decisions and orders.
    """

    intent: Intent
    decisions: tuple[Decision, ...]
    approvals: tuple[Approval, ...]
    orders: tuple[OrderView, ...]
    hashes: dict[str, str]
    audit: tuple[AuditEntry, ...]
    limits: dict[str, LimitChange] = field(default_factory=dict)


def explain(ledger: Ledger, name: str) -> list[Provenance]:
    """Everything behind an order reference, an execution, a decision, an intent or a signal (R-EVT-05).

    Returns:
        One walk per intent; several only for a signal that led to several.

    Raises:
        LedgerError: when no such id is known.
    """
    found = [_walk(ledger, intent) for intent in _intents(ledger, name)]
    if not found:
        raise LedgerError(
            "no order, execution, decision, intent or signal has this id", where=name, remedy="tradewright orders"
        )
    return found


def _intents(ledger: Ledger, name: str) -> list[Intent]:
    if attempt := ledger.attempts.find(name):
        return [ledger.decisions.intent(attempt.intent_id)]
    if (execution := ledger.executions.find(name)) and execution.ref:
        return _intents(ledger, execution.ref)
    if decision := ledger.decisions.find_decision(name):
        return [ledger.decisions.intent(decision.intent_id)]
    if intent := ledger.decisions.find_intent(name):
        return [intent]
    return ledger.decisions.intents(signal_id=name)


def _walk(ledger: Ledger, intent: Intent) -> Provenance:
    decisions = tuple(ledger.decisions.of_intent(intent.intent_id))
    views = tuple(orders(ledger, intent.intent_id))
    hashes = dict(intent.provenance)
    for decision in decisions:
        hashes[f"{decision.decision_id}.rule_set_hash"] = decision.rule_set_hash
        hashes[f"{decision.decision_id}.snapshot_hash"] = decision.snapshot_hash
    for view in views:
        hashes[f"{view.attempt.ref}.payload_hash"] = view.attempt.payload_hash
    used = {decision.rule_set_hash for decision in decisions}
    changes = {row.rule_set_hash: row for row in ledger.limits.changes(intent.account) if row.rule_set_hash in used}
    subjects = [decision.decision_id for decision in decisions] + [view.attempt.ref for view in views]
    return Provenance(
        intent=intent,
        decisions=decisions,
        approvals=tuple(said for decision in decisions for said in ledger.decisions.approvals(decision.decision_id)),
        orders=views,
        hashes=hashes,
        audit=tuple(entry for subject in subjects for entry in ledger.audit.entries(subject)),
        limits=changes,
    )
