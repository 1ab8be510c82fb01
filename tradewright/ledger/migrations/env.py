"""Alembic's entry: runs the migrations on the connection and in the transaction that ``migrate`` opened."""

from __future__ import annotations

from alembic import context

from tradewright.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="ledger_version",
    render_as_batch=True,
)
context.run_migrations()
