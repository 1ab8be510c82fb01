"""The schema versions of the ledger."""

from __future__ import annotations

from pathlib import Path

from tradewright.database.migrations import Migrations
from tradewright.ledger.schema import metadata

VERSION_TABLE = "ledger_version"
SCHEMA = Migrations(Path(__file__).parent, VERSION_TABLE, metadata)
