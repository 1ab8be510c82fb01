"""Commands that stop: kill and resume, cancel, flatten."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Actor, Json, Overrides, Reason, in_force
from app.commands.trading_command import OrderRef, show_problems, trading_command
from app.output import DONE, FAILED, Output, run_operation

if TYPE_CHECKING:
    from app.operations.operator import Flattened
    from conf.schema.settings import Settings
    from tradewright.execution.cancellation import Cancelled
    from tradewright.ledger.kill_switches import Switch

commands = typer.Typer()
Scope = Annotated[str, typer.Option(help="everything, strategy:NAME or account:ID")]


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
    sys.dont_write_bytecode = True  # on a full disk half a file would be left, which no later stop could load
    from app.operations import kill as operation

    def operate(output: Output) -> tuple[Switch, Cancelled]:
        from runtime.other_ledgers import other_ledgers

        at = operation.target(in_force(overrides, forgiving=True), ledger)
        for line in at.lines:
            output.say(line)
        done = operation.kill(at, scope, reason, actor)
        for line in other_ledgers(at.place.url):
            output.say(line)
        return done

    def show(output: Output, done: tuple[Switch, Cancelled]) -> object:
        switch, cancelled = done
        flag = "stopped" if switch.stopped else "NOT STOPPED"
        output.line(f"{flag}: {switch.scope}; cancelled: {', '.join(cancelled.ended) or 'none'}")
        if cancelled.open:
            output.line(f"still open: {', '.join(cancelled.open)}")
        if cancelled.problem:
            output.say(f"not cancelled as asked: {cancelled.problem}")
        return {"stopped": switch, "cancelled": cancelled}

    run_operation(as_json, operate, show, lambda done: cancel_status(done[1]))


@commands.command()
def resume(
    overrides: Overrides = None,
    scope: Scope = "everything",
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Lift a stop; it takes a reason."""
    from app.operations import trading

    def show(output: Output, switch: Switch) -> object:
        output.line(f"resumed: {switch.scope}")
        return {"resumed": switch}

    trading_command(overrides, as_json, lambda at: trading.resume(at, scope, reason, actor), show, acts=True)


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
