"""What must not change a result, and what must change it in one direction only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.backtest.plain import plain_kernel
from tests.backtest.reference import run_reference
from tradewright.backtest import sizing
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import costs, slippage
from tradewright.model.bars import Bars

SEEDS = list(range(6))
PROPORTIONAL = BacktestSpec(
    cash=16_384.0,
    costs=costs.PercentCosts(0.001),
    slippage=slippage.SpreadImpact(0.01),
    sizing=sizing.PercentEquity(0.7),
    allow_short=True,
)
FREE = BacktestSpec(cash=100_000.0, sizing=sizing.FixedUnits(10.0), allow_short=True, allow_overdraft=True)


def scaled(bars: Bars, factor: float) -> Bars:
    return bars._replace(**{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})


def assert_same(left: BacktestResult, right: BacktestResult) -> None:
    assert left.orders == right.orders
    for name in ("fills", "trades", "equity", "cash", "position"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def assert_scaled(result: BacktestResult, larger: BacktestResult, factor: float) -> None:
    """Money and prices are larger by the factor, to the last bit; units are the same."""
    assert len(result.fills) > 5, "the case is worth its name"
    np.testing.assert_array_equal(larger.equity, result.equity * factor)
    np.testing.assert_array_equal(larger.cash, result.cash * factor)
    np.testing.assert_array_equal(larger.position, result.position)
    np.testing.assert_array_equal(larger.fills["price"], result.fills["price"] * factor)
    np.testing.assert_array_equal(larger.fills["fee"], result.fills["fee"] * factor)
    np.testing.assert_array_equal(larger.trades["profit"], result.trades["profit"] * factor)
    np.testing.assert_array_equal(larger.fills["quantity"], result.fills["quantity"])


@pytest.mark.parametrize("factor", [0.25, 8.0, 1024.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_prices_and_cash_in_another_currency(make_bars, noisy, seed, factor):
    bars, spec = make_bars(seed, 120), replace(PROPORTIONAL, lot_size=0.5)
    result = run_reference(noisy(seed), bars, spec)
    assert_scaled(
        result, run_reference(noisy(seed), scaled(bars, factor), replace(spec, cash=spec.cash * factor)), factor
    )


@pytest.mark.parametrize("size", [sizing.MaxSize(), sizing.TargetPercent(0.9, 0.0025), sizing.RiskPerTrade(0.05)])
def test_so_it_is_with_the_other_relative_sizes(make_bars, noisy, size):
    bars, spec = make_bars(11, 120), replace(PROPORTIONAL, sizing=size)
    result = plain_kernel(noisy(11), bars, spec)
    assert_scaled(result, plain_kernel(noisy(11), scaled(bars, 4.0), replace(spec, cash=spec.cash * 4.0)), 4.0)


def test_a_fixed_sum_scales_with_the_money(make_bars, noisy):
    bars, spec = make_bars(12, 120), replace(PROPORTIONAL, sizing=sizing.FixedCash(4096.0))
    larger = replace(spec, cash=spec.cash * 2, sizing=sizing.FixedCash(8192.0))
    assert_scaled(run_reference(noisy(12), bars, spec), run_reference(noisy(12), scaled(bars, 2.0), larger), 2.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fee_with_a_minimum_does_not_scale_and_is_told_apart(make_bars, noisy, seed):
    spec = replace(PROPORTIONAL, costs=costs.PerShareCosts(0.005, minimum=1.0))
    result = run_reference(noisy(seed), make_bars(seed, 120), spec)
    larger = run_reference(noisy(seed), scaled(make_bars(seed, 120), 64.0), replace(spec, cash=spec.cash * 64))
    assert not np.array_equal(larger.equity, result.equity * 64.0)


@pytest.mark.parametrize("multiplier", [0.5, 4.0, 64.0])
def test_a_multiplier_is_a_price_in_other_units(make_bars, noisy, multiplier):
    bars = make_bars(3, 120)
    plain = run_reference(noisy(3), bars, PROPORTIONAL)
    future = run_reference(noisy(3), scaled(bars, 1 / multiplier), replace(PROPORTIONAL, multiplier=multiplier))
    np.testing.assert_array_equal(future.equity, plain.equity)
    np.testing.assert_array_equal(future.cash, plain.cash)
    np.testing.assert_array_equal(future.fills["fee"], plain.fills["fee"])
    np.testing.assert_array_equal(future.fills["price"] * multiplier, plain.fills["price"])


@pytest.mark.parametrize("shift", [-(10**18), 3_600 * 10**9, 1])
def test_another_time_changes_nothing(make_bars, noisy, shift):
    bars = make_bars(4, 120)
    assert_same(
        run_reference(noisy(4), bars, PROPORTIONAL),
        run_reference(noisy(4), bars._replace(ts=bars.ts + shift), PROPORTIONAL),
    )


def test_bars_of_another_length_in_time_change_nothing(make_bars, noisy):
    bars = make_bars(5, 120)
    assert_same(
        plain_kernel(noisy(5), bars, PROPORTIONAL), plain_kernel(noisy(5), bars._replace(ts=bars.ts // 7), PROPORTIONAL)
    )


@pytest.mark.parametrize("column", ["volume", "spread"])
def test_what_no_model_reads_changes_nothing(make_bars, noisy, column):
    bars, spec = make_bars(6, 120), replace(PROPORTIONAL, slippage=slippage.BpsSlippage(2.0))
    other = bars._replace(**{column: np.full(120, 77.0)})
    assert_same(run_reference(noisy(6), bars, spec), run_reference(noisy(6), other, spec))


@pytest.mark.parametrize("seed", SEEDS)
def test_bars_after_the_last_decision_extend_the_curves_and_nothing_else(make_bars, noisy, seed):
    bars = make_bars(seed, 120)
    whole = run_reference(noisy(seed), bars, PROPORTIONAL)
    part = run_reference(noisy(seed), bars.head(80), PROPORTIONAL)
    for name in ("equity", "cash", "position"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:80])
    np.testing.assert_array_equal(part.fills, whole.fills[whole.fills["bar"] < 80])
    np.testing.assert_array_equal(part.trades, whole.trades[whole.trades["exit_bar"] < 80])


DEARER = {
    "fees": [{"costs": costs.PercentCosts(rate)} for rate in (0.0, 0.0005, 0.002, 0.01)],
    "slippage": [{"slippage": slippage.BpsSlippage(bps)} for bps in (0.0, 1.0, 10.0, 50.0)],
}


@pytest.mark.parametrize("what", DEARER)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_costs_more_never_helps(make_bars, noisy, seed, what):
    bars = make_bars(seed, 120)
    finals = [run_reference(noisy(seed), bars, replace(FREE, **terms)).equity[-1] for terms in DEARER[what]]
    assert finals == sorted(finals, reverse=True)
    assert finals[0] > finals[-1]


@pytest.mark.parametrize("seed", SEEDS)
def test_fees_are_all_that_differs_where_units_are_fixed_and_credit_is_free(make_bars, noisy, seed):
    bars = make_bars(seed, 120)
    free = run_reference(noisy(seed), bars, FREE)
    dear = run_reference(noisy(seed), bars, replace(FREE, costs=costs.PercentCosts(0.003)))
    np.testing.assert_array_equal(dear.fills["price"], free.fills["price"])
    paid = np.zeros(120)
    np.add.at(paid, dear.fills["bar"], dear.fills["fee"])
    np.testing.assert_allclose(free.equity - dear.equity, np.cumsum(paid), rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_slippage_costs_what_the_fills_say_it_costs(make_bars, noisy, seed):
    bars = make_bars(seed, 120)
    free = run_reference(noisy(seed), bars, FREE)
    dear = run_reference(noisy(seed), bars, replace(FREE, slippage=slippage.BpsSlippage(20.0)))
    lost = np.abs(dear.fills["price"] - free.fills["price"]) * dear.fills["quantity"]
    assert free.equity[-1] - dear.equity[-1] == pytest.approx(lost.sum(), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_models_that_charge_nothing_are_one(make_bars, noisy, seed):
    bars = make_bars(seed, 120)
    expected = run_reference(noisy(seed), bars, FREE)
    zero_costs = [
        costs.BpsCosts(0.0),
        costs.PercentCosts(0.0),
        costs.PerShareCosts(0.0),
        costs.PerShareCosts(5.0, maximum_rate=0.0),
        costs.MakerTaker(0.0, 0.0),
    ]
    zero_slips = [slippage.BpsSlippage(0.0), slippage.VolSlippage(0.0, 0.0), slippage.SumSlippage(())]
    for model in zero_costs:
        assert_same(run_reference(noisy(seed), bars, replace(FREE, costs=model)), expected)
    for slip in zero_slips:
        assert_same(run_reference(noisy(seed), bars, replace(FREE, slippage=slip)), expected)


def test_two_names_of_one_fee_are_one_fee(make_bars, noisy):
    bars = make_bars(8, 120)
    same = [costs.BpsCosts(20.0), costs.PercentCosts(0.002), costs.MakerTaker(0.002, 0.002)]
    results = [run_reference(noisy(8), bars, replace(PROPORTIONAL, costs=model)) for model in same]
    for other in results[1:]:
        assert_same(results[0], other)


def test_a_sum_of_slippages_is_their_sum(make_bars, noisy):
    bars = make_bars(9, 120)
    parts = slippage.SumSlippage((slippage.BpsSlippage(1.5), slippage.BpsSlippage(2.5)))
    assert_same(
        run_reference(noisy(9), bars, replace(FREE, slippage=parts)),
        run_reference(noisy(9), bars, replace(FREE, slippage=slippage.BpsSlippage(4.0))),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_smaller_lots_come_closer_to_the_share_that_was_asked_for(make_bars, noisy, seed):
    bars = make_bars(seed, 40)
    spec = BacktestSpec(cash=10_000.0, sizing=sizing.PercentEquity(0.5))
    first = [
        run_reference(noisy(seed), bars, replace(spec, lot_size=lot)).fills["quantity"][0] for lot in (4.0, 1.0, 0.25)
    ]
    assert first == sorted(first), "rounding is down, so finer lots never buy less"


@pytest.mark.parametrize("seed", SEEDS)
def test_closing_at_the_end_realises_what_was_marked(make_bars, noisy, seed):
    bars = make_bars(seed, 90)
    marked = run_reference(noisy(seed), bars, FREE)
    closed = run_reference(noisy(seed), bars, replace(FREE, close_at_end=True))
    assert closed.equity[-1] == pytest.approx(marked.equity[-1])
    assert closed.position[-1] == 0.0
    assert closed.equity[-1] - 100_000.0 == pytest.approx(closed.trades["profit"].sum())
    np.testing.assert_array_equal(closed.equity[:-1], marked.equity[:-1])
