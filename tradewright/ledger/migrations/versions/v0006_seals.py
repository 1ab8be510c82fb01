"""Keyed hashes of events, and a name of the ledger under which its key is kept outside.

Self-contained: it writes what version v0006 stores, whatever the program declares later. The key itself is made and the
events are sealed when the ledger is opened (``Events.adopt``), because a key is no part of the database.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0006"
down_revision = "v0005"

_FIXED = "seq, at, topic, subject, mode, account, actor, payload, payload_hash, previous, hash"
_NAME = "append_only_events_update"


def upgrade() -> None:
    """Add the columns; of an event everything but its keyed hash stays fixed."""
    op.add_column("events", sa.Column("mac", sa.String(64), nullable=False, server_default=""))
    op.add_column("event_head", sa.Column("ledger_id", sa.String(32), nullable=False, server_default=""))
    if op.get_context().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {_NAME}")
        op.execute(
            f"CREATE TRIGGER {_NAME} BEFORE UPDATE OF {_FIXED} ON events "
            "BEGIN SELECT RAISE(ABORT, 'events is append-only: UPDATE refused'); END"
        )
        return
    op.execute(f"DROP TRIGGER {_NAME} ON events")
    op.execute(f"CREATE TRIGGER {_NAME} BEFORE UPDATE OF {_FIXED} ON events FOR EACH ROW EXECUTE FUNCTION {_NAME}()")
