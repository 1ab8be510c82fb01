"""Every fact as an event of one hash-chained sequence; the audit log becomes a part of it; facts know their mode.

Self-contained: it reads and writes what versions v0002 and v0003 store, whatever the program declares later.
"""

# ruff: noqa: S608  all names of tables and columns are constants of this file

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from tradewright.ledger.errors import LedgerTampered
from tradewright.model.hashing import content_hash

revision = "v0003"
down_revision = "v0002"

_TOPICS = {
    "intents": "intent.created",
    "decisions": "policy.decision.made",
    "approvals": "approval.given",
    "approved_orders": "order.approved",
    "attempt_events": "",
    "perm_ids": "order.identified",
    "sessions": "session.opened",
    "raw_events": "broker.message.received",
    "executions": "fill.recorded",
    "rulings": "fill.ruled",
    "fees": "fee.recorded",
    "adjustments": "position.adjusted",
    "external_orders": "external_order.seen",
    "freezes": "instrument.frozen",
    "switches": "kill_switch.stopped",
    "reconciliations": "reconciliation.finished",
    "absences": "order.absent",
    "checks": "check.recorded",
    "equity_marks": "equity.marked",
}
"""The tables of facts with their topics; of two rows of one moment the one of the earlier table comes first."""
_OTHER = {
    ("approvals", "approved", False): "approval.refused",
    ("executions", "quarantined", True): "fill.corrected",
    ("freezes", "frozen", False): "freeze.lifted",
    ("switches", "stopped", False): "kill_switch.resumed",
}
_STEPS = {
    "CLAIMED": "order.claimed",
    "SENDING": "order.sending",
    "UNKNOWN": "order.unknown",
    "ACKED": "order.submitted",
    "WORKING": "order.working",
    "PARTIAL": "order.partially_filled",
    "CANCEL_REQUESTED": "order.cancel_requested",
    "FILLED": "order.filled",
    "CANCELLED": "order.cancelled",
    "REJECTED": "order.rejected",
    "EXPIRED": "order.expired",
    "NOT_SENT": "order.not_sent",
}
_KEYS = {
    "intents": ("intent_id",),
    "decisions": ("decision_id",),
    "approved_orders": ("decision_id",),
    "perm_ids": ("ref", "perm_id"),
    "executions": ("exec_id",),
    "external_orders": ("key",),
}
_SUBJECTS = ("intent_id", "decision_id", "ref", "exec_id", "key", "scope", "instrument", "input", "session", "account")
_DOCUMENTS = ("payload", "terms", "differences", "detail")
_FLAGS = ("approved", "spent", "quarantined", "counts", "frozen", "stopped", "clean", "passed")
_MODES = ("sim", "paper", "live")
_WITH_MODE = ("freezes", "switches", "reconciliations", "equity_marks")


def upgrade() -> None:
    """Make the sequence, copy the audit log and all facts into it, and drop the audit log."""
    _make_tables()
    for table in _TOPICS:
        _unlock(table)
        _add_columns(table)
    _add_columns("attempts")
    _rebuild_fees()
    op.add_column("approvals", sa.Column("decision_hash", sa.String(64), nullable=False, server_default=""))
    chain = _Chain()
    _copy_audit_log(chain)
    for table in _WITH_MODE:
        _set_modes(table)
    _carry_over("switches", ("scope",), "stopped")
    _carry_over("freezes", ("account", "instrument", "code", "ref"), "frozen")
    _carry_over("reconciliations", ("account",), None)
    _copy_facts(chain)
    chain.close()
    for table in _TOPICS:
        _lock(table, "UPDATE")
    op.drop_table("audit_log")
    op.drop_table("audit_head")
    for verb in ("UPDATE", "DELETE"):
        _lock("events", verb, new=True)


