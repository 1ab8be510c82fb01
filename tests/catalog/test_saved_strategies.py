"""Saved strategies: a version for each change of meaning, whoever saves at the same time, on both engines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from tests.support import postgres
from tradewright.catalog.saved_strategies import Kept, SavedStrategies
from tradewright.catalog.schema import metadata
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


def kept(meaning: str, name: str = "cross", profit: float = 1.0) -> Kept:
    return Kept(name, meaning * 64, f"id: {name}", {"net_profit": profit}, "LUCK", "c" * 64)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.sqlite3'}"
    if reason := postgres.server().reason:
        pytest.skip(reason)
    return postgres.new_database()


@pytest.fixture
def saved(url: str) -> Iterator[tuple[SavedStrategies, ManualClock]]:
    clock = ManualClock(NOW)
    with SavedStrategies(url, clock) as made:
        yield made, clock


def test_a_version_is_a_meaning(saved: tuple[SavedStrategies, ManualClock], url: str) -> None:
    catalog, clock = saved
    first, is_new = catalog.save(kept("a"))
    assert (first.version, is_new, first.first_saved_at) == (1, True, NOW)
    clock.advance(86_400)
    again, is_new = catalog.save(kept("a", profit=2.0))
    assert (again.id, again.version, is_new, again.metrics) == (first.id, 1, False, {"net_profit": 2.0})
    assert (again.first_saved_at, again.saved_at) == (NOW, NOW + timedelta(days=1))
    assert [catalog.save(kept(each))[0].version for each in "bba"] == [2, 2, 3]
    assert catalog.save(kept("a", name="other"))[0].version == 1
    with SavedStrategies(url, clock) as reopened:
        assert reopened.all() == catalog.all()
        assert [(row.name, row.version, row.ir_hash[0]) for row in reopened.all()] == [
            ("cross", 1, "a"), ("cross", 2, "b"), ("cross", 3, "a"), ("other", 1, "a"),
        ]  # fmt: skip


def test_ten_and_more_are_kept_beside_one_another(saved: tuple[SavedStrategies, ManualClock]) -> None:
    catalog, _ = saved
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: catalog.save(kept("a", name=f"s{number:02}"))[0].version, range(12)))
    assert done == [1] * 12
    assert len(catalog.all()) == 12


def test_two_who_save_the_same_at_once_make_one_version(saved: tuple[SavedStrategies, ManualClock]) -> None:
    catalog, _ = saved
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: catalog.save(kept("a")), range(8)))
    assert {item.version for item, _ in found} == {1}
    assert sum(is_new for _, is_new in found) == 1


def test_the_migrations_make_what_the_code_declares(url: str, tmp_path: Path) -> None:
    SavedStrategies(url, ManualClock(NOW)).close()
    declared = create_engine(
        f"sqlite:///{tmp_path / 'declared'}" if url.startswith("sqlite") else postgres.new_database()
    )
    metadata.create_all(declared)
    migrated = create_engine(url)
    shapes = []
    for engine in (migrated, declared):
        seen = inspect(engine)
        columns = sorted(
            (row["name"], str(row["type"]), row["nullable"]) for row in seen.get_columns("portfolio_items")
        )
        unique = sorted((row["name"], row["column_names"]) for row in seen.get_unique_constraints("portfolio_items"))
        named = sorted((row["name"], row["column_names"]) for row in seen.get_indexes("portfolio_items"))
        shapes.append((columns, unique, named, seen.get_pk_constraint("portfolio_items")))
        engine.dispose()
    assert shapes[0] == shapes[1]


def test_a_ledger_is_no_catalog_and_a_newer_one_is_left_alone(tmp_path: Path) -> None:
    ledger, own = tmp_path / "ledger.sqlite3", tmp_path / "own.sqlite3"
    Ledger.create(f"sqlite:///{ledger}", ManualClock(NOW)).close()
    with pytest.raises(LedgerError, match="another program"):
        SavedStrategies(f"sqlite:///{ledger}", ManualClock(NOW))
    SavedStrategies(f"sqlite:///{own}", ManualClock(NOW)).close()
    with closing(sqlite3.connect(own)) as database, database:
        database.execute("UPDATE catalog_version SET version_num = 'v9999'")
    with pytest.raises(LedgerError, match="newer version"):
        SavedStrategies(f"sqlite:///{own}", ManualClock(NOW))


@pytest.mark.postgres
def test_both_rooms_stand_in_one_database_of_a_server() -> None:
    if reason := postgres.server().reason:
        pytest.skip(reason)
    url = postgres.new_database()
    Ledger.create(url, ManualClock(NOW)).close()
    with SavedStrategies(url, ManualClock(NOW)) as catalog:
        catalog.save(kept("a"))
    with Ledger.open(url, ManualClock(NOW)) as ledger:
        ledger.audit.append("ann", "IMPORT_PACKAGE", "strategy:a", {})
        assert ledger.audit.verify_chain() == 1
    with SavedStrategies(url, ManualClock(NOW)) as catalog:
        assert [row.name for row in catalog.all()] == ["cross"]
