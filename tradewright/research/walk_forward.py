"""A walk-forward: parameters chosen again and again on the past, each choice tried on the bars that follow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import FILL, TRADE, BacktestResult, Curves
from tradewright.backtest.span import run_span, span_spec
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep as sweep_sets
from tradewright.catalog.trials import TrialSource
from tradewright.evaluation.effective_trials import REPRESENTATIVES, effective_trials, sample_of
from tradewright.evaluation.equity_curve import Sampling, levels, returns_of
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.fold_metrics import FoldSpread, spread_over_folds
from tradewright.evaluation.folds import BarSpan, Fold, FoldRules, folds_of
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.evaluation.risk_report import RiskReport, risk_report
from tradewright.evaluation.significance import shape_of
from tradewright.evaluation.study import MetricsConfig
from tradewright.evaluation.trial_count import TrialCount
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Timeframe, Times
from tradewright.model.strategy import Strategy
from tradewright.quality.thresholds import QualityRules
from tradewright.research.bars import BaseBars, InstrumentBars
from tradewright.research.look_ahead import evidence_of
from tradewright.research.set_skill import active_set_returns, compared_periods
from tradewright.research.study import Terms, evidence, session_days
from tradewright.research.sweep import distinct_sets, only_instrument
from tradewright.research.sweep_part import SweepRules, days_per_year, taken_sets
from tradewright.research.trial_recorder import keys_on_part, trial_rows

Progress = Callable[[int, int], None]
"""Called with (sets done, sets of all folds)."""


@dataclass(frozen=True)
class WalkForwardFold:
    """One fold: the set that was best on its train span, and what became of it.

    Both figures are of runs by themselves, each with the whole starting cash, so that they compare.
    """

    fold: Fold
    parameters: Mapping[str, float]
    in_sample: Metrics
    out_of_sample: Metrics

    @property
    def efficiency(self) -> float | None:
        """Sharpe ratio out of sample / in sample; None where that in sample is not above zero."""
        earned = self.in_sample.sharpe
        return self.out_of_sample.sharpe / earned if earned > 0.0 else None


@dataclass(frozen=True)
class WalkForward:
    """A walk-forward with its folds, the earliest first.

    ``report`` is on the one account of all tests, with its verdict. ``bars`` are all bars, those of the first train
    span included. ``sets`` were tried in each fold; ``left_out``, ``why`` and ``ahead`` as of a sweep.
    """

    bars: Bars
    folds: tuple[WalkForwardFold, ...]
    report: RiskReport
    sets: int
    left_out: int
    why: str
    ahead: str

    @property
    def efficiency(self) -> float | None:
        """Mean Sharpe ratio out of sample / mean in sample; None where that in sample is not above zero."""
        earned = sum(each.in_sample.sharpe for each in self.folds)
        return sum(each.out_of_sample.sharpe for each in self.folds) / earned if earned > 0.0 else None

    @cached_property
    def stability(self) -> tuple[FoldSpread, ...]:
        """Every figure out of sample over the folds (R-MET-13)."""
        return spread_over_folds([each.out_of_sample for each in self.folds])


@dataclass(frozen=True)
class Grounds:
    """What the data checks need to judge the bars, as of a backtest.

    Args:
        base: the stored bars that these are made of, where they are made.
        facts: shown at the head of the report.
    """

    timeframe: Timeframe
    base: BaseBars | None
    quality: QualityRules
    facts: Mapping[str, str]


@dataclass(frozen=True)
class _Sweep:
    """The sets of all folds on the one instrument."""

    made: Sequence[Strategy]
    item: InstrumentBars
    spec: BacktestSpec
    measures: MetricsConfig
    threads: int

    @cached_property
    def days(self) -> Times:
        return session_days(self.item)

    def run(self, chosen: int, span: BarSpan, cash: float) -> BacktestResult:
        result = run_span(self.made[chosen], self.item.bars, replace(self.spec, cash=cash), *span)
        return replace(result, session_days=self.days[slice(*span)])

    def metrics(self, chosen: int, span: BarSpan) -> Metrics:
        result, measures = self.run(chosen, span, self.spec.cash), self.measures
        yearly = days_per_year(self.item, measures)
        return evaluate(result, measures.sampling, yearly, measures.risk_free, measures.benchmark)


def walk_forward(
    make: Callable[[Mapping[str, float]], Strategy],
    sets: Sequence[Mapping[str, float]],
    tables: Mapping[str, InstrumentBars],
    terms: Terms,
    rules: SweepRules,
    folds: FoldRules,
    grounds: Grounds,
    progress: Progress | None = None,
) -> WalkForward:
    """Choose on each train span the best set by ``rules.rank``, try it on the test that follows, and judge the tests.

    No bar of a test, and none after it, has a part in the choice of its fold. The indicators of a span are computed on
    all bars before it too, so that they are warm at its first bar.

    At the borders: every run, on a train span and on a test, begins flat, decides first on the close of its first bar,
    and closes what is open at the close of its last bar, at full costs. So nothing is carried from one set to the next,
    a test pays for a position that a trader might have kept, and its first bar earns nothing.

    The tests make one account: the first begins with the cash of ``terms``, each further one with what the one before
    it left. An account that is wiped out trades no more. Its skill is judged against holding over all tests, as the
    best of every trial on these bars: each set of each train span is recorded as one, and the chain of the tests as one
    more. That is strict, since a choice did not see its test, and the only count that cannot be shopped around: nothing
    shows that the grid, the folds or the strategy were not found on these very bars.

    Args:
        make, sets, terms: as for :class:`~tradewright.research.sweep_part.SweepPart`.

    Raises:
        ConfigError: more than one instrument, no set left, or too many folds for the bars.
        DataError: without a bar.
        StrategyError: the strategy's own code failed.
        StoreError: the trials cannot be recorded; then nothing is shown.
    """
    item = only_instrument(tables)
    divided = folds_of(len(item.bars.ts), folds)
    taken, why = taken_sets(make, sets)
    made, parameters = list(taken.values()), [dict(sets[row]) for row in taken]
    tested = evidence_of(made[0], item, rules.kept)
    sweep = _Sweep(made, item, terms(item), rules.measures, os.cpu_count() or 1)
    trained = _trained(sweep, [fold.train for fold in divided], progress)
    chosen = [int(np.argsort(-each.totals[rules.rank].astype(np.float64), kind="stable")[0]) for each in trained]
    account = _chained(sweep, chosen, [fold.test for fold in divided])
    counted = _counted(rules, folds, made, trained, chosen[-1], account)
    seen = evidence(made[0], item, grounds.timeframe, tested, grounds.base, grounds.quality)
    return WalkForward(
        bars=item.bars,
        folds=tuple(
            WalkForwardFold(fold, parameters[best], sweep.metrics(best, fold.train), sweep.metrics(best, fold.test))
            for fold, best in zip(divided, chosen, strict=True)
        ),
        report=_report(account, item, rules.measures, replace(seen, tried=counted), made[0].name, grounds.facts),
        sets=len(made),
        left_out=len(sets) - len(taken),
        why=why,
        ahead=next(iter(tested.findings), ""),
    )


class _Trained(NamedTuple):
    """The sets on one train span.

    ``totals`` has a row per set. ``active`` is what a sample of them adds to holding, periods of all bars x sets of the
    sample, each less its mean; zero outside of the span. ``distinct`` sets traded and came out unlike one another.
    """

    totals: npt.NDArray[np.void]
    active: npt.NDArray[np.float64]
    distinct: int


def _trained(sweep: _Sweep, spans: Sequence[BarSpan], progress: Progress | None) -> list[_Trained]:
    found, most = [], max(1, REPRESENTATIVES // len(spans))
    for place, span in enumerate(spans):
        spec = span_spec(sweep.spec, *span)
        bars, told = sweep.item.bars.head(span.stop), _part(progress, place, len(spans))
        figures = sweep_sets(sweep.made, bars, spec, threads=sweep.threads, progress=told)
        distinct = distinct_sets(figures)
        rows = distinct[sample_of(len(distinct), most)].tolist()
        found.append(_Trained(figures, _active(sweep, bars, spec, span, rows), len(distinct)))
    return found


def _part(progress: Progress | None, place: int, folds: int) -> Progress | None:
    """The progress of one fold as that of all."""
    if progress is None:
        return None
    return lambda done, sets: progress(place * sets + done, folds * sets)


def _active(
    sweep: _Sweep, bars: Bars, spec: BacktestSpec, span: BarSpan, rows: Sequence[int]
) -> npt.NDArray[np.float64]:
    groups = compared_periods(sweep.days)
    known = groups[groups < span.stop]
    first = int(np.searchsorted(known, span.start, side="right")) - 1
    table = np.zeros((len(groups), len(rows)))
    if rows:
        inside = active_set_returns([sweep.made[row] for row in rows], bars, spec, known, sweep.threads)[first:]
        table[first : len(known)] = inside - inside.mean(axis=0)
    return table


def _chained(sweep: _Sweep, chosen: Sequence[int], tests: Sequence[BarSpan]) -> BacktestResult:
    """The tests as one account, each begun with what the one before it left."""
    cash, parts = float(sweep.spec.cash), []
    for best, span in zip(chosen, tests, strict=True):
        part = sweep.run(best, span, cash) if cash > 0.0 else _idle(sweep, span, cash)
        parts.append(part)
        cash = float(part.equity[-1])
    whole = BarSpan(tests[0].start, tests[-1].stop)
    fills, trades = [each.fills.copy() for each in parts], [each.trades.copy() for each in parts]
    adjusted, actions = [each.adjustments.copy() for each in parts], sweep.spec.actions
    for span, bought, closed, booked in zip(tests, fills, trades, adjusted, strict=True):
        for table, column in ((bought, "bar"), (closed, "entry_bar"), (closed, "exit_bar"), (booked, "bar")):
            table[column] += span.start - whole.start
    rates = sweep.spec.conversion
    return replace(
        parts[0],
        bars=select(sweep.item.bars, slice(*whole)),
        initial_cash=float(sweep.spec.cash),
        fills=np.concatenate(fills),
        trades=np.concatenate(trades),
        orders=sum(each.orders for each in parts),
        totals=None,
        given=Curves(*(np.concatenate(curves) for curves in zip(*(each.curves for each in parts), strict=True))),
        session_days=sweep.days[slice(*whole)],
        conversion=None if rates is None else rates.part(*whole),
        actions=None if actions is None else actions.part(*whole),
        adjustments=np.concatenate(adjusted),
    )


def _idle(sweep: _Sweep, span: BarSpan, cash: float) -> BacktestResult:
    """An account without money."""
    still = np.full(span.stop - span.start, cash)
    none = np.empty(0, FILL), np.empty(0, TRADE)
    return BacktestResult(
        select(sweep.item.bars, slice(*span)), cash, *none, 0, given=Curves(still, still, np.zeros(len(still)))
    )


def _counted(
    rules: SweepRules,
    folds: FoldRules,
    made: Sequence[Strategy],
    trained: Sequence[_Trained],
    last: int,
    account: BacktestResult,
) -> TrialCount:
    """Record every set of every train span, and the chain of the tests as one trial more, which is the judged one.

    What tells the sets of one train span from those of another is the rules of the folds and the span's place among
    them, so that the same walk-forward with a further bar makes no further trials.
    """
    keys, terms = rules.recorder.keys(made), [folds.folds, folds.train_share, folds.anchored, folds.embargo]
    parts = [keys_on_part(keys, [*terms, place]) for place in range(len(trained))]
    chain = keys_on_part(keys[last : last + 1], [*terms, rules.rank, "tests"])
    equity = levels(account.bars.ts, account.equity, account.initial_cash, Sampling.BAR)
    sharpe = [*(each.totals["sharpe"] for each in trained), np.array([shape_of(returns_of(equity)[1:]).sharpe])]
    rows = trial_rows(np.concatenate([*parts, chain]), np.concatenate(sharpe))
    sampled = np.concatenate([each.active for each in trained], axis=1)
    independent = effective_trials(sampled, sum(each.distinct for each in trained)).trials
    recorder, judged = rules.recorder, len(rows) - 1
    done = recorder.evaluation(TrialSource.WALK_FORWARD, made[0], rows, judged=judged, effective=independent + 1.0)
    return recorder.ledger.record([done], recorder.now())


def _report(
    account: BacktestResult,
    item: InstrumentBars,
    measures: MetricsConfig,
    seen: ValidityEvidence,
    name: str,
    facts: Mapping[str, str],
) -> RiskReport:
    return risk_report(
        name,
        {item.instrument.symbol: account},
        sampling=measures.sampling,
        days_per_year=measures.days_per_year,
        risk_free=measures.risk_free,
        benchmark=measures.benchmark,
        windows=measures.windows,
        evidence={item.instrument.symbol: seen},
        tried=seen.tried,
        facts=facts,
    )
