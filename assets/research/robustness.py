"""Sweep, walk-forward and Monte Carlo of each strategy: dear, so they have a job of their own and no schedule."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

import dagster as dg
import numpy as np
import pandas as pd

from assets.metadata import Facts, described, line, table
from assets.pinned_config import PinnedConfig
from assets.research.chain_asset import chain_asset, warning
from assets.research.strategies import VOID
from assets.strategy_keys import asset_name, part_key
from conf.scenarios import scenarios
from conf.schema.settings import Settings
from conf.strategy_kinds import kinds
from runtime.certify import certificate_of
from runtime.container import Container
from runtime.monte_carlo import monte_carlo_of
from runtime.study import run_study
from runtime.sweep import SweptSettings, declared_sets, sweep_report, sweep_sets
from runtime.walk_forward import walk_forward_sets
from tradewright.evaluation.folds import Fold
from tradewright.evaluation.formatting import count, percent
from tradewright.evaluation.monte_carlo import MonteCarloSummary
from tradewright.evaluation.verdict import SkillVerdict
from tradewright.model.hashing import content_hash
from tradewright.research.monte_carlo import MonteCarloStudy
from tradewright.research.walk_forward import WalkForward
from tradewright.store.files import write_bytes

RANK = "sharpe"
"""The figure by which sets are ranked and chosen, as by the commands."""
SHOWN_SETS = 20
"""Sets that are listed, as by the command."""
STEPS = 10
"""How often a long step tells how far it is."""
PERCENTILES = ("sharpe", "total_return", "max_drawdown", "profit_factor")
CHECK = "valid"
CHECKS = {
    "sweep": "The strategy does not look ahead in the sweep.",
    "walk_forward": "Every fold is there, no test shares a bar with its train span, every figure is finite.",
    "certificate": "Every figure on every synthetic market is within its limit.",
    "monte_carlo": "Nothing makes the backtest void; every percentile is a number, and they are in their order.",
}
"""The check of each asset, with its description."""
Sets = Sequence[Mapping[str, float]]


def robustness_assets(name: str, pinned: PinnedConfig) -> list[dg.AssetsDefinition]:
    """The assets of one strategy.

    A sweep and a walk-forward try the grid of the strategy's file; without one there are none. An allocation without
    the one account that it needs has neither those nor a Monte Carlo simulation, as it has no backtest. All have a
    certificate, which needs no bars.
    """
    settings = pinned.settings
    certified = _asset(name, pinned, lambda _context, now: certificate(name, now), certificate)
    allocates = kinds().is_allocation(settings.strategy.kind)
    if allocates and settings.backtest.account != "shared":
        return [certified]
    sets, backtest = _sets(pinned), part_key(name, "backtest")
    before = backtest if allocates else part_key(name, "signals")
    found = [certified, _asset(name, pinned, lambda _context, now: monte_carlo(name, now), monte_carlo, backtest)]
    if sets:
        found.append(_asset(name, pinned, lambda context, now: sweep(name, now, sets, _told(context)), sweep, before))
        walk = _asset(
            name, pinned, lambda context, now: walk_forward(name, now, sets, _told(context)), walk_forward, before
        )
        found.append(walk)
    return found


def _sets(pinned: PinnedConfig) -> Sets:
    return declared_sets(pinned.settings.strategy, pinned.overrides)


def _asset(
    name: str,
    pinned: PinnedConfig,
    make: Callable[[dg.AssetExecutionContext, Settings], dg.MaterializeResult],
    described_by: Callable[..., dg.MaterializeResult],
    *after: dg.AssetKey,
) -> dg.AssetsDefinition:
    part = described_by.__name__
    check = dg.AssetCheckSpec(CHECK, asset=part_key(name, part), description=CHECKS[part])
    return chain_asset(
        name, pinned, make, described_by, group=f"robustness_{asset_name(name)}", deps=after, check=check
    )


def _told(context: dg.AssetExecutionContext) -> Callable[[int, int], None]:
    """Progress as lines of the run's log, about :data:`STEPS` of them."""
    told = 0

    def advance(done: int, every: int) -> None:
        nonlocal told
        if (step := STEPS * done // max(every, 1)) > told:
            told = step
            context.log.info(f"{done:,} of {every:,} sets")

    return advance


def sweep(
    name: str, settings: Settings, sets: Sets, progress: Callable[[int, int], None] | None = None
) -> dg.MaterializeResult:
    """The grid of the strategy's file on the stored bars, as `tradewright sweep` tries it.

    Every set is a recorded trial. A long sweep that is stopped counts nothing and goes on where it was.
    """
    house = Container(settings)
    done = sweep_sets([SweptSettings(house, sets)], RANK, progress)
    page = house.root / "reports" / f"{name}-sweep.html"
    write_bytes(page, sweep_report(settings, done, RANK).encode())
    best = done.rows(SHOWN_SETS)
    frame = pd.DataFrame([done.parameters[row] for row in done.order]).join(pd.DataFrame(done.totals[done.order]))
    house.artefacts.write_frame(("sweep", name), frame)
    tests = done.tests
    facts: Facts = {
        "report": dg.MetadataValue.path(str(page)),
        "sets": len(done.totals),
        "left_out": f"{done.left_out}: {done.why}" if done.left_out else "0",
        "best_sets": table(tuple(best[0]), (_cells(row.values()) for row in best)),
        **_judged(done.verdict),
        **({name: value for name, value in asdict(tests).items() if value is not None} if tests else {}),
        "findings": table(("finding", "message"), ((each.code, each.message) for each in done.findings)),
    }
    chosen = ", ".join(f"{key}={value:g}" for key, value in done.home.sets[done.home.best].items())
    summary = f"{name}: {done.verdict.code.value}; best of {count(len(done.totals), 'set')} by {RANK}: {chosen}"
    picture = line(np.sort(done.home.figures), f"{RANK} of all sets, the worst first")
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=done.data_hash, picture=picture),
        check_results=[warning(CHECK, [done.ahead] if done.ahead else [])],
    )


