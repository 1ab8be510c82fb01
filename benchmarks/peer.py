"""The peer of the engine benchmarks: vectorbt's in-process API on arrays, with its compiled functions cached."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Bars

CASH, FEE = 10_000.0, 0.001


class Outcome(NamedTuple):
    """One value per parameter set."""

    final_equity: npt.NDArray[np.float64]
    trades: npt.NDArray[np.int64]
    max_drawdown: npt.NDArray[np.float64]


def walk(count: int, seed: int = 7) -> Bars:
    """A minute-bar walk without ties."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, count)))
    open_ = np.concatenate(([100.0], close[:-1])) * np.exp(rng.normal(0.0, 1e-4, count))
    high, low = np.maximum(open_, close) * 1.0005, np.minimum(open_, close) * 0.9995
    stamps = np.arange(count, dtype=np.int64) * 60 * 10**9
    return Bars(stamps, open_, high, low, close, np.full(count, 1e6), np.full(count, np.nan))


class VectorbtCross:
    """Moving-average crosses in vectorbt: long only, all the cash, whole shares, filled at the next open."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import vectorbt as vbt
        vbt.portfolio.nb.simulate_from_signals_nb.enable_caching()
        self.vbt = vbt

    def run(self, bars: Bars, pairs: Sequence[tuple[int, int]]) -> Outcome:
        """All pairs in one call: indicators, signals, fills, and the figures that our totals hold."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            fast, slow = (self.vbt.MA.run(bars.close, [pair[k] for pair in pairs]) for k in (0, 1))
            above, below = fast.ma_crossed_above(slow.ma).to_numpy(), fast.ma_crossed_below(slow.ma).to_numpy()
            portfolio = self.vbt.Portfolio.from_signals(
                bars.close[:, None],
                _next_bar(above),
                _next_bar(below),
                price=bars.open[:, None],
                init_cash=CASH,
                fees=FEE,
                size_granularity=1.0,
                freq="1min",
            )
            final = np.atleast_1d(np.asarray(portfolio.final_value()))
            drawdown = np.atleast_1d(np.asarray(portfolio.max_drawdown()))
            trades = np.atleast_1d(np.asarray(portfolio.trades.closed.count()))
            portfolio.sharpe_ratio()
            portfolio.trades.win_rate()
            portfolio.orders.fees.sum()
        return Outcome(final, trades, drawdown)


def _next_bar(signals: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    table = signals.reshape(len(signals), -1)
    return np.vstack([np.zeros((1, table.shape[1]), bool), table[:-1]])
