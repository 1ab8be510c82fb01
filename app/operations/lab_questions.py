"""What the lab asks further about its choices: sweep, walk-forward, Monte Carlo, all instruments in one account."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from app.operations import research
from app.operations.charts import legible
from app.operations.html_pieces import findings_list
from app.operations.lab import Choice
from app.operations.monte_carlo import left_out_lines
from app.operations.study_view import StudyView
from app.operations.sweep import do_sweep
from app.operations.sweep_grid import asked_sets
from app.operations.walk_forward import fold_lines
from conf.compose import compose
from conf.strategy_kinds import is_allocation_file
from runtime.container import Container
from runtime.monte_carlo import monte_carlo_of
from runtime.walk_forward import walk_forward_sets
from tradewright.evaluation.charts import account_figure
from tradewright.evaluation.formatting import MetricRow, count, percent, plain
from tradewright.evaluation.monte_carlo_fan import fan_figure
from tradewright.evaluation.sweep_charts import distribution_figure, heat_figure, parallel_figure
from tradewright.evaluation.verdict import verdict_lines, verdict_text
from tradewright.model.errors import ConfigError, TradewrightError

if TYPE_CHECKING:
    import plotly.graph_objects as go

Progress = Callable[[int, int], None]
RANK, ROWS, ONE_ACCOUNT = "sharpe", 100, "backtest.account=shared"
_VALUE = r" *(?:[\w.+\-]+|\w+\([\w.,+\- ]*\)) *"
VALUES = re.compile(rf"(?=.{{1,200}}$){_VALUE}(?:,{_VALUE})*", re.ASCII)
"""Values of a parameter: numbers and ranges, none empty. Nothing that Hydra would look up in the environment."""


class Question(StrEnum):
    """What can be asked, as its tab is named."""

    SWEEP = "Sweep"
    WALK_FORWARD = "Walk-forward"
    MONTE_CARLO = "Monte Carlo"
    ONE_ACCOUNT = "One account"


MEANINGS: Mapping[Question, str] = {
    Question.SWEEP: "Every combination of the values below is backtested: what is the best worth beside so many tries?",
    Question.WALK_FORWARD: "The values below are chosen on the past again and again and tried on what follows.",
    Question.MONTE_CARLO: "The same returns in other blocks, trades shuffled or missed, higher costs, later fills.",
    Question.ONE_ACCOUNT: "All picked instruments in one account that shares its cash, instead of a part for each.",
}
OF_GRIDS = (Question.SWEEP, Question.WALK_FORWARD)
"""The questions that try values of parameters."""


@dataclass(frozen=True)
class Asked:
    """A question on the choices of the lab.

    Args:
        grid: the values of parameters as they were typed; an empty text leaves the parameter where its slider stands.
        where: the condition on the parameters, as ``fast < slow``.
        folds: of a walk-forward.
    """

    question: Question
    choice: Choice
    grid: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    folds: int = 5

    def overrides(self) -> tuple[str, ...]:
        """What is asked, as overrides of the command line; an allocation is asked in the one account that it needs.

        Raises:
            ConfigError: for values that are no numbers or ranges.
        """
        if self.question is Question.ONE_ACCOUNT:
            return *self.choice.overrides(), ONE_ACCOUNT
        one = (ONE_ACCOUNT,) if is_allocation_file(self.choice.strategy) else ()
        if self.question is Question.MONTE_CARLO:
            return *self.choice.overrides(), *one
        tried = {name: text.strip() for name, text in self.grid.items() if text.strip()}
        for name, text in tried.items():
            if not VALUES.fullmatch(text):
                remedy = "say numbers, as 5,10,20, or a range, as range(5,50,5)"
                raise ConfigError(f"{text!r} is no list of values", where=f"strategy.{name}", remedy=remedy)
        if not tried:
            raise ConfigError(
                "no parameter has values to try", where=self.question, remedy="say 5,10,20 for one of them"
            )
        fixed = {name: value for name, value in (self.choice.parameters or {}).items() if name not in tried}
        said = [f"strategy.{name}={text}" for name, text in tried.items()]
        folds = [f"walkforward.folds={self.folds}"] if self.question is Question.WALK_FORWARD else []
        return *replace(self.choice, parameters=fixed).overrides(), *one, *said, *folds


@dataclass(frozen=True)
class Answer:
    """An answer as the lab shows it; with ``problem`` there is none.

    Args:
        asked: what it answers.
        verdict: what the evidence supports, with the figures behind it in ``tiles``.
        findings: as an HTML list.
        pictures: by title.
        rows: of a table, under ``title``.
        note: in one line, what was done.
    """

    asked: Asked
    problem: str = ""
    note: str = ""
    verdict: str = ""
    tiles: tuple[MetricRow, ...] = ()
    findings: str = ""
    pictures: Mapping[str, go.Figure] = field(default_factory=dict)
    title: str = ""
    rows: Sequence[Mapping[str, object]] = ()


def grid_texts(overrides: Sequence[str], strategy: str) -> dict[str, str]:
    """The values that a strategy's file declares for a sweep, by parameter; an empty text where it declares none."""
    try:
        chosen = compose((*overrides, f"strategy='{strategy}'")).strategy
    except TradewrightError:
        return {}
    return {name: ",".join(f"{value:g}" for value in chosen.grid.get(name, ())) for name in chosen.parameters}


