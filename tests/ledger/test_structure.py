"""What the migrations build is what the code declares, to the last constraint; every fact is guarded in every way."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from tests.support import postgres
from tests.support.ledgers import START, new_url
from tradewright.database.migrations import _revisions
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.migrations import SCHEMA, VERSION_TABLE
from tradewright.ledger.schema import MUTABLE, metadata
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError

TABLES = sorted(metadata.tables)
FACTS = [name for name in TABLES if name not in MUTABLE]
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
TRIGGERS = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgres": "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid WHERE NOT tgisinternal",
}


@pytest.fixture(scope="module", params=ENGINES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """The engine, a database made by the migrations from nothing, and one made from the declaration."""
    if request.param == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("structure")
    lite = request.param == "sqlite"
    migrated = new_url(request.param, folder) if lite else postgres.new_database()
    Ledger.create(migrated, ManualClock(START)).close()
    declared = f"sqlite:///{folder / 'declared.db'}" if lite else postgres.new_database()
    engine = create_engine(declared)
    metadata.create_all(engine)
    engine.dispose()
    return request.param, migrated, declared


def shape(url: str, table: str) -> dict[str, Any]:
    """Everything that the database knows about a table's form."""
    engine = create_engine(url)
    seen = inspect(engine)
    named = lambda rows: sorted(rows, key=lambda row: str(row["name"]))  # noqa: E731
    found = {
        "columns": [
            (row["name"], str(row["type"]), row["nullable"], row["default"]) for row in named(seen.get_columns(table))
        ],
        "key": seen.get_pk_constraint(table),
        "foreign": named(seen.get_foreign_keys(table)),
        "unique": named(seen.get_unique_constraints(table)),
        "checks": sorted((str(row["name"]), _words(row["sqltext"])) for row in seen.get_check_constraints(table)),
        "indexes": [
            (row["name"], row["column_names"], row["unique"], _options(row)) for row in named(seen.get_indexes(table))
        ],
    }
    engine.dispose()
    return found


def _words(condition: str) -> list[str]:
    return sorted(re.findall(r"[\w']+", condition))


def _options(row: Any) -> list[str]:
    """The condition of a partial index, whatever the engine calls it."""
    conditions = [str(value) for name, value in row.get("dialect_options", {}).items() if name.endswith("_where")]
    return [word for condition in conditions for word in _words(condition)]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_declared_shape(both: tuple[str, str, str], table: str) -> None:
    _, migrated, declared = both
    assert shape(migrated, table) == shape(declared, table)


def test_there_is_no_other_table(both: tuple[str, str, str]) -> None:
    _, migrated, declared = both
    names = []
    for url in (migrated, declared):
        engine = create_engine(url)
        names.append(set(inspect(engine).get_table_names()))
        engine.dispose()
    assert names == [{*TABLES, VERSION_TABLE}, set(TABLES)]


def test_one_intent_has_one_live_attempt_by_a_partial_index(both: tuple[str, str, str]) -> None:
    (index,) = [row for row in shape(both[1], "attempts")["indexes"] if row[0] == "one_live_attempt"]
    assert index[1:3] == (["intent_id", "leg"], True if both[0] == "postgres" else 1)
    assert {"'CLAIMED'", "'UNKNOWN'", "'CANCEL_REQUESTED'"} <= set(index[3])
    assert not {"'FILLED'", "'CANCELLED'", "'NOT_SENT'"} & set(index[3])


def test_every_fact_is_guarded_and_nothing_else(both: tuple[str, str, str]) -> None:
    kind, migrated, _ = both
    engine: Engine = create_engine(migrated)
    with engine.connect() as connection:
        found = {(row[0], row[1]) for row in connection.execute(text(TRIGGERS[kind]))}
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one()
    engine.dispose()
    expected = {(f"append_only_{name}_{verb}", name) for name in FACTS for verb in ("update", "delete")}
    expected.add(("append_only_attempts_delete", "attempts"))
    if kind == "postgres":
        expected |= {(f"append_only_{name}_delete_all", name) for name in [*FACTS, "attempts"]}
    assert (found, version) == (expected, SCHEMA.head())


