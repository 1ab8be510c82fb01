"""The command walkforward."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.data import show_findings
from app.commands.options import Json, Overrides, in_force
from app.commands.research import tell_bars, tell_verdict
from app.output import FAILED, Output, run_command

if TYPE_CHECKING:
    from app.operations.walk_forward import WalkForwardReply

commands = typer.Typer()

_SPREADS = ("total_return", "sharpe", "max_drawdown", "profit_factor", "win_rate", "exposure", "trades")
"""The figures over folds that are shown; all of them are in the JSON document."""
_FRACTIONS = ("total_return", "max_drawdown", "win_rate", "exposure")
"""Those that are fractions: shown in percent, and as they are in the JSON document."""


@commands.command()
def walkforward(
    overrides: Overrides = None,
    where: Annotated[str, typer.Option(help="only sets of which this holds, as 'fast < slow'")] = "",
    rank: Annotated[str, typer.Option(help="the figure by which each fold's set is chosen")] = "sharpe",
    report: Annotated[Path | None, typer.Option(help="write the risk report of the tests to this HTML file")] = None,
    as_json: Json = False,
) -> None:
    """The grid of a sweep, chosen on the past and tried on what follows, fold by fold; exit 1 when it looks ahead."""

    def act(output: Output) -> None:
        from app.operations.walk_forward import walk_forward
        from app.progress import shown
        from tradewright.evaluation.formatting import count

        try:
            with shown(output, "parameter sets of all folds") as advance:
                reply = walk_forward(in_force(overrides), where=where, rank=rank, report=report, progress=advance)
        except KeyboardInterrupt:
            output.say("stopped, nothing was counted; the same command goes on where it was")
            raise typer.Exit(FAILED) from None
        if reply.void:
            output.line(f"VOID: {reply.void}")
        tell_bars(output, reply)
        if report is not None:
            output.say(f"risk report: {report}")
        _tell_folds(output, reply)
        tell_verdict(output, reply)
        output.table("findings", ("severity", "what"), [(row["severity"], row["message"]) for row in reply.findings])
        show_findings(output, reply.data)
        if reply.left_out:
            output.say(f"{count(reply.left_out, 'set')} left out: {reply.why}")
        output.result(reply)
        if reply.void:
            raise typer.Exit(FAILED)

    run_command(as_json, act)


def _tell_folds(output: Output, reply: WalkForwardReply) -> None:
    output.table(
        f"{reply.strategy}: {reply.sets} sets in each of {len(reply.folds)} folds, chosen by {reply.ranked_by}",
        ("fold", "trained on", "tested on", "bars", "chosen", "Sharpe in sample", "out of sample", "efficiency"),
        [
            (
                each.fold,
                " to ".join(each.train),
                " to ".join(each.test),
                f"{each.train_bars:,} + {each.test_bars:,}",
                ", ".join(f"{name}={value:g}" for name, value in each.parameters.items()),
                f"{each.in_sample_sharpe:.2f}",
                f"{each.out_of_sample_sharpe:.2f}",
                _share_text(each.efficiency),
            )
            for each in reply.folds
        ],
    )
    output.line(f"efficiency of all folds: {_share_text(reply.efficiency)} (Sharpe ratio out of sample / in sample)")
    shown = [each for each in reply.stability if each.name in _SPREADS]
    rows = [
        (
            each.name,
            *(_figure(each.name, value) for value in (each.mean, each.variance**0.5, each.least, each.greatest)),
        )
        for each in shown
    ]
    output.table("out of sample over the folds", ("figure", "mean", "deviation", "least", "greatest"), rows)
    figures = ("final_equity", "net_profit", "total_return", "sharpe", "max_drawdown", "trades", "fees")
    title = f"the tests as one account, in {reply.currency}"
    told = {name: reply.metrics[name] for name in figures}
    told |= {name: _figure(name, value) for name in _FRACTIONS if isinstance(value := told.get(name), float)}
    output.table(title, ("figure", "value"), list(told.items()))


def _figure(name: str, value: float) -> str:
    """A figure as the other tables write it: fractions in percent."""
    return f"{value:.2%}" if name in _FRACTIONS else f"{value:.4g}"


def _share_text(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
