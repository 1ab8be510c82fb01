"""Commands on stored bars: ``tradewright data findings``, ``accept``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Actor, Json, Overrides, Reason, named
from app.commands.trading_command import trading_command
from app.output import DONE, FAILED, Output

if TYPE_CHECKING:
    from app.operations.data_quality import Accepted, FindingLine, SeriesFindings

commands = typer.Typer()
data = typer.Typer(help="The stored bars: what the checks find, and what a person accepts.", no_args_is_help=True)
commands.add_typer(data, name="data")

Instruments = Annotated[
    str, typer.Option("--instruments", "--instrument", callback=named, help="symbols, separated by commas; all")
]


SHOWN = 5
"""Findings that another command tells before it names the one that lists all."""


def show_findings(output: Output, found: Sequence[FindingLine]) -> None:
    """A few findings on stored bars at the end of another command, with the way to all of them."""
    for line in found[:SHOWN]:
        output.line(line.text)
    if found:
        names = ",".join(dict.fromkeys(line.instrument for line in found))
        output.line(f"{len(found)} in the stored bars; with places: tradewright data findings --instruments {names}")


@data.command()
def findings(
    overrides: Overrides = None,
    instruments: Instruments = "",
    everything: Annotated[bool, typer.Option("--all", help="also the mere properties of a source")] = False,
    as_json: Json = False,
) -> None:
    """What the checks find in the stored bars, and what gate and sender have on record; exit 1 when bars block."""
    from app.operations.data_quality import findings as operate

    symbols = [name.strip() for name in instruments.split(",") if name.strip()]

    def show(output: Output, found: list[SeriesFindings]) -> object:
        rows = [(row.instrument, row.timeframe, row.rows, len(row.findings), row.state) for row in found]
        output.table("stored bars", ("instrument", "timeframe", "bars", "findings", "newest check"), rows)
        for line in (line for row in found for line in row.findings):
            output.line(line.text)
            for example in line.examples:
                output.line(f"    {example}")
        return {"series": found}

    trading_command(
        overrides,
        as_json,
        lambda at: operate(at, symbols, everything=everything),
        show,
        status=lambda found: FAILED if any(row.blocked for row in found) else DONE,
    )


@data.command()
def accept(
    instrument: Annotated[str, typer.Argument(callback=named, help="a symbol of conf/instruments")],
    overrides: Overrides = None,
    finding: Annotated[str, typer.Option(help="the code of the finding: BAD_PRINT or POSSIBLE_SPLIT")] = "",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h or 1d")] = "1d",
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say that the bars of a finding are as they should be, so that it blocks no order; for these very bars."""
    from app.operations.data_quality import accept as operate
    from app.operations.importing import timeframe_of

    def show(output: Output, done: Accepted) -> object:
        output.line(f"accepted: {done.instrument} {done.timeframe}: {done.code}: {done.message}")
        output.line("the next check takes it into account: tradewright trade --once")
        return done

    trading_command(
        overrides,
        as_json,
        lambda at: operate(at, instrument, timeframe_of(timeframe), finding, reason, actor),
        show,
        acts=True,
    )
