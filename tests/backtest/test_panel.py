"""The panel kernel against its plain-Python witness, against the one-instrument kernel, and what holds of every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest import panel_reference
from tests.backtest.conftest import Noisy, random_bars
from tests.backtest.panel_reference import DAY, Expected
from tradewright.backtest import sizing
from tradewright.backtest.engine import run
from tradewright.backtest.panel.engine import PanelRun, run_panel
from tradewright.backtest.panel.panel import Panel, panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import FillReason
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import costs, slippage
from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature

SPECS = st.builds(
    BacktestSpec,
    cash=st.sampled_from([2_000.0, 50_000.0]),
    costs=st.sampled_from([costs.NoCosts(), costs.BpsCosts(20.0), costs.PerShareCosts(0.01, 1.0, 0.01)]),
    slippage=st.sampled_from(
        [slippage.NoSlippage(), slippage.VolSlippage(1.0, 1000.0), slippage.SpreadImpact(0.1, 2.0)]
    ),
    sizing=st.sampled_from(
        [sizing.FixedUnits(40.0), sizing.PercentEquity(0.6), sizing.RiskPerTrade(0.02), sizing.MaxSize()]
    ),
    fill_market=st.sampled_from(["next_open", "next_close"]),
    bar_delay=st.sampled_from([1, 1, 2, 3]),
    limit_timeout_bars=st.sampled_from([1, 3]),
    allow_short=st.booleans(),
    close_at_end=st.booleans(),
    lot_size=st.sampled_from([1.0, 0.25]),
    multiplier=st.sampled_from([1.0, 5.0]),
    quoted_spread=st.sampled_from([None, None, 4.0]),
)
SHARED = st.builds(
    SharedAccount,
    max_weight=st.sampled_from([1.0, 0.4]),
    max_gross=st.sampled_from([1.0, 0.7]),
    cash_buffer=st.sampled_from([0.0, 0.05]),
    borrow_rate=st.sampled_from([0.0, 0.3]),
    margin=st.sampled_from([0.0, 0.25, 0.95]),
)


def allocate(i: int, features: Tables, params: tuple[float, ...], weights: Floats, out: Floats) -> bool:
    """Pseudo-random weights within the caps, out of prices and present weights; sometimes no wish at all."""
    living = 0
    for n in range(len(out)):
        if features[0][i, n] == features[0][i, n]:
            living += 1
    mixed = (i * 7919 + int(params[0]) * 104729 + 17) % 99991
    if living == 0 or mixed % 5 == 0:
        return False
    for n in range(len(out)):
        if features[0][i, n] == features[0][i, n]:
            mixed = (mixed * 48271 + n) % 99991
            share = 0.7 + 0.3 * (mixed % 1000) / 1000.0
            side = -1.0 if params[1] > 0.0 and mixed % 3 == 0 else 1.0
            out[n] = 0.0 if mixed % 7 == 0 else side * params[2] * share / living
            if weights[n] > 0.3 and params[2] > 0.9:
                out[n] = 0.0
    return True


@dataclass(frozen=True)
class Random:
    """Weights of :func:`allocate`."""

    seed: int = 1
    shorts: bool = False
    gross: float = 0.7

    name = "random"
    allocate = staticmethod(allocate)
    rebalance = Rebalance.BAR

    def prepare_state(self) -> tuple[Feature, ...]:
        return Feature("sma", (2,)), Feature("close")

    def parameters(self) -> tuple[float, ...]:
        return float(self.seed), float(self.shorts), self.gross


def odd_bars(seed: int, count: int = 4, length: int = 36) -> dict[str, Bars]:
    """Instruments on one calendar of days that begin late, end early or pause."""
    rng = np.random.default_rng(seed)
    found = {}
    for n in range(count):
        kept = rng.random(length) > (0.0, 0.3)[n % 2]
        first, last = (0, length) if n == 0 else (int(rng.integers(0, 12)), int(rng.integers(20, length + 1)))
        kept[:first] = kept[last:] = False
        kept[max(first, 10)] = True
        found[f"I{n}"] = select(random_bars(seed * 31 + n, length, price=(20.0, 100.0)[n % 2]), np.flatnonzero(kept))
    return found


def own_terms(bars: Mapping[str, Bars], spec: BacktestSpec) -> dict[str, BacktestSpec]:
    """The terms by instrument; every other one has other lots and another multiplier."""
    return {
        name: replace(spec, lot_size=2.0 * spec.lot_size, multiplier=0.5 * spec.multiplier) if n % 2 else spec
        for n, name in enumerate(bars)
    }


def same(panel: Panel, made: PanelRun, expected: Expected, cash: float) -> None:
    scale = 1e-9 * cash
    for n, name in enumerate(panel.names):
        fills, trades = made.fills[made.fill_of == n], made.trades[made.trade_of == n]
        assert [int(row["bar"]) for row in fills] == [row[0] for row in expected.fills[name]], name
        for column, width in (("side", 1), ("quantity", 2), ("price", 3), ("fee", 4), ("reason", 6), ("cash", 7)):
            np.testing.assert_allclose(fills[column], [row[width] for row in expected.fills[name]], atol=scale)
        np.testing.assert_allclose(trades["profit"], [row[8] for row in expected.trades[name]], atol=scale)
        assert made.orders[n] == expected.orders[name]
    np.testing.assert_allclose(made.equity, expected.equity, rtol=1e-9, atol=scale)
    np.testing.assert_allclose(made.cash, expected.cash, rtol=1e-9, atol=scale)
    np.testing.assert_allclose(made.borrowed, expected.borrowed, rtol=1e-9, atol=scale)
    assert made.margin_calls == expected.calls


def conserves(panel: Panel, made: PanelRun, cash: float) -> None:
    """Cash and holdings are the equity in every bar, rebuilt from the fills alone; nothing is bought on credit."""
    count = len(panel.ts)
    flows, units = np.zeros(count), np.zeros((count, len(panel.names)))
    every, whose = np.concatenate((made.fills, made.adjustments)), (*made.fill_of, *made.adjustment_of)
    for row, n in zip(every, whose, strict=True):
        multiplier = panel.specs[n].multiplier
        flows[row["bar"]] -= row["side"] * row["quantity"] * row["price"] * multiplier + row["fee"]
        if row["reason"] != FillReason.DIVIDEND:
            units[row["bar"] :, n] += row["side"] * row["quantity"] * multiplier
    paid = made.cash - (cash + np.cumsum(flows))
    np.testing.assert_allclose(made.cash + (units * panel.market.marks).sum(axis=1), made.equity, atol=1e-9 * cash)
    assert np.all(np.diff(paid, prepend=0.0) <= 1e-9 * cash), "money appeared"
    np.testing.assert_allclose(-paid[-1], made.borrowed, atol=1e-9 * cash)
    if not panel.specs[0].allow_short:
        assert made.cash.min() >= -1e-9 * cash
        assert units.min() >= -1e-9


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), spec=SPECS, shared=SHARED)
def test_decisions_that_compete_equal_the_witness(seed, spec, shared):
    bars = odd_bars(seed)
    panel = panel_of(bars, own_terms(bars, spec))
    made = run_panel(Noisy(seed), panel, shared, session_days(panel, None))
    same(panel, made, panel_reference.decisions(Noisy(seed), bars, own_terms(bars, spec), shared), spec.cash)
    conserves(panel, made, spec.cash)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    spec=SPECS,
    shared=SHARED,
    rebalance=st.sampled_from([Rebalance.BAR, Rebalance.BAR, Rebalance.WEEK, Rebalance.MONTH]),
)
def test_an_allocation_equals_the_witness(seed, spec, shared, rebalance):
    shared = replace(shared, rebalance=rebalance, max_weight=1.0)
    strategy = Random(seed, spec.allow_short, shared.max_gross)
    bars = odd_bars(seed)
    panel = panel_of(bars, own_terms(bars, spec))
    made = run_panel(strategy, panel, shared, session_days(panel, None))
    asked = {int(t) for t, day in zip(panel.ts, days_asked(panel, rebalance), strict=True) if day}
    same(panel, made, panel_reference.allocations(strategy, bars, own_terms(bars, spec), shared, asked), spec.cash)
    conserves(panel, made, spec.cash)


def short_all(i: int, features: Tables, params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """Short every instrument once, in bar 2."""
    for n in range(len(out)):
        out[n] = -params[0] / len(out)
    return i == 2 and features[0][i, 0] == features[0][i, 0]


def short_one(i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Short in bar 2."""
    return (-1.0, NAN, NAN, NAN) if i == 2 else HOLD


