"""Fees in another currency than the account's: the kernels against their witnesses, the laws, and cases by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backtest import panel_reference
from tests.backtest.conftest import Noisy
from tests.backtest.plain import Script, act, bars
from tests.backtest.reference import run_reference
from tests.backtest.test_engine_equals_reference import SPECS, assert_equal
from tests.backtest.test_other_currency import rates
from tests.backtest.test_panel import Random, conserves, odd_bars, own_terms, same
from tradewright.backtest import sizing
from tradewright.backtest.engine import run
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.rates import Conversion
from tradewright.backtest.span import run_span
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.fills import costs, slippage
from tradewright.model.errors import DataError

LEAN = SPECS.map(lambda spec: replace(spec, volume_share=None, quoted_spread=None, slippage=slippage.NoSlippage()))
"""Terms of one shape of the kernel, which is compiled once."""
RUNS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
TERMS = st.builds(
    costs.FeeTerms,
    per_unit=st.floats(0, 2),
    taker=st.floats(0, 0.02),
    maker=st.floats(-0.005, 0.02),
    minimum=st.sampled_from([0.0, 1.0, 7.5]),
    cap=st.sampled_from([0.005, 0.05, np.inf]),
    passed_taker=st.floats(0, 0.1),
    passed_maker=st.floats(0, 0.1),
)


@given(terms=TERMS, rate=st.floats(0.01, 200), units=st.floats(0.1, 1e4), value=st.floats(1, 1e6), maker=st.booleans())
def test_a_fee_is_told_in_its_own_currency_and_exchanged(terms, rate, units, value, maker):
    own = costs.fee(units, value / rate, maker, terms)
    assert costs.fee(units, value, maker, costs.exchanged(terms, rate)) == pytest.approx(own * rate, rel=1e-12)
    covered = costs.affordable_units(value, value / units, maker, costs.exchanged(terms, rate))
    assert covered == pytest.approx(costs.affordable_units(value / rate, value / units / rate, maker, terms), rel=1e-9)


@RUNS
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([5, 100]), spec=LEAN, foreign=st.booleans())
def test_kernel_equals_reference(make_bars, noisy, seed, busy, spec, foreign):
    spec = replace(spec, fee_conversion=rates(seed))
    if foreign:
        quoted = rates(seed + 1, paid=seed % 2 == 0)
        spec = replace(spec, conversion=quoted, volume_share=0.02, slippage=slippage.VolSlippage(1.0, 1000.0))
    assert_equal(run(noisy(seed, busy), make_bars(seed), spec), run_reference(noisy(seed, busy), make_bars(seed), spec))


@RUNS
@given(seed=st.integers(0, 10_000), spec=LEAN)
def test_cash_is_the_start_and_the_profit_less_the_fees_each_at_the_rate_of_its_fill(make_bars, noisy, seed, spec):
    known = rates(seed)
    result = run(noisy(seed), make_bars(seed), replace(spec, fee_conversion=known))
    fills, trades = result.fills, result.trades
    spent = fills["side"] * fills["quantity"] * fills["price"] * spec.multiplier
    assert result.cash[-1] == pytest.approx(spec.cash - spent.sum() - fills["fee"].sum(), abs=1e-5)
    if result.position[-1] == 0:
        gross = trades["direction"] * trades["quantity"] * (trades["exit_price"] - trades["entry_price"])
        paid = trades["entry_fee"].sum() + trades["exit_fee"].sum()
        assert paid == pytest.approx(fills["fee"].sum(), abs=1e-6)
        assert result.cash[-1] == pytest.approx(spec.cash + (gross * spec.multiplier).sum() - paid, abs=1e-5)
    both = np.stack([known.open, known.close])[:, fills["bar"]]
    value, terms = abs(spent), spec.costs.terms()
    own = [
        [costs.fee(*row, maker, terms) for row in zip(fills["quantity"], value / rate, strict=True)] * rate
        for rate in both
        for maker in (False, True)
    ]
    assert np.isclose(fills["fee"], own, rtol=1e-9, atol=1e-9).any(axis=0).all()


@RUNS
@given(seed=st.integers(0, 10_000), spec=LEAN)
def test_a_rate_of_one_changes_nothing_to_the_last_bit(make_bars, noisy, seed, spec):
    ones = Conversion(np.ones(60), np.ones(60))
    plain, other = (run(noisy(seed), make_bars(seed), each) for each in (spec, replace(spec, fee_conversion=ones)))
    for name in ("fills", "trades", "equity", "cash", "position", "totals"):
        assert getattr(plain, name).tobytes() == getattr(other, name).tobytes(), name


@RUNS
@given(seed=st.integers(0, 10_000), spec=LEAN, cut=st.integers(5, 55))
def test_no_later_rate_is_used(make_bars, noisy, seed, spec, cut):
    spec = replace(spec, close_at_end=False)
    known, other = rates(seed), rates(seed + 1)
    opens = np.concatenate([known.open[: cut + 1], other.open[cut + 1 :]])
    changed = replace(known, open=opens, close=np.concatenate([known.close[:cut], other.close[cut:]]))
    one, two = (run(noisy(seed), make_bars(seed), replace(spec, fee_conversion=each)) for each in (known, changed))
    last = cut + (spec.fill_market == "next_open")
    left, right = (each.fills[each.fills["bar"] < last] for each in (one, two))
    assert left.tobytes() == right.tobytes()


def test_the_minimum_of_a_dollar_in_an_account_in_euro():
    """At the open 0.9 and then 0.8 EUR per USD; at the close 0.5: a minimum of 2 USD, then 1 % of 1,500 EUR as cap."""
    table = bars(*[(10.0,) * 4] * 2, *[(15.0,) * 4] * 2)
    known = Conversion(np.array([1.0, 0.9, 0.7, 0.8]), np.full(4, 0.5), account="EUR", quote="USD", origin="EURUSD")
    spec = BacktestSpec(
        cash=5_000.0,
        sizing=sizing.FixedUnits(100),
        costs=costs.PerShareCosts(0.001, 2.0, 0.01, currency="USD"),
        fee_conversion=known,
    )
    result = run_reference(Script({0: act(1.0), 2: act(0.0)}), table, spec)
    assert result.fills["fee"].tolist() == pytest.approx([1.8, 1.6])
    assert result.equity[-1] == pytest.approx(5_000 + 500 - 3.4)
    late = run_reference(Script({0: act(1.0)}), table, replace(spec, fill_market="next_close"))
    assert late.fills["fee"].tolist() == pytest.approx([1.0])


def test_cash_covers_the_fee_at_its_rate():
    table = bars(*[(100.0,) * 4] * 3)
    known = Conversion(np.full(3, 150.0), np.full(3, 150.0))
    spec = BacktestSpec(cash=1_000.0, costs=costs.PerShareCosts(0.0, 1.0, currency="USD"), fee_conversion=known)
    result = run_reference(Script({0: act(1.0)}), table, spec)
    assert [(row["quantity"], row["fee"], row["cash"]) for row in result.fills] == [(8.0, 150.0, 50.0)]


def test_a_sweep_and_a_span_are_so_many_runs(make_bars, noisy):
    fees = costs.PerShareCosts(0.02, 1.0, currency="USD")
    spec, table = BacktestSpec(allow_short=True, costs=fees, fee_conversion=rates(3)), make_bars(3)
    sets = [noisy(seed) for seed in range(3)]
    alone = [run(each, table, spec).totals for each in sets]
    assert sweep(sets, table, spec, threads=2).tobytes() == np.concatenate(alone).tobytes()
    part = run_span(noisy(1), table, spec, 20, 50)
    whole = run(
        noisy(1), table.head(50), replace(spec, first_bar=20, close_at_end=True, fee_conversion=rates(3).head(50))
    )
    assert len(part.fills) > 1
    assert part.fills["fee"].tolist() == whole.fills["fee"].tolist()


@settings(max_examples=30)
@given(
    seed=st.integers(0, 500),
    shorts=st.booleans(),
    late=st.sampled_from(["next_open", "next_close"]),
    allocates=st.booleans(),
)
def test_one_account_for_many_pays_them_too(seed, shorts, late, allocates):
    tables = odd_bars(seed)
    fees = costs.PerShareCosts(0.02, 1.0, 0.05, currency="USD")
    spec = BacktestSpec(cash=50_000.0, costs=fees, allow_short=shorts, fill_market=late, close_at_end=True)
    moments = next(iter(tables.values())).ts[0] + np.arange(400) * 86_400 * 10**9
    walk = rates(seed, 400)
    specs = {
        name: replace(each, fee_conversion=_known(walk, moments, tables[name].ts))
        for name, each in own_terms(tables, spec).items()
    }
    panel, shared = panel_of(tables, specs), SharedAccount()
    if allocates:
        made = run_panel(Random(seed, shorts), panel, shared, session_days(panel, None))
        every = {int(t) for t in panel.ts}
        expected = panel_reference.allocations(Random(seed, shorts), tables, specs, shared, every)
    else:
        made = run_panel(Noisy(seed), panel, shared, session_days(panel, None))
        expected = panel_reference.decisions(Noisy(seed), tables, specs, shared)
    same(panel, made, expected, spec.cash)
    conserves(panel, made, spec.cash)


def _known(walk, moments, ts):
    rows = np.searchsorted(moments, ts, side="right") - 1
    return Conversion(walk.open[rows], walk.close[rows])


def test_rates_of_other_bars_are_refused(noisy):
    table, short = bars(*[(1.0,) * 4] * 3), Conversion(np.ones(2), np.ones(2))
    with pytest.raises(DataError, match="2 and 2 rates for 3 bars"):
        run(noisy(1), table, BacktestSpec(fee_conversion=short))
    with pytest.raises(DataError, match="2 and 2 rates for 3 bars"):
        panel_of({"A": table}, {"A": BacktestSpec(fee_conversion=short)})
