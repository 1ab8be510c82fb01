"""Sweeps, as the command line asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.operations.data_quality import FindingLine, noteworthy
from app.operations.research import base_timeframes, known_at_text, quoted_instruments, void_text
from app.operations.sweep_grid import AskedPart, asked_parts, drawn, ranked_figures
from runtime.container import Container
from runtime.ray_workers import joined
from runtime.sweep import SweptSettings, places_of_sets, sweep_report, sweep_sets
from tradewright.evaluation.sweep_checks import SetTests
from tradewright.model.errors import ConfigError
from tradewright.research.optimizer import SearchRules
from tradewright.research.sweep import SKILL_FIGURES, SweepResult
from tradewright.store.files import write_bytes


@dataclass(frozen=True)
class SweepReply:
    """A ranked sweep: one row per parameter set, best first.

    Args:
        trials: how many sets were tried; all of them count against the best one's Sharpe ratio.
        left_out: how many sets of the grid the strategy does not take, such as a fast average slower than the slow one.
        why: what it says of the first of those.
        rows: the swept settings and parameters, what the verdict would say of each set with all trials counted
            (``skill_sharpe`` in a year, ``luck_chance``, ``deflated_sharpe``), and its totals; with objectives
            ``pareto``, whether no other row beats it in all of them.
        data: what the checks find in the stored bars of the sweep.
        verdict: what the evidence supports, of the best set: ``code``, ``text``, ``figures``.
        findings: whether the best set stands on a plateau.
        tests: of all sets under the settings of the best one together: ``reality_check``, ``spa``, ``believed_share``,
            ``cv_retained``, ``cv_loss_share``; None for fewer than two periods.
        void: the reason why the sweep is void, because the strategy looks ahead; empty where it is not.
        made_of, known_at, quotes: as for a backtest.
    """

    strategy: str
    trials: int
    left_out: int
    why: str
    ranked_by: str
    rows: Sequence[Mapping[str, object]]
    config_hash: str
    data: Sequence[FindingLine]
    verdict: Mapping[str, object]
    findings: Sequence[Mapping[str, object]]
    tests: SetTests | None
    void: str = ""
    made_of: Mapping[str, str] = field(default_factory=dict)
    known_at: str = ""
    quotes: Sequence[str] = ()


@dataclass(frozen=True)
class DoneSweep:
    """What a sweep was asked for and what came out, ranked by the figure ``rank``."""

    parts: Sequence[AskedPart]
    result: SweepResult
    rank: str

    @property
    def void(self) -> str:
        """The reason why the sweep is void; empty where it is not."""
        return void_text(self.result.ahead)


def sweep(
    overrides: Sequence[str],
    *,
    where: str = "",
    random: int = 0,
    optuna: int = 0,
    objectives: Sequence[str] = (),
    rank: str = "",
    top: int = 20,
    report: Path | None = None,
    ray: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> SweepReply:
    """A grid over a strategy's parameters, and over settings of its backtest, in fused passes.

    Args:
        overrides, where: as for :func:`~app.operations.sweep_grid.asked_parts`.
        random: how many sets of the grid are drawn at random, by ``base.seed``; 0 tries them all.
        optuna: how many sets are tried, each chosen by the figures of those before it, by ``base.seed``; 0 tries all.
        objectives: the figures that such a search raises, ``rank`` where none is named. Rows that no other row beats in
            all of them are marked.
        rank: the figure to rank by, highest first; a set without that figure comes last. Empty for the first objective,
            or the Sharpe ratio.
        top: how many rows come back; 0 for all. Marked rows come back beside them.
        ray: the address of a Ray cluster that computes the sets; empty for the threads of this process.
        report: where the page with parameter heat map and distribution is written.

    Raises:
        ConfigProblems: for wrong overrides.
        ConfigError: when something is swept that no backtest reads, nothing is, or a set is not admitted; for
            ``optuna`` with ``random``, or without the extra; for a cluster that does not answer.
    """
    if top < 0:
        raise ConfigError(f"{top} rows cannot be shown", where="--top", remedy="say --top 20; 0 shows all")
    done = do_sweep(overrides, where, random, optuna, objectives, rank, progress, ray)
    parts, result = done.parts, done.result
    settings = [part.settings for part in parts]
    if report is not None:
        write_bytes(report, sweep_report(settings[0], result, done.rank).encode())
    return SweepReply(
        strategy=", ".join(dict.fromkeys(each.strategy.name for each in settings)),
        trials=len(result.totals),
        left_out=result.left_out,
        why=result.why,
        ranked_by=done.rank,
        rows=result.rows(top, objectives),
        config_hash=settings[0].config_hash,
        data=_data(parts),
        verdict=result.verdict.plain(),
        findings=[row.plain() for row in result.findings],
        tests=result.tests,
        void=done.void,
        made_of={symbol: base for each in settings for symbol, base in base_timeframes(each).items()},
        known_at=known_at_text(settings[0]),
        quotes=tuple(dict.fromkeys(name for each in settings for name in quoted_instruments(each))),
    )


def do_sweep(
    overrides: Sequence[str],
    where: str = "",
    random: int = 0,
    optuna: int = 0,
    objectives: Sequence[str] = (),
    rank: str = "",
    progress: Callable[[int, int], None] | None = None,
    ray: str = "",
) -> DoneSweep:
    """The sweep itself; arguments and refusals as of :func:`sweep`."""
    rank = rank or next(iter(objectives), "sharpe")
    ranked_figures(rank, SKILL_FIGURES[:1])
    for name in objectives:
        ranked_figures(name, SKILL_FIGURES[:1], option="--objective")
    if optuna < 0 or (optuna and random):
        what = f"{optuna} sets cannot be tried" if optuna < 0 else "sets are drawn at random or chosen by Optuna"
        raise ConfigError(what, where="--optuna", remedy="say --optuna 200, or --random 200; 0 tries all")
    parts = drawn(asked_parts(overrides, where), random)
    asked = [SweptSettings(Container(part.settings), part.sets, part.swept) for part in parts]
    settings = [part.settings for part in parts]
    search = SearchRules(optuna, tuple(objectives) or (rank,), settings[0].base.seed) if optuna else None
    if not ray:
        return DoneSweep(parts, sweep_sets(asked, rank, progress, search), rank)
    with joined(ray) as workers:
        return DoneSweep(parts, sweep_sets(asked, rank, progress, search, workers), rank)


def _data(parts: Sequence[AskedPart]) -> list[FindingLine]:
    """What the checks find in the bars of all parts, each series once."""
    series = {place for part in parts for place in places_of_sets(Container(part.settings), part.sets)}
    return noteworthy(Container(parts[0].settings).for_research, sorted(series))
