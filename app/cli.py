"""The command line: ``tradewright COMMAND [OVERRIDES] [--json]``."""

from __future__ import annotations

import atexit
import gc
import os
import sys

import typer
from typer.main import get_command_name
from typer.models import TyperInfo

from app.commands import (
    data,
    documents,
    instruments,
    kill_and_cancel,
    ledger,
    limits,
    monte_carlo,
    orders,
    packages,
    research,
    scenarios,
    schemas,
    stream,
    system,
    trade,
    walk_forward,
    ways_back,
)
from app.usage import Program

app = typer.Typer(
    cls=Program,
    help="Strategies from YAML to orders that are sent at most once.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_RESEARCH = (data, instruments, stream, documents, packages, research, walk_forward, monte_carlo, scenarios)
_TRADING = (trade, orders, kill_and_cancel, limits, ways_back, ledger)
for group in (system, schemas, *_RESEARCH, *_TRADING):
    app.add_typer(group.commands)
_OBJECTS = 250_000
"""So many new objects before a garbage collection: a tenth of the CPU of a command went to searching its imports."""


def main() -> None:
    """The entry point. What a command writes is its user's alone: ledgers, states and results tell of an account."""
    os.umask(0o077)
    gc.set_threshold(_OBJECTS, 50, 50)
    atexit.register(gc.freeze)  # runs last; else the interpreter searches all that it is about to give back anyway
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # none is used, and to look for them reads every package
    app.registered_groups = groups_with(sys.argv[1] if len(sys.argv) > 1 else "")
    app()


def groups_with(command: str) -> list[TyperInfo]:
    """The group that holds a command; all where none does. To build all takes a twentieth of the CPU of ``check``."""
    return [
        group for group in app.registered_groups if command in _names(group.typer_instance)
    ] or app.registered_groups


def _names(group: typer.Typer | None) -> set[str]:
    if group is None:
        return set()
    commands = {
        each.name or get_command_name(getattr(each.callback, "__name__", "")) for each in group.registered_commands
    }
    return commands | {str(each.name) for each in group.registered_groups}
