"""The ways back to trading from every stop: compare, list what is not well, adopt, confirm, settle, watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Actor, Json, Newest, Overrides, Reason, desk_settings_of, named
from app.commands.trading_command import OrderRef, show_problems, trading_command
from app.output import DONE, FAILED, Output, run_operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.operations.operator import Done
    from app.operations.replies import ReconcileReply
    from conf.schema.settings import Settings
    from tradewright.execution.health import Problem
    from tradewright.model.command import Command

commands = typer.Typer()
Instrument = Annotated[str, typer.Argument(callback=named, help="a symbol: tradewright freezes")]
Fills = Annotated[list[str] | None, typer.Option("--fill", help="EXECUTION_ID=QUANTITY@PRICE, once for each")]


@commands.command()
def reconcile(overrides: Overrides = None, as_json: Json = False) -> None:
    """Ask the venue for everything and adopt its answer; exit 1 while anything is not well on the account."""
    from app.operations import trading

    def show(output: Output, found: ReconcileReply) -> object:
        output.line(f"equity {found.equity}, positions {len(found.positions)}, differences {len(found.differences)}")
        for problem in found.problems:
            output.line(f"  {problem.line}")
        return found

    trading_command(overrides, as_json, trading.reconcile, show, status=lambda r: bool(r.problems), acts=True)


@commands.command()
def freezes(overrides: Overrides = None, as_json: Json = False) -> None:
    """Everything that is not well on the account, with the command that helps; exit 1 while there is any."""
    from app.operations import operator

    def show(output: Output, listed: tuple[Problem, ...]) -> object:
        show_problems(output, listed)
        return {"problems": listed}

    def status(listed: tuple[Problem, ...]) -> int:
        return FAILED if listed else DONE

    trading_command(overrides, as_json, operator.not_well, show, status=status, warns=True)


@commands.command("commands")
def inbox(overrides: Overrides = None, newest: Newest = 50, as_json: Json = False) -> None:
    """The newest commands to the account's actor with their outcomes; newest first."""
    from app.operations import operator

    def show(output: Output, found: list[Command]) -> object:
        header = ("number", "kind", "state", "actor", "reason", "asked at")
        rows = [(row.command_id, row.kind, row.state, row.actor, row.reason, row.created_at) for row in found]
        output.table("commands", header, rows)
        return {"commands": found}

    trading_command(overrides, as_json, lambda at: operator.inbox(at, newest), show)


@commands.command()
def acknowledge(
    instrument: Instrument, overrides: Overrides = None, reason: Reason = "", actor: Actor = "", as_json: Json = False
) -> None:
    """Lift the freezes of an instrument after you have looked at their cause at the venue."""
    from app.operations import operator

    _way_back(overrides, as_json, lambda at: operator.acknowledge(at, instrument, reason, actor), "freezes lifted")


@commands.command()
def adopt(
    instrument: Instrument, overrides: Overrides = None, reason: Reason = "", actor: Actor = "", as_json: Json = False
) -> None:
    """Take over the venue's position of an instrument into the ledger, and lift its freezes."""
    from app.operations import operator

    _way_back(overrides, as_json, lambda at: operator.adopt(at, instrument, reason, actor), "position moved by")


@commands.command("confirm-not-sent")
def confirm_not_sent(
    ref: OrderRef, overrides: Overrides = None, reason: Reason = "", actor: Actor = "", as_json: Json = False
) -> None:
    """Confirm, on fresh evidence that is gathered first, that an order in doubt never arrived."""
    from app.operations import operator

    _way_back(overrides, as_json, lambda at: operator.confirm_not_sent(at, ref, reason, actor), "confirmed")


@commands.command()
def settle(
    ref: OrderRef,
    overrides: Overrides = None,
    state: Annotated[str, typer.Option(help="how it ended: FILLED, CANCELLED, REJECTED or NOT_SENT")] = "",
    fill: Fills = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """End an order by the venue's statement, with the executions that the statement shows."""
    from app.commands.order_args import parse_state, parse_statement_fill
    from app.operations import operator

    def operate(settings: Settings) -> Done:
        fills = [parse_statement_fill(text) for text in fill or ()]
        return operator.settle(settings, ref, parse_state(state), fills, reason, actor)

    _way_back(overrides, as_json, operate, "settled as")


@commands.command("end-of-day")
def end_of_day(overrides: Overrides = None, reason: Reason = "", actor: Actor = "", as_json: Json = False) -> None:
    """Before the venue's midnight: compare, and block every instrument that differs or has a day order open."""
    from app.operations import operator

    _way_back(overrides, as_json, lambda at: operator.end_of_day(at, reason or "end of day", actor), "differences")


@commands.command()
def watch(
    overrides: Overrides = None,
    every: Annotated[float, typer.Option(min=1.0, help="seconds between two comparisons")] = 60.0,
    as_json: Json = False,
) -> None:
    """Compare with the venue until no order is open, and end its day before midnight: what Dagster's sensors do."""
    from app.operations import watch as operation
    from runtime.other_ledgers import target

    def operate(output: Output) -> ReconcileReply:
        settings = desk_settings_of(overrides)
        output.say(target(settings))
        return operation.watch(settings, every, output.say)

    def show(output: Output, found: ReconcileReply) -> object:
        output.line("no order is open")
        show_problems(output, found.problems)
        return found

    run_operation(as_json, operate, show, status=lambda found: FAILED if found.problems else DONE)


def _way_back(overrides: list[str] | None, as_json: bool, operation: Callable[[Settings], Done], label: str) -> None:
    """Run one act, print its answer and what is still not well; exit 1 while anything is."""

    def show(output: Output, done: Done) -> object:
        output.line(label if done.answer in (None, []) else f"{label}: {done.answer}")
        show_problems(output, done.problems)
        return done

    trading_command(overrides, as_json, operation, show, status=lambda done: bool(done.problems), acts=True)
