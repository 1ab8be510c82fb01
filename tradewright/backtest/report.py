"""The full report by vectorbt, an independent check of our accounting. The only module that imports vectorbt."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.backtest.result import BacktestResult
from tradewright.model.bars import Floats
from tradewright.model.errors import DataError, TradewrightError

if TYPE_CHECKING:
    from vectorbt import Portfolio

TOLERANCE = 1e-9
"""The tolerated difference from vectorbt's equity, a share of the largest equity, for the order of summation."""

VECTORBT_BUY, VECTORBT_SELL = 0, 1


class VectorbtMissing(TradewrightError):
    """The full report was asked for where vectorbt is not installed."""


class RefereeDisagrees(TradewrightError):
    """vectorbt, given the same fills, arrives at another equity: one of the two accounts is wrong."""


@dataclass(frozen=True)
class FullReport:
    """The report of vectorbt on a backtest, from its fills."""

    stats: dict[str, float | int | str | None]
    """vectorbt's own figures under its own names (percent, not fractions); None where it has no value."""
    orders: pd.DataFrame
    trades: pd.DataFrame
    """Closed and open trades in vectorbt's readable form, one row each."""
    plots: str
    """A self-contained HTML document with vectorbt's plots."""
    largest_difference: float
    """The largest difference between vectorbt's and our equity over all bars, in money."""


def full_report(result: BacktestResult, instrument: str, periods_per_year: float = 252) -> FullReport:
    """Rebuild the account in vectorbt from the recorded fills, compare every bar's equity, and report.

    The fills are given as order records, not simulated again: a reversal fills twice on one bar and an overdraft leaves
    cash below zero, which vectorbt's simulators allow neither. Importing vectorbt takes 5 to 9 seconds, its first
    figures another 10 while it compiles.

    Args:
        instrument: the column's name in tables and plots.
        periods_per_year: bars per year, for vectorbt's annualised figures.

    Raises:
        VectorbtMissing: vectorbt is not installed.
        RefereeDisagrees: its equity is not ours.
        DataError: there are no bars, or differences in another currency are settled, which vectorbt cannot book.
    """
    if len(result.equity) == 0:
        raise DataError("no bars to report on", where=instrument, remedy="backtest a period that has bars")
    if len(result.adjustments):
        raise DataError(
            "vectorbt knows no corporate actions, and this account met some",
            where=instrument,
            remedy="use --report, or adjusted prices (backtest.prices=total_return)",
        )
    if result.conversion is not None and (not result.conversion.paid_in_full or bool((result.position < 0).any())):
        raise DataError(
            f"vectorbt keeps accounts in one currency, and this one settles {result.conversion.stated()}",
            where=instrument,
            remedy="use --report, whose figures are in the account's currency",
        )
    with _known_warnings_ignored():
        portfolio, bar_length = _portfolio(result, instrument)
        difference = _referee(result, portfolio.value().to_numpy(), instrument)
        stats = portfolio.stats(settings={"year_freq": bar_length * periods_per_year})
        return FullReport(
            stats={str(name): _plain(value) for name, value in stats.items()},
            orders=portfolio.orders.records_readable,
            trades=portfolio.trades.records_readable,
            plots=portfolio.plot().to_html(include_plotlyjs=True, full_html=True),
            largest_difference=difference,
        )


def _portfolio(result: BacktestResult, instrument: str) -> tuple[Portfolio, pd.Timedelta]:
    try:
        from vectorbt import Portfolio
        from vectorbt.base.array_wrapper import ArrayWrapper
        from vectorbt.portfolio.enums import log_dt, order_dt
    except ImportError as error:
        raise VectorbtMissing(
            f"the full report needs vectorbt, which is not installed: {error}",
            remedy="install the extra: pip install -e '.[report]'",
        ) from error
    index = pd.DatetimeIndex(result.bars.ts.astype("datetime64[ns]"), tz="UTC")
    bar_length = index.to_series().diff().median() if len(index) > 1 else pd.Timedelta(days=1)
    wrapper = ArrayWrapper(index, pd.Index([instrument]), 1, freq=bar_length)
    close = pd.Series(result.marks, index=index, name=instrument)
    orders = _order_records(result, order_dt)
    cash = float(result.initial_cash)  # vectorbt reads an integer as one of its modes
    return Portfolio(wrapper, close, orders, np.zeros(0, dtype=log_dt), cash, cash_sharing=False), bar_length


def _order_records(result: BacktestResult, order_dt: np.dtype[np.void]) -> npt.NDArray[np.void]:
    fills = result.fills
    orders = np.zeros(len(fills), dtype=order_dt)
    orders["id"] = np.arange(len(fills))
    orders["idx"] = fills["bar"]
    orders["size"] = fills["quantity"] * result.multiplier
    orders["price"] = fills["price"] * fills["rate"]
    orders["fees"] = fills["fee"]
    orders["side"] = np.where(fills["side"] > 0, VECTORBT_BUY, VECTORBT_SELL)
    return orders


def _referee(result: BacktestResult, equity: Floats, instrument: str) -> float:
    difference = np.abs(equity - result.equity)
    worst = int(difference.argmax())
    if not difference[worst] <= TOLERANCE * max(result.initial_cash, float(np.abs(result.equity).max())):
        raise RefereeDisagrees(
            f"equity is {result.equity[worst]:.10g} in our account and {equity[worst]:.10g} in vectorbt's",
            where=f"{instrument}, bar {worst}",
            remedy="do not use this backtest; report the case with its settings and data hash",
        )
    return float(difference[worst])


@contextmanager
def _known_warnings_ignored() -> Iterator[None]:
    """Silence what vectorbt 1.2 sets off in pandas 3.1 and cannot be helped from here."""
    with warnings.catch_warnings():
        # vectorbt still renames with inplace=True, which pandas 4 will drop
        warnings.filterwarnings("ignore", category=pd.errors.Pandas4Warning, module=r"vectorbt\.")
        yield


def _plain(value: float | pd.Timestamp | pd.Timedelta) -> float | int | str | None:
    """A figure of vectorbt as a plain value; None for its NaN, infinity or missing duration."""
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return None if pd.isna(value) else str(value)
