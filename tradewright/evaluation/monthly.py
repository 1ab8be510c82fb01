"""The monthly table: what each calendar month (UTC) earned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.sampling import last_of_run, returns_of
from tradewright.model.bars import Floats, Times

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class YearRow:
    """One year of the table; returns are fractions."""

    year: int
    months: tuple[float | None, ...]
    """Twelve returns, January first; None for a month without bars."""
    total: float
    """The year's return."""


def months_of(ts: Times) -> npt.NDArray[np.int64]:
    """The UTC month of each bar, as months since January 1970."""
    return ts.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


def period_gains(result: BacktestResult, labels: npt.NDArray[np.int64]) -> Floats:
    """The money gained in each run of bars with an equal label (a month, a year), the first from the starting cash."""
    return np.diff(result.equity[last_of_run(labels)], prepend=result.initial_cash)


def monthly_table(result: BacktestResult) -> tuple[YearRow, ...]:
    """A row per year from the first to the last bar, in order; empty for no bars.

    A month's return is its last equity against the last equity before it (the starting cash for the first); the months
    of a year compound to its total, also across months without bars.
    """
    months = months_of(result.bars.ts)
    by_month = _period_returns(result, months)
    by_year = _period_returns(result, months // 12)
    return tuple(
        YearRow(
            year=1970 + year,
            months=tuple(by_month.get(year * 12 + month) for month in range(12)),
            total=total,
        )
        for year, total in by_year.items()
    )


def _period_returns(result: BacktestResult, labels: npt.NDArray[np.int64]) -> dict[int, float]:
    last = last_of_run(labels)
    returns = returns_of(np.concatenate(([result.initial_cash], result.equity[last])))
    return dict(zip(labels[last].tolist(), returns.tolist(), strict=True))
