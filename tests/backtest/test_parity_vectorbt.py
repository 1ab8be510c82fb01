"""vectorbt as the referee: several hundred random cases, trade for trade.

Domain: market orders at the next open, costs none, bps, percent, sizing ``max`` and ``fixed_units``, long only and long
and short, prices without ties. A reversal is two orders at one open, so each bar is two rows for vectorbt: the first
closes, the second opens.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.support.quick_compiler import compiling_quickly
from tradewright.backtest.engine import run
from tradewright.backtest.sizing import FixedUnits, MaxSize, SizingModel
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import BpsCosts, CostModel, NoCosts, PercentCosts
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature

CASES = 300
COSTS: list[CostModel] = [NoCosts(), BpsCosts(10.0), PercentCosts(0.003)]
SIZINGS: list[SizingModel] = [MaxSize(), FixedUnits(20.0)]


@pytest.fixture(scope="module")
def vbt() -> ModuleType:
    with warnings.catch_warnings():
        # vectorbt and the libraries it loads use calls that numpy, pandas and plotly deprecate; nothing of ours does
        warnings.simplefilter("ignore")
        module: ModuleType = pytest.importorskip("vectorbt")
    return module


def scripted_signal(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """The decision that the test wrote into the bar's volume."""
    target = features[0][i]
    return HOLD if target != target else (target, NAN, NAN, NAN)


@dataclass(frozen=True)
class Scripted:
    """Decides on the targets in the column of volumes."""

    name = "scripted"
    generate_signal = staticmethod(scripted_signal)

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("volume"),)

    def parameters(self) -> tuple[float, ...]:
        return ()


def targets(decided: Floats, allow_short: bool) -> list[int | None]:
    """The direction wanted at each open, None where nothing new was decided."""
    known = [None if np.isnan(decision) else int(decision) for decision in np.concatenate(([np.nan], decided[:-1]))]
    return [want if want is None or allow_short else max(want, 0) for want in known]


def script(bars: Bars, spec: BacktestSpec, target_amount: int) -> tuple[Floats, Floats]:
    """Sizes and size types for vectorbt: close against the decision in the first row, open in the second."""
    size, kind = np.full(2 * len(bars.ts), np.nan), np.zeros(2 * len(bars.ts))
    units = np.inf if isinstance(spec.sizing, MaxSize) else spec.sizing.terms().amount
    held = 0
    for bar, want in enumerate(targets(bars.volume, spec.allow_short)):
        if want is None or want == held:
            continue
        if held:
            size[2 * bar], kind[2 * bar] = 0.0, target_amount
        if want:
            size[2 * bar + 1] = want * units
        held = want
    return size, kind


def referee(vbt: ModuleType, cases: list[tuple[Bars, BacktestSpec]]) -> Any:
    """All cases in one call, a column each; the sizes that ``max`` means are vectorbt's own."""
    scripts = [script(bars, spec, vbt.portfolio.enums.SizeType.TargetAmount) for bars, spec in cases]
    return vbt.Portfolio.from_orders(
        np.column_stack([np.repeat(bars.close, 2) for bars, _ in cases]),
        size=np.column_stack([size for size, _ in scripts]),
        size_type=np.column_stack([kind for _, kind in scripts]).astype(int),
        price=np.column_stack([np.repeat(bars.open, 2) for bars, _ in cases]),
        fees=np.array([[spec.costs.terms().taker for _, spec in cases]]),
        init_cash=10_000.0,
        size_granularity=1.0,
        lock_cash=True,
    )


def case(make_bars, seed: int) -> tuple[Bars, BacktestSpec]:
    """Random bars with a script in their volumes; a decision for what is already held is left out, it would resize."""
    spec = BacktestSpec(
        cash=10_000.0, costs=COSTS[seed % 3], sizing=SIZINGS[seed // 3 % 2], allow_short=bool(seed // 6 % 2)
    )
    bars = make_bars(seed, 120, gap=0.005)
    rng = np.random.default_rng(seed)
    decided = np.where(rng.random(120) < (0.05, 0.2, 0.6)[seed // 12 % 3], rng.integers(-1, 2, 120), np.nan)
    held = 0
    for i, decision in enumerate(decided):
        want = held if np.isnan(decision) else int(decision if spec.allow_short else max(decision, 0.0))
        decided[i] = decision if want != held else np.nan
        held = want
    return bars._replace(volume=decided), spec


def test_hundreds_of_random_cases_trade_for_trade(vbt, make_bars):
    cases = [case(make_bars, seed) for seed in range(CASES)]
    with warnings.catch_warnings(), np.errstate(all="ignore"), compiling_quickly():
        # deprecations inside vectorbt, see the fixture
        warnings.simplefilter("ignore")
        portfolio = referee(vbt, cases)
        all_orders, all_trades = portfolio.orders.values, portfolio.trades.closed.values
        value, cash = np.asarray(portfolio.value())[1::2], np.asarray(portfolio.cash())[1::2]
    assert len(all_orders) > 3_000
    assert (all_trades["direction"] == 1).sum() > 300
    for column, (bars, spec) in enumerate(cases):
        ours = run(Scripted(), bars, spec)
        orders, trades = all_orders[all_orders["col"] == column], all_trades[all_trades["col"] == column]
        assert len(ours.fills) == len(orders), column
        np.testing.assert_array_equal(ours.fills["bar"], orders["idx"] // 2)
        np.testing.assert_array_equal(ours.fills["side"], 1 - 2 * orders["side"])
        np.testing.assert_allclose(ours.fills["quantity"], orders["size"], rtol=1e-12)
        np.testing.assert_allclose(ours.fills["price"], orders["price"], rtol=1e-12)
        np.testing.assert_allclose(ours.fills["fee"], orders["fees"], rtol=1e-9, atol=1e-9)
        assert len(ours.trades) == len(trades), column
        np.testing.assert_allclose(ours.trades["profit"], trades["pnl"], rtol=1e-7, atol=1e-6)
        np.testing.assert_allclose(ours.equity, value[:, column], rtol=1e-9)
        np.testing.assert_allclose(ours.cash, cash[:, column], rtol=1e-9, atol=1e-6)
