"""An account in another currency than its instrument: the kernel against the reference, the laws, and cases by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backtest.plain import Script, act, bars
from tests.backtest.reference import run_reference
from tests.backtest.test_engine_equals_reference import SPECS, assert_equal
from tests.backtest.test_metamorphic import scaled
from tradewright.backtest import sizing
from tradewright.backtest.engine import run
from tradewright.backtest.rates import Conversion
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.backtest.workers import Threads
from tradewright.evaluation.equity_curve import buy_and_hold
from tradewright.evaluation.metrics import traded_value
from tradewright.fills import costs
from tradewright.model.errors import DataError

RUNS = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
COUNT = 60


def rates(seed: int, count: int = COUNT, *, paid: bool = True) -> Conversion:
    """A walk of rates; the one at an open differs from the one at the close before."""
    rng = np.random.default_rng(seed)
    close = 0.8 * np.exp(np.cumsum(rng.normal(0, 0.02, count)))
    return Conversion(close * np.exp(rng.normal(0, 0.01, count)), close, paid, "USD", "EUR", "EURUSD")


def constant(rate: float, count: int = COUNT, *, paid: bool = True) -> Conversion:
    return Conversion(np.full(count, rate), np.full(count, rate), paid)


@RUNS
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([5, 40, 100]), spec=SPECS, paid=st.booleans())
def test_kernel_equals_reference(make_bars, noisy, seed, busy, spec, paid):
    foreign = replace(spec, conversion=rates(seed, paid=paid))
    table = make_bars(seed)
    ours = run(noisy(seed, busy), table, foreign)
    assert_equal(ours, run_reference(noisy(seed, busy), table, foreign))
    assert ours.totals is not None
    assert ours.totals["final_equity"][0] == pytest.approx(ours.equity[-1], rel=1e-9)
    decided = ours.equity[spec.first_bar :]
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.diff(decided) / decided[:-1]
    if len(moves) > 1 and np.isfinite(moves).all() and moves.std(ddof=1) > 0:
        assert ours.totals["sharpe"][0] == pytest.approx(moves.mean() / moves.std(ddof=1), rel=1e-6, abs=1e-9)


@RUNS
@given(seed=st.integers(0, 10_000), spec=SPECS, paid=st.booleans())
def test_accounts_balance(make_bars, noisy, seed, spec, paid):
    foreign = replace(spec, conversion=rates(seed, paid=paid))
    result = run(noisy(seed), make_bars(seed), foreign)
    worth = result.cash + result.position * spec.multiplier * result.marks
    np.testing.assert_allclose(worth, result.equity, rtol=1e-12, atol=1e-6)
    if result.position[-1] == 0:
        assert result.trades["profit"].sum() == pytest.approx(result.equity[-1] - spec.cash, abs=1e-5)
        assert len(result.fills) == 0 or result.fills["foreign"][-1] == 0
    ends, trades = result.trades["exit_price"] * result.trades["exit_rate"], result.trades
    gross = trades["direction"] * trades["quantity"] * (ends - trades["entry_price"] * trades["entry_rate"])
    after = gross * spec.multiplier - trades["entry_fee"] - trades["exit_fee"]
    np.testing.assert_allclose(after, trades["profit"], rtol=1e-7, atol=1e-5)
    if not spec.allow_overdraft and paid:
        assert np.all(result.fills["cash"] >= -1e-7)


@RUNS
@given(seed=st.integers(0, 10_000), spec=SPECS)
def test_a_rate_of_one_changes_nothing_to_the_last_bit(make_bars, noisy, seed, spec):
    spec = replace(spec, allow_short=False)
    plain, foreign = (
        run(noisy(seed), make_bars(seed), each) for each in (spec, replace(spec, conversion=constant(1.0)))
    )
    for name in ("fills", "trades", "equity", "cash", "position", "totals"):
        assert getattr(plain, name).tobytes() == getattr(foreign, name).tobytes(), name


@pytest.mark.parametrize("seed", range(8))
def test_differences_at_a_rate_of_one_are_the_plain_account_too(make_bars, noisy, seed):
    spec = BacktestSpec(costs=costs.PercentCosts(0.002), allow_short=True, allow_overdraft=True, lot_size=1e-4)
    foreign = replace(spec, conversion=constant(1.0, paid=False))
    plain, other = (run(noisy(seed), make_bars(seed), each) for each in (spec, foreign))
    for name in ("equity", "cash", "position"):
        np.testing.assert_allclose(getattr(plain, name), getattr(other, name), rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("factor", [1 / 128, 4.0])
def test_smaller_prices_at_larger_rates_are_the_same_money(make_bars, noisy, paid, factor):
    table, known = make_bars(5, 120), rates(5, 120, paid=paid)
    spec = BacktestSpec(allow_short=True, costs=costs.PerShareCosts(0.01, 1.0), sizing=sizing.PercentEquity(0.6))
    larger = replace(known, open=known.open * factor, close=known.close * factor)
    one = run_reference(noisy(5), table, replace(spec, conversion=known))
    two = run_reference(noisy(5), scaled(table, 1 / factor), replace(spec, conversion=larger))
    assert len(one.fills) > 5, "the case is worth its name"
    np.testing.assert_array_equal(one.equity, two.equity)
    np.testing.assert_array_equal(one.fills["fee"], two.fills["fee"])


@RUNS
@given(seed=st.integers(0, 10_000), spec=SPECS, paid=st.booleans(), cut=st.integers(5, 55))
def test_no_later_rate_is_used(make_bars, noisy, seed, spec, paid, cut):
    """Neither a later bar's rates nor, for what fills at the open, the rate at this bar's close."""
    spec = replace(spec, close_at_end=False)
    known, other = rates(seed, paid=paid), rates(seed + 1, paid=paid)
    opens = np.concatenate([known.open[: cut + 1], other.open[cut + 1 :]])
    changed = replace(known, open=opens, close=np.concatenate([known.close[:cut], other.close[cut:]]))
    one, two = (run(noisy(seed), make_bars(seed), replace(spec, conversion=each)) for each in (known, changed))
    last = cut + (spec.fill_market == "next_open")
    left, right = (each.fills[each.fills["bar"] < last] for each in (one, two))
    assert left.tobytes() == right.tobytes()
    assert one.equity[:cut].tobytes() == two.equity[:cut].tobytes()


def bought(result: BacktestResult) -> list[tuple[float, ...]]:
    return [tuple(float(row[name]) for name in ("quantity", "price", "rate", "fee")) for row in result.fills]


def test_usd_in_yen_is_a_difference_in_yen_at_the_rate_of_the_end():
    """50,000 USD of USDJPY from 150 to 165: 750,000 JPY / 165."""
    table = bars(*[(150.0,) * 4] * 3, *[(165.0,) * 4] * 2)
    known = Conversion(np.array([1 / 150] * 4 + [1 / 165]), 1 / table.close, False)
    spec = BacktestSpec(cash=1e6, sizing=sizing.FixedCash(50_000.0), conversion=known)
    result = run_reference(Script({0: act(1.0)}), table, spec)
    assert_equal(run(_Always(), table, spec), result)
    assert bought(result) == [(50_000.0, 150.0, 1 / 150, 0.0)]
    assert result.equity[-1] == pytest.approx(1e6 + 750_000 / 165)
    assert traded_value(result) == pytest.approx(50_000)


def test_a_share_in_euro_carries_the_euro():
    """1,000 EUR of a share that stands still gain what the euro gains; the fee's minimum is account money."""
    table = bars(*[(10.0,) * 4] * 4)
    known = Conversion(np.array([1.0, 1.1, 1.2, 1.3]), np.array([1.05, 1.15, 1.25, 1.35]))
    spec = BacktestSpec(cash=5_000.0, sizing=sizing.FixedUnits(100), costs=costs.PerShareCosts(0.001, 2.0))
    result = run_reference(Script({0: act(1.0), 2: act(0.0)}), table, replace(spec, conversion=known))
    assert bought(result) == [(100.0, 10.0, 1.1, 2.0), (100.0, 10.0, 1.3, 2.0)]
    assert result.trades["profit"].tolist() == pytest.approx([1300 - 1100 - 4])
    assert result.equity.tolist() == pytest.approx([5000, 5000 - 2 + 50, 5000 - 2 + 150, 5196])
    assert (result.trades["entry_rate"][0], result.trades["exit_rate"][0]) == pytest.approx((1.1, 1.3))


