"""Bringing a database to the schema of this program: once, under a lock, all or nothing."""

from __future__ import annotations

import ast
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, MetaData, Select, column, inspect, select, table
from sqlalchemy.exc import OperationalError, ProgrammingError

from tradewright.database.engine import Database
from tradewright.model.errors import LedgerError

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parent / "alembic_scripts"
"""How Alembic runs the migrations of any room, and what a new one begins with."""
WAL_ATTEMPTS = 250
"""At 20 ms each: as long as the usual busy time-out."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The migrations of one room.

    Args:
        folder: holds the migrations, in ``versions``.
        version_table: the table that holds the schema version, one per room.
        metadata: the tables of the newest version; a database that lacks one of them, or a column, is refused.
    """

    folder: Path
    version_table: str
    metadata: MetaData

    def apply_to(self, database: Database) -> bool:
        """Create the tables, or bring older ones up to date; running it again changes nothing.

        A database of the present version is only read. Otherwise the writer lock is held from before the version is
        read until after the last migration is committed: two processes that start at once run one after the other, and
        a kill in between leaves the database as it was (fault 33).

        Returns:
            Whether the tables of an older version were brought up to date here.

        Raises:
            LedgerError: for a database of another program, one written by a newer version of this one, and one whose
                tables are not those of its version.
        """
        with database.read() as connection:
            version = self._version(connection, database.where)
            self._refuse_unknown(version, database.where)
            if version == self.head():
                self._refuse_incomplete(connection, database.where)
                return False
        _use_wal(database)
        with database.write() as connection:
            if (found := self._version(connection, database.where)) == self.head():
                return False
            self._upgrade(connection, database.where)
        return found is not None

    def _upgrade(self, connection: Connection, where: str) -> None:
        from alembic import command  # a database of the present version, which is the usual one, needs none of it

        config = self.config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except (OperationalError, ProgrammingError) as error:
            text = str(error.orig).splitlines()[0]
            if any(sign in text for sign in _OTHER_SCHEMA):
                raise _half_migrated(text, where) from error
            raise

    def config(self) -> Config:
        """What Alembic needs to know of these migrations; the connection comes to its attributes."""
        from alembic.config import Config

        made = Config()
        made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        made.set_main_option("path_separator", "newline")  # a folder may have any other sign in its name
        made.set_main_option("version_locations", str(self.folder / "versions").replace("%", "%%"))
        made.attributes |= {"version_table": self.version_table, "metadata": self.metadata}
        return made

    def _refuse_incomplete(self, connection: Connection, where: str) -> None:
        """Refuse tables and columns that are missing although the version says that they are there."""
        found = _columns(connection)
        for name, declared in self.metadata.tables.items():
            missing = sorted({each.name for each in declared.columns} - found.get(name, set()))
            if missing:
                what = f"it has no column {missing[0]} in {name}" if name in found else f"it has no table {name}"
                raise _half_migrated(f"{what}, which belongs to schema {self.head()}", where)

    def head(self) -> str:
        """The newest schema version that this program knows."""
        return _revisions(self.folder)[0]

    def _version(self, connection: Connection, where: str) -> str | None:
        tables = set(inspect(connection).get_table_names())
        if self.version_table in tables:
            query: Select[Any] = select(column("version_num")).select_from(table(self.version_table))
            found = connection.execute(query).scalar_one_or_none()
            return None if found is None else str(found)
        if connection.dialect.name == "sqlite" and tables:
            raise LedgerError(
                f"a database of another program: it has the table {min(tables)!r} and no {self.version_table}",
                where=where,
                remedy="point storage at a ledger, or at a new file",
            )
        return None

    def _refuse_unknown(self, version: str | None, where: str) -> None:
        if version is not None and version not in _revisions(self.folder):
            raise LedgerError(
                f"written by a newer version: schema {version}, this program knows {self.head()}",
                where=where,
                remedy="upgrade this program, or restore a backup of its age",
            )


def _columns(connection: Connection) -> dict[str, set[str]]:
    """The columns of every table. Of SQLite in one question: the general way takes a tenth of a short command."""
    if connection.dialect.name != "sqlite":
        every = inspect(connection).get_multi_columns().items()
        return {name: {row["name"] for row in rows} for (_, name), rows in every}
    found: dict[str, set[str]] = {}
    for name, each in connection.exec_driver_sql(_COLUMNS_OF_SQLITE):
        found.setdefault(name, set()).add(each)
    return found


_COLUMNS_OF_SQLITE = "SELECT t.name, c.name FROM sqlite_master t, pragma_table_xinfo(t.name) c WHERE t.type = 'table'"
_OTHER_SCHEMA = ("already exists", "no such table", "no such column", "does not exist", "duplicate column")
"""Signs in a database's words that its tables are not those of the version that it names."""


def _half_migrated(what: str, where: str) -> LedgerError:
    return LedgerError(
        f"half migrated: {what}", where=where, remedy="keep the file as evidence, and restore the last backup"
    )


@cache
def _revisions(folder: Path) -> tuple[str, ...]:
    """All revisions of a script folder, the newest first, as the scripts declare them; none is run for it.

    The revisions form one line, which a test compares with Alembic's own reading.
    """
    after = {names["down_revision"]: names["revision"] for names in map(_declared, (folder / "versions").glob("*.py"))}
    found: list[str] = []
    while (following := after.get(found[0] if found else None)) is not None:
        found.insert(0, following)
    return tuple(found)


def _declared(script: Path) -> dict[str, str | None]:
    """The constants ``revision`` and ``down_revision`` of a migration script."""
    body = ast.parse(script.read_text(encoding="utf-8")).body
    values = {
        target.id: ast.literal_eval(line.value)
        for line in body
        if isinstance(line, ast.Assign) and isinstance(target := line.targets[0], ast.Name) and "revision" in target.id
    }
    return {name: values[name] for name in ("revision", "down_revision")}


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
