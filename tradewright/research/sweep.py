"""A sweep: many parameter sets of a strategy, under one choice of settings or several, counted and judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import TOTALS
from tradewright.backtest.sweep import Progress
from tradewright.catalog.trials import Evaluation, TrialSource
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.checks import verdict
from tradewright.evaluation.effective_trials import effective_trials, sample_of
from tradewright.evaluation.equity_curve import periods_per_year
from tradewright.evaluation.finding import Finding, ValidityEvidence
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.overfitting import BLOCKS, overfitting
from tradewright.evaluation.significance import cautious, deflated_sharpe, shape_of
from tradewright.evaluation.skill import session_groups
from tradewright.evaluation.sweep_checks import SetTests, set_tests, surface_findings
from tradewright.evaluation.trial_count import TrialCount
from tradewright.evaluation.verdict import SkillVerdict, luck_chance
from tradewright.model.bars import Floats
from tradewright.research.set_skill import compared_periods
from tradewright.research.sweep_part import (
    SweepPart,
    TriedPart,
    data_hash_of,
    taken_sets,
    totals_of_sets,
    try_part,
)
from tradewright.research.trial_recorder import trial_rows

SKILL_FIGURES = ("skill_sharpe", "luck_chance", "deflated_sharpe")
"""The figures of a set that the verdict on it would have, with every trial counted; a sweep is ranked by the first."""

PIECE = 1_000
"""Sets whose returns of every period are held at once."""


@dataclass(frozen=True)
class RankedPart:
    """The part of the best set: its parameter sets, the figure by which they were ranked, and the row of the best."""

    part: SweepPart
    sets: list[Mapping[str, float]]
    figures: Floats
    best: int


@dataclass(frozen=True)
class SweepResult:
    """A sweep, one row per parameter set in the order of the parts and of their grids.

    ``parameters`` hold the swept settings as text and the parameters as numbers. ``totals`` as
    ``tradewright.backtest.sweep``, with the Sharpe ratio in a year, from the returns of the bars. ``left_out`` sets
    have no row, because the strategy does not take them; ``why`` gives the reason of the first. ``ahead`` is the first
    finding of the look-ahead test of the first set; empty is the good result. ``order`` are the rows from the best to
    the worst, after all others those that never traded: where every set that trades loses, the best one is not that
    which does nothing. The verdict is on the best one, chosen among the trials of ``tried``. ``home`` is its part, of
    whose sets alone the findings (where the best one stands among its neighbours) and the ``tests`` speak.
    """

    parameters: list[dict[str, float | str]]
    totals: npt.NDArray[np.void]
    order: npt.NDArray[np.intp]
    left_out: int
    why: str
    verdict: SkillVerdict
    tried: TrialCount
    parts: tuple[TriedPart, ...]
    home: RankedPart
    findings: tuple[Finding, ...]
    tests: SetTests | None
    ahead: str = ""

    def skill(self, rows: Sequence[int]) -> list[dict[str, float]]:
        """The :data:`SKILL_FIGURES` of some rows, which cost another run of each."""
        found: dict[int, dict[str, float]] = {}
        for part, start in zip(self.parts, _starts(self.parts), strict=True):
            inside = [row for row in rows if start <= row < start + len(part.totals)]
            found.update(zip(inside, _skill(part, [row - start for row in inside], self.tried), strict=True))
        return [found[row] for row in rows]

    def rows(self, top: int = 0, objectives: Sequence[str] = ()) -> list[dict[str, float | str | bool]]:
        """The sets, best first: swept settings, parameters, :data:`SKILL_FIGURES`, totals.

        Args:
            top: how many; 0 for all.
            objectives: figures of which ``pareto`` marks the front (:meth:`front`); its sets come after the ``top``
                best ones where they are not among them.
        """
        shown, marked = self.order[: top or None], self.front(objectives) if objectives else None
        if marked is not None:
            rest = self.order[len(shown) :]
            shown = np.concatenate((shown, rest[marked[rest]]))
        return [
            {
                **self.parameters[row],
                **({} if marked is None else {"pareto": bool(marked[row])}),
                **skill,
                **{name: self.totals[name][row].item() for name in TOTALS.names or ()},
            }
            for row, skill in zip(shown.tolist(), self.skill(shown.tolist()), strict=True)
        ]

    def front(self, names: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which sets are on the Pareto front of several figures, each the better the higher.

        Args:
            names: of ``TOTALS`` or :data:`SKILL_FIGURES`, at least one.
        """
        skill = self.skill(range(len(self.totals))) if set(names) & set(SKILL_FIGURES) else []
        columns = [
            [row[name] for row in skill] if name in SKILL_FIGURES else self.totals[name].astype(np.float64)
            for name in names
        ]
        return pareto_front(np.array(columns, np.float64).T)

    @property
    def data_hash(self) -> str:
        """Of the bars of the part that holds the best set."""
        return data_hash_of(self.home.part.tables)


