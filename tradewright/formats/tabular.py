"""CSV, Parquet and feather (Arrow) files."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq

from tradewright.formats.bars_reader import Reading, headers, read_table
from tradewright.formats.mapping import ColumnMapping
from tradewright.formats.times import SessionDates, SessionOpens
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)(?:: (.{0,60}))?")


def read_csv(
    path: Path,
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    *,
    opens: SessionOpens | None = None,
    dates: SessionDates | None = None,
    negative_prices: bool = False,
) -> Reading:
    """Bars of a CSV file; ``.gz`` is unpacked.

    Args:
        mapping: None recognises common headers (Date, Open, High, Low, Close, Volume) and reads times as UTC.
        opens: when the session of a date opens (daily bars); None for markets that never close.
        dates: the session of a moment (daily bars whose times are moments in UTC); None takes their UTC dates.

    Raises:
        DataError: naming file, row and value, when it is absent, truncated, foreign or breaks the contract.
    """
    mapping = mapping or ColumnMapping()
    table = parse(path, mapping)
    headers(table, str(path))
    table = _without_empty_tail(table)
    return read_table(
        table, mapping, timeframe, source=str(path), opens=opens, dates=dates, negative_prices=negative_prices
    )


def parse(path: Path, mapping: ColumnMapping) -> pa.Table:
    """The cells of a CSV file, typed by their content.

    Raises:
        DataError: when it cannot be read as a table.
    """
    compression = "gzip" if path.suffix == ".gz" else None
    try:
        with pa.input_stream(str(path), compression=compression) as stream:
            table: pa.Table = pc.read_csv(
                stream,
                read_options=pc.ReadOptions(use_threads=False, autogenerate_column_names=not mapping.header),
                parse_options=pc.ParseOptions(delimiter=mapping.delimiter, ignore_empty_lines=False),
                convert_options=pc.ConvertOptions(timestamp_parsers=[]),
            )
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=str(path), remedy="check the path") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise _no_table(path, error) from error
    return table


def _no_table(path: Path, error: Exception) -> DataError:
    """What keeps a file from being read as CSV, with its line."""
    again = "fetch the file again, or write it anew as CSV (UTF-8)"
    if path.is_dir():
        return DataError("not a readable table: a folder, not a file", where=str(path), remedy="name the file itself")
    if found := _RAGGED.search(str(error)):
        line, expected, got, text = found.groups()
        shown = f" ({text})" if text and text.isprintable() else ""
        what = f"not a readable table: line {line}{shown} has {got} values, where the first line has {expected}"
        return DataError(what, where=str(path), remedy=f"correct the line; a file that was cut off: {again}")
    if path.is_file() and path.stat().st_size == 0:
        return DataError("not a readable table: the file is empty", where=str(path), remedy=again)
    return DataError("not a readable table: no values with commas between them", where=str(path), remedy=again)


def _without_empty_tail(table: pa.Table) -> pa.Table:
    """Editors leave empty lines at the end of a file; elsewhere an empty line is a row without values."""
    rows = table.num_rows
    while rows and all(column[rows - 1].as_py() in (None, "") for column in table.columns):
        rows -= 1
    return table.slice(0, rows)


def read_parquet(
    path: Path,
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    *,
    opens: SessionOpens | None = None,
    dates: SessionDates | None = None,
    negative_prices: bool = False,
) -> Reading:
    """Bars of one Parquet file; arguments and errors as of :func:`tradewright.formats.tabular.read_csv`."""
    try:
        table = pq.ParquetFile(path).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _foreign(path, "Parquet", error) from error
    mapping = mapping or ColumnMapping()
    return read_table(
        table, mapping, timeframe, source=str(path), opens=opens, dates=dates, negative_prices=negative_prices
    )


def read_feather(
    path: Path,
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    *,
    opens: SessionOpens | None = None,
    dates: SessionDates | None = None,
    negative_prices: bool = False,
) -> Reading:
    """Bars of one feather file (``date``, OHLC, ``volume`` as freqtrade writes them); otherwise as for Parquet."""
    try:
        table = feather.read_table(path, memory_map=False, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _foreign(path, "feather", error) from error
    mapping = mapping or ColumnMapping()
    return read_table(
        table, mapping, timeframe, source=str(path), opens=opens, dates=dates, negative_prices=negative_prices
    )


def _foreign(path: Path, kind: str, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError("there is no such file", where=str(path), remedy="check the path")
    if path.is_dir():
        return DataError(f"not a readable {kind} file: a folder", where=str(path), remedy="name the file itself")
    what = f"not a readable {kind} file: of another kind, or cut off"
    return DataError(what, where=str(path), remedy="fetch the file again; a CSV file wants: tradewright import csv")
