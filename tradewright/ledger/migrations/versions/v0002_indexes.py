"""Indexes for what the gate asks about the last minutes, so that an old ledger answers as fast as a new one."""

from __future__ import annotations

from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("ix_decisions_expires_at", "decisions", ["expires_at"])
    op.create_index("ix_approved_orders_expires_at", "approved_orders", ["expires_at"])
    op.create_index("ix_executions_account_time", "executions", ["account", "time"])
    op.create_index("ix_executions_account_recorded_at", "executions", ["account", "recorded_at"])
