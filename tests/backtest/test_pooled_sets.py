"""The sets of a sweep on several instruments are the pooled results of their own runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.backtest.test_other_currency import rates
from tests.backtest.test_sweep import GRID, SPEC
from tradewright.backtest.engine import run
from tradewright.backtest.pooled_sets import kept_totals, pool, pooled_curve, pooled_totals
from tradewright.backtest.sweep import BLOCK, prepare
from tradewright.evaluation.aggregate import pooled
from tradewright.model.bars import Bars


def shifted(bars: Bars, by: int) -> Bars:
    return bars._replace(ts=bars.ts + by)


@pytest.fixture
def accounts(make_bars):
    """Three instruments: one that begins later, one between the bars of the others, one in another currency."""
    step = int(np.diff(make_bars(1, 2).ts)[0])
    bars = {
        "A": make_bars(1, 200),
        "B": shifted(make_bars(2, 120), 50 * step),
        "C": shifted(make_bars(3, 150), step // 2),
    }
    specs = {"A": SPEC, "B": replace(SPEC, multiplier=2.0), "C": replace(SPEC, conversion=rates(3, 150, paid=False))}
    return bars, specs


def prepared(accounts):
    bars, specs = accounts
    return pool([prepare(GRID, bars[name], specs[name]) for name in bars], [each.ts for each in bars.values()])


def test_every_set_is_the_pool_of_its_runs(accounts):
    bars, specs = accounts
    sets = prepared(accounts)
    totals = pooled_totals(GRID, sets, threads=2)
    assert len(totals) == len(GRID)
    for row in range(0, len(GRID), 7):
        together = pooled({name: run(GRID[row], bars[name], specs[name]) for name in bars})
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


def test_what_was_computed_before_a_stop_is_not_computed_again(accounts, tmp_path):
    sets = prepared(accounts)
    whole = pooled_totals(GRID, sets)

    def stop(done: int, _all: int) -> None:
        if done >= BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pooled_totals(GRID, sets, progress=stop, kept=kept_totals(tmp_path, "sweep", len(GRID)))
    again = kept_totals(tmp_path, "sweep", len(GRID))
    assert again.done >= BLOCK
    assert pooled_totals(GRID, sets, kept=again).tobytes() == whole.tobytes()