def walk_forward(
    name: str, settings: Settings, sets: Sets, progress: Callable[[int, int], None] | None = None
) -> dg.MaterializeResult:
    """The grid of the strategy's file, chosen on the past and tried on what follows, as `tradewright walkforward` does.

    Every set of every fold is a recorded trial, and the tests as one account are one more.
    """
    house = Container(settings)
    done = walk_forward_sets(house, sets, RANK, progress)
    page, report = house.root / "reports" / f"{name}-walk_forward.html", done.report
    report.write(page)
    house.artefacts.write_json(("walk_forward", name), [each.out_of_sample.as_dict() for each in done.folds])
    texts, header = (
        report.markdown(),
        ("fold", "train bars", "test bars", "chosen", "Sharpe in sample", "out of sample"),
    )
    efficiency = "none" if done.efficiency is None else percent(done.efficiency, 0)
    facts: Facts = {
        "report": dg.MetadataValue.path(str(page)),
        "sets": done.sets,
        "left_out": f"{done.left_out}: {done.why}" if done.left_out else "0",
        "folds": table(header, _folds(done)),
        "efficiency": efficiency,
        "stability": table(
            ("figure", "mean", "variance", "least", "greatest"),
            (_cells((each.name, each.mean, each.variance, each.least, each.greatest)) for each in done.stability),
        ),
        **_judged(report.verdict),
        **{key: dg.MetadataValue.md(texts[key]) for key in ("figures", "findings", "months")},
    }
    summary = f"{name}: {report.verdict.code.value}; {count(len(done.folds), 'fold')}, efficiency {efficiency}"
    problems = [*([done.ahead] if done.ahead else []), *fold_problems(done, settings.walkforward.folds)]
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=done.data_hash, picture=texts["account"]),
        check_results=[warning(CHECK, problems)],
    )


def _folds(done: WalkForward) -> Iterator[tuple[object, ...]]:
    for number, each in enumerate(done.folds, start=1):
        train, test = (span.stop - span.start for span in each.fold)
        chosen = ", ".join(f"{name}={value:g}" for name, value in each.parameters.items())
        yield _cells((number, train, test, chosen, each.in_sample.sharpe, each.out_of_sample.sharpe))


def fold_problems(done: WalkForward, folds: int) -> list[str]:
    """What is wrong with the folds of a walk-forward; nothing is the good result (R-MET-12, R-MET-13).

    Args:
        folds: how many were asked for.
    """
    found = [] if len(done.folds) == folds else [f"{len(done.folds)} folds of {folds}"]
    found += [f"fold {place}: its test overlaps its train span" for place, each in _numbered(done) if _overlaps(each)]
    wrong = (each.name for each in done.stability if not np.isfinite([each.least, each.greatest]).all())
    return found + [f"{name} is no number in every fold" for name in wrong]


def _numbered(done: WalkForward) -> Iterator[tuple[int, Fold]]:
    return ((place, each.fold) for place, each in enumerate(done.folds, start=1))


def _overlaps(fold: Fold) -> bool:
    return fold.train.stop > fold.test.start and fold.test.stop > fold.train.start