def percent_steps(move: Callable[[int], object]) -> Progress:
    """A progress that moves a bar of a hundred steps, by as many as were reached since."""
    reached = 0

    def advance(done: int, total: int) -> None:
        nonlocal reached
        now = 100 * done // max(1, total)
        if now > reached:
            move(now - reached)
            reached = now

    return advance


def answer(overrides: Sequence[str], asked: Asked, progress: Progress | None = None) -> Answer:
    """Answer a question; a refusal comes back as text.

    Every set that a sweep or a walk-forward tries is a trial in the ledger of trials, as those of the command line.
    """
    if not asked.choice.instruments:
        return Answer(asked, problem="no instrument is picked: pick at least one")
    ways: dict[Question, Callable[[Sequence[str]], Answer]] = {
        Question.SWEEP: lambda wanted: _sweep(asked, wanted, progress),
        Question.WALK_FORWARD: lambda wanted: _walk_forward(asked, wanted, progress),
        Question.MONTE_CARLO: lambda wanted: _monte_carlo(asked, wanted),
        Question.ONE_ACCOUNT: lambda wanted: _one_account(asked, wanted),
    }
    try:
        return ways[asked.question]((*overrides, *asked.overrides()))
    except TradewrightError as error:
        return Answer(asked, problem=_in_the_lab(str(error)))


def _in_the_lab(problem: str) -> str:
    """A refusal without the words of the command line."""
    return problem.removeprefix("command line: ").replace("--where:", "Only where:")


def keeping(given: Answer) -> Callable[[Mapping[Question, Answer]], dict[Question, Answer]]:
    """What adds an answer to those that are known, in the place of an earlier one to its question."""
    return lambda known: {**known, given.asked.question: given}


def _sweep(asked: Asked, overrides: Sequence[str], progress: Progress | None) -> Answer:
    done = do_sweep(overrides, asked.where, rank=RANK, progress=progress)
    result = done.result
    home = result.home
    figures = np.asarray(home.figures, dtype=np.float64)
    drawn = {
        "By two parameters": heat_figure(home.sets, figures, home.best, RANK),
        "By all parameters": parallel_figure(home.sets, figures, home.best, RANK),
        "Over all sets": distribution_figure(figures, home.best, RANK),
    }
    left = f", {result.left_out} left out: {result.why}" if result.left_out else ""
    return Answer(
        asked,
        note=done.void or f"{count(len(result.totals), 'set')} tried, each counted as a trial{left}",
        verdict=verdict_text(result.verdict),
        tiles=verdict_lines(result.verdict),
        findings=findings_list([("best set", row) for row in result.findings]),
        pictures={title: legible(figure) for title, figure in drawn.items() if figure is not None},
        title=f"The best {min(ROWS, len(result.totals))} sets by {RANK}",
        rows=[_rounded(row) for row in result.rows(ROWS)],
    )


