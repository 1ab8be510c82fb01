"""Commands on the ledger as a file: ``tradewright ledger verify``, ``backup``, ``rekey``, ``prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Actor, Json, Overrides, Reason
from app.commands.trading_command import trading_command
from app.output import DONE, FAILED, Output

if TYPE_CHECKING:
    from app.operations.ledger import Rekeyed, Verification
    from tradewright.ledger.backup import Backup

commands = typer.Typer()
ledger = typer.Typer(
    help="The ledger as a file: verify it, back it up, give it a new key, prune it.", no_args_is_help=True
)
commands.add_typer(ledger, name="ledger")


@ledger.command()
def verify(overrides: Overrides = None, as_json: Json = False) -> None:
    """Walk the hash chain and compare every row with its event; exit 1 naming the first alterations."""
    from app.operations.ledger import verify as operate

    def show(output: Output, found: Verification) -> object:
        if found.altered:
            output.table("altered", ("where", "what"), [(row.where, row.what) for row in found.altered])
            output.line(f"what to do: {found.altered[0].remedy}")
        else:
            output.line(f"{found.ledger}: the chain of {found.events} events holds, and every row is as recorded")
        return found

    trading_command(overrides, as_json, operate, show, status=lambda found: FAILED if found.altered else DONE)


@ledger.command()
def backup(overrides: Overrides = None, as_json: Json = False) -> None:
    """Copy the ledger while it is in use, audit the copy, and keep the newest `schedules.backup.keep`."""
    from app.operations.ledger import back_up

    def show(output: Output, made: Backup) -> object:
        output.line(f"{made.path}: {made.events} events, {made.size} bytes; audited")
        for name in made.removed:
            output.line(f"deleted {name}")
        output.line(f"the key is no part of it: keep {made.key or 'the key of the ledger'} apart from the backups")
        return made

    trading_command(overrides, as_json, back_up, show, acts=True)


@ledger.command()
def rekey(
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    accept: Annotated[bool, typer.Option("--accept", help="accept what is named, such as a restored backup")] = False,
    as_json: Json = False,
) -> None:
    """Give the ledger a new key, after a lost one or a restored backup; the whole chain is walked first."""
    from app.operations.ledger import rekey as operate

    def show(output: Output, done: Rekeyed) -> object:
        output.line(f"{done.ledger}: {done.events} events sealed; the key is {done.key}, keep a copy apart")
        for text in done.accepted:
            output.line(f"accepted: {text}")
        return done

    trading_command(overrides, as_json, lambda at: operate(at, reason, accept, actor), show, acts=True)


@ledger.command()
def prune(overrides: Overrides = None, actor: Actor = "", as_json: Json = False) -> None:
    """Delete rows that are older than their rule of retention; facts are permanent."""
    from app.operations.ledger import delete_old

    def show(output: Output, deleted: dict[str, int]) -> object:
        for table, count in deleted.items():
            output.line(f"{table}: {count} rows deleted")
        return {"deleted": deleted}

    trading_command(overrides, as_json, lambda at: delete_old(at, actor), show, acts=True)
