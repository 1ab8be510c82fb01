"""The schema versions of the catalog."""

from __future__ import annotations

from pathlib import Path

from tradewright.catalog.schema import metadata
from tradewright.database.migrations import Migrations

VERSION_TABLE = "catalog_version"
SCHEMA = Migrations(Path(__file__).parent, VERSION_TABLE, metadata)
