"""A walk-forward chooses on the past alone, tries each choice on what follows, and counts every trial."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tests.backtest.reference import run_reference
from tests.backtest.test_span import Gated
from tradewright.backtest.sizing import FixedUnits, PercentEquity
from tradewright.backtest.spec import BacktestSpec, Sessions
from tradewright.backtest.workers import Threads
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar
from tradewright.catalog.trials import Trials, TrialSource
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.folds import BarSpan, Fold, FoldRules, folds_of, on_clear_bars
from tradewright.evaluation.study import MetricsConfig
from tradewright.fills.costs import PercentCosts
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats, Timeframe
from tradewright.model.errors import ConfigError, DataError, StoreError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.quality.thresholds import SHIPPED
from tradewright.research import walk_forward as walking
from tradewright.research.bars import InstrumentBars
from tradewright.research.fold_runs import FoldRuns
from tradewright.research.sweep_part import SweepRules
from tradewright.research.trial_recorder import TrialRecorder
from tradewright.research.walk_forward import Grounds, WalkForward, walk_forward
from tradewright.store.artefacts import Artefacts

BTC = Instrument(symbol="BTC", asset_class=AssetClass.CRYPTO, calendar="24/7")
COUNT = 300
SETS = [{"fast": fast, "slow": slow} for fast in (2, 4, 9) for slow in (7, 9, 40)]
TAKEN = 7
FOLDS = FoldRules(4, 0.6, anchored=False, embargo=3)
SPEC = BacktestSpec(cash=50_000.0, costs=PercentCosts(0.001), sizing=PercentEquity(0.9), allow_short=True)
MEASURES = MetricsConfig(Sampling.SESSION, 365)


def make(changes: Mapping[str, float]) -> SmaCrossover:
    return SmaCrossover(**{name: int(value) for name, value in changes.items()})


def walked(
    bars: Bars,
    folder: Path,
    *,
    spec: BacktestSpec = SPEC,
    folds: FoldRules = FOLDS,
    rank: str = "sharpe",
    other: Bars | None = None,
    running: Path | None = None,
) -> WalkForward:
    tables = {"BTC": InstrumentBars(BTC, bars)}
    if other is not None:
        tables["ETH"] = InstrumentBars(BTC.model_copy(update={"symbol": "ETH"}), other)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    recorder = TrialRecorder(Trials(folder), lambda: now, tables, {}, Timeframe.D1, "terms", "settings")
    rules = SweepRules(rank, MEASURES, recorder, Artefacts(folder / "look_ahead"), running)
    grounds = Grounds(Timeframe.D1, {}, SHIPPED, {"strategy": "sma_crossover"})
    return walk_forward(make, SETS, tables, lambda _item: spec, rules, folds, grounds)


def spliced(bars: Bars, start: int, stop: int, seed: int) -> Bars:
    """The bars with other prices in a span."""
    other = random_bars(seed, COUNT)
    return Bars(
        bars.ts,
        *(
            np.concatenate((own[:start], strange[start:stop], own[stop:]))
            for own, strange in zip(bars[1:], other[1:], strict=True)
        ),
    )


@pytest.mark.parametrize("folds", [FOLDS, replace(FOLDS, anchored=True)], ids=["rolling", "anchored"])
def test_no_bar_of_a_test_has_a_part_in_the_choice_of_its_fold(tmp_path: Path, folds: FoldRules) -> None:
    bars = random_bars(1, COUNT)
    plain = walked(bars, tmp_path / "plain", folds=folds)
    for place, fold in enumerate(plain.folds):
        start, stop = fold.fold.test
        shifted = walked(spliced(bars, start, stop, 2), tmp_path / f"test-{place}", folds=folds).folds
        assert shifted[place].parameters == fold.parameters
        assert shifted[place].in_sample == fold.in_sample
        assert shifted[place].out_of_sample != fold.out_of_sample
        later = walked(spliced(bars, stop, COUNT, 3), tmp_path / f"later-{place}", folds=folds).folds
        assert later[: place + 1] == plain.folds[: place + 1]


def plain_choice(bars: Bars, start: int, stop: int, spec: BacktestSpec) -> Mapping[str, float]:
    """The set with the highest Sharpe ratio of bars, the first of equal ones; written out."""
    best, choice = -np.inf, SETS[0]
    for each in SETS:
        if each["fast"] >= each["slow"]:
            continue
        result = run_reference(Gated(each["fast"], each["slow"], start), bars.head(stop), spec)
        returns = np.diff(result.equity[start:]) / result.equity[start:-1]
        deviation = returns.std(ddof=1)
        sharpe = returns.mean() / deviation if deviation > 0 else 0.0
        if sharpe > best:
            best, choice = sharpe, each
    return choice


@pytest.mark.parametrize("folds", [FOLDS, replace(FOLDS, anchored=True)], ids=["rolling", "anchored"])
def test_it_is_the_walk_forward_that_is_written_out(tmp_path: Path, folds: FoldRules) -> None:
    bars = random_bars(5, COUNT)
    found = walked(bars, tmp_path, folds=folds)
    spec, cash, equity, trades = replace(SPEC, close_at_end=True), SPEC.cash, [], 0
    for fold, (train, test) in zip(found.folds, folds_of(COUNT, folds), strict=True):
        assert fold.fold == (train, test)
        assert fold.parameters == plain_choice(bars, *train, spec)
        gated = Gated(int(fold.parameters["fast"]), int(fold.parameters["slow"]), test.start)
        alone = run_reference(gated, bars.head(test.stop), spec)
        assert fold.out_of_sample.net_profit == pytest.approx(alone.equity[-1] - SPEC.cash)
        chained = run_reference(gated, bars.head(test.stop), replace(spec, cash=cash))
        equity += chained.equity[test.start :].tolist()
        cash, trades = float(chained.equity[-1]), trades + len(chained.trades)
    account = found.report.sections[0].result
    np.testing.assert_allclose(account.equity, equity, rtol=1e-9)
    assert account.initial_cash == SPEC.cash
    assert (len(account.trades), found.report.sections[0].metrics.trades) == (trades, trades)
    assert trades > 8
    (draw,) = found.report.drawings.values()
    figure = draw()
    assert figure is not None
    times = found.ts.astype("datetime64[ns]")
    for line, span in ((0, "train"), (2, "test")):
        ends = [getattr(fold.fold, span) for fold in found.folds]
        assert [np.datetime64(each) for each in figure.data[line].x if each is not None] == [
            times[place] for start, stop in ends for place in (start, stop - 1)
        ]
    assert list(figure.data[1].y) == [fold.in_sample.sharpe for fold in found.folds]
    assert list(figure.data[3].y) == [fold.out_of_sample.sharpe for fold in found.folds]
    assert account.trades["profit"].sum() == pytest.approx(equity[-1] - SPEC.cash)
    np.testing.assert_array_equal(account.bars.ts, bars.ts[found.folds[0].fold.test.start :])
    ends = [fold.fold.test.stop - found.folds[0].fold.test.start - 1 for fold in found.folds]
    assert (account.position[ends] == 0.0).all()


BEGIN, END = 150, 240
"""Of the second instrument, which begins in a train span and ends before the last test."""


def together(a: Bars, b: Bars, chosen: Mapping[str, float], span: tuple[int, int], cash: float) -> tuple[Floats, int]:
    """Equity of two accounts with half of the cash each on a span of the first one's bars, and closed trades."""
    (start, stop), equity, trades = span, np.zeros(span[1] - span[0]), 0
    for bars, offset in ((a, 0), (b, BEGIN)):
        first, last = (min(max(place - offset, 0), len(bars.ts)) for place in span)
        curve = np.full(stop - start, cash / 2)
        if first < last:
            gated = Gated(int(chosen["fast"]), int(chosen["slow"]), first)
            alone = run_reference(gated, bars.head(last), replace(SPEC, close_at_end=True, cash=cash / 2))
            begin = first + offset - start
            curve[begin : begin + last - first] = alone.equity[first:]
            curve[begin + last - first :] = alone.equity[-1]
            trades += len(alone.trades)
        equity += curve
    return equity, trades


