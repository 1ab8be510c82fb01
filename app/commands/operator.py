"""Commands of the operator: cancel, flatten, and the ways back to trading from every stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Actor, Json, Newest, Overrides, Reason, desk_settings_of, in_force, named
from app.commands.trading import Scope, trading_command
from app.output import DONE, FAILED, Output, run_operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.operations.operator import Done, Flattened
    from app.operations.replies import ReconcileReply
    from conf.schema.settings import Settings
    from tradewright.execution.cancellation import Cancelled
    from tradewright.execution.health import Problem
    from tradewright.ledger.kill_switches import Switch
    from tradewright.model.command import Command

commands = typer.Typer()
OrderRef = Annotated[str, typer.Argument(callback=named, help="a reference of an order: tradewright orders")]
Instrument = Annotated[str, typer.Argument(callback=named, help="a symbol: tradewright freezes")]
Fills = Annotated[list[str] | None, typer.Option("--fill", help="EXECUTION_ID=QUANTITY@PRICE, once for each")]


def show_cancelled(output: Output, done: Cancelled) -> object:
    """Print the outcome of cancels and return its document."""
    output.line(f"ended at the venue: {', '.join(done.ended) or 'none'}")
    if done.open:
        output.line(f"still open: {', '.join(done.open)}")
    if done.problem:
        output.say(f"the venue could not confirm: {done.problem}")
    return done


def cancel_status(done: Cancelled) -> int:
    """1 while an order is open that was to be cancelled, or the venue could not be asked."""
    return FAILED if done.open or done.problem else DONE


@commands.command()
def kill(
    overrides: Overrides = None,
    scope: Scope = "everything",
    reason: Reason = "",
    actor: Actor = "",
    ledger: Annotated[str, typer.Option(help="the ledger's database, where no file tells it: sqlite:////PATH")] = "",
    as_json: Json = False,
) -> None:
    """Stop sending and cancel open orders. The stop needs no configuration, and holds without the venue (exit 1)."""
    from app.operations import kill as operation

    def operate(output: Output) -> tuple[Switch, Cancelled]:
        from runtime.other_ledgers import other_ledgers

        at = operation.target(in_force(overrides, forgiving=True), ledger)
        for line in (*at.lines, *other_ledgers(at.place.url)):
            output.say(line)
        return operation.kill(at, scope, reason, actor)

    def show(output: Output, done: tuple[Switch, Cancelled]) -> object:
        switch, cancelled = done
        output.line(f"stopped: {switch.scope}; cancelled: {', '.join(cancelled.ended) or 'none'}")
        if cancelled.open:
            output.line(f"still open: {', '.join(cancelled.open)}")
        if cancelled.problem:
            output.say(f"the venue could not be asked to cancel: {cancelled.problem}")
        return {"stopped": switch, "cancelled": cancelled}

    run_operation(as_json, operate, show, lambda done: cancel_status(done[1]))


@commands.command()
def cancel(
    ref: OrderRef, overrides: Overrides = None, reason: Reason = "", actor: Actor = "", as_json: Json = False
) -> None:
    """Cancel one order and wait for the venue's confirmation; exit 1 while it is still open."""
    from app.operations import operator

    trading_command(
        overrides,
        as_json,
        lambda at: operator.cancel(at, ref, reason, actor),
        show_cancelled,
        status=cancel_status,
        acts=True,
    )


@commands.command("cancel-all")
def cancel_all(overrides: Overrides = None, reason: Reason = "", actor: Actor = "", as_json: Json = False) -> None:
    """Cancel every open order of the account at once; exit 1 while one is still open."""
    from app.operations import operator

    trading_command(
        overrides,
        as_json,
        lambda at: operator.cancel_all(at, reason, actor),
        show_cancelled,
        status=cancel_status,
        acts=True,
    )


@commands.command()
def flatten(
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    key: Annotated[str, typer.Option(help="idempotency key: the same key is the same request")] = "",
    as_json: Json = False,
) -> None:
    """Decide on closing every holding, also under a kill switch; `tradewright send` sends the orders.

    Exit 1 when the gate rejects one, or while anything but a stop is not well on the account.
    """
    from app.operations import operator

    def show(output: Output, done: Flattened) -> object:
        show_cancelled(output, done.cancelled)
        for made in done.decisions:
            reasons = ", ".join(reason.code for reason in made.reasons)
            output.line(f"{made.verdict}: {made.approved_quantity} of intent {made.intent_id} {reasons}".rstrip())
        if not done.decisions:
            output.line("nothing is held")
        show_problems(output, done.problems)
        return done

    def operate(settings: Settings) -> Flattened:
        return operator.flatten_all(settings, reason, actor, key)

    trading_command(overrides, as_json, operate, show, status=lambda done: done.failed, acts=True)


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


def show_problems(output: Output, listed: Sequence[Problem]) -> None:
    """Print the list of problems, or that there is none."""
    for problem in listed:
        output.line(problem.line)
    if not listed:
        output.line("all is well: nothing is frozen, stopped or in doubt")


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
