"""Live data as a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, settings_of
from app.output import FAILED, Output, run_command

if TYPE_CHECKING:
    from app.operations.stream import LatestQuote, StreamReply

commands = typer.Typer()


@commands.command()
def stream(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOL", help="instruments, then settings: BTCUSDT feed=binance")
    ] = None,
    bars: Annotated[int | None, typer.Option(min=1, help="end after so many closed bars")] = None,
    until: Annotated[str, typer.Option(help="end at this moment: 2026-03-04T21:00:00Z")] = "",
    as_json: Json = False,
) -> None:
    """Keep links to the feed, and store closed bars and the newest quotes as they come; checked like every other bar.

    Without instruments those of the universe; until Ctrl-C where no end is named. Exit 1 when a bar was refused.
    """

    def act(output: Output) -> None:
        from app.operations.stream import stream_bars

        symbols = [word for word in words or () if "=" not in word]
        overrides = [word for word in words or () if "=" in word]
        try:
            reply = stream_bars(settings_of(overrides), symbols, bars, until, output.say)
        except KeyboardInterrupt:
            output.say("stopped; what was stored stays")
            return
        show(output, reply)

    run_command(as_json, act)


def show(output: Output, reply: StreamReply) -> None:
    """Print what a stream has done."""
    header = ("instrument", "bars", "added", "revised", "refused", "made of ticks", "newest bar", "bid", "ask", "last")
    rows = [
        (row.instrument, row.timeframe, row.added, row.revised, row.refused, row.made,
         f"{row.newest:%Y-%m-%d %H:%M}" if row.newest else "none", row.bid or "", row.ask or "", row.last or "")
        for row in reply.series
    ]  # fmt: skip
    output.table(f"streamed from {reply.source}", header, rows)
    figures = [
        ("closed bars", reply.bars),
        ("changes of price", reply.ticks),
        ("links lost", reply.losses),
        ("messages left out", reply.unread),
        ("ticks of bars that were over", reply.late),
        ("ticks of no session", reply.outside),
    ]
    output.table("stream", ("what", "value"), figures)
    output.result(reply)
    if reply.failed:
        raise typer.Exit(FAILED)


def quotes(
    overrides: Overrides = None,
    instrument: Annotated[str, typer.Option(help="a symbol; every one that is known, when it is left out")] = "",
    as_json: Json = False,
) -> None:
    """The newest bid, ask and last of each instrument that a stream kept, and how old they are."""

    def act(output: Output) -> None:
        from app.operations.stream import latest_quotes

        found = latest_quotes(settings_of(overrides), instrument)
        header = ("instrument", "bid", "ask", "last", "at", "age in seconds", "market", "fresh")
        rows = [(row.instrument, row.bid or "", row.ask or "", row.last or "", *_aged(row)) for row in found.quotes]
        output.table("newest quotes", header, rows)
        if not found.quotes:
            output.line("no stream has kept any: tradewright stream feed=binance")
        output.result(found)

    run_command(as_json, act)


def _aged(row: LatestQuote) -> tuple[str, str, str, str]:
    at = f"{row.at:%Y-%m-%d %H:%M:%S}" if row.at else "not known"
    age = "" if row.age_seconds is None else f"{row.age_seconds:,.1f}"
    return at, age, "open" if row.market_open else "closed", "yes" if row.fresh else "no"
