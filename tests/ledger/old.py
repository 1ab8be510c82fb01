"""A ledger of version v0002, written with plain INSERTs: at least one row in every table of facts."""

from __future__ import annotations

import json

from sqlalchemy import Connection, text

from tests.support.ledgers import ACCOUNT, START
from tradewright.model.hashing import content_hash
from tradewright.model.order import MarketOrder

AT = START.isoformat(timespec="microseconds")
MARKET = MarketOrder().model_dump(mode="json")
INTENT = {
    "account": ACCOUNT, "confidence": 0.7, "decided_at": START.isoformat(), "intent_id": "intent0001",
    "provenance": {"config_hash": "c" * 64, "data_hash": "d" * 64}, "reference_price": "100", "signal_id": "signal-1",
    "size_pct": 0.01, "strategy": "trend",
    "terms": {"instrument": "AAPL", "order": MARKET, "quantity": "10", "side": "BUY", "tif": "DAY"},
}  # fmt: skip
DECISION = {
    "approved_quantity": "10", "approved_size_pct": 0.01, "decided_at": START.isoformat(), "decision_id": "d1",
    "expires_at": START.isoformat(), "intent_id": "intent0001", "reasons": [], "rule_set_hash": "r" * 64,
    "snapshot_hash": "s" * 64, "verdict": "REVIEW",
}  # fmt: skip
_OF = {"account": ACCOUNT, "instrument": "AAPL"}
_WHO = {"actor": "ann", "reason": "test", "at": AT}
_REF = "intent0001.1"
_HASH = "0" * 64
ROWS: list[tuple[str, dict[str, object]]] = [
    ("intents", {"intent_id": "intent0001", "strategy": "trend", "signal_id": "signal-1", "instrument": "AAPL",
                 "payload": json.dumps(INTENT, sort_keys=True, separators=(",", ":")), "sha256": _HASH,
                 "recorded_at": AT}),
    ("decisions", {"decision_id": "d1", "intent_id": "intent0001", "verdict": "REVIEW",
                   "payload": json.dumps(DECISION, sort_keys=True, separators=(",", ":")),
                   "sha256": _HASH, "decided_at": AT, "expires_at": AT, "recorded_at": AT}),
    ("approvals", {"decision_id": "d1", "approved": True, **_WHO}),
    ("approvals", {"decision_id": "d1", "approved": False, **_WHO}),
    ("approved_orders", {"decision_id": "d1", "intent_id": "intent0001", "strategy": "trend", "account": ACCOUNT,
                         "terms": "{}", "expires_at": AT, "rule_set_hash": "r", "payload_hash": _HASH,
                         "recorded_at": AT}),
    ("attempts", {"ref": _REF, "intent_id": "intent0001", "decision_id": "d1", "number": 1, "strategy": "trend", **_OF,
                  "side": "BUY", "quantity": "10", "tif": "DAY", "payload_hash": _HASH, "state": "SENDING",
                  "holder": "h", "session": "s", "order_id": 1, "claimed_at": AT, "sending_at": AT, "spent": True}),
    ("attempt_events", {"ref": _REF, "state": "CLAIMED", "reason": "claimed", "at": AT}),
    ("attempt_events", {"ref": _REF, "state": "SENDING", "reason": "session s", "at": AT}),
    ("perm_ids", {"ref": _REF, "perm_id": 9, "at": AT}),
    ("absences", {"ref": _REF, "session": "s", "first_at": AT, "second_at": AT}),
    ("executions", {"exec_id": "e.01", "base_id": "e", "ref": _REF, "perm_id": 9, **_OF, "side": "BUY",
                    "quantity": "4", "price": "100.50", "time": AT, "quarantined": False, "recorded_at": AT}),
    ("rulings", {"exec_id": "e.01", "counts": True, "reason": "test", "at": AT}),
    ("fees", {"exec_id": "e.01", "fee": "1.00", "at": AT}),
    ("adjustments", {**_OF, "quantity": "1", "price": "100", **_WHO}),
    ("sessions", {"session": "s", "venue": "sim", "account": ACCOUNT, "holder": "h", "at": AT}),
    ("raw_events", {"session": "s", "kind": "LINK", "payload": "{}", "at": AT}),
    ("external_orders", {"key": "perm:1", **_OF, "payload": "{}", "at": AT}),
    ("reconciliations", {"session": "s", "account": ACCOUNT, "clean": True, "differences": "[]", "at": AT}),
    ("switches", {"scope": "everything", "stopped": True, **_WHO}),
    ("switches", {"scope": "strategy:trend", "stopped": False, **_WHO}),
    ("freezes", {**_OF, "code": "OVERFILL", "ref": "", "frozen": True, "actor": "program", "text": "t", "at": AT}),
    ("checks", {"input": "bars", "passed": True, "detail": "null", "at": AT}),
    ("equity_marks", {"account": ACCOUNT, "equity": "10.50", "cash": "1", "at": AT}),
]  # fmt: skip


def fill_old(connection: Connection) -> None:
    """Insert all rows and two chained entries of the audit log."""
    for table, row in [*ROWS, *_log()]:
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)
    head = _log()[-1][1]
    update = text("UPDATE audit_head SET seq = :seq, hash = :hash")
    connection.execute(update, {"seq": head["seq"], "hash": head["hash"]})


def _log() -> list[tuple[str, dict[str, object]]]:
    found, previous = [], "0" * 64
    for seq, actor, action in ((1, "ann", "KILL"), (2, "gate", "DECIDE")):
        digest = content_hash((seq, START, actor, action, "everything", {"n": seq}, previous))
        row: dict[str, object] = {"seq": seq, "at": AT, "actor": actor, "action": action, "subject": "everything"}
        row |= {"detail": json.dumps({"n": seq}, separators=(",", ":")), "previous": previous, "hash": digest}
        found.append(("audit_log", row))
        previous = digest
    return found
