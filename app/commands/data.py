"""Commands about data: ``import``, ``backfill``, ``data list``, ``data show``; those on its quality join them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.events import events
from app.commands.features import features
from app.commands.options import Json, Overrides, named, settings_of
from app.commands.quality import TIMEFRAMES, accept, findings, impact, quarantine
from app.commands.stream import quotes
from app.output import FAILED, Output, run_command

if TYPE_CHECKING:
    from app.operations.backfill import BackfillReply
    from app.operations.data_quality import FindingLine
    from app.operations.importing import Imported
    from app.operations.stored_data import ShownInstrument, ShownSeries
    from tradewright.model.instrument import Instrument
    from tradewright.store.overview import StoredSeries

commands = typer.Typer()
data = typer.Typer(
    help="The stored bars: list them, look at them, see what the checks find and what a correction touched, "
    "accept a finding, set bars aside.",
    no_args_is_help=True,
)
commands.add_typer(data, name="data")
for command in (events, features, quotes, findings, accept, quarantine, impact):
    data.command()(command)
SHOWN = 5
"""Findings that another command tells before it names the one that lists all."""


@commands.command(name="import")
def import_(
    source: Annotated[str, typer.Argument(help="csv, parquet, feather or lean")],
    path: Annotated[Path, typer.Argument(help="the file, or LEAN's Data folder")],
    overrides: Overrides = None,
    instruments: Annotated[
        str, typer.Option("--instruments", "--instrument", help="symbols of conf/instruments, separated by commas")
    ] = "",
    timeframe: Annotated[str, typer.Option(help=TIMEFRAMES)] = "1d",
    kind: Annotated[str | None, typer.Option(help="trade or quote; told by the columns where it is left out")] = None,
    ask: Annotated[Path | None, typer.Option(help="a file of the ask's prices; PATH holds the bid's")] = None,
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
    """Load foreign data into the bars store: incremental, idempotent, nothing half-written; exit 1 for any refused."""
    options: dict[str, object] = {
        "kind": kind,
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
        done = import_bars(settings_of(overrides), *wanted, ask)
        _show(output, done.imported)
        output.result(done)
        for row in done.refused:
            output.say(f"refused: {row.instrument}: {row.where}: {row.what}\n  what to do: {row.remedy}")
        if done.refused:
            raise typer.Exit(FAILED)

    run_command(as_json, act)


def _show(output: Output, imported: list[Imported]) -> None:
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
    show_findings(output, [line for row in imported for line in row.findings])
    for row in imported[:1]:
        output.next("next", row.next.split()[1], settings=row.next.split()[2:])


@commands.command()
def backfill(
    words: Annotated[
        list[str], typer.Argument(metavar="SYMBOL", help="instruments, then settings: AAPL MSFT feed=polygon")
    ],
    begin: Annotated[str, typer.Option("--from", help="the first day or moment: 2024-01-01")] = "",
    end: Annotated[str, typer.Option("--to", help="the last day or moment, included; now, when it is left out")] = "",
    timeframe: Annotated[
        str, typer.Option(help=f"{TIMEFRAMES}, several with commas; those that a refresh keeps, when it is left out")
    ] = "",
    as_json: Json = False,
) -> None:
    """Ask the feed for history of any length, part by part; each part is stored before the next is asked for.

    Ended at any moment it can be run again: what is known changes nothing, and closed history is not asked for twice.
    """

    def act(output: Output) -> None:
        from rich.progress import Progress

        from app.operations.backfill import backfill_bars
        from app.operations.importing import timeframe_of

        symbols, overrides = [word for word in words if "=" not in word], [word for word in words if "=" in word]
        lengths = [timeframe_of(name.strip()) for name in timeframe.split(",") if name.strip()]
        with Progress(console=output.messages, transient=True, disable=not output.messages.is_terminal) as bar:
            task = bar.add_task("parts", total=None)

            def told(series: str, done: int, of: int) -> None:
                bar.update(task, description=series, completed=done, total=of)

            reply = backfill_bars(settings_of(overrides), symbols, begin, end, lengths, told)
        _show_backfill(output, reply)

    run_command(as_json, act)


def _show_backfill(output: Output, reply: BackfillReply) -> None:
    header = ("instrument", "bars", "parts", "added", "unchanged", "revised", "stored from", "to")
    rows = []
    for row in reply.backfilled:
        ends = (f"{at:%Y-%m-%d}" if at else "nothing" for at in (row.first, row.last))
        rows.append((row.instrument, row.timeframe, row.parts, row.added, row.unchanged, row.revised, *ends))
    if rows:
        asked = ", ".join(dict.fromkeys(row.source for row in reply.backfilled))
        output.table(f"backfilled from {asked}", header, rows)
    show_findings(output, reply.findings)
    for row in reply.backfilled[:1]:
        output.next("next", "data", "show", row.instrument)
    output.result(reply)
    for refused in reply.refused:
        text = f"refused: {refused.instrument} {refused.timeframe}: {refused.where}: {refused.what}"
        output.say(f"{text}\n  what to do: {refused.remedy}")
    if reply.refused:
        raise typer.Exit(FAILED)


@data.command("list")
def list_(overrides: Overrides = None, as_json: Json = False) -> None:
    """Every stored series: rows, first and last bar, source, last change; exit 1 when one is damaged."""

    def act(output: Output) -> None:
        from app.operations.stored_data import list_data

        found = list_data(settings_of(overrides))
        header = ("instrument", "timeframe", "kind", "rows", "first", "last", "revisions", "changed", "source")
        output.table(str(found.root), header, [_listed(row) for row in found.series])
        if not found.series:
            output.line("nothing is stored; tradewright import brings files")
        output.result(found)
        _tell_damaged(output, found.damaged)

    run_command(as_json, act)


@data.command()
def show(
    symbol: Annotated[str, typer.Argument(callback=named, help="the instrument")],
    overrides: Overrides = None,
    rows: Annotated[int, typer.Option(min=0, max=10_000, help="how many bars of each end")] = 5,
    as_json: Json = False,
) -> None:
    """The facts and the first and last bars of an instrument, raw; exit 1 when a series is damaged."""

    def act(output: Output) -> None:
        from app.operations.stored_data import show_data

        settings = settings_of(overrides)
        found = show_data(settings, symbol, rows)
        for series in found.series:
            _show_series(output, series, settings.instruments.get(symbol))
        for line in _facts(found):
            output.line(line)
        output.result(found)
        _tell_damaged(output, found.damaged)

    run_command(as_json, act)


def _listed(row: StoredSeries) -> tuple[object, ...]:
    first, last, changed = (f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (row.first, row.last, row.updated_at))
    return (row.instrument, row.timeframe, row.kind, row.rows, first, last, row.revisions or "", changed, row.source)


def _show_series(output: Output, series: ShownSeries, instrument: Instrument | None) -> None:
    from app.operations.stored_data import SPREAD_DIGITS, digits_text

    facts = series.facts
    header = ("start (UTC)", "open", "high", "low", "close", "volume", "spread (bps)")
    lines: list[tuple[str, ...]] = []
    for part in (series.head, series.tail):
        lines += [("...",) + ("",) * 6] if lines and facts.rows > len(series.head) + len(series.tail) else []
        for bar in part:
            prices = (digits_text(price, instrument) for price in (bar.open, bar.high, bar.low, bar.close))
            lines.append(
                (
                    f"{bar.ts:%Y-%m-%d %H:%M}",
                    *prices,
                    digits_text(bar.volume),
                    digits_text(bar.spread, digits=SPREAD_DIGITS),
                )
            )
    output.table(f"{facts.instrument} {facts.timeframe} {facts.kind}", header, lines)
    changed = f"{facts.updated_at:%Y-%m-%d %H:%M}" if facts.updated_at else "not known"
    output.line(f"{facts.rows:,} bars; last change {changed}, from {facts.source or 'not known'}")
    if series.unknown_volumes:
        output.line(f"volume is unknown in {series.unknown_volumes:,} bars")
    for row in series.quarantines:
        output.line(row.text)
    for revision in series.revisions:
        at = f"{revision.recorded_at:%Y-%m-%d %H:%M:%S}"
        output.line(f"revision {revision.number}: {revision.told}, {at}, by {revision.source}")


def _facts(found: ShownInstrument) -> list[str]:
    from tradewright.evaluation.formatting import count

    if not found.configured:
        return [f"{found.instrument} is not configured: declare it in a file of conf/instruments"]
    read = [f"{found.read} bars are read"] if len({row.facts.kind for row in found.series}) > 1 and found.read else []
    actions = "no table of corporate actions"
    if (known := found.actions) is not None:
        counts = (count(known.splits, "split"), count(known.dividends, "dividend"))
        actions = f"corporate actions: {', '.join(counts)}"
    bases = dict.fromkeys(found.makes.values())
    made = (f"{', '.join(each for each, of in found.makes.items() if of == base)} made of {base}" for base in bases)
    return [*read, actions, *([f"can be read too: {'; '.join(made)}"] if bases else [])]


def _tell_damaged(output: Output, damaged: tuple[StoredSeries, ...]) -> None:
    for row in damaged:
        output.say(f"damaged: {row.instrument} {row.timeframe} {row.kind}: {row.problem}")
    if damaged:
        raise typer.Exit(FAILED)


def show_findings(output: Output, found: Sequence[FindingLine]) -> None:
    """A few findings on stored bars at the end of another command, with the way to all of them."""
    for line in found[:SHOWN]:
        output.line(line.text)
    if found:
        names = ",".join(dict.fromkeys(line.instrument for line in found))
        output.next(f"{len(found)} in the stored bars; with places", "data", "findings", "--instruments", names)
