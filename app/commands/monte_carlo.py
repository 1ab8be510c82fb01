"""The command montecarlo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, settings_of
from app.commands.research import tell_bars, tell_verdict
from app.output import FAILED, Output, run_command

if TYPE_CHECKING:
    from app.operations.monte_carlo import MonteCarloReply
    from tradewright.evaluation.monte_carlo import Percentiles

commands = typer.Typer()


@commands.command()
def montecarlo(
    overrides: Overrides = None,
    report: Annotated[Path | None, typer.Option(help="write the risk report with the fan of paths here")] = None,
    as_json: Json = False,
) -> None:
    """Other histories of a backtest: its returns in blocks, trades shuffled or missed, bars permuted, higher costs."""

    def act(output: Output) -> None:
        from app.operations.monte_carlo import monte_carlo

        reply = monte_carlo(settings_of(overrides), report)
        if reply.void:
            output.line(f"VOID: {reply.void}")
        tell_bars(output, reply)
        if report is not None:
            output.say(f"risk report: {report}")
        _tell_paths(output, reply)
        _tell_stresses(output, reply)
        tell_verdict(output, reply)
        output.result(reply)
        if reply.void:
            raise typer.Exit(FAILED)

    run_command(as_json, act)


def _tell_paths(output: Output, reply: MonteCarloReply) -> None:
    from app.operations.monte_carlo import left_out_lines
    from tradewright.evaluation.formatting import count
    from tradewright.evaluation.monte_carlo import trades_missed

    drawn, orders, fewer = reply.bootstrap, reply.shuffled, reply.missed
    blocks = f"blocks of {reply.block_bars} bars"
    missed = f"{trades_missed(reply.missed_share, reply.trades)} of {count(reply.trades, 'trade')} missed"
    shown: list[tuple[str, str, Percentiles]] = [
        (blocks, "Sharpe ratio a year", drawn.sharpe),
        (blocks, "total return", drawn.total_return),
        (blocks, "max drawdown", drawn.max_drawdown),
        (blocks, "profit factor of bars", drawn.profit_factor),
    ]
    if orders is not None:
        shown.append(("trades in other orders", "max drawdown", orders.max_drawdown))
    if fewer is not None:
        shown += [
            (missed, "total return", fewer.total_return),
            (missed, "max drawdown", fewer.max_drawdown),
            (missed, "profit factor of trades", fewer.profit_factor),
        ]
    if reply.permuted is not None:
        shown.append(("bars in other orders", "Sharpe ratio a year", reply.permuted.sharpe))
    output.table(
        f"{reply.strategy}: {drawn.paths:,} paths of {reply.bars:,} bars and {reply.trades:,} trades",
        ("what is drawn", "figure", "5%", "median", "95%", "± of the ends"),
        [
            (what, name, *(_figure(name, value) for value in (each.p5, each.median, each.p95, each.error)))
            for what, name, each in shown
        ],
    )
    output.line(f"{drawn.loss_probability:.1%} of the paths of returns end below their start")
    for what, why in left_out_lines(reply.left_out):
        output.line(f"no {what}: {why}")
    if reply.permuted is None:
        if "permuted" not in reply.left_out:
            output.line("no bars in other orders: none are asked for")
        return
    output.line(
        f"p-value {reply.permuted.p_value:.3g} of the Sharpe ratio {reply.permuted.observed:.2f} among"
        f" {reply.permuted.permutations:,} orders of the bars: the chance of such a ratio where their order carries"
        " nothing, with the same trend, volatility and bar shapes; it does not count other settings that were tried"
    )


def _figure(name: str, value: float) -> str:
    """A figure as the other tables write it: what is a fraction of the equity in percent."""
    return f"{value:.2%}" if name in ("total return", "max drawdown") else f"{value:.4g}"


def _tell_stresses(output: Output, reply: MonteCarloReply) -> None:
    output.table(
        f"the same backtest under stress, in {reply.currency}",
        ("costs", "bars later", "net profit", "return", "Sharpe", "max drawdown", "trades", "fees"),
        [
            (
                f"x {each.costs:g}",
                each.delay,
                f"{each.net_profit:,.2f}",
                f"{each.total_return:.2%}",
                f"{each.sharpe:.2f}",
                f"{each.max_drawdown:.2%}",
                each.trades,
                f"{each.fees:,.2f}",
            )
            for each in reply.stresses
        ],
    )
