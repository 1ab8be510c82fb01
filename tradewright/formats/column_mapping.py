"""The mapping of a foreign table's columns and times to bars: declared, or recognised by common headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, StrictBool, field_validator, model_validator

from tradewright.model.bars import OHLCV
from tradewright.model.base import FrozenModel
from tradewright.model.errors import DataError


def _header_or_position(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a column's header, or its position from 0")
    return value


Column = Literal["ts", "open", "high", "low", "close", "volume", "spread", "adj_close", "dividend", "split"]
Place = Annotated[str | int, BeforeValidator(_header_or_position)]

_HEADERS: dict[str, frozenset[str]] = {
    "ts": frozenset({"", "ts", "date", "datetime", "time", "timestamp", "timestamp_utc", "open_time"}),
    "open": frozenset({"open", "o"}),
    "high": frozenset({"high", "h"}),
    "low": frozenset({"low", "l"}),
    "close": frozenset({"close", "c"}),
    "volume": frozenset({"volume", "vol", "v"}),
    "spread": frozenset({"spread", "spread_bps"}),
    "adj_close": frozenset({"adj_close", "adjclose", "adj._close", "adjusted_close", "adj_close*"}),
    "dividend": frozenset({"dividend", "dividends", "dividend_amount", "divcash", "ex-dividend"}),
    "split": frozenset({"split", "splits", "stock_splits", "split_coefficient", "split_ratio", "splitfactor"}),
}
ACTION_COLUMNS = ("adj_close", "dividend", "split")
"""The columns that tell of corporate actions."""


class ColumnMapping(FrozenModel):
    """A foreign table described.

    Args:
        columns: ours to theirs, by header name, or by position from 0; those that are absent are recognised by header.
        header: whether the first row names the columns; without one, ``columns`` must give positions.
        delimiter: the sign between the columns of a CSV file; None recognises it by the header.
        decimal: the decimal sign of a CSV file's numbers; None recognises it, and refuses what has two readings.
        thousands: the sign between the thousands of a CSV file's numbers, empty for none; None recognises it.
        skip_lines: lines of a CSV file before its table, comments not counted; None looks for the header.
        comment: the sign that begins lines of a CSV file that are no rows; empty for none.
        zone: the zone of times that carry none; for daily bars, whose dates the rows mean.
        time_format: ``s``, ``ms``, ``us`` or ``ns`` since 1970, a strptime pattern, or None to recognise ISO 8601,
            epochs by size, and slashed dates where only one reading is possible.
        stamp: whether a row's time is its bar's start or its close. Daily bars are dated, so it does not matter there.
        price_scale: what prices are divided by.
        on_violation: what becomes of rows that break the contract of a bars table: ``refuse`` the file, or ``drop``
            them and say how many.
    """

    columns: dict[Column, Place] = Field(default_factory=dict)
    header: StrictBool = True
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", "'", " ", "_"] | None = None
    skip_lines: Annotated[int, Field(ge=0, le=100_000, strict=True)] | None = None
    comment: str = Field(default="#", max_length=1)
    zone: str = "UTC"
    time_format: str | None = None
    stamp: Literal["start", "close"] = "start"
    price_scale: float = Field(default=1.0, gt=0)
    on_violation: Literal["refuse", "drop"] = "refuse"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no time zone {zone!r}; use a name such as America/New_York") from error
        return zone

    @field_validator("time_format")
    @classmethod
    def _is_format(cls, text: str | None) -> str | None:
        if text is not None and text not in ("s", "ms", "us", "ns") and "%" not in text:
            raise ValueError('must be s, ms, us or ns, or a pattern with percent signs, such as "%d.%m.%Y %H:%M"')
        return text

    @model_validator(mode="after")
    def _two_signs(self) -> Self:
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; the two signs must differ")
        return self


def mapping_of(values: Mapping[str, object]) -> ColumnMapping:
    """A mapping from the values of a YAML file.

    Raises:
        pydantic.ValidationError: for wrong keys and values; ``conf.mapping`` turns it into problems with lines.
    """
    return ColumnMapping.model_validate(dict(values))


def positions(mapping: ColumnMapping, headers: Sequence[str], where: str) -> dict[str, int]:
    """The position of each of our columns in the table; all but the time and the four prices may be absent.

    Raises:
        DataError: when a column cannot be found, or two could be meant.
    """
    found: dict[str, int] = {ours: _declared(ours, theirs, headers, where) for ours, theirs in mapping.columns.items()}
    for ours, names in _HEADERS.items():
        if ours not in found and mapping.header:
            matches = [index for index, header in enumerate(headers) if _plain(header) in names]
            if len(matches) > 1:
                both = " and ".join(repr(headers[index]) for index in matches)
                raise DataError(f"{both} could both be {ours}", where=where, remedy=f"name one: columns.{ours}")
            if matches:
                found[ours] = matches[0]
    missing = [name for name in ("ts", *OHLCV[:4]) if name not in found]
    if missing:
        told = f"no column for {', '.join(missing)}; the table has {', '.join(map(repr, headers))}"
        raise DataError(told, where=where, remedy=_remedy(mapping, headers))
    return found


def _remedy(mapping: ColumnMapping, headers: Sequence[str]) -> str:
    """What to write into a mapping file for a table whose columns were not found."""
    other = next((sign for sign in (";", "\t", "|") if sign in headers[0]), "") if len(headers) == 1 else ""
    if other:
        shown = "\\t" if other == "\t" else other
        return (
            f"say which sign stands between the columns (--delimiter '{shown}') and which is which (--columns ts=...)"
        )
    if mapping.header and headers and all(any(map(str.isdigit, name)) for name in headers):
        return (
            "the first line holds values: say header: false and positions (columns: {ts: 0, ...}) in a mapping file; "
            "where the header stands further down, say --skip-lines N"
        )
    return "say which column is which: --columns ts=Date,open=First,..., or columns in a mapping file (--mapping FILE)"


def _declared(ours: str, theirs: str | int, headers: Sequence[str], where: str) -> int:
    if isinstance(theirs, int) and 0 <= theirs < len(headers):
        return theirs
    if isinstance(theirs, str) and theirs in headers:
        return headers.index(theirs)
    has = f"only 0 to {len(headers) - 1}" if isinstance(theirs, int) else f"only {', '.join(map(repr, headers))}"
    raise DataError(
        f"there is no column {theirs!r}, {has}", where=where, remedy=f"correct columns.{ours} of the mapping file"
    )


def _plain(header: str) -> str:
    return header.strip().lower().replace(" ", "_")
