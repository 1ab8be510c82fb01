"""Commands of research: check, backtest, sweep, trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.data import show_findings
from app.commands.options import Json, Overrides, in_force, settings_of
from app.output import FAILED, Output, run_command

if TYPE_CHECKING:
    from app.operations.monte_carlo import MonteCarloReply
    from app.operations.research import BacktestReply
    from app.operations.sweep import SweepReply
    from app.operations.walk_forward import WalkForwardReply

commands = typer.Typer()


@commands.command()
def check(overrides: Overrides = None, as_json: Json = False) -> None:
    """Validate every configuration file and try every strategy; all problems at once, each with file and line."""

    def act(output: Output) -> None:
        from conf.compose import checked
        from conf.environment import project_folder
        from conf.problems import listed
        from runtime.project_files import upgrade_since

        settings, problems = checked(in_force(overrides))
        if settings is not None and not problems:
            from app.operations.checking import strategy_problems

            problems = strategy_problems(settings)
        for line in listed(problems):
            output.line(line)
        if not problems:
            output.line("the configuration is sound, and every strategy runs")
        output.result({"problems": problems})
        if problems:
            from tradewright.evaluation.formatting import count

            output.line(count(len(problems), "problem"))
            if since := upgrade_since(project_folder()):
                output.say(f"this project was {since}")
            raise typer.Exit(1)

    run_command(as_json, act)


@commands.command()
def backtest(
    overrides: Overrides = None,
    report: Annotated[Path | None, typer.Option(help="write the risk report to this HTML file")] = None,
    full: Annotated[Path | None, typer.Option(help="write vectorbt's own report of each instrument here")] = None,
    as_json: Json = False,
) -> None:
    """One backtest with its metrics and findings; exit 1 when it is void because the strategy looks ahead."""

    def act(output: Output) -> None:
        from app.operations import research

        settings = settings_of(overrides)
        done = research.run(settings)
        reply = research.reply_of(settings, done, with_fills=as_json)
        if reply.void:
            output.line(f"VOID: {reply.void}")
        tell_bars(output, reply)
        if report is not None:
            done.report.write(report)
            output.say(f"risk report: {report}")
        if full is not None:
            for name, path in research.write_full_report(settings, done, full).items():
                output.say(f"full report of {name}: {path}")
        shown = ("currency", "final_equity", "net_profit", "trades", "orders", "fees", "win_rate", "max_drawdown")
        rows = [*((name, getattr(reply, name)) for name in shown), ("bar_drawdown", reply.metrics["bar_drawdown"])]
        output.table(reply.strategy, ("figure", "value"), rows)
        tell_verdict(output, reply)
        output.table("findings", ("severity", "what"), _findings(reply))
        output.result(reply)
        if reply.void:
            raise typer.Exit(FAILED)

    run_command(as_json, act)


@commands.command()
def sweep(
    overrides: Overrides = None,
    where: Annotated[str, typer.Option(help="only sets of which this holds, as 'fast < slow'")] = "",
    random: Annotated[int, typer.Option(help="draw so many sets of the grid; 0 tries all")] = 0,
    optuna: Annotated[int, typer.Option(help="try so many sets of the grid, chosen by Optuna; 0 tries all")] = 0,
    objective: Annotated[
        list[str] | None, typer.Option(help="a figure that the best rows raise; several times")
    ] = None,
    rank: Annotated[str, typer.Option(help="the figure to rank by; the first objective, else sharpe")] = "",
    top: Annotated[int, typer.Option(help="how many rows to show; 0 for all")] = 20,
    report: Annotated[Path | None, typer.Option(help="write heat map and distribution to this HTML file")] = None,
    ray: Annotated[str, typer.Option(help="compute on the Ray cluster with its head at HOST:PORT")] = "",
    as_json: Json = False,
) -> None:
    """A grid over a strategy's parameters and its backtest's settings: its file's, or strategy.fast=5,10.

    Exit 1 when the strategy looks ahead.
    """

    def act(output: Output) -> None:
        from app.operations import sweep as sweeps
        from app.progress import shown
        from tradewright.evaluation.formatting import count

        try:
            with shown(output, "parameter sets") as advance:
                reply = sweeps.sweep(
                    in_force(overrides),
                    where=where,
                    random=random,
                    optuna=optuna,
                    objectives=objective or (),
                    rank=rank,
                    top=top,
                    report=report,
                    ray=ray,
                    progress=advance,
                )
        except KeyboardInterrupt:
            output.say("stopped, nothing was counted; the same command goes on where it was")
            raise typer.Exit(FAILED) from None
        if reply.void:
            output.line(f"VOID: {reply.void}")
        tell_bars(output, reply)
        if report is not None:
            output.say(f"sweep report: {report}")
        header = list(reply.rows[0]) if reply.rows else []
        title = f"{reply.strategy}: {reply.trials} trials, best {reply.ranked_by} first"
        output.table(title, header, [list(row.values()) for row in reply.rows])
        _tell_sets(output, reply)
        tell_verdict(output, reply)
        show_findings(output, reply.data)
        if reply.left_out:
            output.say(f"{count(reply.left_out, 'set')} left out: {reply.why}")
        output.result(reply)
        if reply.void:
            raise typer.Exit(FAILED)

    run_command(as_json, act)


@commands.command()
def trials(
    top: Annotated[int, typer.Option(help="how many of the newest evaluations to show; 0 for all")] = 20,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Every evaluated parameter set is a recorded trial: the evaluations, and how many each added to its bars."""

    def act(output: Output) -> None:
        from app.operations.trials import evaluations

        found = evaluations(settings_of(overrides), top)
        if not found:
            output.line("no trial is recorded yet: a backtest, a sweep, a walk-forward or the lab makes one")
        header = ("when", "by", "strategy", "bars", "sets", "new", "independent", "on these bars so far")
        rows = [
            (
                row.at,
                row.source,
                row.strategy,
                "; ".join(filter(None, (row.bars, row.rates))),
                row.trials,
                row.added,
                f"{row.effective:.1f}",
                row.so_far,
            )
            for row in found
        ]
        output.table("trials", header, rows)
        output.result({"trials": found})

    run_command(as_json, act)


