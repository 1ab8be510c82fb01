"""Orders with protective legs: each leg is an attempt of its own under its entry's number.

Self-contained: it writes what version v0005 stores, whatever the program declares later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"

_LIVE = "'CLAIMED', 'SENDING', 'UNKNOWN', 'ACKED', 'WORKING', 'PARTIAL', 'CANCEL_REQUESTED'"
_ENDED = "'FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED', 'NOT_SENT'"


def upgrade() -> None:
    """Let approved orders have protective legs, and let an intent have one live attempt for each leg."""
    op.add_column("approved_orders", sa.Column("protective", sa.Text(), nullable=False, server_default="[]"))
    leg = sa.Column("leg", sa.String(2), nullable=False, server_default="")
    if op.get_context().dialect.name == "sqlite":
        _rebuild(leg)
    else:
        op.drop_index("one_live_attempt", "attempts")
        op.add_column("attempts", leg)
        op.drop_constraint("uq_attempts_intent_id_number", "attempts")
        op.create_unique_constraint("uq_attempts_intent_id_number_leg", "attempts", ["intent_id", "number", "leg"])
    live = sa.text(f"state IN ({_LIVE})")
    op.create_index(
        "one_live_attempt",
        "attempts",
        ["intent_id", "leg"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def _rebuild(leg: sa.Column[str]) -> None:
    """SQLite cannot drop a constraint: the table is copied, dropped, made anew and filled again.

    Other tables refer to it. Their references are checked at the commit, when all rows are back.
    """
    op.execute("PRAGMA defer_foreign_keys=ON")
    op.execute("CREATE TEMPORARY TABLE attempts_before AS SELECT * FROM attempts")
    op.drop_table("attempts")
    op.create_table(
        "attempts",
        sa.Column("ref", sa.String(32), nullable=False),
        sa.Column("intent_id", sa.String(28), nullable=False),
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        leg,
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("side", sa.String(4), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("tif", sa.String(3), nullable=False),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), server_default="", nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("claimed_at", sa.String(32), nullable=False),
        sa.Column("sending_at", sa.String(32), nullable=True),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.Column("event_seq", sa.Integer(), nullable=True),
        sa.CheckConstraint(f"state IN ({_LIVE}, {_ENDED})", name=op.f("ck_attempts_state")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name="fk_attempts_decision_id"),
        sa.ForeignKeyConstraint(["intent_id"], ["intents.intent_id"], name="fk_attempts_intent_id"),
        sa.PrimaryKeyConstraint("ref", name="pk_attempts"),
        sa.UniqueConstraint("intent_id", "number", "leg", name="uq_attempts_intent_id_number_leg"),
    )
    for name in ("decision_id", "sending_at", "state"):
        op.create_index(f"ix_attempts_{name}", "attempts", [name], unique=False)
    op.create_index("ix_attempts_event_seq", "attempts", ["event_seq"], unique=True)
    columns = [str(row[1]) for row in op.get_bind().execute(sa.text("PRAGMA table_info(attempts_before)"))]
    names = ", ".join(columns)
    op.execute(f"INSERT INTO attempts ({names}) SELECT {names} FROM attempts_before")  # noqa: S608  # nosec B608
    op.execute("DROP TABLE attempts_before")
    op.execute(
        "CREATE TRIGGER append_only_attempts_delete BEFORE DELETE ON attempts "
        "BEGIN SELECT RAISE(ABORT, 'attempts is append-only: DELETE refused'); END"
    )
