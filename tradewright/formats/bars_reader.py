"""From a foreign table to a checked bars table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tradewright.formats.mapping import ColumnMapping, positions
from tradewright.formats.times import SessionDates, SessionOpens, bar_starts
from tradewright.model.bar_rules import Violation, bad_rows, frame_of, intact, select, violations
from tradewright.model.bars import BarKind, Bars, Floats, Timeframe
from tradewright.model.errors import DataError

_NOT_A_NUMBER = re.compile(r"Failed to parse string: '(.*)' as a scalar")


@dataclass(frozen=True)
class Reading:
    """The result of a reader: a bars table that keeps the schema, and the number of rows left out of it.

    ``dropped`` says for each broken rule how many rows broke it; empty unless the caller asked for dropping (or, for
    quotes, a side was missing).

    Args:
        used: our column to theirs, by header, or by position from 0 where there is no header.
        left_out: the headers of the columns that were not used, such as an adjusted close.
    """

    frame: pd.DataFrame
    kind: BarKind
    source: str
    dropped: dict[str, int] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def read_table(
    table: pa.Table,
    mapping: ColumnMapping,
    timeframe: Timeframe,
    *,
    source: str,
    opens: SessionOpens | None = None,
    dates: SessionDates | None = None,
    negative_prices: bool = False,
) -> Reading:
    """A foreign table as bars. Rows in falling order of time are turned round.

    A volume or a spread that is absent or empty is unknown (NaN): 0 would say that nothing was traded.

    Raises:
        DataError: when columns, times or values break the contract; nothing of the table is used then.
    """
    names = headers(table, source)
    where = positions(mapping, names, source)
    columns = {name: _numbers(table.column(index), name, source) for name, index in where.items() if name != "ts"}
    stamps = bar_starts(_times(table.column(where["ts"]), source), mapping, timeframe, opens, source, dates)
    rows = len(stamps)
    unknown = np.full(rows, np.nan)
    bars = Bars(
        stamps.asi8,
        columns["open"] / mapping.price_scale,
        columns["high"] / mapping.price_scale,
        columns["low"] / mapping.price_scale,
        columns["close"] / mapping.price_scale,
        columns.get("volume", unknown),
        columns.get("spread", unknown),
    )
    numbers = np.arange(1, rows + 1)
    if rows > 1 and np.all(bars.ts[1:] < bars.ts[:-1]):
        bars, numbers = select(bars, numbers[::-1] - 1), numbers[::-1]
    settled, dropped = settle(
        bars, timeframe, source, mapping.on_violation, numbers=numbers, negative_prices=negative_prices
    )
    _refuse_other_timeframe(settled.ts, timeframe, source)
    used = {ours: names[place] if mapping.header else str(place) for ours, place in where.items()}
    left_out = tuple(name if mapping.header else str(place) for place, name in enumerate(names))
    left_out = tuple(name for place, name in enumerate(left_out) if place not in where.values())
    return Reading(frame_of(settled), BarKind.TRADE, source, dropped, used, left_out)


def _refuse_other_timeframe(ts: npt.NDArray[np.int64], timeframe: Timeframe, source: str) -> None:
    """Refuse daily rows as bars of minutes or hours; a market that trades seldom has some rows nearer than a day.

    Raises:
        DataError: when no two of at least three rows are less than a day apart.
    """
    nearest = int(np.diff(ts).min()) // 1_000_000_000 if len(ts) >= 3 else 0
    if timeframe is not Timeframe.D1 and nearest >= Timeframe.D1.seconds:
        what = f"the rows are a day or more apart, and no bars of {timeframe}"
        raise DataError(what, where=source, remedy=f"say --timeframe {Timeframe.D1}")


def headers(table: pa.Table, source: str) -> list[str]:
    """The names of a table's columns.

    Raises:
        DataError: when one is not UTF-8 text.
    """
    try:
        names: list[str] = table.column_names
    except UnicodeDecodeError as error:
        raise DataError("the headers are not UTF-8 text", where=source, remedy="fetch the file again") from error
    return names


def settle(
    bars: Bars,
    timeframe: Timeframe,
    source: str,
    on_violation: Literal["refuse", "drop"] = "refuse",
    *,
    numbers: npt.NDArray[np.int64] | None = None,
    negative_prices: bool = False,
) -> tuple[Bars, dict[str, int]]:
    """Bars that keep the contract, and how many rows each broken rule cost.

    Args:
        numbers: each bar's row in the source; None counts from 1.

    Raises:
        DataError: on ``refuse``, naming rule, row, column and value.
    """
    if intact(bars, timeframe, negative_prices=negative_prices):
        return bars, {}
    found = violations(bars, timeframe, negative_prices=negative_prices)
    if on_violation == "refuse":
        raise _refusal(found, np.arange(1, len(bars.ts) + 1) if numbers is None else numbers, source, timeframe)
    kept = ~bad_rows(bars, timeframe, negative_prices=negative_prices)
    return select(bars, kept), {f"{v.column}: {v.rule}": v.total for v in found}


def _refusal(found: list[Violation], numbers: npt.NDArray[np.int64], source: str, timeframe: Timeframe) -> DataError:
    lines = []
    for broken in found:
        rows = ", ".join(str(numbers[row]) for row in broken.rows)
        lines.append(f"row {rows}: {broken.column} = {broken.values[0]}, but {broken.rule} ({broken.total} rows)")
    remedy = "correct the rows, or leave them out with on_violation: drop in a mapping file (--mapping FILE)"
    if timeframe is Timeframe.D1 and any(broken.column == "ts" and broken.total > 1 for broken in found):
        remedy = f"bars of less than a day want another --timeframe, such as {Timeframe.M1}; else {remedy}"
    return DataError("; ".join(lines), where=source, remedy=remedy)


def _times(column: pa.ChunkedArray, source: str) -> pd.Series:
    if pa.types.is_binary(column.type):
        raise DataError("the times are not UTF-8 text", where=source, remedy="fetch the file again")
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    times: pd.Series = column.to_pandas()
    return times


def _numbers(column: pa.ChunkedArray, name: str, source: str) -> Floats:
    """Empty cells become NaN, which the contract refuses where a number is needed."""
    try:
        numbers = pc.cast(column, pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        cell = _NOT_A_NUMBER.search(str(error))
        told = f"column {name}: {cell[1]!r} is not a number" if cell else f"column {name} holds no numbers"
        remedy = "write plain digits with a decimal point: no thousands signs, currency signs or decimal commas"
        raise DataError(told, where=source, remedy=remedy) from error
    return np.array(numbers.to_numpy(), dtype=np.float64)
