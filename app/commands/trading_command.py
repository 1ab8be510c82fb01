"""What the commands of the money side share: the one way in which they run, and what they print alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.commands.options import desk_settings_of, named
from app.output import DONE, Output, run_operation

if TYPE_CHECKING:
    from app.operations.replies import Listing
    from conf.schema.settings import Settings
    from tradewright.execution.health import Problem

Reply = TypeVar("Reply")
OrderRef = Annotated[str, typer.Argument(callback=named, help="a reference of an order: tradewright orders")]


def trading_command(
    overrides: list[str] | None,
    as_json: bool,
    operation: Callable[[Settings], Reply],
    show: Callable[[Output, Reply], object],
    *,
    status: Callable[[Reply], int] = lambda _reply: DONE,
    acts: bool = False,
    warns: bool = False,
) -> None:
    """Run an operation of the money side under the settings in force.

    Args:
        show: prints the reply for people and returns the JSON document.
        status: the exit code that the reply calls for.
        acts: True for a command that changes something: it first says, on standard error, on which mode, account and
            ledger.
        warns: True for one that changes nothing and yet warns, as those that act do, of other ledgers in use.
    """

    def operate(output: Output) -> Reply:
        from runtime.other_ledgers import ledger_url, other_ledgers, target

        settings = desk_settings_of(overrides)
        if acts:
            output.say(target(settings))
        if acts or warns:
            for line in other_ledgers(ledger_url(settings)):
                output.say(line)
        try:
            return operation(settings)
        finally:
            if acts:
                from runtime.alerts import tell_alerts

                tell_alerts(settings)

    run_operation(as_json, operate, show, status)


def listed(output: Output, name: str, found: Listing[Any]) -> dict[str, object]:
    """Print what a listing leaves out, and return its document."""
    if found.remark:
        output.line(found.remark)
    for text in found.damaged:
        output.line(f"set aside, damaged: {text}")
    if found.damaged:
        output.line("nothing is sent on a damaged ledger; keep the file, then: tradewright ledger verify")
    return {name: found.rows, "account": found.account, "remark": found.remark, "damaged": list(found.damaged)}


def show_problems(output: Output, listed: Sequence[Problem]) -> None:
    """Print the list of problems, or that there is none."""
    for problem in listed:
        output.line(problem.line)
    output.tell_settings()
    if listed:
        output.line("docs/when-it-stops.md has a section for each of these")
    if not listed:
        output.line("the account is well: nothing is frozen, stopped or in doubt")
