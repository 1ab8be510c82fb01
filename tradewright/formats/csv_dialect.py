"""Where the table of a CSV file begins and how its cells are parted: declared, or recognised by the header alone."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from typing import NamedTuple

from tradewright.formats.column_mapping import ColumnMapping, positions
from tradewright.model.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
_MOST_LINES_BEFORE = 50
"""Lines before the header in which vendors write what the table is."""
_MOST_COLUMNS = 1000
_HEAD_BYTES = 256 * 1024


class Layout(NamedTuple):
    """The table of a CSV file.

    Args:
        text: its bytes from the header (or the first row) on, without comments.
        delimiter: what parts the cells.
        skipped: lines before the table.
        comments: comment lines within it.
    """

    text: bytes
    delimiter: str
    skipped: int
    comments: int


def layout_of(content: bytes, mapping: ColumnMapping, where: str) -> Layout:
    """The layout of a CSV file.

    The header is the first of the first 50 lines in which time, open, high, low and close are all found under one
    delimiter. Where there is none, the reader refuses the table and tells what its header lacks.

    Raises:
        DataError: for broken UTF-16, more than 1,000 columns, and a table without a header that two delimiters fit.
    """
    text, comments = _without_comments(_as_utf8(content, where), mapping.comment)
    skipped = mapping.skip_lines or 0
    text = _after(text, skipped)
    head = text[:_HEAD_BYTES].decode("utf-8", "replace").split("\n")
    head = head[: _MOST_LINES_BEFORE + 1 if mapping.skip_lines is None else 1]
    if (columns := max(head[0].count(sign) for sign in DELIMITERS) + 1 if head else 0) > _MOST_COLUMNS:
        what = f"{columns:,} columns, and no table of bars has more than {_MOST_COLUMNS:,}"
        raise DataError(what, where=where, remedy="fetch the file again, or keep only the columns of bars")
    if mapping.header:
        line, delimiter = _header(head, mapping)
    else:
        line, delimiter = 0, mapping.delimiter or _of_values(head, mapping, where)
    return Layout(_after(text, line), delimiter, skipped + line, comments)


def _after(text: bytes, lines: int) -> bytes:
    """The text without its first lines."""
    start = 0
    for _ in range(lines):
        end = text.find(b"\n", start)
        if end < 0:
            return b""
        start = end + 1
    return text[start:]


def _as_utf8(content: bytes, where: str) -> bytes:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeDecodeError as error:
            what = "not a readable table: no UTF-16 text, or cut off"
            raise DataError(what, where=where, remedy="save it as CSV in UTF-8") from error
    return content.removeprefix(b"\xef\xbb\xbf")


def _without_comments(text: bytes, sign: str) -> tuple[bytes, int]:
    start = sign.encode()
    if not sign or not (text.startswith(start) or b"\n" + start in text):
        return text, 0
    lines = text.split(b"\n")
    kept = [line for line in lines if not line.startswith(start)]
    return b"\n".join(kept), len(lines) - len(kept)


def _header(head: Sequence[str], mapping: ColumnMapping) -> tuple[int, str]:
    offered = DELIMITERS if mapping.delimiter is None else (mapping.delimiter,)
    for number, line in enumerate(head):
        for delimiter in offered:
            try:
                positions(mapping, _cells(line, delimiter), "")
            except DataError:
                continue
            return number, delimiter
    return _likely_header(head, offered)


def _likely_header(head: Sequence[str], offered: Sequence[str]) -> tuple[int, str]:
    """Where a header that is not recognised most likely stands, so that the refusal lists its names."""
    for number, (line, after) in enumerate(itertools.pairwise(head)):
        for delimiter in offered:
            if 5 <= len(_cells(line, delimiter)) == len(_cells(after, delimiter)):
                return number, delimiter
    return 0, offered[0]


def _of_values(head: Sequence[str], mapping: ColumnMapping, where: str) -> str:
    """The delimiter of a table without a header: the only one that makes enough cells."""
    wanted = max((place for place in mapping.columns.values() if isinstance(place, int)), default=4)
    fitting = [sign for sign in DELIMITERS if head and len(_cells(head[0], sign)) > wanted]
    if len(fitting) > 1:
        named = " and ".join(map(repr, fitting))
        raise DataError(f"{named} may both part the columns", where=where, remedy=f"say --delimiter '{fitting[-1]}'")
    return fitting[0] if fitting else ","


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader([line.rstrip("\r")], delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return rows[0] if rows else []
