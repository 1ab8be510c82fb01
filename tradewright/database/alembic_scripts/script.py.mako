"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradewright.database.column_types import Document, Exact, Moment

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """${message}."""
    ${upgrades if upgrades else "pass"}