def _tell_sets(output: Output, reply: SweepReply) -> None:
    """Print what the tests of all sets together say, and whether the best one stands on a plateau."""
    from tradewright.evaluation.formatting import percent
    from tradewright.evaluation.sweep_checks import FALSE_DISCOVERIES

    if reply.tests is not None:
        output.line(
            f"chance that the best of these sets is as good without any skill: {reply.tests.spa:.3g} (Hansen),"
            f" {reply.tests.reality_check:.3g} (White); the skill of {percent(reply.tests.believed_share, 0)} of them"
            f" is believed at {percent(FALSE_DISCOVERIES, 0)} false discoveries"
        )
        retained, lost = reply.tests.cv_retained, reply.tests.cv_loss_share
        if retained is not None and lost is not None:
            output.line(
                f"chosen on other time (purged cross-validation), {percent(retained, 0)} of the best skill is left;"
                f" {percent(lost, 0)} of the paths lose"
            )
    for row in reply.findings:
        output.line(f"{row['severity']} {row['code']}: {row['message']} {row['why']} {row['remedy']}")


def _findings(reply: BacktestReply) -> list[tuple[object, object]]:
    """The findings, gravest first; one that several accounts have is told once, with their names."""
    if len({row["account"] for row in reply.findings}) < 2:
        return [(row["severity"], row["message"]) for row in reply.findings]
    alike: dict[tuple[object, object], list[Mapping[str, object]]] = {}
    for row in reply.findings:
        alike.setdefault((row["severity"], row["code"]), []).append(row)
    return [(severity, _told_once(rows)) for (severity, _code), rows in alike.items()]


def _told_once(rows: Sequence[Mapping[str, object]]) -> str:
    """The message of the first account, and the others that have the finding, in the same words or with own figures."""
    first, same = rows[0]["message"], [str(row["account"]) for row in rows if row["message"] == rows[0]["message"]]
    others = [str(row["account"]) for row in rows if row["message"] != first]
    told = f"{', '.join(dict.fromkeys(same))}: {first}"
    return f"{told} Likewise, with figures of their own: {', '.join(dict.fromkeys(others))}." if others else told


def tell_verdict(output: Output, reply: BacktestReply | SweepReply | WalkForwardReply | MonteCarloReply) -> None:
    """Print what the evidence supports."""
    output.line(f"verdict {reply.verdict['code']}: {reply.verdict['text']}")


def tell_bars(output: Output, reply: BacktestReply | SweepReply | WalkForwardReply | MonteCarloReply) -> None:
    """Print what a person must know of the bars: as of when they are, of which kind, and what they are made of."""
    if reply.known_at:
        output.line(f"the bars are those that were stored at {reply.known_at} (backtest.known_at)")
    if reply.quotes:
        output.line(f"bars of quotes: {', '.join(reply.quotes)}; bought at the ask, sold at the bid")
    for symbol, base in reply.made_of.items():
        output.line(f"bars of {symbol} are made of the stored {base} bars")