@dataclass(frozen=True)
class Shorts:
    """The same short positions, as an allocation and as decisions by instrument."""

    name = "shorts"
    allocate = staticmethod(short_all)
    rebalance = Rebalance.BAR

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        return (0.9,)


@dataclass(frozen=True)
class ShortDecisions(Noisy):
    name = "short decisions"
    generate_signal = staticmethod(short_one)


def rising(step: float, length: int) -> dict[str, Bars]:
    """Two instruments whose price rises by the same share in every bar."""
    price = 20.0 * (1.0 + step) ** np.arange(length)
    bars = random_bars(1, length)._replace(open=price, high=price, low=price, close=price)
    return {"A": bars, "B": bars}


@pytest.mark.parametrize("delay", [1, 2])
@pytest.mark.parametrize("kind", ["allocation", "decisions"])
def test_the_margin_guard_closes_everything_once_the_equity_no_longer_covers_it(kind, delay):
    """Shorts of nine tenths of the equity, or two of four tenths; each bar takes a tenth of them away."""
    spec = BacktestSpec(cash=50_000.0, allow_short=True, sizing=sizing.PercentEquity(0.4), bar_delay=delay)
    for shared, calls in ((SharedAccount(margin=0.75), 1), (SharedAccount(margin=0.0), 0)):
        bars = rising(0.1, 10)
        panel, terms = panel_of(bars, dict.fromkeys(bars, spec)), dict.fromkeys(bars, spec)
        if kind == "allocation":
            made = run_panel(Shorts(), panel, shared, session_days(panel, None))
            expected = panel_reference.allocations(Shorts(), bars, terms, shared, {int(t) for t in panel.ts})
        else:
            made = run_panel(ShortDecisions(1), panel, shared, session_days(panel, None))
            expected = panel_reference.decisions(ShortDecisions(1), bars, terms, shared)
        same(panel, made, expected, spec.cash)
        assert made.margin_calls == calls
        covered = made.fills[made.fills["side"] > 0]
        assert [int(row["bar"]) for row in covered] == ([made.first_call + delay] * 2 if calls else [])
        if calls:
            assert made.equity[made.first_call] < 0.75 * (made.cash - made.equity)[made.first_call]
            assert made.cash[-1] == made.equity[-1]


