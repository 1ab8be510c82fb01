"""Alembic's entry: runs the migrations on the connection and in the transaction that ``Migrations`` opened."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
context.run_migrations()
