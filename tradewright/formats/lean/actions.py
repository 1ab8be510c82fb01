"""LEAN's factor files (splits and dividends) and map files (ticker changes)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from tradewright.formats.plain_files import checked_size
from tradewright.model.errors import DataError
from tradewright.model.instrument import FACTOR_COLUMNS, Instrument, TickerSpan

_MAX_BYTES = 16 * 1024**2
_MAP_COLUMNS = ["date", "ticker", "exchange"]
_OLDEST = date(1998, 1, 2)
"""The first day of LEAN's equity histories: what was listed before has it in the place of the day of its listing."""


def read_factors(data: Path, instrument: Instrument) -> pd.DataFrame | None:
    """An equity's factors: ``date``, ``price_factor``, ``split_factor``, ``reference_price``; None without a file.

    The row dated D holds for every New York date <= D and later than the row before.

    Raises:
        DataError: when the file is no factor file.
    """
    path = _file(data, "factor_files", instrument)
    if not path.is_file():
        return None
    table = _read(path, list(FACTOR_COLUMNS))
    for name in FACTOR_COLUMNS[1:]:
        table[name] = pd.to_numeric(table[name], errors="coerce")
    _refuse_gaps(table, path)
    return table


def read_map(data: Path, instrument: Instrument) -> list[TickerSpan] | None:
    """Under which tickers the security has traded, oldest first; None without a file.

    The first row of a map file is the day of listing. The span before it has no ticker: the security did not trade.
    There is none before the first day of all histories, of which nothing is told.

    Raises:
        DataError: when the file is no map file.
    """
    path = _file(data, "map_files", instrument)
    if not path.is_file():
        return None
    table = _read(path, _MAP_COLUMNS)
    _refuse_gaps(table, path)
    rows = zip(table["date"].dt.date, table["ticker"].str.upper(), table["exchange"], strict=True)
    listing, *spans = (TickerSpan(*row) for row in rows)
    before = [TickerSpan(listing.last - timedelta(days=1), "", listing.exchange)] if listing.last > _OLDEST else []
    return before + (spans or [listing])


def _file(data: Path, folder: str, instrument: Instrument) -> Path:
    return data / "equity" / "usa" / folder / f"{instrument.ticker('lean').lower()}.csv"


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    if (size := checked_size(path, "table")) > _MAX_BYTES:
        what = f"{size:,} bytes, and no table of corporate actions has more than {_MAX_BYTES:,}"
        raise DataError(what, where=str(path), remedy="fetch the file again")
    try:
        table = pd.read_csv(path, names=columns, header=None, dtype=str, index_col=False)
    except (ValueError, OSError) as error:
        raise DataError(f"not a readable table: {error}", where=str(path), remedy="fetch the file again") from error
    table["date"] = pd.to_datetime(table["date"], format="%Y%m%d", errors="coerce")
    return table


def _refuse_gaps(table: pd.DataFrame, path: Path) -> None:
    if table.empty:
        raise DataError("is empty", where=str(path), remedy="fetch it again")
    bad = table[table.isna().any(axis=1)]
    if len(bad):
        row = int(bad.index[0])
        raise DataError(f"row {row + 1} is not {', '.join(table.columns)}", where=str(path), remedy="fetch it again")
