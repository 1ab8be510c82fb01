"""Walk-forwards, as the command line asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.operations.data_quality import FindingLine, noteworthy
from app.operations.research import base_timeframes, known_at_text, quoted_instruments, void_text
from app.operations.sweep_grid import asked_sets, ranked_figures
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.exchange_rates import account_currency
from runtime.research import timeframe
from runtime.sweep import places_of_sets
from runtime.walk_forward import walk_forward_sets
from tradewright.evaluation.fold_metrics import FoldSpread
from tradewright.evaluation.folds import BarSpan
from tradewright.research.walk_forward import WalkForward


@dataclass(frozen=True)
class FoldLine:
    """One fold as people read it.

    Args:
        train, test: the first and the last bar, as dates of sessions, or as times in UTC where bars are shorter.
        parameters: those that were best in sample.
        in_sample, out_of_sample: every metric of the chosen set on the train span and on the test, each by itself.
        efficiency: the Sharpe ratio out of sample as a share of that in sample; None where that is not above zero.
    """

    fold: int
    train: tuple[str, str]
    train_bars: int
    test: tuple[str, str]
    test_bars: int
    parameters: Mapping[str, float]
    in_sample_sharpe: float
    out_of_sample_sharpe: float
    efficiency: float | None
    in_sample: Mapping[str, object]
    out_of_sample: Mapping[str, object]


@dataclass(frozen=True)
class WalkForwardReply:
    """A walk-forward. ``metrics``, ``findings`` and ``verdict`` are of the tests as one account, in ``currency``.

    Args:
        sets: how many were tried on each train span; each is a trial.
        left_out, why: as for a sweep.
        efficiency: the mean Sharpe ratio out of sample as a share of the mean in sample; None where that is not above
            zero.
        stability: every figure out of sample over the folds.
        data: what the checks find in the stored bars.
        void: the reason why all is void, because the strategy looks ahead; empty where it is not.
        made_of, known_at, quotes: as for a backtest.
    """

    strategy: str
    currency: str
    ranked_by: str
    sets: int
    left_out: int
    why: str
    folds: Sequence[FoldLine]
    efficiency: float | None
    stability: Sequence[FoldSpread]
    final_equity: float
    metrics: Mapping[str, object]
    findings: Sequence[Mapping[str, object]]
    verdict: Mapping[str, object]
    config_hash: str
    data: Sequence[FindingLine]
    void: str = ""
    made_of: Mapping[str, str] = field(default_factory=dict)
    known_at: str = ""
    quotes: Sequence[str] = ()


def walk_forward(
    overrides: Sequence[str],
    *,
    where: str = "",
    rank: str = "sharpe",
    report: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WalkForwardReply:
    """A grid over a strategy's parameters, chosen on the past again and again and tried on what follows.

    Args:
        overrides: as for :func:`app.operations.sweep_grid.asked_sets`; ``walkforward.folds`` and its neighbours
            divide the bars.
        where: the condition on the parameters, as :func:`~app.operations.sweep_where.sets_where` reads it.
        rank: the figure by which each fold's set is chosen, highest first.
        report: where the risk report of the tests as one account is written.

    Raises:
        ConfigProblems: for wrong overrides.
        ConfigError: a wrong grid or figure, or too many folds for the bars.
        DataError, StoreError, StrategyError: naming what is wrong and what to do.
    """
    settings, sets = asked_sets(overrides, where)
    ranked_figures(rank)
    house = Container(settings)
    done = walk_forward_sets(house, sets, rank, progress)
    if report is not None:
        done.report.write(report)
    section = done.report.sections[0]
    return WalkForwardReply(
        strategy=settings.strategy.name,
        currency=account_currency(settings),
        ranked_by=rank,
        sets=done.sets,
        left_out=done.left_out,
        why=done.why,
        folds=fold_lines(settings, done),
        efficiency=done.efficiency,
        stability=done.stability,
        final_equity=section.metrics.final_equity,
        metrics=section.metrics.as_dict(),
        findings=[row.plain() for row in section.findings],
        verdict=done.report.verdict.plain(),
        config_hash=settings.config_hash,
        data=noteworthy(house.for_research, places_of_sets(house, sets)),
        void=void_text(done.ahead),
        made_of=base_timeframes(settings),
        known_at=known_at_text(settings),
        quotes=quoted_instruments(settings),
    )


def fold_lines(settings: Settings, done: WalkForward) -> list[FoldLine]:
    """The folds of a walk-forward under these settings, the earliest first."""

    def ends(span: BarSpan) -> tuple[str, str]:
        both = [span.start, span.stop - 1]
        if timeframe(settings).of_sessions:
            first, last = done.days[both].astype("datetime64[D]").astype(str).tolist()
        else:
            first, last = np.datetime_as_string(done.ts[both].astype("datetime64[ns]"), unit="m").tolist()
        return first, last

    return [
        FoldLine(
            fold=number,
            train=ends(each.fold.train),
            train_bars=each.fold.train.stop - each.fold.train.start,
            test=ends(each.fold.test),
            test_bars=each.fold.test.stop - each.fold.test.start,
            parameters=each.parameters,
            in_sample_sharpe=each.in_sample.sharpe,
            out_of_sample_sharpe=each.out_of_sample.sharpe,
            efficiency=each.efficiency,
            in_sample=each.in_sample.as_dict(),
            out_of_sample=each.out_of_sample.as_dict(),
        )
        for number, each in enumerate(done.folds, start=1)
    ]
