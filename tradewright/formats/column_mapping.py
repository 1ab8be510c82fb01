"""The mapping of a foreign table's columns and times to bars: declared, or recognised by common headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, StrictBool, field_validator, model_validator

from tradewright.formats.quotes import PRICES, SIDED
from tradewright.model.bars import BarKind
from tradewright.model.base import FrozenModel
from tradewright.model.errors import DataError


def _header_or_position(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a column's header, or its position from 0")
    return value


Column = Literal[
    "ts", "open", "high", "low", "close", "volume", "spread", "adj_close", "dividend", "split",
    "bid_open", "bid_high", "bid_low", "bid_close", "ask_open", "ask_high", "ask_low", "ask_close",
]  # fmt: skip
Place = Annotated[str | int, BeforeValidator(_header_or_position)]

_HEADERS: dict[str, frozenset[str]] = {
    "ts": frozenset({"ts", "date", "datetime", "time", "timestamp", "timestamp_utc", "open_time"}),
    "open": frozenset({"open", "o"}),
    "high": frozenset({"high", "h"}),
    "low": frozenset({"low", "l"}),
    "close": frozenset({"close", "c"}),
    "volume": frozenset({"volume", "vol", "v"}),
    "spread": frozenset({"spread", "spread_bps"}),
    "adj_close": frozenset({"adj_close", "adjclose", "adj._close", "adjusted_close", "adj_close*"}),
    "dividend": frozenset({"dividend", "dividends", "dividend_amount", "divcash", "ex-dividend"}),
    "split": frozenset({"split", "splits", "stock_splits", "split_coefficient", "split_ratio", "splitfactor"}),
    **{
        f"{side}_{name}": frozenset(
            form
            for price in (name, name[0])
            for form in (f"{side}_{price}", f"{side}{price}", f"{side}.{price}", f"{price}_{side}", f"{price}{side}")
        )
        for side in ("bid", "ask")
        for name in PRICES
    },
}
_INDEX = frozenset({"", "index", "unnamed:_0", "__index_level_0__"})
"""Headers that pandas gives the index of a table: its times, where no other column holds them, else numbers of rows."""
_SINGLE = frozenset({"bid", "ask", "bid_price", "ask_price", "bidprice", "askprice"})
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
        kind: of the bars; None takes trades where the table has open, high, low and close, and quotes where it has
            those of bid and ask.
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
    kind: BarKind | None = None
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
    """The position of each of our columns in the table; all but the time and the prices may be absent.

    The prices are the four of trades, the eight of bid and ask, or for ``kind: quote`` the four of the middle with
    their spread. Columns of the other kind, and a volume of quotes, which counts no units, are left out.

    Raises:
        DataError: when a column cannot be found, two could be meant, or the table holds another kind of bars.
    """
    found: dict[str, int] = {ours: _declared(ours, theirs, headers, where) for ours, theirs in mapping.columns.items()}
    for ours, names in _HEADERS.items():
        if ours not in found and mapping.header:
            matches = [index for index, header in enumerate(headers) if _plain(header) in names]
            if ours == "ts" and not matches:
                matches = [index for index, header in enumerate(headers) if _plain(header) in _INDEX]
            if len(matches) > 1:
                both = " and ".join(repr(headers[index]) for index in matches)
                joined = "; a date and a time of day belong into one column" if ours == "ts" else ""
                first = matches[0] if headers.count(headers[matches[0]]) > 1 else headers[matches[0]] or matches[0]
                remedy = f"name one: --columns {ours}={first}{joined}"
                raise DataError(f"{both} could both be {ours}", where=where, remedy=remedy)
            if matches:
                found[ours] = matches[0]
    unused = _of_other_kind(mapping, found, headers, where)
    missing = [name for name in ("ts", *(() if has_sides(found) else PRICES)) if name not in found]
    if missing:
        told = f"no column for {', '.join(missing)}; the table has {', '.join(map(repr, headers))}"
        raise DataError(told, where=where, remedy=_remedy(mapping, headers))
    return {ours: place for ours, place in found.items() if ours not in unused}


def has_sides(columns: Iterable[str]) -> bool:
    """Whether all eight prices of bid and ask are among our columns."""
    return set(SIDED) <= set(columns)


def kind_among(mapping: ColumnMapping, columns: Iterable[str]) -> BarKind:
    """The kind of bars that a table's columns, by our names, hold under a mapping."""
    return mapping.kind or (BarKind.QUOTE if has_sides(columns) else BarKind.TRADE)


def _of_other_kind(mapping: ColumnMapping, found: dict[str, int], headers: Sequence[str], where: str) -> set[str]:
    """The found columns that are not read.

    Raises:
        DataError: for a table without bars of the kind that is wanted.
    """
    sided, middle = has_sides(found), set(PRICES) <= found.keys()
    if mapping.kind is BarKind.TRADE and sided and not middle:
        raise DataError(
            "a table of quotes, with prices of bid and ask, and trades are wanted", where=where, remedy=_AS_QUOTES
        )
    if (single := [name for name in headers if _plain(name) in _SINGLE]) and not (sided or middle):
        what = f"single quotes ({', '.join(map(repr, single))}) and no bars of them"
        raise DataError(what, where=where, remedy="make bars first: open, high, low and close of bid and of ask")
    lacking = [name for name in SIDED if name not in found]
    of_quotes = mapping.kind is BarKind.QUOTE or (mapping.kind is None and len(lacking) < len(SIDED) and not middle)
    if of_quotes and not sided and not (middle and "spread" in found):
        if middle and len(lacking) == len(SIDED):
            raise DataError("a table of trades, and quotes are wanted", where=where, remedy=_AS_TRADES)
        told = f"no column for {', '.join(lacking)}; the table has {', '.join(map(repr, headers))}"
        raise DataError(told, where=where, remedy=_BOTH_SIDES)
    if mapping.kind is BarKind.QUOTE or (sided and not middle):
        return {"volume", *ACTION_COLUMNS, *((*PRICES, "spread") if sided else SIDED)}
    return set(SIDED)


_BOTH_SIDES = (
    "say which is which: --columns bid_open=First,...; of two files, one for each side, both name their columns open, "
    "high, low and close: --ask FILE"
)
_AS_QUOTES = "say --kind quote, or leave --kind out"
_AS_TRADES = (
    "say --kind trade; where these are prices of the bid, bring those of the ask along: --ask FILE; prices of the "
    "middle want a column spread, in basis points"
)


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
