"""Every strategy that ships: its sweep against the plain engine, and its trades on series that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conf.strategy_kinds import build, kinds
from strategies.base import BaseStrategy
from tests.backtest.reference import run_reference
from tests.support.price_lists import IBKR_FIXED
from tradewright.backtest.sizing import PercentEquity, RiskPerTrade
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.fills.costs import PercentCosts
from tradewright.fills.slippage import BpsSlippage
from tradewright.research.strategy_check import trial_secondary

SETS: dict[str, list[dict[str, float]]] = {
    "buy_and_hold": [{}],
    "sma_crossover": [{"fast": fast, "slow": slow} for fast in (2, 5, 9) for slow in (10, 21)],
    "ema_crossover": [
        {"fast": 3, "slow": 8, "stop_atr": stop, "target_atr": target, "atr_period": period}
        for stop in (0.0, 1.0, 2.5)
        for target in (0.0, 1.5)
        for period in (5, 14)
    ],
    "intraday_trend": [
        {"channel": channel, "trend_days": days, "stop_atr": stop, "target_atr": 2.0 - stop}
        for channel in (3, 8)
        for days in (2, 5)
        for stop in (0.0, 2.0)
    ],
    "pairs": [{"window": window, "entry": entry} for window in (10, 25) for entry in (1.0, 2.0)],
    "macd_trend": [{"fast": 4, "slow": 9, "signal": 3, "threshold": at} for at in (0.0, 0.001, 0.004, 0.5)],
    "trailing_breakout": [
        {"channel": channel, "atr_period": 5, "trail_atr": 1.0 + resting, "max_bars": held, "stop_entry": resting}
        for channel in (3, 8)
        for resting in (0, 1)
        for held in (0, 4)
    ],
}
SPECS = {
    "plain": BacktestSpec(cash=20_000.0),
    "long and short with costs": BacktestSpec(
        cash=20_000.0,
        costs=PercentCosts(0.001),
        slippage=BpsSlippage(5.0),
        sizing=PercentEquity(0.6),
        allow_short=True,
        close_at_end=True,
    ),
    "at the close, late": BacktestSpec(cash=20_000.0, costs=IBKR_FIXED, fill_market="next_close", bar_delay=3),
    "by risk": BacktestSpec(cash=20_000.0, sizing=RiskPerTrade(0.01), allow_short=True),
}


@pytest.mark.parametrize("spec", [pytest.param(spec, id=name) for name, spec in SPECS.items()])
@pytest.mark.parametrize("kind", list(kinds().per_instrument))
def test_the_sweep_has_the_totals_of_the_plain_engine(make_bars, kind, spec):
    bars = make_bars(31, 300)
    strategies: list[BaseStrategy] = [build(kind, values) for values in SETS[kind]]
    spec = replace(spec, secondary=trial_secondary(strategies[0], bars))
    for row, strategy in zip(sweep(strategies, bars, spec), strategies, strict=True):
        result = run_reference(strategy, bars, spec)
        path = np.concatenate(([spec.cash], result.equity))
        assert row["final_equity"] == result.equity[-1], strategy
        assert (row["orders"], row["fills"], row["trades"]) == (result.orders, len(result.fills), len(result.trades))
        assert row["wins"] == np.count_nonzero(result.trades["profit"] > 0)
        assert row["fees"] == pytest.approx(result.fills["fee"].sum())
        assert row["exposure"] == np.count_nonzero(result.position) / len(bars.ts)
        assert row["max_drawdown"] == pytest.approx((path / np.maximum.accumulate(path) - 1).min(), abs=1e-12)


def test_every_strategy_that_ships_is_swept_here():
    assert set(SETS) == set(kinds().per_instrument)


def test_the_order_of_the_sets_is_the_order_of_the_rows(make_bars):
    bars, strategies = make_bars(32, 200), [build("sma_crossover", values) for values in SETS["sma_crossover"]]
    forwards, backwards = sweep(strategies, bars, SPECS["plain"]), sweep(strategies[::-1], bars, SPECS["plain"])
    assert forwards.tobytes() == backwards[::-1].tobytes()
    assert len(set(forwards["final_equity"].tolist())) > 1


def test_a_set_given_twice_has_two_equal_rows(make_bars):
    one = build("sma_crossover", {"fast": 3, "slow": 9})
    rows = sweep([one, one], make_bars(33, 200), SPECS["plain"])
    assert rows[0].tobytes() == rows[1].tobytes()
