"""Parquet and feather (Arrow) files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from tradewright.formats.mapping import ColumnMapping
from tradewright.formats.reading import Reading, read_table
from tradewright.formats.times import SessionOpens
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError


def read_parquet(
    path: Path,
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    *,
    opens: SessionOpens | None = None,
    negative_prices: bool = False,
) -> Reading:
    """Bars of one Parquet file; arguments and errors as of :func:`tradewright.formats.delimited.read_csv`."""
    try:
        table = pq.ParquetFile(path).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _foreign(path, "Parquet", error) from error
    mapping = mapping or ColumnMapping()
    return read_table(table, mapping, timeframe, source=str(path), opens=opens, negative_prices=negative_prices)


def read_feather(
    path: Path,
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    *,
    opens: SessionOpens | None = None,
    negative_prices: bool = False,
) -> Reading:
    """Bars of one feather file (``date``, OHLC, ``volume`` as freqtrade writes them); otherwise as for Parquet."""
    try:
        table = feather.read_table(path, memory_map=False, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _foreign(path, "feather", error) from error
    mapping = mapping or ColumnMapping()
    return read_table(table, mapping, timeframe, source=str(path), opens=opens, negative_prices=negative_prices)


def _foreign(path: Path, kind: str, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError("there is no such file", where=str(path), remedy="check the path")
    return DataError(f"not a readable {kind} file: {error}", where=str(path), remedy="fetch the file again")
