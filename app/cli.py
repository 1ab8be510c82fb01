"""The command line: ``tradewright COMMAND [OVERRIDES] [--json]``."""

from __future__ import annotations

import typer

from app.commands import ledger, operator, research, system, trading

app = typer.Typer(
    help="Strategies from YAML to orders that are sent at most once.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (system, research, trading, operator, ledger):
    app.add_typer(group.commands)


def main() -> None:
    """The entry point."""
    app()
