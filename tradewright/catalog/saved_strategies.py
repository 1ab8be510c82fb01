"""Saved strategies: each version of a document with its meaning and the figures of its backtest."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Row, insert, select, update

from tradewright.catalog.migrations import SCHEMA
from tradewright.catalog.schema import portfolio_items
from tradewright.database.engine import Database, make_private
from tradewright.model.base import FrozenModel, Instant
from tradewright.model.clock import Clock

BUSY_SECONDS = 5.0


class SavedStrategy(FrozenModel):
    """One version of a strategy.

    Args:
        id: of the row.
        version: from 1; it rises when a document is saved whose meaning is not that of the newest version.
        ir_hash: of its meaning.
        document: its text.
        metrics: of its backtest when it was saved last.
        verdict: that of the backtest, ``LUCK``, ``EVIDENCE`` or ``INCONCLUSIVE``.
        configuration_hash: of the settings of that backtest.
    """

    id: int
    name: str
    version: int
    ir_hash: str
    document: str
    metrics: dict[str, Any]
    verdict: str
    configuration_hash: str
    first_saved_at: Instant
    saved_at: Instant


class Kept(NamedTuple):
    """What is known of a document when it is saved; as for :class:`SavedStrategy`."""

    name: str
    ir_hash: str
    document: str
    metrics: Mapping[str, Any]
    verdict: str
    configuration_hash: str


class SavedStrategies:
    """The saved strategies of a storage folder, or of a PostgreSQL server.

    Args:
        url: of the database; it is made where there is none.

    Raises:
        LedgerError: the database cannot be used; the message says what to do.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._database = Database(url, clock, BUSY_SECONDS)
        try:
            if self._database.sqlite_path is not None:
                make_private(self._database.sqlite_path)
            SCHEMA.apply_to(self._database)
        except BaseException:
            self._database.close()
            raise

    def save(self, kept: Kept) -> tuple[SavedStrategy, bool]:
        """Save a document, and whether that made a new version; else the newest one has its figures and text anew.

        Raises:
            LedgerError: when it cannot be committed.
        """
        now = self._database.clock.now()
        with self._database.write() as connection:
            newest = _newest(connection, kept.name)
            found = {**kept._asdict(), "metrics": dict(kept.metrics), "saved_at": now}
            if newest is not None and newest.ir_hash == kept.ir_hash:
                connection.execute(update(portfolio_items).where(portfolio_items.c.id == newest.id).values(found))
            else:
                version = 1 if newest is None else newest.version + 1
                connection.execute(insert(portfolio_items).values({**found, "version": version, "first_saved_at": now}))
            saved = _newest(connection, kept.name)
        assert saved is not None  # noqa: S101  # nosec B101  it was written in this transaction
        return saved, newest is None or newest.version != saved.version

    def all(self) -> tuple[SavedStrategy, ...]:
        """Every version of every strategy, by name, the oldest version first.

        Raises:
            LedgerError: when it cannot be read.
        """
        order = select(portfolio_items).order_by(portfolio_items.c.name, portfolio_items.c.version)
        with self._database.read() as connection:
            return tuple(map(_item, connection.execute(order)))

    def close(self) -> None:
        """Give back all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _newest(connection: Connection, name: str) -> SavedStrategy | None:
    rows = select(portfolio_items).where(portfolio_items.c.name == name).order_by(portfolio_items.c.version.desc())
    found = connection.execute(rows.limit(1)).first()
    return None if found is None else _item(found)


def _item(row: Row[Any]) -> SavedStrategy:
    return SavedStrategy.model_validate(dict(row._mapping))  # noqa: SLF001  SQLAlchemy's own public name
