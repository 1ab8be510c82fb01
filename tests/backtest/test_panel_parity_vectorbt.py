"""vectorbt as the referee of the shared account: target weights, one cash, fill for fill.

Domain: long only, market orders at the next open, fees by value, weights that leave cash, lots so small that rounding
to them does not count (vectorbt rounds the order, we the position), all instruments from the first bar to the last.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.backtest.conftest import random_bars
from tests.backtest.test_parity_vectorbt import vbt
from tests.support.quick_compiler import compiling_quickly
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import BpsCosts, CostModel, NoCosts
from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature

__all__ = ["vbt"]
CASH, LOT, BARS, MEMBERS = 50_000.0, 1e-7, 120, 5


def scripted(i: int, features: Tables, _params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """The weights that the test wrote into the volumes; NaN is no wish."""
    if features[0][i, 0] != features[0][i, 0]:
        return False
    for n in range(len(out)):
        out[n] = features[0][i, n]
    return True


@dataclass(frozen=True)
class Scripted:
    """Allocates the weights in the columns of volumes."""

    name = "scripted"
    allocate = staticmethod(scripted)
    rebalance = Rebalance.BAR

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("volume"),)

    def parameters(self) -> tuple[float, ...]:
        return ()


def script(rng: np.random.Generator, often: float) -> Floats:
    """Weights by bar and instrument that add up to less than the equity; NaN rows have no wish."""
    weights = rng.dirichlet(np.ones(MEMBERS), BARS) * rng.uniform(0.2, 0.9, (BARS, 1))
    weights[rng.random((BARS, MEMBERS)) < 0.2] = 0.0
    weights[rng.random(BARS) > often] = np.nan
    return weights


def referee(vbt: Any, opens: Floats, closes: Floats, weights: Floats, fees: float) -> Any:
    sizes = np.vstack([np.full((1, MEMBERS), np.nan), weights[:-1]])
    return vbt.Portfolio.from_orders(
        closes,
        size=sizes,
        size_type="targetpercent",
        price=opens,
        val_price=np.vstack([opens[:1], closes[:-1]]),
        fees=fees,
        init_cash=CASH,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
        freq="1D",
    )


@pytest.mark.parametrize(
    ("seed", "often", "costs"), [(1, 0.1, NoCosts()), (2, 0.5, BpsCosts(20.0)), (3, 1.0, BpsCosts(5.0))]
)
def test_target_weights_of_one_cash_fill_for_fill(vbt: Any, seed: int, often: float, costs: CostModel) -> None:
    rng = np.random.default_rng(seed)
    weights = script(rng, often)
    bars = {
        f"I{n}": random_bars(10 * seed + n, BARS, gap=0.003)._replace(volume=weights[:, n].copy())
        for n in range(MEMBERS)
    }
    panel = panel_of(bars, dict.fromkeys(bars, BacktestSpec(cash=CASH, costs=costs, lot_size=LOT)))
    ours = run_panel(Scripted(), panel, SharedAccount(), session_days(panel, None))
    opens, closes = (np.column_stack([getattr(table, name) for table in bars.values()]) for name in ("open", "close"))
    with warnings.catch_warnings(), np.errstate(all="ignore"), compiling_quickly():
        warnings.simplefilter("ignore")  # deprecations inside vectorbt, see test_parity_vectorbt.py
        portfolio = referee(vbt, opens, closes, weights, costs.terms().taker)
        orders, value, cash = portfolio.orders.values, np.asarray(portfolio.value()), np.asarray(portfolio.cash())
    counted = orders["size"] > 100 * LOT
    assert counted.sum() > 30
    theirs = {(row["idx"], row["col"]): row for row in orders[counted]}
    mine = {
        (row["bar"], n): row for row, n in zip(ours.fills, ours.fill_of, strict=True) if row["quantity"] > 100 * LOT
    }
    assert set(theirs) == set(mine)
    for key, row in mine.items():
        assert row["side"] == 1 - 2 * theirs[key]["side"]
        np.testing.assert_allclose(row["quantity"], theirs[key]["size"], atol=10 * LOT)
        np.testing.assert_allclose(row["price"], theirs[key]["price"], rtol=1e-12)
        np.testing.assert_allclose(row["fee"], theirs[key]["fees"], atol=1e-4)
    np.testing.assert_allclose(ours.equity, value.ravel(), rtol=1e-7)
    np.testing.assert_allclose(ours.cash, cash.ravel(), rtol=1e-5, atol=0.01)
