"""The inbox of each account, and the process that holds a lease, so that a dead holder is found out at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"


def upgrade() -> None:
    """Make the table of commands, and tell leases their process."""
    op.create_table(
        "commands",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=True),
        sa.Column("finished_at", sa.String(32), nullable=True),
        sa.CheckConstraint("state IN ('QUEUED', 'RUNNING', 'DONE', 'REFUSED', 'FAILED')", name="ck_commands_state"),
        sa.PrimaryKeyConstraint("id", name="pk_commands"),
        sa.UniqueConstraint("key", name="uq_commands_key"),
    )
    op.create_index("ix_commands_account_state", "commands", ["account", "state"], unique=False)
    op.add_column("leases", sa.Column("host", sa.Text(), nullable=False, server_default=""))
    op.add_column("leases", sa.Column("pid", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("leases", sa.Column("started", sa.Text(), nullable=False, server_default=""))
