"""A walk-forward: parameters chosen again and again on the past, each choice tried on the bars that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import TOTALS, BacktestResult
from tradewright.backtest.workers import all_threads
from tradewright.catalog.trials import TrialSource
from tradewright.evaluation.effective_trials import REPRESENTATIVES, effective_trials, sample_of
from tradewright.evaluation.equity_curve import Sampling, levels, returns_of
from tradewright.evaluation.finding import TOGETHER, ValidityEvidence, pooled_validity_evidence
from tradewright.evaluation.fold_chart import DrawnFold, folds_figure
from tradewright.evaluation.fold_metrics import FoldSpread, spread_over_folds
from tradewright.evaluation.folds import BarSpan, Fold, FoldRules
from tradewright.evaluation.metrics import Metrics
from tradewright.evaluation.risk_report import RiskReport, risk_report
from tradewright.evaluation.significance import shape_of
from tradewright.evaluation.trial_count import TrialCount
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Timeframe, Times
from tradewright.model.hashing import content_hash
from tradewright.model.strategy import Strategy
from tradewright.quality.thresholds import QualityRules
from tradewright.research.bars import BaseBars, InstrumentBars
from tradewright.research.fold_runs import FoldRuns, SharedFoldRuns
from tradewright.research.look_ahead import look_ahead_of
from tradewright.research.study import Terms, evidence
from tradewright.research.sweep import distinct_sets
from tradewright.research.sweep_part import (
    KEPT_FROM,
    KEPT_FROM_PANELS,
    SweepRules,
    data_hash_of,
    part_of_cash,
    refuse_without_bars,
    sets_digest,
    taken_sets,
)
from tradewright.research.trial_recorder import keys_on_part, trial_rows
from tradewright.store.kept_rows import KeptRows

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

    ``report`` is on the one account of all tests, with its verdict. ``ts`` are the starts of all bars, those of the
    first train span included, ``days`` the dates of their sessions in days since 1970. ``sets`` were tried in each
    fold; ``left_out``, ``why``, ``ahead`` and ``data_hash`` as of a sweep.
    """

    ts: Times
    days: Times
    folds: tuple[WalkForwardFold, ...]
    report: RiskReport
    sets: int
    left_out: int
    why: str
    ahead: str
    data_hash: str

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
        bases: the stored bars of the instruments whose bars are made of shorter ones.
        facts: shown at the head of the report.
    """

    timeframe: Timeframe
    bases: Mapping[str, BaseBars]
    quality: QualityRules
    facts: Mapping[str, str]


def walk_forward(
    make: Callable[[Mapping[str, float]], Strategy | Allocation],
    sets: Sequence[Mapping[str, float]],
    tables: Mapping[str, InstrumentBars],
    terms: Terms,
    rules: SweepRules,
    folds: FoldRules,
    grounds: Grounds,
    progress: Progress | None = None,
    shared: SharedAccount | None = None,
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

    On several instruments the folds divide the time stamps of all of them, at those at which no bar goes on. Each has
    its account with an equal part of the cash, anew at the begin of each span, and a set is judged by all accounts
    together. One without a bar in a span keeps its cash. In one account that they share the cash is not divided, and
    an allocation is asked at the close of the first bar of each span, and then as it wishes.

    Args:
        make, sets, terms, shared: as for :class:`~tradewright.research.sweep_part.SweepPart`.

    Raises:
        ConfigError: no set left, or too many folds for the bars.
        DataError: without a bar.
        StrategyError: the strategy's own code failed.
        StoreError: the trials cannot be recorded; then nothing is shown.
    """
    refuse_without_bars(tables)
    taken, why = taken_sets(make, sets)
    made, parameters = list(taken.values()), [dict(sets[row]) for row in taken]
    runs = _runs(made, tables, terms, rules, shared)
    tested = look_ahead_of(made[0], tables, runs.specs, rules.kept)
    divided = runs.folds(folds)
    spans = [fold.train for fold in divided]
    kept = _KeptFolds(rules, runs, spans)
    trained = _trained(runs, spans, kept, progress)
    chosen = [int(np.argsort(-each.totals[rules.rank].astype(np.float64), kind="stable")[0]) for each in trained]
    account, told = runs.chained(chosen, [fold.test for fold in divided])
    counted = _counted(rules, folds, made, trained, chosen[-1], account)
    kept.remove()
    seen = pooled_validity_evidence(
        [
            evidence(made[0], item, grounds.timeframe, tested[symbol], grounds.bases.get(symbol), grounds.quality)
            for symbol, item in tables.items()
        ]
    )
    done = tuple(
        WalkForwardFold(fold, parameters[best], runs.metrics(best, fold.train), runs.metrics(best, fold.test))
        for fold, best in zip(divided, chosen, strict=True)
    )
    report = _report(account, runs, replace(seen, tried=counted, account=told), made[0].name, grounds.facts)
    drawn = [DrawnFold(each.fold, each.in_sample.sharpe, each.out_of_sample.sharpe) for each in done]
    return WalkForward(
        ts=runs.ts,
        days=runs.days,
        folds=done,
        report=replace(report, drawings={"The folds, and Sharpe ratios": partial(folds_figure, drawn, runs.ts)}),
        sets=len(made),
        left_out=len(sets) - len(taken),
        why=why,
        ahead=next((finding for each in tested.values() for finding in each.findings), ""),
        data_hash=data_hash_of(tables),
    )


