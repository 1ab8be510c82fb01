"""``data features``: the features of the newest bar of an instrument."""

from __future__ import annotations

from typing import Annotated

import typer

from app.commands.options import Json, Overrides, named, settings_of
from app.output import Output, run_command


def features(
    instrument: Annotated[str, typer.Argument(help="a symbol of conf/instruments", callback=named)],
    overrides: Overrides = None,
    set_name: Annotated[str, typer.Option("--set", help="one of features.sets; the table when left out")] = "",
    as_json: Json = False,
) -> None:
    """The features of the newest stored bar, with its time and their version."""

    def act(output: Output) -> None:
        from app.operations.stored_data import get_features

        found = get_features(settings_of(overrides), instrument, set_name)
        rows = [
            (name, "not known" if value is None else f"{value:.8g}" if isinstance(value, float) else value)
            for name, value in found.snapshot.values.items()
        ]
        title = f"{instrument} {found.timeframe} {set_name}".strip()
        output.table(title, ("feature", f"at {found.snapshot.ts:%Y-%m-%d %H:%M} UTC"), rows)
        output.line(f"version {found.snapshot.version}")
        output.result(found)

    run_command(as_json, act)
