"""What tables share: how constraints are named, and the columns that most of them have."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Text

from tradewright.database.column_types import Moment

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names by rule, the same on every engine, so that a migration can name what it alters."""


def identity() -> Column[int]:
    """A number that the engine gives, as the primary key ``id``."""
    return Column("id", Integer, primary_key=True, autoincrement=True)


def moment(name: str) -> Column[object]:
    """A moment in UTC that every row has."""
    return Column(name, Moment, nullable=False)


def text(name: str, default: str | None = None) -> Column[str]:
    """A text that every row has; ``default`` is for the rows that a migration finds."""
    return Column(name, Text, nullable=False, server_default=default)
