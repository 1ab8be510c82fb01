"""Rows that are no single series of bars: of several instruments, or of several prices for one time."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tradewright.formats.plain_files import shown
from tradewright.model.bar_rules import Mask
from tradewright.model.bars import Bars
from tradewright.model.errors import DataError

_NAMES = frozenset(
    {"symbol", "ticker", "tic", "instrument", "security", "stock", "name", "isin", "cusip", "sedol", "figi", "ric"}
    | {"permno", "secid", "pair", "asset", "currency_pair", "act_symbol", "stock_symbol", "ticker_symbol", "stock_name"}
)
"""Headers of columns that say whose row it is."""
_FEW, _SHARE = 2, 0.1
"""Times with contradicting rows that are taken for a vendor's corrections: two, or less than a tenth of all."""


def refuse_several(table: pa.Table, names: Sequence[str], used: Container[int], source: str) -> None:
    """Refuse a table that tells of more than one instrument; empty cells tell of none.

    Args:
        names: the headers of its columns.
        used: the positions of the columns of bars.

    Raises:
        DataError: naming the column and two of its values: the rows of two instruments would become one series.
    """
    for place, name in enumerate(names):
        column = table.column(place)
        if place in used or name.strip().lower().replace(" ", "_") not in _NAMES or pa.types.is_nested(column.type):
            continue
        told = [cell for cell in pc.unique(column).to_pylist() if cell not in (None, "")]
        if len(told) > 1:
            raise DataError(
                f"the rows of {len(told)} instruments: column {name!r} holds {shown(told[0])} and {shown(told[1])}",
                where=source,
                remedy=f"write the rows of each into a file of its own, and import each; or leave {name!r} out of it",
            )


def refuse_contradictions(bars: Bars, newest: Mask, numbers: npt.NDArray[np.int64], source: str) -> None:
    """Refuse rows of which many share their time with a row of other prices.

    One row that replaces another is a vendor's correction. Many are a date without its time of day, or another
    instrument's rows in between.

    Args:
        newest: each row but those that the next one replaces.
        numbers: each bar's row in the source.

    Raises:
        DataError: naming the first two such rows.
    """
    prices = np.column_stack((bars.open, bars.high, bars.low, bars.close))
    replaced = np.flatnonzero(~newest)
    other = replaced[np.any(prices[replaced] != prices[replaced + 1], axis=1)]
    if len(other) > max(_FEW, _SHARE * np.count_nonzero(newest)):
        first, second = int(numbers[other[0]]), int(numbers[other[0] + 1])
        raise DataError(
            f"{len(other)} rows have the time of the next row and other prices, first rows {first} and {second}",
            where=source,
            remedy="write each instrument into a file of its own, and the time of day into the column of the date",
        )
