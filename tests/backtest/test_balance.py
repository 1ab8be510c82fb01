"""The books of a backtest: those of real runs balance, and a fault planted in any of them is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.price_lists import IBKR_FIXED
from tradewright.backtest import first_bars, sizing
from tradewright.backtest.balance import imbalances
from tradewright.backtest.corporate import CorporateActions
from tradewright.backtest.engine import run
from tradewright.backtest.rates import Conversion
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import slippage

RATES, ONES = 0.9 + 0.001 * np.arange(160.0), np.ones(160)
SPECS = {
    "plain": BacktestSpec(),
    "fees and slippage": BacktestSpec(costs=IBKR_FIXED, slippage=slippage.BpsSlippage(3.0), allow_overdraft=True),
    "units and points": BacktestSpec(lot_size=1e-4, multiplier=50.0, sizing=sizing.PercentEquity(0.4)),
    "in parts": BacktestSpec(volume_share=0.05, bar_delay=2, close_at_end=True),
    "other currency": BacktestSpec(conversion=Conversion(RATES, RATES)),
    "differences": BacktestSpec(conversion=Conversion(RATES, RATES, paid_in_full=False)),
    "splits": BacktestSpec(actions=CorporateActions(np.array([[40.0, 2.0, 0.5]]), ONES, ONES)),
}


@pytest.fixture(autouse=True)
def as_python(monkeypatch):
    """Nothing is compiled: the bytes are the same."""
    monkeypatch.setattr(first_bars, "PLAIN_BARS", 1 << 40)


@pytest.mark.parametrize("name", SPECS)
def test_real_books_balance(make_bars, noisy, name):
    for seed in range(4):
        spec = replace(SPECS[name], cash=50_000.0, allow_short=True)
        result = run(noisy(seed, 60), make_bars(seed, 160), spec)
        assert len(result.fills) > 10
        assert imbalances(result) == ()


def test_without_bars_or_fills_they_balance(make_bars, noisy):
    assert imbalances(run(noisy(1), make_bars(1, 0), BacktestSpec())) == ()
    assert imbalances(run(noisy(1, 0), make_bars(1, 20), BacktestSpec())) == ()


def test_nothing_is_said_of_given_curves(make_bars, noisy):
    result = run(noisy(1), make_bars(1), BacktestSpec())
    assert imbalances(replace(result, given=result.curves, initial_cash=7.0)) == ()


@pytest.mark.parametrize(
    ("table", "column", "told"),
    [
        ("fills", "cash", "the cash after each fill (number 3)"),
        ("fills", "quantity", "the position after each fill (number 3)"),
        ("fills", "fee", "the fees is"),
        ("fills", "price", "the cash after each fill (number 3)"),
        ("trades", "profit", "the profit of all trades is"),
        ("totals", "final_equity", "the final equity is"),
        ("totals", "fees", "the fees is"),
        ("totals", "trades", "the number of trades is"),
        ("totals", "fills", "the number of fills is"),
    ],
)
def test_a_cent_too_much_is_told(make_bars, noisy, table, column, told):
    result = run(noisy(2), make_bars(2), BacktestSpec(allow_short=True, close_at_end=True, costs=IBKR_FIXED))
    assert result.position[-1] == 0.0
    changed = getattr(result, table).copy()
    changed[column][min(2, len(changed) - 1)] += 1 if changed[column].dtype == np.int64 else 0.01
    assert any(told in each for each in imbalances(replace(result, **{table: changed})))


def test_money_that_is_no_number_is_told(make_bars, noisy):
    result = run(noisy(2), make_bars(2), BacktestSpec())
    lost = result.fills.copy()
    lost["cash"][-1] = np.nan
    words = imbalances(replace(result, fills=lost))
    assert any("the cash after each fill" in each for each in words)
    assert any("is no number" in each for each in words)
