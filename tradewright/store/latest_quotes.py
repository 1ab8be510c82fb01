"""The newest prices of each instrument in one SQLite file, shared by the programs of a storage folder.

They are of now and can be had again, so nothing waits for the disk: a power cut may cost the newest ones, and a damaged
file is put aside and begun anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from tradewright.model.broker import Quote
from tradewright.model.errors import StoreError
from tradewright.store.files import private_folder

FILE = "quotes.sqlite3"
SIDES = ("bid", "ask", "last")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PATIENCE = 5.0
_TABLE = """CREATE TABLE IF NOT EXISTS quotes (
    instrument TEXT NOT NULL, side TEXT NOT NULL, price TEXT NOT NULL, moment INTEGER NOT NULL,
    PRIMARY KEY (instrument, side)) WITHOUT ROWID"""
_KEEP = """INSERT INTO quotes VALUES (?, ?, ?, ?) ON CONFLICT (instrument, side)
    DO UPDATE SET price = excluded.price, moment = excluded.moment WHERE excluded.moment >= quotes.moment"""
_READ = "SELECT instrument, side, price, moment FROM quotes"

Row = tuple[str, str, str, int]
"""Instrument, side, price, and since when it stands in microseconds since 1970 UTC."""
Found = TypeVar("Found")


class UnreadableQuote(ValueError):
    """A row of kept quotes is none that was ever written."""


class LatestQuotes:
    """The file ``quotes.sqlite3`` of a storage folder; it is made when the first price is kept.

    Args:
        root: the storage folder.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / FILE

    def put(self, quotes: Iterable[Quote]) -> None:
        """Keep prices; see :class:`tradewright.model.ports.QuoteStore`."""
        rows = [row for quote in quotes for row in sides_of(quote)]
        if rows:
            private_folder(self._path.parent)
            self._with(lambda connection: connection.executemany(_KEEP, rows))

    def newest(self, instrument: str) -> Quote | None:
        """The newest prices of an instrument; None where there are none."""
        return self._read(f"{_READ} WHERE instrument = ?", (instrument,)).get(instrument)

    def all(self) -> dict[str, Quote]:
        """The newest prices of every instrument, by symbol."""
        return self._read(f"{_READ} ORDER BY instrument", ())

    def _read(self, query: str, values: tuple[str, ...]) -> dict[str, Quote]:
        if not self._path.exists():
            return {}
        return self._with(lambda connection: quotes_of(connection.execute(query, values).fetchall()))

    def _with(self, act: Callable[[sqlite3.Connection], Found]) -> Found:
        try:
            with self._opened() as connection:
                return act(connection)
        except sqlite3.OperationalError as error:
            raise self._problem(error) from error
        except (sqlite3.DatabaseError, UnreadableQuote) as error:
            aside = self._path.with_suffix(".damaged")
            self._path.replace(aside)
            remedy = f"it was moved to {aside.name}; the stream keeps new prices"
            raise StoreError(f"the newest quotes are damaged: {error}", where=str(self._path), remedy=remedy) from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(_TABLE)
            with connection:
                yield connection

    def _problem(self, error: Exception) -> StoreError:
        remedy = "check that the folder can be written and that its disk is not full"
        return StoreError(f"the newest quotes cannot be used: {error}", where=str(self._path), remedy=remedy)


def sides_of(quote: Quote) -> list[Row]:
    """The prices of a quote whose time is known, as rows."""
    found = []
    for side in SIDES:
        price, time = getattr(quote, side), getattr(quote, f"{side}_time")
        if price is not None and time is not None:
            found.append((quote.instrument, side, str(price), (time - _EPOCH) // timedelta(microseconds=1)))
    return found


def quotes_of(rows: Iterable[Row]) -> dict[str, Quote]:
    """Rows as quotes, by symbol.

    Raises:
        UnreadableQuote: a row that no quote can be made of.
    """
    found: dict[str, dict[str, object]] = {}
    row: object = None
    try:
        for row in rows:
            instrument, side, price, moment = row
            one = found.setdefault(instrument, {"instrument": instrument})
            one |= {side: Decimal(price), f"{side}_time": _EPOCH + timedelta(microseconds=moment)}
        return {instrument: Quote.model_validate(row := one) for instrument, one in found.items()}
    except (ValueError, TypeError, ArithmeticError) as error:
        raise UnreadableQuote(f"{str(row)[:80]} is no quote") from error
