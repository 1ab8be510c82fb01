"""The schema of a new ledger on SQLite, copied: each test has ledgers of its own, and would else migrate each anew.

The first new ledger of a process is made by the migrations; the statements that give the same tables and rows are kept
and run for every later one. Whatever else a database is, the migrations bring it up to date (``tests/ledger``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps

import pytest
from sqlalchemy import Connection, inspect

from tradewright.database.migrations import Migrations

_migrate = Migrations._upgrade
_scripts: dict[str, tuple[str, ...]] = {}


@wraps(_migrate)
def copied(migrations: Migrations, connection: Connection, where: str) -> None:
    """Bring a database to the newest version; an empty one on SQLite by the statements of the first one."""
    if connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
        _migrate(migrations, connection, where)
        return
    for statement in _scripts.get(migrations.version_table, ()):
        connection.exec_driver_sql(statement)
    if migrations.version_table not in _scripts:
        _migrate(migrations, connection, where)
        _scripts[migrations.version_table] = dumped(connection)


def dumped(connection: Connection) -> tuple[str, ...]:
    """The statements that give the tables and the rows of a database on SQLite."""
    raw = connection.connection.driver_connection
    assert raw is not None
    return tuple(text for text in raw.iterdump() if text not in ("BEGIN TRANSACTION;", "COMMIT;"))


def copying() -> Iterator[None]:
    """A fixture of a module: its new ledgers are copied; those of ``tests/ledger`` are not, where this is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Migrations, "_upgrade", copied)
        yield