def test_the_proceeds_of_a_short_sale_stay_in_their_currency():
    """A short share that stands still gains nothing when its currency falls."""
    table = bars(*[(10.0,) * 4] * 2, *[(8.0,) * 4] * 2)
    known = Conversion(np.array([1.0, 1.0, 0.5, 0.5]), np.array([1.0, 0.5, 0.5, 0.5]))
    spec = BacktestSpec(cash=5_000.0, sizing=sizing.FixedUnits(100), allow_short=True, conversion=known)
    result = run_reference(Script({0: act(-1.0), 2: act(0.0)}), table, spec)
    assert result.equity.tolist() == [5000, 5000, 5100, 5100], (
        "200 EUR at 0.5, and nothing for the 1,000 EUR of proceeds"
    )


def test_a_stop_inside_the_bar_is_exchanged_at_the_rate_of_the_open():
    table = bars((10, 10, 10, 10), (10, 10, 10, 10), (10, 10, 8, 9))
    known = Conversion(np.array([1.0, 1.0, 2.0]), np.array([1.0, 1.0, 3.0]))
    spec = BacktestSpec(cash=5_000.0, sizing=sizing.FixedUnits(1), conversion=known)
    result = run_reference(Script({0: act(1.0, stop=9.5)}), table, spec)
    assert (int(result.fills["reason"][1]), float(result.fills["rate"][1])) == (FillReason.STOP, 2.0)


