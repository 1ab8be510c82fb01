"""One index answers what the events of some topics are about, without reading the events: they grow with the history.

Self-contained: it writes what version v0007 stores, whatever the program declares later.
"""

from __future__ import annotations

from alembic import op

revision = "v0007"
down_revision = "v0006"


def upgrade() -> None:
    """Put another index into the place of that on the topic alone."""
    op.drop_index("ix_events_topic", "events")
    op.create_index("ix_events_topic_seq", "events", ["topic", "seq", "subject", "account", "mode", "at"])