def run_sweep(parts: Sequence[SweepPart], progress: Progress | None = None) -> SweepResult:
    """Backtest the parameter sets of all parts, count them as trials, and judge the best.

    On several instruments each has its account with an equal part of the cash, and a set is judged by all together. The
    best of all parts was chosen among all trials on the bars of any of them, and all speak against it.

    Raises:
        ConfigError: when no set is left.
        DataError: an instrument without a bar.
        StrategyError: the strategy's own code failed.
        StoreError: the trials cannot be recorded; then nothing is shown.
    """
    found = tuple(try_part(part, _part_of(progress, parts, place)) for place, part in enumerate(parts))
    rank = parts[0].rules.rank
    ranked = [ranking(part, rank) for part in found]
    untraded = np.concatenate([part.totals["fills"] == 0 for part in found])
    order = np.lexsort((-np.concatenate(ranked), untraded))
    starts = _starts(found)
    home = int(np.searchsorted(starts, order[0], side="right")) - 1
    best = int(order[0]) - starts[home]
    compared = [_searched(part) if part.part.among else _compared(part) for part in found]
    evaluated = [
        _evaluation(part, active, best if place == home else 0)
        for place, (part, active) in enumerate(zip(found, compared, strict=True))
    ]
    recorder = found[home].part.rules.recorder
    tried = recorder.ledger.record(evaluated, recorder.now(), home=home)
    for part in found:
        part.totals["sharpe"] *= math.sqrt(part.bars_per_year)
    sets = [found[home].part.sets[row] for row in found[home].taken]
    return SweepResult(
        parameters=[{**part.part.swept, **part.part.sets[row]} for part in found for row in part.taken],
        totals=np.concatenate([part.totals for part in found]),
        order=order,
        left_out=sum(len(part.part.sets) - len(part.taken) for part in found),
        why=next((part.why for part in found if part.why), ""),
        verdict=_verdict(found[home], best, tried),
        tried=tried,
        parts=found,
        home=RankedPart(found[home].part, sets, ranked[home], best),
        findings=surface_findings(sets, ranked[home], best, rank),
        tests=_tests(found[home], compared[home], best),
        ahead=next((part.ahead for part in found if part.ahead), ""),
    )


