"""How long each table is kept, and the pruning of those that are not kept for good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tradewright.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Retention:
    """The rule of one table: kept for so long, or for good when ``keep`` is None, and why."""

    keep: timedelta | None
    why: str


_FACT = Retention(None, "orders, fills and their history are permanent (R-STORE-01)")
_PROVENANCE = Retention(None, "an order explains itself for as long as it is kept, so this is kept as long")
_STATE = Retention(None, "the present state; one row per name")

RETENTION: dict[str, Retention] = {
    "intents": _PROVENANCE,
    "decisions": Retention(None, "at least 180 days (R-STORE-02); permanent, since orders point to them"),
    "approvals": _PROVENANCE,
    "approved_orders": _FACT,
    "attempts": _FACT,
    "attempt_events": _FACT,
    "perm_ids": _FACT,
    "executions": _FACT,
    "rulings": _FACT,
    "fees": _FACT,
    "raw_events": _FACT,
    "adjustments": _FACT,
    "external_orders": _FACT,
    "absences": _FACT,
    "sessions": _FACT,
    "reconciliations": _FACT,
    "freezes": _FACT,
    "switches": _FACT,
    "checks": _PROVENANCE,
    "equity_marks": Retention(None, "the account's history; one short row per mark"),
    "leases": _STATE,
    "commands": _FACT,
    "idempotency_keys": Retention(timedelta(days=7), "longer than any open order lives (Q-64)"),
    "events": Retention(None, "every fact, permanent (C-34)"),
    "event_head": _STATE,
}
"""One rule per table; a test compares it with the schema."""


def prune(
    ledger: Ledger, keys: timedelta | None = RETENTION["idempotency_keys"].keep, actor: str = "program"
) -> dict[str, int]:
    """Delete rows that are older than their rule, record it as an act, and return the rows deleted per table."""
    if keys is None:
        return {}
    deleted = {"idempotency_keys": ledger.idempotency.prune(ledger.clock.now() - keys)}
    ledger.audit.append(actor, "PRUNE", "ledger", deleted)
    return deleted