def _runs(
    made: Sequence[Strategy | Allocation],
    tables: Mapping[str, InstrumentBars],
    terms: Terms,
    rules: SweepRules,
    shared: SharedAccount | None,
) -> FoldRuns:
    accounts = len(tables) if shared is None else 1
    specs = {symbol: part_of_cash(terms, item, accounts) for symbol, item in tables.items()}
    if shared is None:
        return FoldRuns(made, tables, specs, rules.measures, all_threads())
    return SharedFoldRuns(made, tables, specs, rules.measures, all_threads(), shared)


class _Trained(NamedTuple):
    """The sets on one train span.

    ``totals`` has a row per set. ``active`` is what a sample of them adds to holding, periods of all bars x sets of the
    sample, each less its mean; zero outside of the span. ``distinct`` sets traded and came out unlike one another.
    """

    totals: npt.NDArray[np.void]
    active: npt.NDArray[np.float64]
    distinct: int


class _KeptFolds:
    """The totals on train spans, on disk while a long walk-forward runs, so that a stopped one goes on where it was."""

    def __init__(self, rules: SweepRules, runs: FoldRuns, spans: Sequence[BarSpan]) -> None:
        self._runs, self._files = runs, list[Path]()
        least = KEPT_FROM if runs.ground is None else KEPT_FROM_PANELS
        if rules.running is not None and len(runs.made) * len(spans) >= least:
            digest = content_hash([sets_digest(rules.recorder, runs.made, runs.specs, runs.ground), spans])
            self._files = [rules.running / f"{digest}-{place}.fold" for place in range(len(spans))]

    def totals(self, place: int, span: BarSpan, progress: Progress | None) -> npt.NDArray[np.void]:
        """Those of one span, computed where they are not known."""
        if not self._files:
            return self._runs.trained(span, progress)
        sets, width = len(self._runs.made), TOTALS.itemsize // 8
        kept = KeptRows(self._files[place], (sets, width), [slice(0, sets)])
        if not kept.has(0):
            found = self._runs.trained(span, progress, self._files[place].with_suffix(".rows"))
            kept.rows[:] = found.view(np.float64).reshape(sets, width)
            kept.keep(0)
        elif progress is not None:
            progress(sets, sets)
        return np.array(kept.rows).view(TOTALS)[:, 0]

    def remove(self) -> None:
        """The trials are recorded."""
        for each in self._files:
            each.unlink(missing_ok=True)


def _trained(runs: FoldRuns, spans: Sequence[BarSpan], kept: _KeptFolds, progress: Progress | None) -> list[_Trained]:
    found, most = [], max(1, REPRESENTATIVES // len(spans))
    for place, span in enumerate(spans):
        figures = kept.totals(place, span, _part(progress, place, len(spans)))
        distinct = distinct_sets(figures)
        rows = distinct[sample_of(len(distinct), most)].tolist()
        found.append(_Trained(figures, runs.active(span, rows), len(distinct)))
    return found


def _part(progress: Progress | None, place: int, folds: int) -> Progress | None:
    """The progress of one fold as that of all."""
    if progress is None:
        return None
    return lambda done, sets: progress(place * sets + done, folds * sets)


def _counted(
    rules: SweepRules,
    folds: FoldRules,
    made: Sequence[Strategy | Allocation],
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
    account: BacktestResult, runs: FoldRuns, seen: ValidityEvidence, name: str, facts: Mapping[str, str]
) -> RiskReport:
    shown, measures = TOGETHER if runs.pools else next(iter(runs.tables)), runs.measures
    return risk_report(
        name,
        {shown: account},
        sampling=measures.sampling,
        days_per_year=runs.days_per_year,
        risk_free=measures.risk_free,
        benchmark=measures.benchmark,
        windows=measures.windows,
        evidence={shown: seen},
        tried=seen.tried,
        facts=facts,
    )
