"""The sets of a sweep in a shared account are their own runs; a part of the bars knows nothing of those after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.conftest import Noisy, random_bars
from tests.backtest.test_panel import SHARED, SPECS, Random, odd_bars, own_terms
from tradewright.backtest.panel import sets
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.member_results import member_results
from tradewright.backtest.panel.panel import Panel, panel_of, session_days, tables_of
from tradewright.backtest.panel.sets import PanelGround, curve_of, panel_returns, panel_sweep, runs_of
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.span import panel_span
from tradewright.backtest.span import run_span
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep_plan import BLOCK
from tradewright.backtest.workers import Threads
from tradewright.evaluation.shared_study import account_of
from tradewright.fills.costs import BpsCosts
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import Feature

SPEC = BacktestSpec(cash=50_000.0, costs=BpsCosts(10.0), allow_short=True)


@dataclass(frozen=True)
class Windowed(Random):
    """Weights that begin when a mean is known."""

    window: int = 2

    def prepare_state(self) -> tuple[Feature, ...]:
        return Feature("sma", (self.window,)), Feature("close")


@dataclass(frozen=True)
class NoisyOf(Noisy):
    """Decisions whose limits hang on a mean."""

    window: int = 2

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("sma", (self.window,)),)


WEIGHTS = [Windowed(seed, window=window) for seed in (1, 2, 3) for window in (2, 5)]
DECISIONS = [NoisyOf(seed, window=window) for seed in (1, 2, 3) for window in (2, 5)]


def ground(bars: Mapping[str, Bars], specs: Mapping[str, BacktestSpec], shared: SharedAccount) -> PanelGround:
    panel = panel_of(bars, specs)
    return PanelGround(panel, shared, session_days(panel, None))


def expected_totals(made: Random | Noisy, on: PanelGround) -> dict[str, float]:
    """Out of the account that a single backtest reports."""
    run = run_panel(made, on.panel, on.shared, on.days)
    account = account_of(on.panel, run, member_results(on.panel, run))
    equity, cash = account.equity, account.initial_cash
    returns = np.diff(equity) / equity[:-1]
    won = int((account.trades["profit"] > 0).sum())
    return {
        "final_equity": equity[-1],
        "net_profit": equity[-1] - cash,
        "total_return": equity[-1] / cash - 1.0,
        "max_drawdown": (equity / np.maximum.accumulate(np.r_[cash, equity])[1:] - 1.0).min(),
        "sharpe": returns.mean() / returns.std(ddof=1) if returns.std(ddof=1) > 0.0 else 0.0,
        "exposure": (account.position != 0).mean(),
        "win_rate": won / max(len(account.trades), 1),
        "trades": len(account.trades),
        "wins": won,
        "orders": account.orders,
        "fills": len(account.fills),
        "fees": account.fills["fee"].sum(),
    }


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), spec=SPECS, shared=SHARED, threads=st.sampled_from([1, 2]), kind=st.booleans())
def test_every_set_is_its_single_backtest(
    seed: int, spec: BacktestSpec, shared: SharedAccount, threads: int, kind: bool
) -> None:
    bars = odd_bars(seed)
    on = ground(bars, own_terms(bars, spec), replace(shared, max_weight=1.0, max_gross=1.0))
    made = WEIGHTS if kind else DECISIONS
    totals = panel_sweep(made, on, workers=Threads(threads))
    for row, each in enumerate(made):
        expected = expected_totals(each, on)
        assert set(expected) == set(totals.dtype.names or ())
        found = {name: totals[name][row].item() for name in expected}
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-7)


def test_a_feature_is_computed_once_for_all_sets_that_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Feature] = []

    def counted(wanted: tuple[Feature, ...], panel: Panel) -> tuple[Floats, ...]:
        asked.extend(wanted)
        return tables_of(wanted, panel)

    monkeypatch.setattr(sets, "tables_of", counted)
    bars = odd_bars(3)
    on = ground(bars, dict.fromkeys(bars, SPEC), SharedAccount())
    panel_sweep(WEIGHTS, on, workers=Threads(2))
    assert sorted(feature.label for feature in asked) == ["close", "sma(2)", "sma(5)"]


def test_returns_are_those_of_the_curves() -> None:
    bars = odd_bars(5)
    on = ground(bars, dict.fromkeys(bars, SPEC), SharedAccount())
    found = panel_returns(WEIGHTS, on, lambda curve: curve.equity, len(on.panel.ts), workers=Threads(2))
    for row, made in enumerate(WEIGHTS):
        np.testing.assert_array_equal(found[:, row], run_panel(made, on.panel, on.shared, on.days).equity)


def test_a_stopped_sweep_goes_on_to_the_same_totals(tmp_path: Path) -> None:
    bars, many = odd_bars(4), [Windowed(seed) for seed in range(2 * BLOCK)]
    on, file = ground(bars, dict.fromkeys(bars, SPEC), SharedAccount()), tmp_path / "sweep.rows"

    def stop(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        panel_sweep(many, on, progress=stop, kept=file)
    assert file.exists()
    assert panel_sweep(many, on, kept=file).tobytes() == panel_sweep(many, on).tobytes()
    assert not file.exists()


def test_a_set_whose_weights_are_not_admitted_is_named() -> None:
    bars = odd_bars(6)
    on = ground(bars, dict.fromkeys(bars, SPEC), SharedAccount(max_gross=0.5))
    with pytest.raises(StrategyError) as refused:
        panel_sweep([Windowed(1, gross=0.4), Windowed(1, window=5, gross=0.9)], on)
    assert refused.value.code == "WEIGHTS_ABOVE_GROSS"
    assert "(the set that reads sma(5), close; parameters 1, 0, 0.9)" in refused.value.what
    assert "--where" in refused.value.remedy


@pytest.mark.parametrize("made", [Windowed(2, shorts=True, window=5), NoisyOf(2, window=5)], ids=["weights", "one"])
@pytest.mark.parametrize("span", [(0, 25), (12, 30), (20, 36)])
def test_a_part_of_the_bars_begins_and_ends_flat_and_knows_nothing_later(
    made: Random | Noisy, span: tuple[int, int]
) -> None:
    start, stop = span
    bars = odd_bars(9)
    on = ground(bars, dict.fromkeys(bars, SPEC), SharedAccount())
    part = panel_span(on.panel, start, stop, 9_000.0)
    run = run_panel(made, part, on.shared, on.days[:stop])
    assert len(run.fills) > 3
    assert run.fills["bar"].min() > start
    assert (run.equity[: start + 1] == 9_000.0).all()
    assert run.equity[-1] == pytest.approx(run.cash[-1]), "flat"
    end = int(on.panel.ts[stop - 1])
    changed = {
        name: table._replace(**{price: np.where(table.ts > end, 7.0, getattr(table, price)) for price in PRICES})
        for name, table in bars.items()
    }
    other = panel_span(panel_of(changed, dict.fromkeys(bars, SPEC)), start, stop, 9_000.0)
    again = run_panel(made, other, on.shared, on.days[:stop])
    assert (again.equity.tobytes(), again.fills.tobytes()) == (run.equity.tobytes(), run.fills.tobytes())
    curve = curve_of(runs_of([made], PanelGround(part, on.shared, on.days[:stop]))(0), part)
    results = member_results(part, run)
    account = account_of(part, run, results)
    np.testing.assert_array_equal(curve.equity, account.equity)
    np.testing.assert_array_equal(account.bars.ts, on.panel.ts[start:stop])
    np.testing.assert_allclose(account.equity, account.cash + account.position * account.bars.close, rtol=1e-12)
    gains = sum(each.equity[-1] - each.initial_cash for each in results.values() if len(each.bars.ts))
    assert gains == pytest.approx(account.equity[-1] - 9_000.0, abs=1e-6)


PRICES = ("open", "high", "low", "close")


@pytest.mark.parametrize("span", [(0, 60), (17, 41)])
def test_a_part_of_one_instrument_is_that_of_its_own_kernel(span: tuple[int, int]) -> None:
    bars, made = random_bars(3, 60), NoisyOf(4, window=5)
    panel = panel_of({"A": bars}, {"A": SPEC})
    run = run_panel(made, panel_span(panel, *span, 20_000.0), SharedAccount(), session_days(panel, None)[: span[1]])
    alone = run_span(made, bars, replace(SPEC, cash=20_000.0), *span)
    assert len(alone.fills) > 4
    np.testing.assert_array_equal(run.equity[span[0] :], alone.equity)
    np.testing.assert_array_equal(run.fills["price"], alone.fills["price"])


def test_a_part_before_an_instrument_begins_keeps_its_place() -> None:
    bars = {"A": random_bars(1, 60), "B": random_bars(2, 60)}
    bars["B"] = Bars(*(values[40:] for values in bars["B"]))
    panel = panel_of(bars, dict.fromkeys(bars, SPEC))
    part = panel_span(panel, 10, 30, 50_000.0)
    run = run_panel(Windowed(1), part, SharedAccount(), session_days(panel, None)[:30])
    assert part.names == ("A", "B")
    assert set(run.fill_of.tolist()) == {0}
    account = account_of(part, run, member_results(part, run))
    half = 25_000.0 * bars["A"].close[10:30] / bars["A"].close[10]
    np.testing.assert_allclose(account.bars.close, 25_000.0 + half, rtol=1e-9)