def _walk_forward(asked: Asked, overrides: Sequence[str], progress: Progress | None) -> Answer:
    settings, sets = asked_sets(overrides, asked.where)
    done = walk_forward_sets(Container(settings), sets, RANK, progress)
    section = done.report.sections[0]
    drawn = {title: draw() for title, draw in done.report.drawings.items()}
    drawn["The tests as one account"] = account_figure(section.result)
    kept = "nothing was earned in sample"
    if done.efficiency is not None:
        kept = f"the Sharpe ratio out of sample is {percent(done.efficiency, 0)} of that in sample"
    void = research.void_text(done.ahead)
    return Answer(
        asked,
        note=void or f"{count(done.sets, 'set')} in each fold; {kept}",
        verdict=verdict_text(done.report.verdict),
        tiles=verdict_lines(done.report.verdict),
        findings=findings_list(done.report.findings()),
        pictures={title: legible(figure) for title, figure in drawn.items() if figure is not None},
        title="Folds",
        rows=[
            {
                "fold": each.fold,
                "train": " to ".join(each.train),
                "test": " to ".join(each.test),
                "chosen": ", ".join(f"{name} {value:g}" for name, value in each.parameters.items()),
                "Sharpe in sample": round(each.in_sample_sharpe, 2),
                "out of sample": round(each.out_of_sample_sharpe, 2),
            }
            for each in fold_lines(settings, done)
        ],
    )


def _monte_carlo(asked: Asked, overrides: Sequence[str]) -> Answer:
    settings = compose(overrides)
    study = research.run(settings)
    done = monte_carlo_of(Container(settings), study)
    paths, permuted = done.bootstrap, done.permuted
    tiles = [
        MetricRow("Sharpe", plain(paths.sharpe.p5, 3), "5 % of the paths fall short of it"),
        MetricRow("Max drawdown", percent(paths.max_drawdown.p5), "5 % of the paths fall deeper"),
        MetricRow("Ends below its start", percent(paths.loss_probability), "share of the paths"),
    ]
    if done.shuffled is not None:
        tiles.append(MetricRow("Trades reordered", percent(done.shuffled.max_drawdown.p5), "drawdown, 5 % fall deeper"))
    if done.missed is not None:
        tiles.append(MetricRow("Trades missed", percent(done.missed.total_return.p5), "return, 5 % fall short"))
    if permuted is not None:
        tiles.append(MetricRow("p-value", plain(permuted.p_value, 3), "of the Sharpe ratio on permuted bars"))
    left = "".join(f"; no {what}: {why}" for what, why in left_out_lines(done.left_out))
    return Answer(
        asked,
        note=f"{paths.paths:,} paths of {done.bars:,} bars and {done.trades:,} trades{left}",
        verdict=verdict_text(study.report.verdict),
        tiles=tuple(tiles),
        findings=findings_list(study.report.findings()),
        pictures={"Equity of the paths": legible(fan_figure(done.fan))},
        title="The same backtest under stress",
        rows=[
            {
                "costs": f"x {each.costs:g}",
                "bars later": each.delay,
                "return": percent(each.metrics.total_return),
                "Sharpe": round(each.metrics.sharpe, 2),
                "max drawdown": percent(each.metrics.max_drawdown),
                "trades": each.metrics.trades,
            }
            for each in done.stresses
        ],
    )


def _one_account(asked: Asked, overrides: Sequence[str]) -> Answer:
    shown = StudyView(study=research.run(compose(overrides)))
    drawn = {"Equity, drawdown, exposure": shown.account, "Weights over time": shown.weights}
    return Answer(
        asked,
        note=f"{count(len(asked.choice.instruments), 'instrument')}, one account",
        verdict=shown.verdict,
        tiles=(*shown.tiles, *shown.verdict_tiles),
        findings=shown.findings,
        pictures={title: figure for title, figure in drawn.items() if figure is not None},
        title="Fills",
        rows=shown.fills,
    )


def _rounded(row: Mapping[str, object]) -> dict[str, object]:
    """A row for a table: figures to four digits."""
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in row.items()}
