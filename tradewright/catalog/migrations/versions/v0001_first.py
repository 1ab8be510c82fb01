"""The first schema of the catalog: saved strategies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "portfolio_items",
        sa.Column("id", sa.Integer, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("ir_hash", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("configuration_hash", sa.String(64), nullable=False),
        sa.Column("first_saved_at", sa.String(32), nullable=False),
        sa.Column("saved_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_portfolio_items"),
        sa.UniqueConstraint("name", "version", name="uq_portfolio_items_name_version"),
    )
    op.create_index("ix_portfolio_items_ir_hash", "portfolio_items", ["ir_hash"])
