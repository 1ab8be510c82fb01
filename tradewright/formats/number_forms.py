"""Numbers as people write them: decimal point or comma, signs between thousands; read only where one reading exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tradewright.formats.column_mapping import ColumnMapping
from tradewright.formats.plain_files import shown
from tradewright.model.errors import DataError

_GROUP_SIGNS = (".", ",", "'", " ", "_", "\u00a0", "\u202f", "\u2019")
"""The signs that stand between thousands somewhere in the world; the decimal sign is never one of them."""
_OTHER = {".": ",", ",": "."}


class NumberForm(NamedTuple):
    """How the numbers of a table are written: the decimal sign, and the signs that may stand between thousands."""

    decimal: str
    thousands: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """The expression that a whole number cell fulfils."""
        groups = "|".join(rf"\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+" for sign in self.thousands)
        whole = rf"(?:{groups}|\d+)" if groups else r"\d+"
        mark = re.escape(self.decimal)
        return rf"^[+-]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d{{1,4}})?$"

    @property
    def is_plain(self) -> bool:
        """Whether these are plain digits with a decimal point."""
        return self.decimal == "." and not self.thousands


PLAIN = NumberForm(".", ())


def form_of(columns: Mapping[str, pa.ChunkedArray], mapping: ColumnMapping, delimiter: str, where: str) -> NumberForm:
    """The form in which all numbers of a table are written.

    A cell proves the decimal sign when it has one reading only: ``12,5`` and ``1.234,56`` prove the comma,
    ``1,234,567`` the point. ``1,234`` has two, and so has ``1.234`` where semicolons part the columns, as they do in
    countries that write a decimal comma.

    Args:
        columns: the cells of each number column as text.

    Raises:
        DataError: when the cells have two readings, with the option that decides.
    """
    thousands = mapping.thousands
    decimal: str = mapping.decimal or _OTHER.get(thousands or "", "") or _recognised(columns, delimiter, where)
    if thousands is not None:
        return NumberForm(decimal, (thousands,) if thousands else ())
    return NumberForm(decimal, tuple(sign for sign in _GROUP_SIGNS if sign != decimal))


def numbers(column: pa.ChunkedArray, name: str, form: NumberForm, where: str) -> pa.ChunkedArray:
    """The cells of a column as float64; empty cells stay empty.

    Raises:
        DataError: naming row, column and value of the first cell that is no number of this form.
    """
    cells = pc.utf8_trim_whitespace(column)
    cells = pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)
    good = pc.fill_null(pc.match_substring_regex(cells, form.pattern), True)
    if not pc.all(good, min_count=0).as_py():
        row = pc.index(good, False).as_py()
        told = f"row {row + 1}, column {name}: {shown(cells[row].as_py())} is not a number"
        if form.decimal == ",":
            told += " with a decimal comma"
        raise DataError(told, where=where, remedy=_remedy(form))
    for sign in form.thousands:
        cells = pc.replace_substring(cells, sign, "")
    if form.decimal == ",":
        cells = pc.replace_substring(cells, ",", ".")
    return pc.cast(pc.utf8_ltrim(cells, "+"), pa.float64())


def _remedy(form: NumberForm) -> str:
    if form.decimal == ",":
        return "write digits with a decimal comma, or say --decimal . for a decimal point"
    return (
        "write plain digits with a decimal point, without currency signs; "
        "a decimal comma wants --decimal , and signs between thousands --thousands SIGN"
    )


def _recognised(columns: Mapping[str, pa.ChunkedArray], delimiter: str, where: str) -> str:
    votes = {sign: sum(_proofs(column, sign) for column in columns.values()) for sign in _OTHER}
    if votes["."] or votes[","]:
        return max(votes, key=lambda sign: votes[sign])
    for sign in _OTHER:
        if sign == "." and delimiter != ";":
            continue
        for name, column in columns.items():
            doubtful = pc.index(pc.match_substring(column, sign), True).as_py()
            if doubtful >= 0:
                raise _two_readings(doubtful, name, column[doubtful].as_py(), sign, where)
    return "."


def _two_readings(row: int, name: str, cell: str, sign: str, where: str) -> DataError:
    return DataError(
        f"row {row + 1}, column {name}: {shown(cell)} may be {cell.replace(sign, '')} or {cell.replace(sign, '.')}",
        where=where,
        remedy=f"say --thousands {sign} for the first, --decimal {sign} for the second",
    )


def _proofs(column: pa.ChunkedArray, sign: str) -> int:
    """How many cells can be read with this decimal sign only."""
    mark, other = re.escape(sign), re.escape(_OTHER[sign])
    alone = rf"(?:\d*{mark}(?:\d{{0,2}}|\d{{4,}})|(?:0|\d{{4,}})?{mark}\d{{3}})"
    neutral = "".join(map(re.escape, _GROUP_SIGNS[2:]))
    grouped = rf"\d{{1,3}}(?:(?:{other}\d{{3}})+|(?:[{neutral}]\d{{3}})+){mark}\d*"
    counted = rf"\d{{1,3}}(?:{other}\d{{3}}){{2,}}"
    pattern = rf"^\s*[+-]?(?:{alone}|{grouped}|{counted})(?:[eE][+-]?\d{{1,4}})?\s*$"
    found = pc.sum(pc.match_substring_regex(column, pattern)).as_py()
    return int(found or 0)