def test_cash_covers_a_purchase_at_the_rate_of_its_fill():
    table = bars(*[(100.0,) * 4] * 3)
    spec = BacktestSpec(cash=1_000.0, sizing=sizing.FixedUnits(50), conversion=constant(2.0, 3))
    assert bought(run_reference(Script({0: act(1.0)}), table, spec)) == [(5.0, 100.0, 2.0, 0.0)]


def test_a_sweep_is_so_many_runs(make_bars, noisy):
    spec, table = BacktestSpec(allow_short=True, conversion=rates(3, paid=False)), make_bars(3)
    sets = [noisy(seed) for seed in range(5)]
    alone = [run(each, table, spec).totals for each in sets]
    assert sweep(sets, table, spec, workers=Threads(2)).tobytes() == np.concatenate(alone).tobytes()


@pytest.mark.parametrize("paid", [True, False])
def test_buy_and_hold_is_converted_as_the_backtest_is(paid):
    table = bars(*((close,) * 4 for close in (100.0, 110.0, 120.0)))
    known = Conversion(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 4.0]), paid)
    spec = BacktestSpec(cash=1_000.0, sizing=sizing.FixedUnits(10), conversion=known, lot_size=1e-4)
    held = run_reference(Script({0: act(1.0)}), table._replace(open=np.array([100.0, 100.0, 110.0])), spec)
    np.testing.assert_allclose(buy_and_hold(held), held.equity, rtol=1e-12)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (constant(1.0, 2), "2 and 2 rates for 3 bars"),
        (Conversion(np.ones(3), np.array([1.0, np.nan, 1.0])), "the rate of bar 1 is nan"),
        (Conversion(np.array([1.0, 0.0, 1.0]), np.ones(3)), "the rate of bar 1 is 0"),
    ],
)
def test_rates_of_other_bars_are_refused(noisy, broken, said):
    with pytest.raises(DataError, match=said):
        run(noisy(1), bars(*[(1.0,) * 4] * 3), BacktestSpec(conversion=broken))


class _Always:
    """Long from the first bar on."""

    name = "always"

    @staticmethod
    def generate_signal(i, _features, _params, _position):
        return (1.0, np.nan, np.nan, np.nan) if i == 0 else (np.nan, np.nan, np.nan, np.nan)

    def prepare_state(self):
        return ()

    def parameters(self):
        return ()