def monte_carlo(name: str, settings: Settings) -> dg.MaterializeResult:
    """Other histories of the backtest, as `tradewright montecarlo` simulates them: no trial beside the backtest's."""
    house = Container(settings)
    study = run_study(house)
    done = monte_carlo_of(house, study)
    rows = list(percentile_rows(done))
    house.artefacts.write_json(("monte_carlo", name), [dict(zip(PERCENTILE_HEADER, row, strict=True)) for row in rows])
    stressed = (
        (each.costs, each.delay, each.metrics.net_profit, each.metrics.total_return, each.metrics.sharpe)
        for each in done.stresses
    )
    drawn, permuted = done.bootstrap, done.permuted
    facts: Facts = {
        "sharpe_p5": drawn.sharpe.p5,
        "max_drawdown_p95": drawn.max_drawdown.p5,
        "profit_factor_p5": drawn.profit_factor.p5,
        "loss_probability": drawn.loss_probability,
        "percentiles": table(PERCENTILE_HEADER, map(_cells, rows)),
        "stresses": table(("costs x", "bars later", "net profit", "return", "Sharpe"), map(_cells, stressed)),
        **({"p_value": permuted.p_value, "permutations": permuted.permutations} if permuted else {}),
        **({"left_out": table(("simulation", "reason"), done.left_out.items())} if done.left_out else {}),
        **_judged(study.report.verdict),
    }
    summary = (
        f"{name}: Sharpe ratio {drawn.sharpe.p5:.2f}, drawdown {percent(drawn.max_drawdown.p5)}, return"
        f" {percent(drawn.total_return.p5)} or worse in 5% of {drawn.paths:,} paths"
    )
    picture = study.report.markdown()["account"]
    void = [finding.message for _, finding in study.report.findings() if finding.code == VOID]
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=study.data_hash, picture=picture),
        check_results=[warning(CHECK, [*void, *percentile_problems(rows)])],
    )


def certificate(name: str, settings: Settings) -> dg.MaterializeResult:
    """The strategy on all synthetic markets beside its limits, as `tradewright certify` runs it."""
    with Container(settings) as house:
        done = certificate_of(house, scenarios())
        house.artefacts.write_json(("certificate", name), done.content())
        page = house.root / "reports" / f"{name}-certificate.html"
        write_bytes(page, done.page().encode())
    rows = ((row.scenario, row.figure, row.value, row.limit, "passed" if row.passed else "FAILED") for row in done.rows)
    facts: Facts = {
        "report": dg.MetadataValue.path(str(page)),
        "passed": str(done.passed),
        "rows": table(("scenario", "figure", "value", "limit", "verdict"), map(_cells, rows)),
        "certificate_hash": done.certificate_hash,
        "code_hash": done.code,
    }
    beyond = [f"{row.scenario}: {row.figure} {row.value:.6g}, limit {row.limit:g}" for row in done.failed]
    ahead = [f"it looks ahead: {found}" for found in done.look_ahead]
    within = f"{len(done.rows) - len(beyond)} of {len(done.rows)}"
    summary = f"{name}: {within} figures on {count(len(done.scenarios), 'scenario')} are within their limits"
    data_hash = content_hash([each.data_hash for each in done.scenarios])
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=data_hash),
        check_results=[warning(CHECK, [*ahead, *beyond])],
    )


PERCENTILE_HEADER = ("drawn", "figure", "p5", "median", "p95")
Row = tuple[str, str, float, float, float]


def percentile_rows(done: MonteCarloStudy) -> Iterator[Row]:
    """One row of each figure of each simulation."""
    drawn: dict[str, MonteCarloSummary | None] = {
        "blocks of bars": done.bootstrap,
        "trades in other orders": done.shuffled,
        "trades missed": done.missed,
    }
    for what, summary in drawn.items():
        for name in PERCENTILES if summary is not None else ():
            each = getattr(summary, name)
            yield what, name, each.p5, each.median, each.p95
    if done.permuted is not None:
        each = done.permuted.sharpe
        yield "bars in other orders", "sharpe", each.p5, each.median, each.p95


def percentile_problems(rows: Sequence[Row]) -> list[str]:
    """The rows whose percentiles are no numbers, or not in their order (R-MET-11); nothing is the good result."""
    return [
        f"{figure} of {what}: {low:g}, {middle:g}, {high:g}"
        for what, figure, low, middle, high in rows
        if not (np.isfinite([low, middle, high]).all() and low <= middle <= high)
    ]


def _judged(verdict: SkillVerdict) -> Facts:
    """The verdict with its trials: every set that was ever evaluated on these bars."""
    figures = verdict.figures
    counts = {name: value for name in ("trials", "effective_trials") if (value := figures.get(name)) is not None}
    return {"verdict": verdict.code.value, "verdict_figures": dg.MetadataValue.json(verdict.plain()), **counts}


def _cells(values: Iterable[object]) -> tuple[object, ...]:
    return tuple(f"{value:.6g}" if isinstance(value, float) else value for value in values)