def pareto_front(figures: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which rows no other row beats: none is at least as high in every column and higher in one.

    Args:
        figures: sets x objectives; NaN counts as below any number.
    """
    table = np.where(np.isnan(figures), -np.inf, figures)
    return np.array([not ((table >= row).all(axis=1) & (table > row).any(axis=1)).any() for row in table], np.bool_)


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


def _starts(parts: Sequence[TriedPart]) -> list[int]:
    """The first row of each part."""
    return [0, *np.cumsum([len(part.totals) for part in parts])[:-1].tolist()]


def _part_of(progress: Progress | None, parts: Sequence[SweepPart], place: int) -> Progress | None:
    """The progress of one part as that of all."""
    if progress is None or len(parts) == 1:
        return progress
    before, every = sum(len(part.sets) for part in parts[:place]), sum(len(part.sets) for part in parts)
    return lambda done, _sets: progress(before + done, every)


def ranking(part: TriedPart, rank: str) -> Floats:
    """The figure by which the sets of a part are ranked; the Sharpe ratio is a year's, so that parts compare.

    Args:
        part: with the totals of a sweep, whose Sharpe ratio is that of a bar.
        rank: one of ``TOTALS`` or of :data:`SKILL_FIGURES`.
    """
    if rank in SKILL_FIGURES:
        return np.array([figures[rank] for figures in _skill(part, range(len(part.totals)), TrialCount())])
    figures = part.totals[rank].astype(np.float64)
    return figures * math.sqrt(part.bars_per_year) if rank == "sharpe" else figures


def _skill(part: TriedPart, rows: Sequence[int], tried: TrialCount) -> list[dict[str, float]]:
    """What the verdict would say of some sets of a part; 0 for the skill of one that does nothing."""
    if not rows:
        return []
    groups, sampling = session_groups(part.market.days)
    in_a_year = periods_per_year(part.market.bars.ts, sampling, part.days_per_year, part.market.days)
    pieces = (rows[start : start + PIECE] for start in range(0, len(rows), PIECE))
    shapes = [cautious(shape_of(column)) for piece in pieces for column in part.active(piece, groups).T]
    figures = (
        (each.sharpe * math.sqrt(in_a_year), luck_chance(each, tried.effective), deflated_sharpe(each, tried.effective))
        for each in shapes
    )
    return [dict(zip(SKILL_FIGURES, values, strict=True)) for values in figures]


class _Compared(NamedTuple):
    """What a sample of the distinct sets of a part adds to holding: periods x sets of the sample.

    Of a search they are those that it could choose, since its best is as lucky as theirs; ``sample`` is empty then.
    """

    distinct: int
    sample: list[int]
    active: npt.NDArray[np.float64]


def _compared(part: TriedPart) -> _Compared:
    rows = distinct_sets(part.totals)
    sample = rows[sample_of(len(rows))].tolist()
    return _Compared(len(rows), sample, part.active(sample, compared_periods(part.market.days)))


def _searched(part: TriedPart) -> _Compared:
    """Of the sets that a search could choose."""
    among = part.part.among
    taken, _why = taken_sets(part.part.make, [among[row] for row in sample_of(len(among))])
    looked = replace(part, taken=list(taken), made=list(taken.values()))
    found = _compared(replace(looked, totals=totals_of_sets(looked)))
    return _Compared(round(found.distinct * len(among) / len(taken)), [], found.active)


def _evaluation(part: TriedPart, compared: _Compared, judged: int) -> Evaluation:
    """The sets of a part as the trial ledger records them."""
    recorder, active = part.part.rules.recorder, compared.active
    return recorder.evaluation(
        TrialSource.SWEEP,
        part.made[0],
        trial_rows(recorder.keys(part.made), part.totals["sharpe"]),
        judged=judged,
        effective=effective_trials(active, compared.distinct).trials if len(active) > 1 else len(part.made),
        overfitting=overfitting(active).probability if _splits(active) else None,
        searched=bool(part.part.among),
    )


def _tests(part: TriedPart, compared: _Compared, best: int) -> SetTests | None:
    """The tests of the sets of a part together, the best one among them."""
    active = compared.active
    if best not in compared.sample:
        active = np.hstack((active, part.active([best], compared_periods(part.market.days))))
    return set_tests(active, compared.distinct)


def _splits(active: npt.NDArray[np.float64]) -> bool:
    """Whether there are enough sets and periods to choose on one half of the time and look at the other."""
    periods, sets = active.shape
    return bool(periods >= 2 * BLOCKS and sets > 1)


def _verdict(part: TriedPart, best: int, tried: TrialCount) -> SkillVerdict:
    """The verdict on the best set, as its own backtest would give it."""
    measures, account = part.part.rules.measures, part.account(best)
    seen = ValidityEvidence(look_ahead_free=not part.ahead, look_ahead=part.ahead, tried=tried)
    figures = evaluate(account, measures.sampling, part.days_per_year, measures.risk_free, measures.benchmark)
    return verdict(CheckInput(account, figures, seen))
