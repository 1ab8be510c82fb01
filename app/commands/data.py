"""Commands about data: import."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, settings_of
from app.output import Output, run_command

if TYPE_CHECKING:
    from app.operations.importing import Imported

commands = typer.Typer()


@commands.command(name="import")
def import_(
    source: Annotated[str, typer.Argument(help="csv, parquet, feather or lean")],
    path: Annotated[Path, typer.Argument(help="the file, or LEAN's Data folder")],
    overrides: Overrides = None,
    instruments: Annotated[
        str, typer.Option("--instruments", "--instrument", help="symbols of conf/instruments, separated by commas")
    ] = "",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h or 1d")] = "1d",
    mapping: Annotated[Path | None, typer.Option(help="a YAML file that says which column is which")] = None,
    columns: Annotated[str | None, typer.Option(help="ours=theirs, by header or position: ts=Datum,open=1")] = None,
    delimiter: Annotated[str | None, typer.Option(help="the sign between the columns: , ; | or tab")] = None,
    decimal: Annotated[str | None, typer.Option(help="the decimal sign: . or ,")] = None,
    thousands: Annotated[str | None, typer.Option(help="the sign between thousands: . , ' _ or a space")] = None,
    skip_lines: Annotated[int | None, typer.Option(help="lines before the table")] = None,
    comment: Annotated[str | None, typer.Option(help="the sign that begins lines that are no rows")] = None,
    time_format: Annotated[str | None, typer.Option(help="s, ms, us, ns, or a pattern such as %d.%m.%Y")] = None,
    zone: Annotated[str | None, typer.Option(help="the zone of times that carry none")] = None,
    as_json: Json = False,
) -> None:
    """Load foreign data into the bars store: incremental, idempotent, nothing half-written."""
    options: dict[str, object] = {
        "columns": columns,
        "delimiter": delimiter,
        "decimal": decimal,
        "thousands": thousands,
        "skip_lines": skip_lines,
        "comment": comment,
        "time_format": time_format,
        "zone": zone,
    }

    def act(output: Output) -> None:
        from app.operations.importing import import_bars, source_of, timeframe_of
        from conf.mapping import mapping_with

        symbols = [name.strip() for name in instruments.split(",") if name.strip()]
        wanted = source_of(source), path, symbols, timeframe_of(timeframe), mapping_with(mapping, options)
        imported = import_bars(settings_of(overrides), *wanted)
        _show(output, imported, [text for text in overrides or () if text.startswith("storage.")])
        output.result({"imported": imported})

    run_command(as_json, act)


def _show(output: Output, imported: list[Imported], roots: list[str]) -> None:
    header = ("instrument", "timeframe", "kind", "rows", "added", "unchanged", "revised", "dropped")
    rows = [
        (row.instrument, row.timeframe, row.kind, row.rows, row.added, row.unchanged, row.revised, row.dropped or "")
        for row in imported
    ]
    output.table("imported", header, rows)
    for row in imported:
        if row.used:
            output.line("used: " + ", ".join(f"{ours} from {theirs!r}" for ours, theirs in row.used.items()))
        if row.left_out:
            output.line(f"left out: {', '.join(map(repr, row.left_out))}")
        for remark in row.remarks:
            output.line(f"note: {remark}")
    for row in imported[:1]:
        output.line(f"next: {shlex.join([*row.next.split(), *roots])}")
