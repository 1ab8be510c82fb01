"""A walk-forward in one account for all instruments: written out, blind to its tests, counted, gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backtest.conftest import Noisy, random_bars
from tests.backtest.test_panel_sets import NoisyOf, Windowed
from tests.evaluation.test_walk_forward import BTC, MEASURES
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.span import panel_span
from tradewright.backtest.spec import UTC_DAYS, BacktestSpec, Sessions
from tradewright.backtest.sweep import ALONE
from tradewright.catalog.trials import Trials, TrialSource
from tradewright.evaluation.finding import TOGETHER
from tradewright.evaluation.folds import BarSpan, FoldRules, folds_of
from tradewright.fills.costs import BpsCosts
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats, Timeframe
from tradewright.quality.thresholds import SHIPPED
from tradewright.research import walk_forward as walking
from tradewright.research.bars import InstrumentBars
from tradewright.research.fold_runs import SharedFoldRuns
from tradewright.research.sweep_part import SweepRules
from tradewright.research.trial_recorder import TrialRecorder
from tradewright.research.walk_forward import Grounds, WalkForward, walk_forward
from tradewright.store.artefacts import Artefacts

COUNT = 160
FOLDS = FoldRules(3, 0.6, anchored=False, embargo=2)
SPEC = BacktestSpec(cash=50_000.0, costs=BpsCosts(10.0), allow_short=True)
SHARED = SharedAccount(cash_buffer=0.02, margin=0.0)
SETS = [{"seed": seed, "window": window} for seed in (1, 2) for window in (2, 9)]


def allocation(changes: Mapping[str, float]) -> Windowed:
    return Windowed(int(changes["seed"]), window=int(changes["window"]), shorts=True)


def decisions(changes: Mapping[str, float]) -> Noisy:
    return NoisyOf(int(changes["seed"]), window=int(changes["window"]))


def three(seed: int = 1) -> dict[str, Bars]:
    """One that begins in a train span, and one that ends before the last test."""
    late, early = (select(random_bars(seed + n, COUNT), part) for n, part in ((1, slice(50, None)), (2, slice(0, 110))))
    return {"A": random_bars(seed, COUNT), "B": late, "C": early}


def tabled(bars: Mapping[str, Bars]) -> dict[str, InstrumentBars]:
    return {name: InstrumentBars(BTC.model_copy(update={"symbol": name}), table) for name, table in bars.items()}


def walked(
    bars: Mapping[str, Bars],
    folder: Path,
    *,
    make: Any = allocation,
    folds: FoldRules = FOLDS,
    running: Path | None = None,
    specs: Mapping[str, BacktestSpec] | None = None,
) -> WalkForward:
    tables, now = tabled(bars), datetime(2026, 1, 2, tzinfo=UTC)
    recorder = TrialRecorder(Trials(folder), lambda: now, tables, {}, Timeframe.D1, "terms", "settings")
    rules = SweepRules("sharpe", MEASURES, recorder, Artefacts(folder / "look_ahead"), running)
    grounds = Grounds(Timeframe.D1, {}, SHIPPED, {"strategy": "weights"})

    def terms(item: InstrumentBars) -> BacktestSpec:
        return SPEC if specs is None else specs[item.instrument.symbol]

    return walk_forward(make, SETS, tables, terms, rules, folds, grounds, shared=SHARED)


def curve(bars: Mapping[str, Bars], made: Windowed, span: BarSpan, cash: float) -> Floats:
    panel = panel_of(bars, dict.fromkeys(bars, SPEC))
    part = panel_span(panel, span.start, span.stop, cash)
    return run_panel(made, part, SHARED, session_days(panel, None)[: span.stop]).equity[span.start :]


@pytest.mark.parametrize("anchored", [False, True], ids=["rolling", "anchored"])
def test_it_is_the_walk_forward_that_is_written_out(tmp_path: Path, anchored: bool) -> None:
    bars, folds = three(), replace(FOLDS, anchored=anchored)
    found, cash, curves = walked(bars, tmp_path, folds=folds), SPEC.cash, []
    for fold, (train, test) in zip(found.folds, folds_of(COUNT, folds), strict=True):
        ratios = []
        for each in SETS:
            equity = curve(bars, allocation(each), train, SPEC.cash)
            returns = np.diff(equity) / equity[:-1]
            ratios.append(returns.mean() / returns.std(ddof=1))
        chosen = SETS[int(np.argmax(ratios))]
        assert (fold.fold, fold.parameters) == ((train, test), chosen)
        alone = curve(bars, allocation(chosen), test, SPEC.cash)
        assert fold.out_of_sample.net_profit == pytest.approx(alone[-1] - SPEC.cash)
        curves.append(curve(bars, allocation(chosen), test, cash))
        cash = float(curves[-1][-1])
    section = found.report.sections[0]
    account = section.result
    np.testing.assert_allclose(account.equity, np.concatenate(curves), rtol=1e-12)
    np.testing.assert_allclose(account.cash + account.position * account.bars.close, account.equity, rtol=1e-9)
    assert account.initial_cash == SPEC.cash
    assert len(account.trades) == section.metrics.trades > 20
    ended = [row.message for name, row in found.report.findings() if (name, row.code) == (TOGETHER, "INSTRUMENT_ENDED")]
    assert len(ended) == 1
    assert ended[0].startswith("Test 2: C ended on 1970-04-20")
    (line,) = Trials(tmp_path).all()
    assert (line.facts.source, line.trials) == (TrialSource.WALK_FORWARD, 3 * len(SETS) + 1)
    assert found.report.verdict.figures["trials"] == 3 * len(SETS) + 1


@pytest.mark.parametrize("make", [allocation, decisions])
def test_bars_of_different_hours_are_walked_row_by_row(tmp_path: Path, make: Any) -> None:
    """As if every bar began with its row: folds, choices, the account and its fills."""
    plain, begin = three(), {"A": 0, "B": 14, "C": 8}
    mixed = {name: table._replace(ts=table.ts + begin[name] * HOUR) for name, table in plain.items()}
    specs = {name: replace(SPEC, sessions=hours_of(24 if name == "A" else 7)) for name in mixed}
    expected, found = walked(plain, tmp_path / "plain", make=make), walked(mixed, tmp_path, make=make, specs=specs)
    assert found.folds == expected.folds
    np.testing.assert_array_equal(found.ts, plain["A"].ts)
    (wanted,), (made,) = expected.report.sections, found.report.sections
    for name in ("equity", "cash", "fills", "trades", "position"):
        np.testing.assert_array_equal(getattr(made.result, name), getattr(wanted.result, name))
    for ours, theirs in zip(made.result.bars, wanted.result.bars, strict=True):
        np.testing.assert_array_equal(ours, theirs)


HOUR = 3_600 * 10**9


def hours_of(length: int) -> Sessions:
    return Sessions(f"{length} hours", UTC_DAYS.dates, lambda ts: ts + length * HOUR)


@pytest.mark.parametrize("make", [allocation, decisions])
def test_no_bar_of_a_test_has_a_part_in_the_choice_of_its_fold(tmp_path: Path, make: Any) -> None:
    bars = three()
    plain = walked(bars, tmp_path / "plain", make=make)
    fold = plain.folds[1]
    begin = int(bars["A"].ts[fold.fold.test.start])
    other = {
        name: Bars(table.ts, *(np.where(table.ts < begin, own, strange) for own, strange in pairs(table, 50 + place)))
        for place, (name, table) in enumerate(bars.items())
    }
    changed = walked(other, tmp_path / "other", make=make).folds
    assert changed[0] == plain.folds[0]
    assert (changed[1].parameters, changed[1].in_sample) == (fold.parameters, fold.in_sample)
    assert changed[1].out_of_sample != fold.out_of_sample


def pairs(table: Bars, seed: int) -> list[tuple[Floats, Floats]]:
    return list(zip(table[1:], random_bars(seed, len(table.ts))[1:], strict=True))


def test_one_that_was_stopped_goes_on_with_the_folds_that_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars, running, spans = three(), tmp_path / "running", list[BarSpan]()
    whole = walked(bars, tmp_path / "whole")
    monkeypatch.setattr(walking, "KEPT_FROM_PANELS", 3 * len(SETS))
    plain = SharedFoldRuns.trained

    def trained(runs: SharedFoldRuns, span: BarSpan, *more: Any) -> Any:
        if len(spans) == 2:
            raise KeyboardInterrupt
        spans.append(span)
        return plain(runs, span, *more)

    monkeypatch.setattr(SharedFoldRuns, "trained", trained)
    with pytest.raises(KeyboardInterrupt):
        walked(bars, tmp_path / "stopped", running=running)
    assert Trials(tmp_path / "stopped").all() == ()
    spans.clear()
    again = walked(bars, tmp_path / "stopped", running=running)
    assert len(spans) == 1
    assert (again.folds, again.report.verdict) == (whole.folds, whole.report.verdict)
    assert list(running.iterdir()) == []


def test_an_account_without_cash_trades_no_more() -> None:
    bars = three()
    runs = SharedFoldRuns([allocation(SETS[0])], tabled(bars), dict.fromkeys(bars, SPEC), MEASURES, ALONE, SHARED)
    done = runs.run(0, BarSpan(20, 60), 0.0).account
    assert (len(done.fills), done.equity.tolist()) == (0, [0.0] * 40)