def days_asked(panel: Panel, rebalance: Rebalance) -> list[bool]:
    """The first bar of each period, from calendar dates."""
    days = [np.datetime64(int(t) // DAY, "D").item() for t in panel.ts]
    keys = {
        Rebalance.BAR: lambda k: k,
        Rebalance.WEEK: lambda k: days[k].isocalendar()[:2],
        Rebalance.MONTH: lambda k: (days[k].year, days[k].month),
    }[rebalance]
    return [k == 0 or keys(k) != keys(k - 1) for k in range(len(days))]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), spec=SPECS)
def test_one_instrument_is_the_one_instrument_kernel(seed, spec):
    bars = random_bars(seed, 80)
    panel = panel_of({"A": bars}, {"A": spec})
    made, one = run_panel(Noisy(seed), panel, SharedAccount(margin=0.0), session_days(panel, None)), None
    one = run(Noisy(seed), bars, spec)
    assert made.fills.tobytes() == one.fills.tobytes()
    assert made.trades.tobytes() == one.trades.tobytes()
    assert made.orders.tolist() == [one.orders]
    np.testing.assert_allclose(made.equity, one.equity, rtol=1e-12)
    np.testing.assert_allclose(made.cash, one.cash, rtol=1e-12)


def test_the_same_input_gives_the_same_bytes():
    bars = odd_bars(3)
    panel = panel_of(bars, own_terms(bars, BacktestSpec(allow_short=True)))
    first, second = (run_panel(Random(3, True), panel, SharedAccount(), session_days(panel, None)) for _ in range(2))
    assert len(first.fills) > 20
    for name in ("equity", "cash", "fills", "trades", "fill_of", "trade_of", "orders"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name
