"""CSV, Parquet and feather (Arrow) files."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq

from tradewright.formats.bars_reader import KnownOfInstrument, Reading, headers, read_table
from tradewright.formats.column_mapping import ACTION_COLUMNS, ColumnMapping, positions
from tradewright.formats.csv_dialect import Layout, layout_of
from tradewright.formats.number_forms import PLAIN, NumberForm, form_of, numbers
from tradewright.formats.plain_files import MAX_BYTES, checked_size, content, refuse_other_kinds
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)(?:: (.{0,60}))?")


def read_csv(
    path: Path,
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    **known: Unpack[KnownOfInstrument],
) -> Reading:
    """Bars of a CSV file; ``.gz`` is unpacked. The header, the delimiter and the form of the numbers are recognised.

    Args:
        mapping: None recognises common headers (Date, Open, High, Low, Close, Volume) and reads times as UTC.
        known: see :class:`KnownOfInstrument`.

    Raises:
        DataError: naming file, row and value, when it is absent, truncated, foreign or breaks the contract.
    """
    mapping, where = mapping or ColumnMapping(), str(path)
    text = content(path)
    refuse_other_kinds(text, where)
    layout = layout_of(text, mapping, where)
    table = _without_empty_tail(parse(layout, mapping, path))
    table, form = _with_numbers(table, layout, mapping, path)
    reading = read_table(table, mapping, timeframe, source=where, **known)
    return replace(reading, remarks=(*_remarks(layout, mapping, form), *reading.remarks))


def parse(layout: Layout, mapping: ColumnMapping, path: Path, as_text: Sequence[str] = ()) -> pa.Table:
    """The cells of a CSV file, typed by their content.

    Args:
        as_text: the columns whose cells are left as they are written.

    Raises:
        DataError: when it cannot be read as a table.
    """
    try:
        table: pa.Table = pc.read_csv(
            pa.BufferReader(layout.text),
            read_options=pc.ReadOptions(use_threads=False, autogenerate_column_names=not mapping.header),
            parse_options=pc.ParseOptions(delimiter=layout.delimiter, ignore_empty_lines=False),
            convert_options=pc.ConvertOptions(
                timestamp_parsers=[],
                column_types=dict.fromkeys(as_text, pa.string()),
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise _no_table(path, error, layout.skipped + layout.comments) from error
    headers(table, str(path))
    return table


def _with_numbers(table: pa.Table, layout: Layout, mapping: ColumnMapping, path: Path) -> tuple[pa.Table, NumberForm]:
    """The table with its prices and volumes as numbers, and the form in which they are written.

    The cells of a column that is typed already are plain digits; they are looked at as text where the form is declared,
    where another column is no such thing, and where ``1.234`` may be a thousand.
    """
    names = headers(table, str(path))
    where = positions(mapping, names, str(path))
    chosen = {ours: names[place] for ours, place in where.items() if ours not in ("ts", *ACTION_COLUMNS)}
    actions = {ours: names[where[ours]] for ours in ACTION_COLUMNS if ours in where}
    as_text = [names[where["ts"]]] if mapping.time_format is not None else []
    declared = mapping.decimal is not None or mapping.thousands is not None
    columns = [table.column(where[ours]) for ours in chosen]
    if declared or not all(map(_is_typed, columns)) or (layout.delimiter == ";" and all(map(_in_thousandths, columns))):
        as_text += [*chosen.values(), *actions.values()]
    if not as_text:
        return table, PLAIN
    rows = table.num_rows
    table, form = parse(layout, mapping, path, as_text).slice(0, rows), PLAIN
    if len(as_text) > 1:
        texts = {ours: table.column(where[ours]) for ours in chosen}
        form = form_of(texts, mapping, layout.delimiter, str(path))
        for ours, cells in texts.items():
            table = table.set_column(where[ours], names[where[ours]], numbers(cells, ours, form, str(path)))
        for ours, header in actions.items():
            with contextlib.suppress(DataError):  # a cell that is no number: the reader leaves the column out, told
                cells = numbers(table.column(where[ours]), ours, form, str(path))
                table = table.set_column(where[ours], header, cells)
    return table, form


def _is_typed(column: pa.ChunkedArray) -> bool:
    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind))


def _in_thousandths(column: pa.ChunkedArray) -> bool:
    """Whether every number may have been written with exactly three digits after a point, such as ``1.234``."""
    if not pa.types.is_floating(column.type):
        return True
    shifted = column.to_numpy() * 1000
    return bool(np.all(np.isnan(shifted) | (np.abs(shifted - np.round(shifted)) < 1e-6)))


def _remarks(layout: Layout, mapping: ColumnMapping, form: NumberForm) -> Iterator[str]:
    """What was recognised in a CSV file and not declared."""
    if layout.delimiter != "," and mapping.delimiter is None:
        yield f"the columns are parted by {layout.delimiter!r}"
    if layout.skipped and mapping.skip_lines is None:
        yield f"lines before the header left out: {layout.skipped}"
    if layout.comments:
        yield f"comment lines left out: {layout.comments}"
    if form.decimal == "," and mapping.decimal is None:
        yield "the numbers are read with a decimal comma"


def _no_table(path: Path, error: Exception, before: int) -> DataError:
    """What keeps a file from being read as CSV, with its line; ``before`` lines are no part of the table."""
    again = "fetch the file again, or write it anew as CSV (UTF-8)"
    if found := _RAGGED.search(str(error)):
        line, expected, got, text = found.groups()
        shown = f" ({text})" if text and text.isprintable() else ""
        place = f"line {int(line) + before}{shown}"
        what = f"not a readable table: {place} has {got} values, where the first line has {expected}"
        return DataError(what, where=str(path), remedy=f"correct the line; a file that was cut off: {again}")
    if "straddl" in str(error):
        return DataError("not a readable table: a line is longer than a million bytes", where=str(path), remedy=again)
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
    **known: Unpack[KnownOfInstrument],
) -> Reading:
    """Bars of one Parquet file; arguments and errors as of :func:`tradewright.formats.tabular.read_csv`."""
    checked_size(path, "Parquet file")
    try:
        table = _bounded_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise _foreign(path, "Parquet") from error
    return read_table(table, mapping or ColumnMapping(), timeframe, source=str(path), **known)


def _bounded_parquet(path: Path) -> pa.Table:
    """A Parquet file's table; texts are kept once each, for a small file may repeat a long one a million times.

    Raises:
        DataError: when its cells, or its pages as they state of themselves, need more memory than any table of bars.
    """
    with pq.ParquetFile(path) as file:
        about = file.metadata
        pages = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
        size = max(about.num_rows * about.num_columns * 8, pages)
        if size > MAX_BYTES:
            what = f"{about.num_rows:,} rows of {about.num_columns:,} columns want {size:,} bytes of memory"
            remedy = f"divide the file, at most {MAX_BYTES:,} are read; or keep only the columns of bars"
            raise DataError(what, where=str(path), remedy=remedy)
        texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
    return pq.ParquetFile(path, read_dictionary=texts).read(use_threads=False)


def read_feather(
    path: Path,
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    **known: Unpack[KnownOfInstrument],
) -> Reading:
    """Bars of one feather file (``date``, OHLC, ``volume`` as freqtrade writes them); otherwise as for Parquet."""
    checked_size(path, "feather file")
    try:
        table = feather.read_table(path, memory_map=False, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _foreign(path, "feather") from error
    return read_table(table, mapping or ColumnMapping(), timeframe, source=str(path), **known)


def _foreign(path: Path, kind: str) -> DataError:
    what = f"not a readable {kind} file: of another kind, or cut off"
    return DataError(what, where=str(path), remedy="fetch the file again; a CSV file wants: tradewright import csv")