def written(ledger: Ledger, table: str) -> dict[str, Any]:
    """A row that a table takes, made of its own columns; what it refers to is not looked at."""
    made: dict[str, Any] = {}
    for column in metadata.tables[table].columns:
        kind = str(column.type).upper()
        if "INT" in kind:
            made[column.name] = 1
        elif "BOOL" in kind:
            made[column.name] = True
        else:
            state = "QUEUED" if table == "commands" else "CLAIMED"
            made[column.name] = {"state": state, "verdict": "REVIEW", "quantity": "1"}.get(column.name, "x")
    names, marks = ", ".join(f'"{name}"' for name in made), ", ".join(f":{name}" for name in made)
    with ledger._database.write() as connection:
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), made)
    return made


def attack(ledger: Ledger, statement: str) -> int:
    """Gives the number of rows that gave in."""
    with ledger._database.write() as connection:
        return connection.execute(text(statement)).rowcount


@pytest.fixture(scope="module")
def stuffed(both: tuple[str, str, str]) -> Any:
    """A row in every table; the references among them are switched off for it."""
    kind, migrated, _ = both
    ledger = Ledger.open(migrated, ManualClock(START))
    rows = {}
    if kind == "postgres":
        owner = create_engine(migrated)
        with owner.begin() as connection:
            for table in metadata.tables.values():
                for key in table.foreign_key_constraints:
                    connection.execute(text(f"ALTER TABLE {table.name} DROP CONSTRAINT {key.name}"))
        owner.dispose()
    for table in metadata.sorted_tables:
        if table.name != "event_head":
            rows[table.name] = written(ledger, table.name)
    yield kind, ledger, rows
    ledger.close()


@pytest.mark.parametrize("table", FACTS)
def test_no_column_of_a_fact_can_be_changed(stuffed: Any, table: str) -> None:
    """Nor in passing: an insertion that turns into an update is one."""
    kind, ledger, row = stuffed[0], stuffed[1], stuffed[2][table]
    for column in metadata.tables[table].columns:
        if (table, column.name) == ("events", "mac"):
            continue  # a new key seals the old events anew; the content that it seals stays
        with pytest.raises(LedgerError, match=f"{table} is append-only: UPDATE refused"):
            attack(ledger, f'UPDATE {table} SET "{column.name}" = "{column.name}"')
    key = next(iter(metadata.tables[table].primary_key)).name
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(repr(value) for value in row.values())
    every = ", ".join(f'"{column.name}"' for column in metadata.tables[table].primary_key)
    upsert = f'INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT ({every}) DO UPDATE SET "{key}" = '
    with pytest.raises(LedgerError, match=f"{table} is append-only: UPDATE refused"):
        attack(ledger, upsert + f'{table}."{key}"')
    if kind == "sqlite":
        with pytest.raises(LedgerError, match=f"{table} is append-only: DELETE refused"):
            attack(ledger, f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({values})")


@pytest.mark.parametrize("table", [*FACTS, "attempts"])
def test_no_fact_can_be_deleted(stuffed: Any, table: str) -> None:
    kind, ledger, _ = stuffed
    ways = [f"DELETE FROM {table}"] + ([f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"] if kind == "postgres" else [])
    for way in ways:
        with pytest.raises(LedgerError, match=f"{table} is append-only: DELETE refused"):
            attack(ledger, way)


@pytest.mark.parametrize("table", sorted(MUTABLE - {"attempts"}))
def test_what_is_no_fact_may_change(stuffed: Any, table: str) -> None:
    column = next(iter(metadata.tables[table].columns)).name
    assert attack(stuffed[1], f'UPDATE {table} SET "{column}" = "{column}"') == 1


def test_the_versions_are_those_that_alembic_reads() -> None:
    """They are read from the scripts' text, so that an opening of a present ledger needs no Alembic."""
    from alembic.script import ScriptDirectory

    read = tuple(script.revision for script in ScriptDirectory.from_config(SCHEMA.config()).walk_revisions())
    assert _revisions(SCHEMA.folder) == read
    assert SCHEMA.head() == read[0]