@pytest.mark.parametrize("folds", [FOLDS, replace(FOLDS, anchored=True)], ids=["rolling", "anchored"])
def test_two_instruments_are_walked_as_it_is_written_out(tmp_path: Path, folds: FoldRules) -> None:
    a, b = random_bars(5, COUNT), select(random_bars(6, COUNT), slice(BEGIN, END))
    found = walked(a, tmp_path, folds=folds, other=b)
    tables = {"BTC": InstrumentBars(BTC, a), "ETH": InstrumentBars(BTC, b)}
    taken = [make(each) for each in SETS if each["fast"] < each["slow"]]
    runs = FoldRuns(taken, tables, dict.fromkeys(tables, replace(SPEC, cash=SPEC.cash / 2)), MEASURES, Threads(1))
    cash, curves, trades = SPEC.cash, [], 0
    for fold, (train, test) in zip(found.folds, folds_of(COUNT, folds), strict=True):
        ratios = []
        for each in SETS:
            equity = together(a, b, each, train, SPEC.cash)[0] if each["fast"] < each["slow"] else np.ones(3)
            returns = np.diff(equity) / equity[:-1]
            ratios.append(returns.mean() / returns.std(ddof=1) if returns.std() > 0 else -np.inf)
        assert fold.parameters == SETS[int(np.argmax(ratios))]
        totals = runs.trained(train, None)
        np.testing.assert_allclose(totals["sharpe"], [each for each in ratios if np.isfinite(each)], rtol=1e-9)
        ends = [together(a, b, each, train, SPEC.cash)[0][-1] for each in SETS if each["fast"] < each["slow"]]
        np.testing.assert_allclose(totals["final_equity"], ends, rtol=1e-12)
        equity, count = together(a, b, fold.parameters, test, cash)
        alone, _count = together(a, b, fold.parameters, test, SPEC.cash)
        assert fold.out_of_sample.net_profit == pytest.approx(alone[-1] - SPEC.cash)
        cash, trades = float(equity[-1]), trades + count
        curves.append(equity)
    account = found.report.sections[0].result
    np.testing.assert_allclose(account.equity, np.concatenate(curves), rtol=1e-9)
    np.testing.assert_allclose(account.cash + account.position * account.bars.close, account.equity, rtol=1e-9)
    assert (len(account.trades), account.initial_cash) == (trades, SPEC.cash)
    assert account.trades["profit"].sum() == pytest.approx(cash - SPEC.cash)
    bought = account.fills["bar"]
    assert (np.diff(bought) >= 0).all()
    assert bought[-1] >= found.folds[-1].fold.test.start - found.folds[0].fold.test.start
    begin = found.folds[0].fold.test.start
    holding = a.close[begin:] / a.close[begin] + np.where(
        np.arange(begin, COUNT) < BEGIN, 1.0, b.close[np.clip(np.arange(begin, COUNT) - BEGIN, 0, END - BEGIN - 1)]
        / b.close[max(begin - BEGIN, 0)],
    )  # fmt: skip
    np.testing.assert_allclose(account.bars.close, holding * SPEC.cash / 2, rtol=1e-9)
    (line,) = Trials(tmp_path).all()
    assert (line.facts.instruments, line.trials) == (("BTC", "ETH"), 4 * TAKEN + 1)
    assert 4 < line.effective < 4 * TAKEN + 1


