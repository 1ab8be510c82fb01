"""Splits and dividends in a shared account: the panel kernels against their witness and the one-instrument kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest import panel_reference
from tests.backtest.conftest import Noisy, random_bars
from tests.backtest.test_corporate_actions import actions, split_prices
from tests.backtest.test_panel import SHARED, SPECS, Random, conserves, odd_bars, own_terms, same
from tradewright.backtest.engine import run
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.member_results import member_results
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.span import panel_span
from tradewright.backtest.result import FillReason
from tradewright.backtest.span import run_span
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bars import Bars

Terms = Mapping[str, BacktestSpec]


def with_actions(seed: int, spec: BacktestSpec) -> tuple[dict[str, Bars], Terms]:
    """Instruments that begin late, end early or pause, each with splits and dividends in some of its bars."""
    rng, bars, terms = np.random.default_rng(seed), odd_bars(seed), {}
    for name, own in own_terms(bars, spec).items():
        count = len(bars[name].ts)
        places = sorted(rng.choice(np.arange(1, count), min(3, count - 1), replace=False).tolist())
        rows = [(bar, float(rng.choice([1.0, 2.0, 1.5, 0.1])), float(rng.choice([0.0, 0.7]))) for bar in places]
        bars[name], terms[name] = split_prices(bars[name], rows), replace(own, actions=actions(count, *rows))
    return bars, terms


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), spec=SPECS, shared=SHARED)
def test_decisions_equal_the_witness(seed, spec, shared):
    bars, terms = with_actions(seed, spec)
    panel = panel_of(bars, terms)
    made = run_panel(Noisy(seed), panel, shared, session_days(panel, None))
    same(panel, made, panel_reference.decisions(Noisy(seed), bars, terms, shared), spec.cash)
    conserves(panel, made, spec.cash)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), spec=SPECS, shared=SHARED)
def test_an_allocation_equals_the_witness(seed, spec, shared):
    shared = replace(shared, max_weight=1.0)
    strategy = Random(seed, spec.allow_short, shared.max_gross)
    bars, terms = with_actions(seed, spec)
    panel = panel_of(bars, terms)
    made = run_panel(strategy, panel, shared, session_days(panel, None))
    asked = {int(t) for t in panel.ts}
    same(panel, made, panel_reference.allocations(strategy, bars, terms, shared, asked), spec.cash)
    conserves(panel, made, spec.cash)


def test_one_instrument_is_the_one_instrument_kernel_and_its_part_is_the_whole():
    rows = [(3, 2.0, 0.5), (4, 0.3, 0.0), (50, 1.0, 3.0)]
    bars = split_prices(random_bars(1, 80), rows)
    spec = BacktestSpec(cash=50_000.0, allow_short=True, actions=actions(80, *rows))
    panel, one = panel_of({"A": bars}, {"A": spec}), run(Noisy(1, 20), bars, spec)
    made = run_panel(Noisy(1, 20), panel, SharedAccount(margin=0.0), session_days(panel, None))
    part = member_results(panel, made)["A"]
    assert {FillReason.SPLIT, FillReason.DIVIDEND} <= {FillReason(row["reason"]) for row in made.adjustments}
    for name in ("fills", "adjustments"):
        assert getattr(made, name).tobytes() == getattr(one, name).tobytes()
        assert len(getattr(part, name)) == len(getattr(one, name))
    assert made.trades.tobytes() == one.trades.tobytes()
    np.testing.assert_allclose(made.equity, one.equity, rtol=1e-12)
    np.testing.assert_allclose(part.equity, one.equity, rtol=1e-12)


@pytest.mark.parametrize("span", [(0, 80), (20, 60), (45, 70)])
def test_a_part_of_the_bars_meets_the_actions_of_its_own_bars(span):
    rows = [(3, 2.0, 0.5), (30, 0.3, 0.0), (50, 1.0, 3.0), (58, 2.0, 0.0)]
    bars = split_prices(random_bars(1, 80), rows)
    spec = BacktestSpec(cash=50_000.0, allow_short=True, actions=actions(80, *rows))
    panel, one = panel_of({"A": bars}, {"A": spec}), run_span(Noisy(1, 20), bars, spec, *span)
    head = panel_span(panel, *span, 50_000.0)
    made = run_panel(Noisy(1, 20), head, SharedAccount(margin=0.0), session_days(panel, None)[: span[1]])
    part = member_results(head, made)["A"]
    assert len(one.adjustments) > 0
    assert (len(part.fills), len(part.adjustments)) == (len(one.fills), len(one.adjustments))
    np.testing.assert_array_equal(part.adjustments["bar"], one.adjustments["bar"])
    np.testing.assert_allclose(part.equity, one.equity, rtol=1e-12)
    np.testing.assert_allclose(part.held_marks, one.held_marks, rtol=1e-12)
    np.testing.assert_allclose(made.equity[span[0] :], one.equity, rtol=1e-12)
