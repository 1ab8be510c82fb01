"""Commands on the quality of stored bars: ``tradewright data findings``, ``accept``, ``quarantine``, ``impact``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Actor, Json, Overrides, Reason, named
from app.commands.trading_command import trading_command
from app.output import DONE, FAILED, Output

if TYPE_CHECKING:
    from app.operations.data_quality import Accepted, SeriesFindings
    from app.operations.impact import RevisionImpact
    from app.operations.quarantine import Quarantined

Instruments = Annotated[
    str, typer.Option("--instruments", "--instrument", callback=named, help="symbols, separated by commas; all")
]
TIMEFRAMES = "1m, 5m, 15m, 30m, 1h, 2h, 4h, 1d, 1w or 1mo"
MOMENT = "a date (its whole trading day) or a time with a zone; included"


def findings(
    overrides: Overrides = None,
    instruments: Instruments = "",
    everything: Annotated[bool, typer.Option("--all", help="also the mere properties of a source")] = False,
    as_json: Json = False,
) -> None:
    """What the checks find in the stored bars, and what gate and sender have on record; exit 1 when bars block."""
    from app.operations.data_quality import findings as operate

    symbols = [name.strip() for name in instruments.split(",") if name.strip()]

    def show(output: Output, found: list[SeriesFindings]) -> object:
        from tradewright.quality.score import score_text

        rows = [
            (row.instrument, row.timeframe, row.rows, score_text(row.score), len(row.findings), row.state)
            for row in found
        ]
        output.table("stored bars", ("instrument", "timeframe", "bars", "score", "findings", "newest check"), rows)
        for history in filter(None, (row.history for row in found)):
            output.line(history)
        for line in (line for row in found for line in row.findings):
            output.line(line.text)
            for example in line.examples:
                output.line(f"    {example}")
        return {"series": found}

    trading_command(
        overrides,
        as_json,
        lambda at: operate(at, symbols, everything=everything),
        show,
        status=lambda found: FAILED if any(row.blocked for row in found) else DONE,
    )


def accept(
    instrument: Annotated[str, typer.Argument(callback=named, help="a symbol of conf/instruments")],
    overrides: Overrides = None,
    finding: Annotated[
        str, typer.Option(help="the code of the finding: BAD_PRINT, POSSIBLE_SPLIT or UNIT_CHANGE")
    ] = "",
    timeframe: Annotated[str, typer.Option(help=TIMEFRAMES)] = "1d",
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say that the bars of a finding are as they should be, so that it blocks no order; for these very bars."""
    from app.operations.data_quality import accept as operate
    from app.operations.importing import timeframe_of

    def show(output: Output, done: Accepted) -> object:
        output.line(f"accepted: {done.instrument} {done.timeframe}: {done.code}: {done.message}")
        output.next("the next check takes it into account", "trade", "--once")
        return done

    trading_command(
        overrides,
        as_json,
        lambda at: operate(at, instrument, timeframe_of(timeframe), finding, reason, actor),
        show,
        acts=True,
    )


def impact(
    overrides: Overrides = None,
    instruments: Instruments = "",
    timeframe: Annotated[str, typer.Option(help=f"{TIMEFRAMES}; all, when it is left out")] = "",
    revision: Annotated[int | None, typer.Option(min=1, help="one revision of the one series that is chosen")] = None,
    since: Annotated[str, typer.Option(help="revisions recorded since a date or a time with a zone")] = "",
    as_json: Json = False,
) -> None:
    """What used bars before they were corrected: features, backtests, sweeps, signals, intents, decisions, orders."""
    from app.operations.impact import impact as operate
    from app.operations.importing import timeframe_of

    symbols = [name.strip() for name in instruments.split(",") if name.strip()]

    def show(output: Output, found: list[RevisionImpact]) -> object:
        if not found:
            output.line("no stored bar was corrected or came late, as far as was asked")
        for row in found:
            output.line(row.text)
            if row.touched:
                lines = [(t.kind, t.name, f"{t.at:%Y-%m-%d %H:%M:%S}" if t.at else "", t.detail) for t in row.touched]
                output.table("used the values before it", ("what", "name", "when (UTC)", "detail"), lines)
            else:
                output.line("nothing used the values before it")
        if found:
            moment = f"backtest.known_at={found[-1].known_before.isoformat()}"
            output.next("a backtest on the bars before the newest of these", "backtest", settings=(moment,))
        return {"revisions": found}

    trading_command(
        overrides,
        as_json,
        lambda at: operate(at, symbols, timeframe_of(timeframe) if timeframe else None, revision, since),
        show,
    )


def quarantine(
    symbol: Annotated[str, typer.Argument(callback=named, help="a symbol of conf/instruments")],
    timeframe: Annotated[str, typer.Argument(callback=named, help=TIMEFRAMES)],
    overrides: Overrides = None,
    start: Annotated[str, typer.Option("--from", help=MOMENT)] = "",
    end: Annotated[str, typer.Option("--to", help=MOMENT)] = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="bring back what is set aside there; without a span, all")
    ] = False,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Set stored bars aside: they are kept, nothing reads them, and no import or refresh brings them back."""
    from app.operations import quarantine as operations
    from app.operations.importing import timeframe_of

    def show(output: Output, done: Quarantined) -> object:
        for row in done.acts:
            output.line(f"{done.instrument} {done.timeframe}: {row.text}")
        if not undo:
            span = "--from", start, "--to", end
            output.next("back with", "data", "quarantine", symbol, timeframe, *span, "--undo", "--reason", "...")
        output.next("the next check judges the bars that are left", "trade", "--once")
        return done

    operate = operations.release if undo else operations.quarantine
    trading_command(
        overrides,
        as_json,
        lambda at: operate(at, symbol, timeframe_of(timeframe), start, end, reason, actor),
        show,
        acts=True,
    )
