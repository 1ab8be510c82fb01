"""The table ``metrics_window``: figures of the newest periods, at the end of each period (R-MET-06, R-MET-16)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import (
    NOISE,
    Sampling,
    capped,
    capped_ratio,
    periods_per_year,
    sample_indices,
)
from tradewright.evaluation.formatting import percent, ratio
from tradewright.evaluation.metrics import sampled_returns, traded_values
from tradewright.evaluation.risk_free import idle_returns
from tradewright.model.bars import Floats, Times
from tradewright.model.risk_free import RiskFree

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

WINDOW = np.dtype(
    [
        ("window", np.int64),
        ("ts", np.int64),
        ("sharpe", np.float64),
        ("sortino", np.float64),
        ("turnover", np.float64),
        ("hit_rate", np.float64),
        ("trades", np.int64),
    ]
)
"""One window: its length in periods, the start of its last bar (nanoseconds UTC), the ratios of its returns as of a
backtest, the traded value / mean equity over it, the share of the trades that were closed in it with a profit above
zero, and how many were; 0 where there is none."""

CHUNK_VALUES = 4_000_000
"""Returns held at once in windows, 32 MB."""

Windows = npt.NDArray[np.void]


def metrics_window(
    result: BacktestResult, windows: Sequence[int], sampling: Sampling, days_per_year: float, risk_free: RiskFree = 0.0
) -> Windows:
    """An array of ``WINDOW``: by window in the order given, then by time; a window longer than the run has no row.

    Args:
        windows: lengths in periods of the returns (sessions, or bars where there are too few), each at least 2.
        sampling, days_per_year, risk_free: as for :func:`~tradewright.evaluation.metrics.evaluate`.
    """
    returns, used = sampled_returns(result, sampling)
    per_year = periods_per_year(result.bars.ts, used, days_per_year, result.days)
    ends = sample_indices(result.bars.ts, used, result.days)
    excess = returns - idle_returns(risk_free, result, used, per_year)
    parts = [_of_length(result, returns, excess, ends, length, per_year) for length in windows]
    return np.concatenate([np.empty(0, WINDOW), *parts])


def _of_length(
    result: BacktestResult,
    returns: Floats,
    excess: Floats,
    ends: npt.NDArray[np.intp],
    length: int,
    per_year: float,
) -> Windows:
    if length > len(returns):
        return np.empty(0, WINDOW)
    rows = np.zeros(len(returns) - length + 1, WINDOW)
    last = ends[length - 1 :]
    before = np.concatenate(([-1], ends[: len(returns) - length]))
    rows["window"], rows["ts"] = length, result.bars.ts[last]
    rows["sharpe"], rows["sortino"] = _ratios(returns, excess, length, math.sqrt(per_year))
    trades, bars = result.trades, len(result.bars.ts)
    closed = _per_bar(trades["exit_bar"], np.ones(len(trades)), bars)
    won = _per_bar(trades["exit_bar"], trades["profit"] > 0, bars)
    value = _per_bar(result.fills["bar"], traded_values(result), bars)
    rows["trades"] = _between(closed, before, last)
    rows["hit_rate"] = _between(won, before, last) / np.maximum(rows["trades"], 1)
    equity = _between(result.equity, before, last) / np.maximum(last - before, 1)
    moved = zip(_between(value, before, last).tolist(), equity.tolist(), strict=True)
    rows["turnover"] = [capped_ratio(max(each, 0.0), mean) if mean > 0 else 0.0 for each, mean in moved]
    return rows


def _per_bar(places: Times, amounts: npt.ArrayLike, bars: int) -> Floats:
    return np.bincount(places, weights=amounts, minlength=bars).astype(np.float64)


def _between(values: Floats, before: npt.NDArray[np.intp], last: npt.NDArray[np.intp]) -> Floats:
    """The sum of the values after each ``before`` up to ``last``."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    found: Floats = sums[last + 1] - sums[before + 1]
    return found


def _ratios(returns: Floats, excess: Floats, length: int, scale: float) -> tuple[Floats, Floats]:
    """Sharpe and Sortino ratios of each window, by the definitions of a backtest."""
    views, above = (np.lib.stride_tricks.sliding_window_view(each, length) for each in (returns, excess))
    sharpe, sortino = np.zeros(len(views)), np.zeros(len(views))
    step = max(1, CHUNK_VALUES // length)
    for start in range(0, len(views), step):
        part = slice(start, start + step)
        seen, won = views[part], above[part]
        mean, spread = won.mean(axis=1), seen.std(axis=1, ddof=1)
        downside = np.sqrt(np.square(np.minimum(won, 0.0)).mean(axis=1))
        moved = spread > NOISE
        sharpe[part] = np.divide(mean, spread, out=np.zeros(len(seen)), where=moved) * scale
        sortino[part] = [
            capped(capped_ratio(each, pain) * scale) if varied else 0.0
            for each, pain, varied in zip(mean.tolist(), downside.tolist(), moved.tolist(), strict=True)
        ]
    return np.vectorize(capped, otypes=[np.float64])(sharpe), sortino


WINDOW_HEADER = ("Returns", "Until", "Sharpe", "Lowest", "Highest", "Sortino", "Turnover", "Hit rate", "Trades")


def window_lines(rows: Windows) -> list[tuple[str, ...]]:
    """The newest window of each length as text, with the lowest and the highest Sharpe ratio of all of that length."""
    parts = [rows[rows["window"] == length] for length in dict.fromkeys(rows["window"].tolist())]
    return [
        (
            f"{part[-1]['window']:,}",
            str(part[-1]["ts"].astype("datetime64[ns]").astype("datetime64[m]")).replace("T", " "),
            *(ratio(each) for each in (part[-1]["sharpe"], part["sharpe"].min(), part["sharpe"].max())),
            *(ratio(part[-1][name]) for name in ("sortino", "turnover")),
            percent(float(part[-1]["hit_rate"]), 1),
            f"{part[-1]['trades']:,}",
        )
        for part in parts
    ]


def window_table(rows: Windows) -> pd.DataFrame:
    """The rows as a table with UTC time stamps."""
    import pandas as pd

    table = pd.DataFrame({name: rows[name] for name in WINDOW.names or ()})
    table["ts"] = pd.to_datetime(table["ts"], unit="ns", utc=True)
    return table


def window_problems(table: pd.DataFrame) -> list[str]:
    """What :func:`window_schema` finds in a table, a sentence for each failed rule; empty is the good result."""
    import pandera.errors

    try:
        window_schema().validate(table, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        return [f"{row.column}: {row.check} fails for {row.failure_case}" for row in cases.itertuples()]
    return []


def window_schema() -> pa.DataFrameSchema:
    """The Pandera model ``MetricsWindow``; no value is missing or infinite."""
    import pandera.pandas as pa

    finite = pa.Check.in_range(-1e6, 1e6)
    return pa.DataFrameSchema(
        {
            "window": pa.Column("int64", pa.Check.ge(2)),
            "ts": pa.Column("datetime64[ns, UTC]"),
            "sharpe": pa.Column("float64", finite),
            "sortino": pa.Column("float64", finite),
            "turnover": pa.Column("float64", pa.Check.in_range(0, 1e6)),
            "hit_rate": pa.Column("float64", pa.Check.in_range(0, 1)),
            "trades": pa.Column("int64", pa.Check.ge(0)),
        },
        strict=True,
        unique=["window", "ts"],
        name="MetricsWindow",
    )
