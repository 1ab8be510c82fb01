"""The kernel against the plain-Python engine, and what must hold of every run."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backtest.conftest import Noisy
from tests.backtest.reference import run_reference
from tests.support.price_lists import IBKR_FIXED, IBKR_TIERED
from tradewright.backtest import sizing
from tradewright.backtest.engine import run
from tradewright.backtest.lookahead import look_ahead
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import costs, slippage
from tradewright.model.strategy import Feature

COSTS = [
    costs.NoCosts(),
    costs.BpsCosts(5.0),
    costs.PercentCosts(0.002),
    costs.PerShareCosts(0.01, 1.0, 0.01),
    IBKR_FIXED,
    IBKR_TIERED,
    costs.MakerTaker(-0.0001, 0.0005),
]
SLIPPAGES = [
    slippage.NoSlippage(),
    slippage.BpsSlippage(3.0),
    slippage.VolSlippage(1.0, 1000.0),
    slippage.SpreadImpact(0.1, 2.0),
    slippage.SumSlippage((slippage.BpsSlippage(1.0), slippage.VolSlippage(0.0, 100.0), slippage.SpreadImpact(0.1))),
]
SIZINGS = [
    sizing.FixedUnits(7.0),
    sizing.FixedCash(4_000.0),
    sizing.PercentEquity(0.6),
    sizing.TargetPercent(1.0, 0.0025),
    sizing.RiskPerTrade(0.02),
    sizing.MaxSize(),
]
SPECS = st.builds(
    BacktestSpec,
    cash=st.sampled_from([300.0, 10_000.0]),
    costs=st.sampled_from(COSTS),
    slippage=st.sampled_from(SLIPPAGES),
    sizing=st.sampled_from(SIZINGS),
    fill_market=st.sampled_from(["next_open", "next_close"]),
    fill_limit=st.sampled_from(["marketable", "touch"]),
    bar_delay=st.sampled_from([1, 1, 2, 3]),
    limit_timeout_bars=st.sampled_from([1, 2, 5]),
    volume_share=st.sampled_from([None, None, 0.02, 0.3]),
    allow_short=st.booleans(),
    allow_overdraft=st.booleans(),
    close_at_end=st.booleans(),
    first_bar=st.sampled_from([0, 0, 1, 17, 10_000]),
    lot_size=st.sampled_from([1.0, 0.1, 1e-4]),
    multiplier=st.sampled_from([1.0, 5.0]),
    quoted_spread=st.sampled_from([None, None, 0.0, 8.0]),
)
RUNS = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_equal(left: BacktestResult, right: BacktestResult) -> None:
    """Counts and discrete fields exactly; money to a few units in the last places."""
    assert left.orders == right.orders
    for name in ("fills", "trades"):
        ours, theirs = getattr(left, name), getattr(right, name)
        assert len(ours) == len(theirs)
        for column in ours.dtype.names:
            np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-9, atol=1e-7, err_msg=f"{name}.{column}")
    for name in ("equity", "cash", "position"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=1e-9, atol=1e-7, err_msg=name)


@RUNS
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([5, 40, 100]), spec=SPECS)
def test_kernel_equals_reference(make_bars, noisy, seed, busy, spec):
    bars = make_bars(seed)
    assert_equal(run(noisy(seed, busy), bars, spec), run_reference(noisy(seed, busy), bars, spec))


class OfTrend(Noisy):
    """The same decisions, whose prices are those of another indicator."""

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("adx", (14,)),)


def test_a_strategy_reads_any_indicator_of_the_registry(make_bars, noisy):
    bars, spec = make_bars(3, 300), BacktestSpec(allow_short=True)
    result = run(OfTrend(), bars, spec)
    assert_equal(result, run_reference(OfTrend(), bars, spec))
    assert not np.array_equal(result.position, run(noisy(), bars, spec).position)
    assert look_ahead(OfTrend(), bars) == ()


def test_the_zero_delay_that_only_tests_may_use_equals_the_reference_too(make_bars, noisy):
    for seed, cost, size in itertools.product(range(6), COSTS, SIZINGS):
        spec = BacktestSpec(costs=cost, sizing=size, fill_market="next_close", bar_delay=0, allow_short=True)
        assert_equal(run(noisy(seed), make_bars(seed), spec), run_reference(noisy(seed), make_bars(seed), spec))


@RUNS
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([5, 40, 100]), spec=SPECS)
def test_accounts_balance_and_guards_hold(make_bars, noisy, seed, busy, spec):
    bars = make_bars(seed)
    result = run(noisy(seed, busy), bars, spec)
    worth = result.cash + result.position * spec.multiplier * bars.close
    np.testing.assert_allclose(worth, result.equity, rtol=1e-12, atol=1e-6)
    spent = result.fills["side"] * result.fills["quantity"] * result.fills["price"] * spec.multiplier
    assert result.cash[-1] == pytest.approx(spec.cash - spent.sum() - result.fills["fee"].sum(), abs=1e-6)
    assert np.all(result.fills["quantity"] > 0)
    assert result.position[-1] == pytest.approx((result.fills["side"] * result.fills["quantity"]).sum(), abs=1e-7)
    if not spec.allow_short:
        assert np.all(result.position >= 0)
    if not spec.allow_overdraft:
        assert np.all(result.cash >= -1e-7)
    if spec.close_at_end and spec.allow_overdraft:
        assert result.position[-1] == 0
    lots = result.fills["quantity"] / spec.lot_size
    np.testing.assert_allclose(lots, np.round(lots), atol=1e-6)
    if result.position[-1] == 0:
        assert result.trades["profit"].sum() == pytest.approx(result.equity[-1] - spec.cash, abs=1e-6)


@RUNS
@given(seed=st.integers(0, 10_000), spec=SPECS)
def test_nothing_fills_without_a_touch(make_bars, noisy, seed, spec):
    bars = make_bars(seed)
    for fill in run(noisy(seed), bars, replace(spec, slippage=slippage.NoSlippage(), quoted_spread=None)).fills:
        bar, price = fill["bar"], fill["price"]
        assert bars.low[bar] <= price <= bars.high[bar]
        if fill["reason"] == FillReason.SIGNAL:
            assert price == (bars.open if spec.fill_market == "next_open" else bars.close)[bar]
        if fill["reason"] == FillReason.END:
            assert (bar, price) == (len(bars.ts) - 1, bars.close[-1])


@RUNS
@given(seed=st.integers(0, 10_000), spec=SPECS, cut=st.integers(5, 55))
def test_another_future_leaves_the_past_as_it_was(make_bars, noisy, seed, spec, cut):
    bars, other = make_bars(seed), make_bars(seed + 1)
    spliced = bars._replace(
        **{name: np.concatenate([getattr(bars, name)[:cut], getattr(other, name)[cut:]]) for name in bars._fields[1:]}
    )
    spec = replace(spec, close_at_end=False)
    first, second = run(noisy(seed), bars, spec), run(noisy(seed), spliced, spec)
    for name in ("fills", "trades"):
        field = "bar" if name == "fills" else "exit_bar"
        ours, theirs = getattr(first, name), getattr(second, name)
        assert ours[ours[field] < cut].tobytes() == theirs[theirs[field] < cut].tobytes()
    assert first.equity[:cut].tobytes() == second.equity[:cut].tobytes()


@pytest.mark.parametrize("cost", COSTS)
def test_three_runs_give_the_same_bytes_also_interleaved(make_bars, noisy, cost):
    spec = BacktestSpec(costs=cost, allow_short=True)
    runs = []
    for _ in range(3):
        runs.append(run(noisy(3), make_bars(3, 500), spec))
        run(noisy(4), make_bars(4, 100), spec)
    for name in ("equity", "cash", "position", "fills", "trades"):
        assert len({getattr(result, name).tobytes() for result in runs}) == 1


def test_a_strategy_without_decisions_never_trades(make_bars, noisy):
    result = run(noisy(1, busy=0), make_bars(1), BacktestSpec(cash=5_000.0))
    assert (result.orders, len(result.fills), len(result.trades)) == (0, 0, 0)
    assert np.all(result.equity == 5_000.0)
