"""Bringing a database to the schema of this program: once, under a lock, all or nothing."""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, inspect, select, table

from tradewright.ledger.database import Database
from tradewright.model.errors import LedgerError

VERSION_TABLE = "ledger_version"
WAL_ATTEMPTS = 250
"""At 20 ms each: as long as the usual busy time-out."""

_FOLDER = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Create the tables, or bring older ones up to date; running it again changes nothing.

    Two processes that start at once run one after the other, since the writer lock is held from before the version is
    read until after the last migration is committed; a kill in between leaves the database as it was (fault 33).

    Raises:
        LedgerError: for a database of another program, or one written by a newer version of this one.
    """
    with database.read() as connection:
        _refuse_unknown(_version(connection, database.where), database.where)
    _use_wal(database)
    with database.write() as connection:
        if _version(connection, database.where) != head():
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def head() -> str:
    """The newest schema version that this program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def _version(connection: Connection, where: str) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        found = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar_one_or_none()
        return None if found is None else str(found)
    if connection.dialect.name == "sqlite" and tables:
        raise LedgerError(
            f"a database of another program: it has the table {min(tables)!r} and no {VERSION_TABLE}",
            where=where,
            remedy="point storage at a ledger, or at a new file",
        )
    return None


def _refuse_unknown(version: str | None, where: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        raise LedgerError(
            f"written by a newer version: schema {version}, this program knows {head()}",
            where=where,
            remedy="upgrade this program, or restore a backup of its age",
        )


def _use_wal(database: Database) -> None:
    if database.sqlite_path is None:
        return
    for _attempt in range(WAL_ATTEMPTS):
        if database.use_wal():
            return
        time.sleep(0.02)
    raise LedgerError(
        "another process keeps the file from being switched to WAL", where=database.where, remedy="end it; try again"
    )