class _Chain:
    """The events in the making."""

    def __init__(self) -> None:
        self.seq, self.previous = 0, "0" * 64
        self.rows: list[dict[str, Any]] = []

    def add(self, at: str, topic: str, subject: str, mode: str, account: str, actor: str, payload: object) -> int:
        """One event behind the last; its number."""
        self.seq += 1
        text = _dumps(payload)
        row = {"seq": self.seq, "at": at, "topic": topic, "subject": subject, "mode": mode, "account": account}
        row |= {"actor": actor, "payload_hash": _sha(text), "previous": self.previous}
        order = ("seq", "at", "topic", "subject", "mode", "account", "actor", "payload_hash", "previous")
        row["hash"] = self.previous = _sha(_dumps([row[name] for name in order]))
        self.rows.append(row | {"payload": text})
        return self.seq

    def close(self) -> None:
        """Write them, and the head."""
        if self.rows:
            names = list(self.rows[0])
            marks = ", ".join(f":{name}" for name in names)
            op.get_bind().execute(sa.text(f"INSERT INTO events ({', '.join(names)}) VALUES ({marks})"), self.rows)  # nosec B608
        head = "INSERT INTO event_head (id, seq, hash) VALUES (1, :seq, :hash)"
        op.get_bind().execute(sa.text(head), {"seq": self.seq, "hash": self.previous})


def _make_tables() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_topic", "events", ["topic"])
    op.create_index("ix_events_subject", "events", ["subject"])
    op.create_table(
        "event_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_head"),
    )


def _add_columns(table: str) -> None:
    if table in _WITH_MODE:
        op.add_column(table, sa.Column("mode", sa.String(8), nullable=False, server_default="sim"))
    op.add_column(table, sa.Column("event_seq", sa.Integer(), nullable=True))
    op.create_index(f"ix_{table}_event_seq", table, ["event_seq"], unique=True)


def _rebuild_fees() -> None:
    """Number the fees: one execution may have several, of which the newest counts."""
    rows = _rows("SELECT exec_id, fee, at FROM fees ORDER BY at, exec_id")
    op.drop_table("fees")
    op.create_table(
        "fees",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("exec_id", sa.String(128), nullable=False),
        sa.Column("fee", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("event_seq", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_fees"),
    )
    op.create_index("ix_fees_exec_id", "fees", ["exec_id"])
    op.create_index("ix_fees_event_seq", "fees", ["event_seq"], unique=True)
    for row in rows:
        op.get_bind().execute(sa.text("INSERT INTO fees (exec_id, fee, at) VALUES (:exec_id, :fee, :at)"), row)
    _lock("fees", "DELETE")


def _copy_audit_log(chain: _Chain) -> None:
    """Every entry with its old hash, after the old chain was verified: a broken one is not given a sound one."""
    previous, count = "0" * 64, 0
    for count, row in enumerate(_rows("SELECT * FROM audit_log ORDER BY seq"), start=1):
        detail = json.loads(row["detail"])
        at = datetime.fromisoformat(row["at"])
        fields = (row["seq"], at, row["actor"], row["action"], row["subject"], detail, row["previous"])
        if row["seq"] != count or row["previous"] != previous or row["hash"] != content_hash(fields):
            raise _altered(f"entry {row['seq']} at place {count} is not what was written")
        previous = row["hash"]
        payload = {"action": row["action"], "detail": detail}
        payload["old"] = {name: row[name] for name in ("seq", "previous", "hash")}
        chain.add(row["at"], "audit.entry", row["subject"], "sim", "", row["actor"], payload)
    (head,) = _rows("SELECT seq, hash FROM audit_head") or [{"seq": -1, "hash": ""}]
    if (head["seq"], head["hash"]) != (count, previous):
        raise _altered(f"the log ends after entry {count}, which is not where it was left")


def _altered(what: str) -> LedgerTampered:
    return LedgerTampered(
        f"the audit log was altered: {what}; the ledger was not upgraded",
        where="table audit_log",
        remedy="stop trading, keep the database as evidence, restore the last backup",
    )


def _set_modes(table: str) -> None:
    """Interactive Brokers' accounts tell their mode: DU and DF are paper, U is live. All others are sim."""
    if table == "switches":
        return
    for row in _rows(f"SELECT DISTINCT account FROM {table}"):  # nosec B608
        match = re.fullmatch(r"(D[UF]|U)\d+", row["account"])
        mode = "sim" if match is None else "live" if match[1] == "U" else "paper"
        update = sa.text(f"UPDATE {table} SET mode = :mode WHERE account = :account")  # nosec B608
        op.get_bind().execute(update, {"mode": mode, "account": row["account"]})


def _carry_over(table: str, keys: tuple[str, ...], flag: str | None) -> None:
    """Hold the newest stop, freeze and comparison in every mode: old rows do not tell for which one they were meant."""
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in _rows(f"SELECT * FROM {table} ORDER BY id"):  # nosec B608
        newest[tuple(row[name] for name in keys)] = row
    for row in newest.values():
        if flag is not None and not row[flag]:
            continue
        names = [name for name in row if name not in ("id", "event_seq", "mode")]
        for mode in _MODES:
            if mode != row["mode"]:
                values = {name: row[name] for name in names} | {"mode": mode}
                marks = ", ".join(f":{name}" for name in values)
                query = sa.text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})")  # nosec B608
                op.get_bind().execute(query, values)


