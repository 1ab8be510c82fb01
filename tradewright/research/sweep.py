"""A sweep: many parameter sets of one strategy on one instrument, in one fused pass, counted and judged."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tradewright.backtest.engine import run
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.sweep import prepare, totals
from tradewright.catalog.trials import TrialSource
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.checks import verdict
from tradewright.evaluation.effective_trials import effective_trials, sample_of
from tradewright.evaluation.equity_curve import Sampling, periods_per_year
from tradewright.evaluation.finding import Finding, ValidityEvidence
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.overfitting import BLOCKS, overfitting
from tradewright.evaluation.study import MetricsConfig
from tradewright.evaluation.sweep_checks import SetTests, set_tests, surface_findings
from tradewright.evaluation.trial_count import TrialCount
from tradewright.evaluation.verdict import SkillVerdict
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.research.look_ahead import evidence_of
from tradewright.research.set_skill import active_set_returns, compared_periods
from tradewright.research.study import Terms, session_days
from tradewright.research.trial_recorder import TrialRecorder
from tradewright.store.artefacts import Artefacts

Made = TypeVar("Made", bound=Strategy)


@dataclass(frozen=True)
class SweepResult:
    """A sweep, one row per parameter set in the order of the grid.

    ``totals`` as ``tradewright.backtest.sweep``, with the Sharpe ratio in a year, from the returns of the bars.
    ``left_out`` sets of the grid have no row, because the strategy does not take them; ``why`` gives the reason of the
    first. ``ahead`` is the first finding of the look-ahead test of the first set; empty is the good result. ``order``
    are the rows from the best to the worst, and the verdict and the findings are on the best one; ``tests`` are of all
    sets together.
    """

    parameters: list[dict[str, float]]
    totals: npt.NDArray[np.void]
    order: npt.NDArray[np.intp]
    left_out: int
    why: str
    verdict: SkillVerdict
    findings: tuple[Finding, ...]
    tests: SetTests | None
    ahead: str = ""


@dataclass(frozen=True)
class SweepRules:
    """How a sweep is ranked and judged.

    Args:
        rank: the figure of ``TOTALS`` that is best where it is highest.
        measures: the conventions of the metrics.
        recorder: where its trials are counted.
        kept: where look-ahead evidence is stored. The test comes before the sweep: machine code checks no index.
    """

    rank: str
    measures: MetricsConfig
    recorder: TrialRecorder
    kept: Artefacts


def run_sweep(
    make: Callable[[Mapping[str, float]], Strategy],
    sets: Sequence[Mapping[str, float]],
    tables: Mapping[str, InstrumentBars],
    terms: Terms,
    rules: SweepRules,
    progress: Callable[[int, int], None] | None = None,
) -> SweepResult:
    """Backtest the parameter sets on the one instrument, count them as trials, and judge the best.

    Args:
        make: the strategy of a parameter set; it raises ConfigError for values that do not go together (a fast average
            that is slower than the slow one), and that set is left out.

    Raises:
        ConfigError: for more than one instrument, or when no set is left.
        DataError: without a bar.
        StrategyError: the strategy's own code failed.
        StoreError: the trials cannot be recorded; then nothing is shown.
    """
    item = only_instrument(tables)
    taken, why = taken_sets(make, sets)
    made = list(taken.values())
    tested = evidence_of(made[0], item, rules.kept)
    spec, threads = terms(item), os.cpu_count() or 1
    prepared = prepare(made, item.bars, spec)
    found = totals(made, prepared, threads=threads, progress=progress)
    order = np.argsort(-found[rules.rank].astype(np.float64), kind="stable")
    best = int(order[0])
    groups = compared_periods(session_days(item))
    rows = distinct_sets(found)
    sampled = rows[sample_of(len(rows))].tolist()
    active = active_set_returns(made, prepared, sampled, groups, threads)
    extra = [] if best in sampled else [best]
    compared = np.hstack((active, active_set_returns(made, prepared, extra, groups, threads)))
    tried = rules.recorder.record(
        TrialSource.SWEEP,
        made,
        found["sharpe"],
        judged=best,
        effective=effective_trials(active, len(rows)).trials if len(active) > 1 else len(made),
        overfitting=overfitting(active).probability if _splits(active) else None,
    )
    in_a_year = days_per_year(item, rules.measures)
    found["sharpe"] *= math.sqrt(periods_per_year(item.bars.ts, Sampling.BAR, in_a_year, session_days(item)))
    parameters = [dict(sets[row]) for row in taken]
    return SweepResult(
        parameters=parameters,
        totals=found,
        order=order,
        left_out=len(sets) - len(taken),
        why=why,
        verdict=_verdict(run(made[best], item.bars, spec), item, rules.measures, tested, tried),
        findings=surface_findings(parameters, found[rules.rank], best, rules.rank),
        tests=set_tests(compared, len(rows)),
        ahead=next(iter(tested.findings), ""),
    )


def only_instrument(tables: Mapping[str, InstrumentBars]) -> InstrumentBars:
    """The one instrument of a sweep, with bars.

    Raises:
        ConfigError: for another number of instruments.
        DataError: without a bar.
    """
    if len(tables) != 1:
        raise ConfigError(
            f"a sweep runs on one instrument, not on {len(tables)}",
            where="backtest.instruments",
            remedy=f"say backtest.instruments=[{next(iter(tables))}]",
        )
    item = next(iter(tables.values()))
    if len(item.bars.ts) == 0:
        what = f"no bar of {item.instrument.symbol} lies in the period"
        raise DataError(what, where="backtest.start, backtest.end", remedy="choose a period within what is stored")
    return item


def distinct_sets(found: npt.NDArray[np.void]) -> npt.NDArray[np.intp]:
    """The rows of sets that traded, one of each that came out alike in every figure, in the order of the grid.

    Only these are looked at to see how many trials the sets amount to; sets that never trade would crowd out others.
    Where none traded, the first one.

    Args:
        found: an array of ``TOTALS``.
    """
    _, first = np.unique(found, return_index=True)
    rows = np.sort(first)
    traded = rows[found["fills"][rows] > 0]
    return traded if len(traded) else rows[:1]


def _splits(active: npt.NDArray[np.float64]) -> bool:
    """Whether there are enough sets and periods to choose on one half of the time and look at the other."""
    periods, sets = active.shape
    return bool(periods >= 2 * BLOCKS and sets > 1)


def _verdict(
    result: BacktestResult,
    item: InstrumentBars,
    measures: MetricsConfig,
    tested: LookAheadEvidence,
    tried: TrialCount,
) -> SkillVerdict:
    """The verdict on the best set, as its own backtest would give it."""
    yearly = days_per_year(item, measures)
    account = replace(result, session_days=session_days(item))
    seen = ValidityEvidence(look_ahead_free=tested.free, look_ahead=next(iter(tested.findings), ""), tried=tried)
    metrics = evaluate(account, measures.sampling, yearly, measures.risk_free, measures.benchmark)
    return verdict(CheckInput(account, metrics, seen))


def days_per_year(item: InstrumentBars, measures: MetricsConfig) -> float:
    """The sampled days of a year of an instrument."""
    days = measures.days_per_year
    return days[item.instrument.symbol] if isinstance(days, Mapping) else days


def taken_sets(
    make: Callable[[Mapping[str, float]], Made], sets: Sequence[Mapping[str, float]]
) -> tuple[dict[int, Made], str]:
    """The strategy of each set that it takes, by the set's index, and the reason against the first of the others.

    Raises:
        ConfigError: when no set is left.
    """
    why = ""
    taken: dict[int, Made] = {}
    for row, values in enumerate(sets):
        try:
            taken[row] = make(values)
        except ConfigError as error:
            why = why or f"{error.what}; {error.remedy}"
    if not taken:
        raise ConfigError(f"no set is left: {why}", where="sets of the sweep", remedy="correct the grid")
    return taken, why