def test_every_set_of_every_train_span_is_a_trial_and_so_is_the_chain(tmp_path: Path) -> None:
    bars = random_bars(1, COUNT)
    first = walked(bars, tmp_path)
    assert (first.sets, first.left_out) == (TAKEN, 2)
    assert "fast < slow" in first.why
    (line,) = Trials(tmp_path).all()
    assert (line.facts.source, line.trials, line.added) == (TrialSource.WALK_FORWARD, 4 * TAKEN + 1, 4 * TAKEN + 1)
    assert 4 < line.effective < 4 * TAKEN + 1
    assert first.report.verdict.figures["trials"] == 4 * TAKEN + 1
    assert walked(bars, tmp_path).report.verdict == first.report.verdict
    assert walked(bars.head(COUNT - 1), tmp_path).report.verdict.figures["trials"] == 4 * TAKEN + 1
    # another figure to choose by makes another chain of the same sets, other folds make other sets of all of them
    other = walked(bars, tmp_path, rank="net_profit")
    assert other.report.verdict.figures["trials"] == 4 * TAKEN + 2
    wider = walked(bars, tmp_path, folds=replace(FOLDS, embargo=4))
    assert wider.report.verdict.figures["trials"] == 8 * TAKEN + 3


@pytest.mark.parametrize("folds", [FOLDS, replace(FOLDS, anchored=True)], ids=["rolling", "anchored"])
def test_trials_are_compared_by_what_they_add_in_their_own_span(
    tmp_path: Path, folds: FoldRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the same set on train spans that overlap is not tried anew; written out bar by bar."""
    bars, seen = random_bars(1, COUNT), []
    plain = walking.effective_trials
    monkeypatch.setattr(walking, "effective_trials", lambda *said: seen.append(said) or plain(*said))
    walked(bars, tmp_path, folds=folds)
    ((table, tried),) = seen
    taken = [each for each in SETS if each["fast"] < each["slow"]]
    spec, column = replace(SPEC, close_at_end=True), 0
    for train, _test in folds_of(COUNT, folds):
        alike: set[bytes] = set()
        market = (
            np.diff(bars.close[slice(*train)], prepend=bars.close[train.start])
            / bars.close[np.maximum(np.arange(*train) - 1, train.start)]
        )
        for each in taken:
            result = run_reference(Gated(each["fast"], each["slow"], train.start), bars.head(train.stop), spec)
            equity = result.equity[train.start :]
            if not len(result.fills) or equity.tobytes() in alike:
                continue  # a set that never trades, or one that comes out like another
            alike.add(equity.tobytes())
            own = np.diff(equity, prepend=SPEC.cash) / np.concatenate(([SPEC.cash], equity[:-1]))
            held = (equity - result.cash[train.start :]) / equity
            active = own - held.mean() * market
            expected = np.zeros(COUNT)
            expected[slice(*train)] = active - active.mean()
            np.testing.assert_allclose(table[:, column], expected, atol=1e-9)
            column += 1
    assert 3 * TAKEN < column < 4 * TAKEN
    assert (table.shape, tried) == ((COUNT, column), column)


def test_nothing_is_shown_that_was_not_counted(tmp_path: Path) -> None:
    walked(random_bars(1, COUNT), tmp_path)
    log = tmp_path / "trials" / "trials.log"
    log.write_text(log.read_text().replace('"number":1', '"number":2'))
    with pytest.raises(StoreError, match="the trial ledger is damaged"):
        walked(random_bars(1, COUNT), tmp_path)


def test_an_account_that_is_wiped_out_trades_no_more(tmp_path: Path) -> None:
    """Units bought with money that is not there, before prices fall to a tenth."""
    spec = BacktestSpec(cash=500.0, sizing=FixedUnits(100.0), allow_overdraft=True)
    wave = 100.0 + 8.0 * np.sin(np.arange(COUNT) / 3.0)
    calm = walked(flat_bars(wave), tmp_path / "calm", spec=spec)
    first, start = calm.folds[0].fold.test.start, calm.folds[1].fold.test.start
    held = calm.report.sections[0].result.position[start - first :] > 0.0
    crash = start + int(np.argmax(held)) + 1
    found = walked(flat_bars(np.where(np.arange(COUNT) < crash, wave, wave / 10.0)), tmp_path / "crash", spec=spec)
    account, stop = found.report.sections[0].result, found.folds[1].fold.test.stop - first
    assert account.equity[stop - 1] < -5_000.0
    assert (account.equity[stop:] == account.equity[stop - 1]).all()
    assert (account.fills["bar"].max() < stop, len(account.equity)) == (True, COUNT - first)
    assert "RUINED" in {finding.code for finding in found.report.sections[0].findings}
    assert found.folds[-1].out_of_sample.fills > 0


def flat_bars(close: Floats) -> Bars:
    """Bars of one price each."""
    return Bars(random_bars(4, COUNT).ts, close, close, close, close, np.full(COUNT, 1e6), np.full(COUNT, np.nan))


def test_efficiency_is_none_where_nothing_was_earned_in_sample(tmp_path: Path) -> None:
    found = walked(random_bars(1, COUNT), tmp_path)
    fold = found.folds[0]
    assert fold.efficiency == pytest.approx(fold.out_of_sample.sharpe / fold.in_sample.sharpe)
    poor = replace(fold, in_sample=replace(fold.in_sample, sharpe=-1.0))
    assert (poor.efficiency, replace(found, folds=(poor,)).efficiency) == (None, None)
    both = replace(found, folds=found.folds[:2]).efficiency
    earned = [(each.in_sample.sharpe, each.out_of_sample.sharpe) for each in found.folds[:2]]
    assert both == pytest.approx(sum(out for _, out in earned) / sum(before for before, _ in earned))


def test_what_cannot_be_walked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folds of 40 bars"):
        walked(random_bars(1, 40), tmp_path)
    with pytest.raises(DataError, match="no bar of BTC"):
        walked(Bars.none(), tmp_path)
    assert Trials(tmp_path).all() == ()


def test_one_that_was_stopped_goes_on_with_the_folds_that_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars, running, spans = random_bars(1, COUNT), tmp_path / "running", []
    whole = walked(bars, tmp_path / "whole")
    monkeypatch.setattr(walking, "KEPT_FROM", 4 * TAKEN)
    plain = FoldRuns.trained

    def trained(runs: FoldRuns, span: BarSpan, *more: Any) -> Any:
        if len(spans) == 2:
            raise KeyboardInterrupt
        spans.append(span)
        return plain(runs, span, *more)

    monkeypatch.setattr(FoldRuns, "trained", trained)
    with pytest.raises(KeyboardInterrupt):
        walked(bars, tmp_path / "stopped", running=running)
    assert Trials(tmp_path / "stopped").all() == ()
    kept = sorted(running.iterdir())
    assert len(kept) == 3, "the third one had begun"
    kept[0].write_bytes(kept[0].read_bytes()[::-1])
    monkeypatch.setattr(FoldRuns, "trained", lambda runs, span, *more: spans.append(span) or plain(runs, span, *more))
    done = walked(bars, tmp_path / "stopped", running=running)
    assert [each.parameters for each in done.folds] == [each.parameters for each in whole.folds]
    assert done.report.verdict == whole.report.verdict
    assert spans == [fold.fold.train for fold in (*whole.folds[:2], whole.folds[0], *whole.folds[2:])]
    assert list(running.iterdir()) == []


def test_no_border_lies_within_a_bar_of_another_calendar() -> None:
    """A day of a coin ends at 24:00 UTC, and that of a share begins at 14:30: a choice would know the rest of it."""
    market = calendar("XNYS")
    coin = random_bars(3, 150)
    coin = coin._replace(ts=coin.ts - coin.ts[0] + np.datetime64("2024-03-04", "ns").astype(np.int64))
    opens = market.opens[(market.opens >= coin.ts[0]) & (market.opens < coin.ts[-1])]
    share = random_bars(4, len(opens))._replace(ts=opens)
    tables = {
        "BTC": InstrumentBars(BTC, coin),
        "AAPL": InstrumentBars(Instrument(symbol="AAPL", asset_class=AssetClass.STOCK, exchange="NASDAQ"), share),
    }
    specs = {
        symbol: replace(SPEC, sessions=Sessions(name, hours.session_dates, partial(bar_closes, hours, Timeframe.D1)))
        for symbol, name, hours in (("BTC", "24/7", calendar("24/7")), ("AAPL", "XNYS", market))
    }
    runs = FoldRuns([make(SETS[0])], tables, specs, MEASURES, Threads(1))
    begun = np.concatenate([coin.ts, share.ts])
    closes = np.concatenate([coin.ts + 86_400 * 10**9, bar_closes(market, Timeframe.D1, share.ts)])

    def going_on(folds: Iterable[Fold]) -> int:
        borders = [runs.ts[fold.test.start] for fold in folds]
        return sum(int(((begun < border) & (closes > border)).sum()) for border in borders)

    found = runs.folds(FoldRules(6, 0.6))
    assert going_on(found) == 0
    assert going_on(folds_of(len(runs.ts), FoldRules(6, 0.6))) > 0
    assert [(fold.train.stop, fold.test.stop) for fold in found[:-1]] == [
        (fold.test.start, after.test.start) for fold, after in itertools.pairwise(found)
    ]
    assert found[-1].test.stop == len(runs.ts)
    with pytest.raises(ConfigError) as refused:
        on_clear_bars(found, np.array([0]), len(runs.ts))
    assert refused.value.code == "BARS_OVERLAP"
