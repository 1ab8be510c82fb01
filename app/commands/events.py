"""``data events``: the event calendar as the gate reads it."""

from __future__ import annotations

from typing import Annotated

import typer

from app.commands.options import Json, Overrides, desk_settings_of
from app.output import Output, run_command


def events(
    overrides: Overrides = None,
    instrument: Annotated[str, typer.Option(help="only the windows about this symbol of conf/instruments")] = "",
    every: Annotated[bool, typer.Option("--all", help="those that have ended too")] = False,
    as_json: Json = False,
) -> None:
    """The event windows in which nothing is entered, in UTC, and until when the list of them is complete."""

    def act(output: Output) -> None:
        from app.operations.events import declared_events

        found = declared_events(desk_settings_of(overrides), instrument, every=every)
        rows = [
            (row.state, f"{row.start:%Y-%m-%d %H:%M}", f"{row.end:%Y-%m-%d %H:%M}", row.about, row.reason)
            for row in found.windows
        ]
        output.table("event windows", ("state", "start (UTC)", "end (UTC)", "about", "reason"), rows)
        output.line(found.remark)
        output.result(found)

    run_command(as_json, act)
