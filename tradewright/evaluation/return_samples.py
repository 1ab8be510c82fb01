"""The inputs of the statistics of luck: series and tables of returns, refused where they are not finite numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats
from tradewright.model.errors import DataError


class ReturnsRefused(DataError):
    """A series or table of returns has the wrong shape, or holds a value that is not a finite number."""


def return_series(values: npt.ArrayLike, name: str = "returns") -> Floats:
    """``values`` as a contiguous, writable float64 series, copied only where they are not one already.

    Nothing writes to it. But numba compiles anew for arrays that are marked read-only, as pandas marks its own.

    Raises:
        ReturnsRefused: not one dimension, or a value that is not finite, by its place.
    """
    series = np.ascontiguousarray(values, dtype=np.float64)
    if np.ndim(values) != 1:
        raise ReturnsRefused(f"{np.ndim(values)} dimensions", where=name, remedy="pass one series")
    _finite(series, name)
    return series if series.flags.writeable else series.copy()


def return_table(values: npt.ArrayLike, name: str = "returns", *, rows: int = 2, columns: int = 1) -> Floats:
    """``values`` as a float64 table, one row per period and one column per trial.

    Args:
        rows: the least number of periods.
        columns: the least number of trials.

    Raises:
        ReturnsRefused: not two dimensions, too few rows or columns, or a value that is not finite, by its place.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ReturnsRefused(f"{table.ndim} dimensions", where=name, remedy="one row per period, one column per trial")
    if table.shape[0] < rows or table.shape[1] < columns:
        least = f"at least {rows} periods of at least {columns} trials are needed"
        raise ReturnsRefused(f"{table.shape[0]} periods of {table.shape[1]} trials", where=name, remedy=least)
    _finite(table, name)
    return table


def _finite(values: Floats, name: str) -> None:
    if np.isfinite(values).all():
        return
    place = tuple(int(axis[0]) for axis in np.nonzero(~np.isfinite(values)))
    where = f"{name}{list(place)}"
    raise ReturnsRefused(f"{values[place]} is no return", where=where, remedy="leave out periods without a return")