def _copy_facts(chain: _Chain) -> None:
    attempts = {row["ref"]: row for row in _rows("SELECT * FROM attempts")}
    last_step = {row["ref"]: row["id"] for row in _rows("SELECT ref, MAX(id) AS id FROM attempt_events GROUP BY ref")}
    found: list[tuple[str, int, int, str, dict[str, Any]]] = []
    for place, table in enumerate(_TOPICS):
        order = "id" if table not in _KEYS else ", ".join((_time(table), *_KEYS[table]))
        rows = _rows(f"SELECT * FROM {table} ORDER BY {order}")  # nosec B608
        at = ""
        for number, row in enumerate(rows):
            at = max(at, row[_time(table)])  # a clock that was set back never turns the order of one table round
            found.append((at, place, number, table, row))
    pointers: dict[str, list[dict[str, Any]]] = {}
    for _at, _place, _number, table, row in sorted(found, key=lambda item: item[:3]):
        payload: dict[str, Any] = {"table": table, "row": _content(row), "migrated": True}
        of = attempts.get(row.get("ref") or "", {})
        is_last = table == "attempt_events" and last_step[row["ref"]] == row["id"]
        if is_last:
            payload["state"] = _content(of)
        account = row.get("account") or of.get("account", "")
        actor = row.get("actor") or "program"
        mode = row.get("mode") or "sim"
        seq = chain.add(row[_time(table)], _topic(table, row), _subject(row), mode, account, actor, payload)
        pointers.setdefault(table, []).append(_pointer(table, row, seq))
        if is_last:
            pointers.setdefault("attempts", []).append({"event_seq": seq, "ref": row["ref"]})
    for table, values in pointers.items():
        where = " AND ".join(f"{name} = :{name}" for name in values[0] if name != "event_seq")
        op.get_bind().execute(sa.text(f"UPDATE {table} SET event_seq = :event_seq WHERE {where}"), values)  # nosec B608


def _time(table: str) -> str:
    if table == "absences":
        return "second_at"
    return "recorded_at" if table in ("intents", "decisions", "approved_orders", "executions") else "at"


def _topic(table: str, row: dict[str, Any]) -> str:
    if table == "attempt_events":
        return _STEPS[row["state"]]
    for (name, column, value), topic in _OTHER.items():
        if name == table and bool(row[column]) is value:
            return topic
    return _TOPICS[table]


def _subject(row: dict[str, Any]) -> str:
    names = [name for name in _SUBJECTS if row.get(name)]
    if "decision_id" in row:
        return str(row["decision_id"])
    if "exec_id" in row:
        return str(row["exec_id"])
    return str(row[names[0]]) if names else ""


def _pointer(table: str, row: dict[str, Any], seq: int) -> dict[str, Any]:
    return {"event_seq": seq} | {name: row[name] for name in _KEYS.get(table, ("id",))}


def _content(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _decoded(name, value) for name, value in row.items() if name != "event_seq"}


def _decoded(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _DOCUMENTS:
        return json.loads(value)
    return bool(value) if name in _FLAGS else value


def _rows(query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in op.get_bind().execute(sa.text(query)).mappings()]


def _dumps(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unlock(table: str) -> None:
    name = f"append_only_{table}_update"
    op.execute(f"DROP TRIGGER {name}" if _is_sqlite() else f"DROP TRIGGER {name} ON {table}")


def _lock(table: str, verb: str, new: bool = False) -> None:
    name = f"append_only_{table}_{verb.lower()}"
    if _is_sqlite():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
        )
        return
    if new:
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only: {verb} refused'; END $$"
        )
    op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    if verb == "DELETE":
        op.execute(f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")


def _is_sqlite() -> bool:
    return bool(op.get_context().dialect.name == "sqlite")
