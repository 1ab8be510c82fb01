"""The first schema: proposals, attempts, executions, what venues said, controls, records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None

_LIVE = "'CLAIMED', 'SENDING', 'UNKNOWN', 'ACKED', 'WORKING', 'PARTIAL', 'CANCEL_REQUESTED'"
_ENDED = "'FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED', 'NOT_SENT'"

_FACTS = (
    "absences",
    "adjustments",
    "approvals",
    "approved_orders",
    "attempt_events",
    "audit_log",
    "checks",
    "decisions",
    "equity_marks",
    "executions",
    "external_orders",
    "fees",
    "freezes",
    "intents",
    "perm_ids",
    "raw_events",
    "reconciliations",
    "rulings",
    "sessions",
    "switches",
)


def upgrade() -> None:
    """Make every table, and the triggers that keep facts as they are."""
    _proposals()
    _attempts()
    _executions()
    _venues()
    _controls()
    _records()
    head = sa.text("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, :genesis)")
    op.execute(head.bindparams(genesis="0" * 64))
    for table in _FACTS:
        _forbid(table, "UPDATE")
        _forbid(table, "DELETE")
    _forbid("attempts", "DELETE")


def _forbid(table: str, verb: str) -> None:
    name = f"append_only_{table}_{verb.lower()}"
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only: {verb} refused'; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    if verb == "DELETE":
        op.execute(f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")


def _proposals() -> None:
    """From a proposal to an approved order."""
    op.create_table(
        "intents",
        sa.Column("intent_id", sa.String(length=28), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("signal_id", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("intent_id", name="pk_intents"),
    )
    op.create_index("ix_intents_signal_id", "intents", ["signal_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("intent_id", sa.String(length=28), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("decided_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.CheckConstraint("verdict IN ('APPROVE', 'REVIEW', 'REJECT')", name=op.f("ck_decisions_verdict")),
        sa.ForeignKeyConstraint(["intent_id"], ["intents.intent_id"], name="fk_decisions_intent_id"),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_intent_id", "decisions", ["intent_id"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name="fk_approvals_decision_id"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_decision_id", "approvals", ["decision_id"], unique=False)
    op.create_table(
        "approved_orders",
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("intent_id", sa.String(length=28), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.Column("rule_set_hash", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name="fk_approved_orders_decision_id"),
        sa.ForeignKeyConstraint(["intent_id"], ["intents.intent_id"], name="fk_approved_orders_intent_id"),
        sa.PrimaryKeyConstraint("decision_id", name="pk_approved_orders"),
    )
    op.create_index("ix_approved_orders_intent_id", "approved_orders", ["intent_id"], unique=False)


def _attempts() -> None:
    """Sending: attempts, their events and permanent ids."""
    op.create_table(
        "attempts",
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("intent_id", sa.String(length=28), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("tif", sa.String(length=3), nullable=False),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), server_default="", nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("claimed_at", sa.String(32), nullable=False),
        sa.Column("sending_at", sa.String(32), nullable=True),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            f"state IN ({_LIVE}, {_ENDED})",
            name=op.f("ck_attempts_state"),
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name="fk_attempts_decision_id"),
        sa.ForeignKeyConstraint(["intent_id"], ["intents.intent_id"], name="fk_attempts_intent_id"),
        sa.PrimaryKeyConstraint("ref", name="pk_attempts"),
        sa.UniqueConstraint("intent_id", "number", name="uq_attempts_intent_id_number"),
    )
    op.create_index("ix_attempts_decision_id", "attempts", ["decision_id"], unique=False)
    op.create_index("ix_attempts_sending_at", "attempts", ["sending_at"], unique=False)
    op.create_index("ix_attempts_state", "attempts", ["state"], unique=False)
    op.create_index(
        "one_live_attempt",
        "attempts",
        ["intent_id"],
        unique=True,
        sqlite_where=sa.text(f"state IN ({_LIVE})"),
        postgresql_where=sa.text(f"state IN ({_LIVE})"),
    )
    op.create_table(
        "attempt_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["ref"], ["attempts.ref"], name="fk_attempt_events_ref"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt_events"),
    )
    op.create_index("ix_attempt_events_ref", "attempt_events", ["ref"], unique=False)
    op.create_table(
        "perm_ids",
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("perm_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["ref"], ["attempts.ref"], name="fk_perm_ids_ref"),
        sa.PrimaryKeyConstraint("ref", "perm_id", name="pk_perm_ids"),
    )
    op.create_index("ix_perm_ids_perm_id", "perm_ids", ["perm_id"], unique=False)
    op.create_table(
        "absences",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("first_at", sa.String(32), nullable=False),
        sa.Column("second_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["ref"], ["attempts.ref"], name="fk_absences_ref"),
        sa.PrimaryKeyConstraint("id", name="pk_absences"),
    )
    op.create_index("ix_absences_ref", "absences", ["ref"], unique=False)


def _executions() -> None:
    """What happened: executions, rulings, fees, adjustments."""
    op.create_table(
        "executions",
        sa.Column("exec_id", sa.String(length=128), nullable=False),
        sa.Column("base_id", sa.String(length=128), nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=True),
        sa.Column("perm_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("quarantined", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["ref"], ["attempts.ref"], name="fk_executions_ref"),
        sa.PrimaryKeyConstraint("exec_id", name="pk_executions"),
    )
    op.create_index("ix_executions_account_instrument", "executions", ["account", "instrument"], unique=False)
    op.create_index("ix_executions_base_id", "executions", ["base_id"], unique=False)
    op.create_index("ix_executions_ref", "executions", ["ref"], unique=False)
    op.create_table(
        "rulings",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("exec_id", sa.String(length=128), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["exec_id"], ["executions.exec_id"], name="fk_rulings_exec_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rulings"),
    )
    op.create_index("ix_rulings_exec_id", "rulings", ["exec_id"], unique=False)
    op.create_table(
        "fees",
        sa.Column("exec_id", sa.String(length=128), nullable=False),
        sa.Column("fee", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("exec_id", name="pk_fees"),
    )
    op.create_table(
        "adjustments",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_adjustments"),
    )


def _venues() -> None:
    """What venues said."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_table(
        "raw_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_raw_events"),
    )
    op.create_table(
        "external_orders",
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_external_orders"),
    )
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reconciliations"),
    )
    op.create_index("ix_reconciliations_account", "reconciliations", ["account"], unique=False)


def _controls() -> None:
    """Who may send, and where not."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "switches",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_switches"),
    )
    op.create_index("ix_switches_scope", "switches", ["scope"], unique=False)
    op.create_table(
        "freezes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_freezes"),
    )
    op.create_index("ix_freezes_account_instrument", "freezes", ["account", "instrument"], unique=False)


def _records() -> None:
    """Checks, equity, keys and the audit log."""
    op.create_table(
        "checks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checks"),
    )
    op.create_index("ix_checks_input", "checks", ["input"], unique=False)
    op.create_table(
        "equity_marks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("equity", sa.Text(), nullable=False),
        sa.Column("cash", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_equity_marks"),
    )
    op.create_index("ix_equity_marks_account_at", "equity_marks", ["account", "at"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_subject", "audit_log", ["subject"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
