"""How facts are stored, kept and pruned; what the tables refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from tests.ledger.filled import fill
from tests.support.ledgers import ACCOUNT, new_url
from tradewright.database.column_types import Document, Exact, Moment
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.migrations import SCHEMA
from tradewright.ledger.retention import RETENTION, prune
from tradewright.ledger.schema import MUTABLE, metadata
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError

FACTS = sorted(set(metadata.tables) - MUTABLE)
DIALECT = sqlite.dialect()


def filled(ledger: Ledger) -> None:
    """A row in every table."""
    fill(ledger, ledger.clock)


@pytest.fixture
def full(engine: str, tmp_path: Path, clock: ManualClock) -> Iterator[Ledger]:
    with Ledger.open(new_url(engine, tmp_path, prepare=filled), clock, busy_seconds=1) as opened:
        yield opened


def _write(ledger: Ledger, statement: str) -> None:
    with ledger._database.write() as connection:
        connection.execute(text(statement))


def test_migrating_again_changes_nothing(full: Ledger) -> None:
    before = len(full.audit.entries())
    SCHEMA.apply_to(full._database)
    assert len(full.audit.entries()) == before


def test_every_table_has_a_rule_of_retention() -> None:
    assert set(RETENTION) == set(metadata.tables)
    assert all(rule.why for rule in RETENTION.values())
    kept = {name for name, rule in RETENTION.items() if rule.keep is None}
    assert {"executions", "attempt_events", "events", "decisions"} <= kept


def test_pruning_deletes_old_keys_alone(full: Ledger) -> None:
    full.clock.advance(7 * 86400)  # type: ignore[attr-defined]
    full.idempotency.once("new", 1, lambda: 2)
    assert prune(full) == {"idempotency_keys": 0}
    full.clock.advance(1)  # type: ignore[attr-defined]
    assert prune(full) == {"idempotency_keys": 1}
    assert prune(full, None) == {}
    assert full.idempotency.once("new", 1, lambda: 3) == 2
    assert len(full.executions.all()) == 1


@pytest.mark.parametrize(("table", "column"), [("attempts", "state"), ("decisions", "verdict")])
def test_checked_columns_refuse_other_words(full: Ledger, table: str, column: str) -> None:
    with full._database.read() as connection:
        row = dict(connection.execute(select(metadata.tables[table])).mappings().one())
    key = next(iter(row))
    changed = row | {key: "another.2", column: "ODD", "number": 2}
    statement = insert(metadata.tables[table]).values(**{name: changed[name] for name in row})

    def write() -> None:
        with full._database.write() as connection:
            connection.execute(statement)

    with pytest.raises(LedgerError, match=r"(?i)check"):
        write()


@given(st.decimals(min_value=-(10**40), max_value=10**40, allow_nan=False))
def test_decimals_are_stored_digit_for_digit(value: Decimal) -> None:
    stored = Exact().process_bind_param(value, DIALECT)
    assert stored is not None
    assert "E" not in stored.upper()
    assert Exact().process_result_value(stored, DIALECT) == value


MOMENTS = st.datetimes(timezones=st.timezones()).map(lambda moment: moment.astimezone(UTC))


@given(MOMENTS, MOMENTS)
def test_moments_keep_their_order_as_text(first: datetime, second: datetime) -> None:
    texts = [Moment().process_bind_param(moment, DIALECT) for moment in (first, second)]
    assert [len(stored or "") for stored in texts] == [32, 32]
    assert [Moment().process_result_value(stored, DIALECT) for stored in texts] == [first, second]
    assert (first < second) == (str(texts[0]) < str(texts[1]))


def test_what_has_no_exact_form_is_refused() -> None:
    for value in ("NaN", "Infinity"):
        with pytest.raises(ValueError, match="finite"):
            Exact().process_bind_param(Decimal(value), DIALECT)
    with pytest.raises(ValueError, match="zone"):
        Moment().process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001
    assert Exact().process_bind_param(None, DIALECT) is Exact().process_result_value(None, DIALECT) is None
    assert Moment().process_bind_param(None, DIALECT) is Moment().process_result_value(None, DIALECT) is None
    assert Document().process_result_value(None, DIALECT) is None


def test_a_number_that_is_none_is_refused_as_an_error_of_the_ledger(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="cannot be stored: NaN"):
        ledger.equity.mark(ACCOUNT, Decimal("NaN"), Decimal(1))
    assert ledger.equity.marks(ACCOUNT) == []


def test_errors_of_the_database_are_not_swallowed(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="nothing was committed") as caught:
        _write(ledger, "SELECT nothing FROM nowhere")
    assert isinstance(caught.value.__cause__, DBAPIError)
