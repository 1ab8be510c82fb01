"""The sets of a sweep on several instruments are the pooled results of their own runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.backtest.test_other_currency import rates
from tests.backtest.test_sweep import GRID, SPEC
from tradewright.backtest.engine import run
from tradewright.backtest.pooled_sets import pool, pooled_curve, pooled_sweep
from tradewright.backtest.sweep_plan import BLOCK
from tradewright.backtest.workers import Threads
from tradewright.evaluation.aggregate import pooled
from tradewright.model.bars import Bars


def shifted(bars: Bars, by: int) -> Bars:
    return bars._replace(ts=bars.ts + by)


@pytest.fixture
def accounts(make_bars):
    """Three instruments: one that begins later, one between the bars of the others, one in another currency."""
    step = int(np.diff(make_bars(1, 2).ts)[0])
    later, between = shifted(make_bars(2, 120), 50 * step), shifted(make_bars(3, 150), step // 2)
    foreign = replace(SPEC, conversion=rates(3, 150, paid=False))
    return [(make_bars(1, 200), SPEC), (later, replace(SPEC, multiplier=2.0)), (between, foreign)]


def test_every_set_is_the_pool_of_its_runs(accounts):
    sets = pool(GRID, accounts)
    totals = pooled_sweep(GRID, accounts, workers=Threads(2))
    assert len(totals) == len(GRID)
    for row in range(0, len(GRID), 7):
        together = pooled({str(place): run(GRID[row], *account) for place, account in enumerate(accounts)})
        curve = pooled_curve(sets, row)
        np.testing.assert_allclose(curve.equity, together.equity, rtol=1e-12)
        np.testing.assert_allclose(curve.value, together.equity - together.cash, rtol=1e-9, atol=1e-6)
        equity, trades = together.equity, together.trades
        returns = np.diff(equity) / equity[:-1]
        deepest = (equity / np.maximum.accumulate(np.r_[3 * SPEC.cash, equity])[1:] - 1.0).min()
        expected = {
            "final_equity": equity[-1],
            "net_profit": equity[-1] - 3 * SPEC.cash,
            "total_return": equity[-1] / (3 * SPEC.cash) - 1.0,
            "max_drawdown": deepest,
            "sharpe": returns.mean() / returns.std(ddof=1),
            "exposure": (together.position != 0).mean(),
            "win_rate": (trades["profit"] > 0).mean(),
            "trades": len(trades),
            "wins": (trades["profit"] > 0).sum(),
            "orders": together.orders,
            "fills": len(together.fills),
            "fees": together.fills["fee"].sum(),
        }
        assert set(expected) == set(totals.dtype.names)
        assert {name: totals[name][row] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_a_stopped_sweep_goes_on_to_the_same_totals(accounts, tmp_path):
    whole = pooled_sweep(GRID, accounts)

    def stop(done: int, _all: int) -> None:
        if done >= BLOCK:
            raise KeyboardInterrupt

    file = tmp_path / "sweep.rows"
    with pytest.raises(KeyboardInterrupt):
        pooled_sweep(GRID, accounts, progress=stop, kept=file)
    assert file.exists()
    assert pooled_sweep(GRID, accounts, kept=file).tobytes() == whole.tobytes()
    assert not file.exists()
