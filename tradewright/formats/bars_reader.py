"""From a foreign table to a checked bars table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tradewright.formats.column_mapping import ACTION_COLUMNS, ColumnMapping, has_sides, kind_among, positions
from tradewright.formats.corporate_actions import NO_ACTIONS, ActionColumns
from tradewright.formats.mixed_rows import refuse_contradictions, refuse_several
from tradewright.formats.plain_files import shown
from tradewright.formats.quotes import ONE_SIDED, PRICES, joined, quote_bars, sides, two_sided
from tradewright.formats.times import SessionDates, SessionOpens, bar_starts
from tradewright.model.bar_rules import (
    Mask,
    Violation,
    bad_rows,
    bad_values,
    bars_of,
    frame_of,
    intact,
    select,
    violations,
    without_noise,
)
from tradewright.model.bars import BarKind, Bars, Floats, Timeframe
from tradewright.model.errors import DataError

REPLACED = "ts: a later row for the same time replaced it"
"""Of two rows for one time the earlier one is left out."""
_NOT_A_NUMBER = re.compile(r"Failed to parse string: '(.*)' as a scalar")


@dataclass(frozen=True)
class Reading:
    """The result of a reader: a bars table that keeps the schema, and the number of rows left out of it.

    ``dropped`` says for each broken rule how many rows broke it; empty unless the caller asked for dropping (or, for
    quotes, a side was missing).

    Args:
        used: our column to theirs, by header, or by position from 0 where there is no header.
        left_out: the headers of the columns that were not used, such as a ticker.
        actions: the columns of corporate actions, a value for each row of ``frame``.
        remarks: sentences on what was recognised and not declared, for the person who imports.
    """

    frame: pd.DataFrame
    kind: BarKind
    source: str
    dropped: dict[str, int] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    actions: ActionColumns = NO_ACTIONS
    remarks: tuple[str, ...] = ()


class KnownOfInstrument(TypedDict, total=False):
    """What a reader of a foreign file is told of the instrument, as keywords.

    Args:
        opens: when the session of a date opens (daily bars); left out for markets that never close.
        dates: the session of a moment (daily bars whose times are moments in UTC); left out, their UTC dates are taken.
        negative_prices: whether its prices may be below zero.
        tick: its smallest price step; a tenth of it is taken for rounding.
    """

    opens: SessionOpens | None
    dates: SessionDates | None
    negative_prices: bool
    tick: float


def read_table(
    table: pa.Table,
    mapping: ColumnMapping,
    timeframe: Timeframe,
    *,
    source: str,
    opens: SessionOpens | None = None,
    dates: SessionDates | None = None,
    negative_prices: bool = False,
    tick: float = 0.0,
) -> Reading:
    """A foreign table as bars. Rows in falling order of time are turned round.

    A volume or a spread that is absent or empty is unknown (NaN): 0 would say that nothing was traded.

    Raises:
        DataError: when columns, times or values break the contract; nothing of the table is used then.
    """
    names = headers(table, source)
    where = positions(mapping, names, source)
    refuse_several(table, names, set(where.values()), source)
    numeric = {name: index for name, index in where.items() if name not in ("ts", *ACTION_COLUMNS)}
    columns = {name: _numbers(table.column(index), name, source) for name, index in numeric.items()}
    kind = kind_among(mapping, where)
    times = _times(table.column(where["ts"]), source)
    stamps = bar_starts(times, mapping, timeframe, opens, source, dates)
    rows = len(stamps)
    bars, numbers = _bars(stamps.asi8, columns, mapping.price_scale), np.arange(1, rows + 1)
    one_sided: dict[str, int] = {}
    written = times.to_numpy(dtype=object) if timeframe.of_sessions else None
    if has_sides(columns):
        bars, numbers, one_sided = two_sided(bars)
        written, rows = None if written is None else written[numbers - 1], len(numbers)
    if rows > 1 and bars.ts[0] > bars.ts[-1] and np.all(bars.ts[1:] <= bars.ts[:-1]):
        bars, numbers = select(bars, slice(None, None, -1)), numbers[::-1]
        written = None if written is None else written[::-1]
    settled, dropped = settle(
        bars,
        timeframe,
        source,
        mapping.on_violation,
        numbers=numbers,
        written=written,
        negative_prices=negative_prices,
        tick=tick,
    )
    _refuse_other_timeframe(settled.ts, timeframe, source)
    used = {ours: names[place] if mapping.header else str(place) for ours, place in where.items()}
    left_out = tuple(name if mapping.header else str(place) for place, name in enumerate(names))
    left_out = tuple(name for place, name in enumerate(left_out) if place not in where.values())
    actions, unread = _actions(table, where, stamps.asi8, settled.ts, source)
    used = {ours: theirs for ours, theirs in used.items() if ours not in unread}
    dropped = one_sided | dropped
    return Reading(frame_of(settled), kind, source, dropped, used, left_out, actions, tuple(sorted(unread.values())))


def _bars(ts: npt.NDArray[np.int64], columns: Mapping[str, Floats], scale: float) -> Bars:
    """The rows of a table as bars, of one price or of both sides; a volume or a spread that is absent is unknown."""
    if has_sides(columns):
        return quote_bars(ts, *sides(lambda name: columns[name] / scale))
    unknown = np.full(len(ts), np.nan)
    opens, highs, lows, closes = (columns[name] / scale for name in PRICES)
    return Bars(ts, opens, highs, lows, closes, columns.get("volume", unknown), columns.get("spread", unknown))


def paired(bid: Reading, ask: Reading) -> Reading:
    """Two files of prices, of the bid and of the ask, as bars of quotes; times that only one has are left out, counted.

    Raises:
        DataError: when they have no time in common.
    """
    bars, one_sided = joined(bars_of(bid.frame), bars_of(ask.frame))
    source = f"{bid.source} and {ask.source}"
    if not len(bars.ts):
        raise DataError("the two files have no time in common", where=source, remedy="name two files of the same span")
    counts = Counter(bid.dropped) + Counter(ask.dropped) + Counter({ONE_SIDED: one_sided})
    used = {ours: theirs for ours, theirs in bid.used.items() if ours in ("ts", *PRICES)}
    remarks = tuple(dict.fromkeys((*bid.remarks, *ask.remarks)))
    return Reading(frame_of(bars), BarKind.QUOTE, source, dict(counts), used, remarks=remarks)


def _actions(
    table: pa.Table, where: dict[str, int], read: npt.NDArray[np.int64], kept: npt.NDArray[np.int64], source: str
) -> tuple[ActionColumns, dict[str, str]]:
    """The columns of corporate actions for the bars that were kept, and why a column was not read, by its name.

    Args:
        read: the start of each row's bar, in the order of the file.
    """
    if not any(name in where for name in ACTION_COLUMNS):
        return NO_ACTIONS, {}
    falling = len(read) > 1 and read[0] > read[-1]
    order = np.arange(len(read))[::-1] if falling else np.arange(len(read))
    newest = dict(zip(read[order].tolist(), order.tolist(), strict=True))  # of two rows for one time the later one
    rows = np.array([newest[start] for start in kept.tolist()], dtype=np.int64)
    found, unread = {}, {}
    for name in ACTION_COLUMNS:
        if name in where:
            try:
                found[name] = _numbers(table.column(where[name]), name, source)[rows]
            except DataError as error:
                unread[name] = f"{error.what}; it is left out"
    return ActionColumns(**found), unread


def _refuse_other_timeframe(ts: npt.NDArray[np.int64], timeframe: Timeframe, source: str) -> None:
    """Refuse rows that are bars of a longer timeframe; a market that trades seldom has some rows nearer than that.

    Raises:
        DataError: when no two of at least three rows are nearer than a day, and not at most a day long; and the same
            for rows of weeks and of months.
    """
    nearest = int(np.diff(ts).min()) // 1_000_000_000 if len(ts) >= 3 else 0
    for least, (words, longer) in _APART.items():
        if timeframe.seconds < longer.seconds and nearest >= least:
            what = f"the rows are {words} apart, and no bars of {timeframe}"
            raise DataError(what, where=source, remedy=f"say --timeframe {longer}")


_APART = {
    20 * Timeframe.D1.seconds: ("weeks", Timeframe.MO1),
    5 * Timeframe.D1.seconds: ("five days or more", Timeframe.W1),
    Timeframe.D1.seconds: ("a day or more", Timeframe.D1),
}
"""How far apart the nearest rows of a longer timeframe are: weeks may lose a day to a holiday, months some days."""


def headers(table: pa.Table, source: str) -> list[str]:
    """The names of a table's columns.

    Raises:
        DataError: when one is not UTF-8 text.
    """
    try:
        names: list[str] = table.column_names
    except UnicodeDecodeError as error:
        raise DataError("the headers are not UTF-8 text", where=source, remedy="save it as CSV in UTF-8") from error
    return names


def settle(
    bars: Bars,
    timeframe: Timeframe,
    source: str,
    on_violation: Literal["refuse", "drop"] = "refuse",
    *,
    numbers: npt.NDArray[np.int64] | None = None,
    written: npt.NDArray[np.object_] | None = None,
    negative_prices: bool = False,
    tick: float = 0.0,
) -> tuple[Bars, dict[str, int]]:
    """Bars that keep the contract, and how many rows each broken rule cost.

    Of two neighbouring rows for one time the later one stays: vendors write an unfinished bar first. A high or a low
    that rounding alone keeps from open and close is no violation.

    Args:
        numbers: each bar's row in the source; None counts from 1.
        written: each bar's time as the source has it. Daily rows replace one another only where it is the same, because
            minutes of one day are no corrections of that day; None compares the starts of the bars alone.
        tick: the instrument's smallest price step; 0 takes no difference for rounding.

    Raises:
        DataError: on ``refuse``, naming rule, row, column and value; also for many rows that contradict the next one.
    """
    if intact(bars, timeframe, negative_prices=negative_prices):
        return bars, {}
    numbers = np.arange(1, len(bars.ts) + 1) if numbers is None else numbers
    rows, dropped = _Rows(without_noise(bars, tick), numbers, written), dict[str, int]()
    if on_violation == "drop":
        found = violations(rows.bars, timeframe, negative_prices=negative_prices)
        dropped = {f"{v.column}: {v.rule}": v.total for v in found if v.column != "ts"}
        rows = rows.only(~bad_values(rows.bars, timeframe, negative_prices=negative_prices))
    dated = timeframe.of_sessions and on_violation == "refuse"
    newest = rows.newest(as_written=dated)
    if not newest.all():
        if on_violation == "refuse":
            refuse_contradictions(rows.bars, newest, rows.numbers, source)
        dropped[REPLACED] = int(np.sum(~newest))
        rows = rows.only(newest)
    found = violations(rows.bars, timeframe, negative_prices=negative_prices)
    if found and on_violation == "refuse":
        raise _refusal(found, rows.numbers, source, timeframe)
    kept = ~bad_rows(rows.bars, timeframe, negative_prices=negative_prices)
    return select(rows.bars, kept), dropped | {f"{v.column}: {v.rule}": v.total for v in found}


class _Rows(NamedTuple):
    """Bars with their rows in the source, and their times as the source has them (None: not needed)."""

    bars: Bars
    numbers: npt.NDArray[np.int64]
    written: npt.NDArray[np.object_] | None

    def only(self, rows: Mask) -> _Rows:
        """Some of the rows."""
        written = None if self.written is None else self.written[rows]
        return _Rows(select(self.bars, rows), self.numbers[rows], written)

    def newest(self, *, as_written: bool) -> Mask:
        """Every row but those that the next one replaces.

        Args:
            as_written: whether the times of the two must be the same in the source as well.
        """
        replaced = self.bars.ts[1:] == self.bars.ts[:-1]
        if as_written and self.written is not None:
            replaced &= self.written[1:] == self.written[:-1]
        return np.append(~replaced, True)[: len(self.numbers)]


def _refusal(found: list[Violation], numbers: npt.NDArray[np.int64], source: str, timeframe: Timeframe) -> DataError:
    lines = []
    for broken in found:
        rows = ", ".join(str(numbers[row]) for row in broken.rows)
        lines.append(f"row {rows}: {broken.column} = {broken.values[0]}, but {broken.rule} ({broken.total} rows)")
    remedy = "correct the rows, or leave them out with on_violation: drop in a mapping file (--mapping FILE)"
    if timeframe.of_sessions and any(broken.column == "ts" and broken.total > 1 for broken in found):
        shorter = {Timeframe.D1: Timeframe.M1}.get(timeframe, Timeframe.D1)
        remedy = f"shorter bars want another --timeframe, such as {shorter}; else {remedy}"
    return DataError("; ".join(lines), where=source, remedy=remedy)


_LONGEST_TEXT = 256
"""Characters of a text that may still be a time or a number."""


def _decoded(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    """A column whose texts are kept once each as one that repeats them, if they are no longer than any time is.

    Raises:
        DataError: for longer ones: a small file would fill the memory.
    """
    if not pa.types.is_dictionary(column.type):
        return column
    for chunk in column.chunks:
        if (pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0) > _LONGEST_TEXT:
            what = f"column {name} holds texts of more than {_LONGEST_TEXT} characters"
            raise DataError(what, where=source, remedy="name another column")
    return column.cast(column.type.value_type)


def _times(column: pa.ChunkedArray, source: str) -> pd.Series:
    column = _decoded(column, "ts", source)
    if pa.types.is_binary(column.type):
        raise DataError("the times are not UTF-8 text", where=source, remedy="fetch the file again")
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    try:
        times: pd.Series = column.to_pandas()
    except KeyError as error:  # of either library of time zones
        what = f"the zone of its times, {shown(column.type.tz)}, is not known"
        raise DataError(what, where=source, remedy="write the times in UTC") from error
    return times


def _numbers(column: pa.ChunkedArray, name: str, source: str) -> Floats:
    """Empty cells become NaN, which the contract refuses where a number is needed."""
    column = _decoded(column, name, source)
    if pa.types.is_boolean(column.type):
        raise DataError(f"column {name} holds truth values, no numbers", where=source, remedy="name another column")
    try:
        if pa.types.is_decimal(column.type):
            column = pc.cast(column, pa.string())  # by their digits: Arrow's own way is a rounding beside the nearest
        numbers = pc.cast(column, pa.float64(), safe=not pa.types.is_integer(column.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        cell = _NOT_A_NUMBER.search(str(error))
        told = f"column {name}: {shown(cell[1])} is not a number" if cell else f"column {name} holds no numbers"
        remedy = "write plain digits with a decimal point: no thousands signs, currency signs or decimal commas"
        raise DataError(told, where=source, remedy=remedy) from error
    return np.array(numbers.to_numpy(), dtype=np.float64)
