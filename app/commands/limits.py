"""Commands on the gate's limits: list them, make one tighter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Actor, Json, Overrides, Reason, named
from app.commands.trading_command import trading_command
from app.output import Output

if TYPE_CHECKING:
    from app.operations.limits import LimitsReply
    from tradewright.model.tightening import Tightening

commands = typer.Typer()


@commands.command()
def limits(overrides: Overrides = None, as_json: Json = False) -> None:
    """The gate's limits: as configured, and as in force where a person tightened one."""
    from app.operations import limits as operation

    def show(output: Output, found: LimitsReply) -> object:
        rows = [
            (row.name, text(row.configured), *((text(row.in_force), row.tightened.by) if row.tightened else ("", "")))
            for row in found.limits
        ]
        output.table("limits", ("limit", "configured", "tightened to", "by"), rows)
        for trip in found.tripped:
            output.line(f"the daily circuit breaker has tripped, exits alone pass: {trip.text}")
        for one in found.lapsed:
            output.line(f"no longer in force, the configuration has changed: {one.text}")
        return found

    trading_command(overrides, as_json, operation.limits, show)


@commands.command()
def tighten(
    name: Annotated[str, typer.Argument(callback=named, help="a limit: tradewright limits")],
    value: Annotated[str, typer.Argument(help="the tighter value; of restricted, the instruments that are added")],
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Make a limit tighter at once, for the account in force; to loosen it again, change it in the YAML."""
    from app.operations import limits as operation

    def show(output: Output, done: Tightening) -> object:
        output.line(f"{done.name} {text(done.value)}, configured {text(done.base)} (event {done.seq})")
        output.line("orders that were approved before are not sent; their intents are decided again")
        return {"tightened": done}

    trading_command(overrides, as_json, lambda at: operation.tighten(at, name, value, reason, actor), show, acts=True)


def text(value: object) -> str:
    """A limit's value for people."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
