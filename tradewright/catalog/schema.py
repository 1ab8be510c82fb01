"""The tables of the catalog. Nothing of it is money; a row may be written anew."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, UniqueConstraint

from tradewright.database.column_types import Document
from tradewright.database.columns import NAMING_CONVENTION, identity, moment, text

metadata = MetaData(naming_convention=NAMING_CONVENTION)

portfolio_items = Table(
    "portfolio_items",
    metadata,
    identity(),
    Column("name", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("ir_hash", String(64), nullable=False, index=True),
    text("document"),
    Column("metrics", Document, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("configuration_hash", String(64), nullable=False),
    moment("first_saved_at"),
    moment("saved_at"),
    UniqueConstraint("name", "version"),
)
"""Saved strategies, a row for each version of each name (R-PORT-01, R-PORT-02)."""
