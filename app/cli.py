"""The command line: ``tradewright COMMAND [OVERRIDES] [--json]``.

Heavy libraries are imported inside the commands that need them, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.output import Output, run_command

if TYPE_CHECKING:
    from conf.schema.settings import Settings

app = typer.Typer(
    help="Strategies from YAML to orders that are sent at most once.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="settings, such as strategy=macd_trend strategy.fast=10", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else there")]
Reason = Annotated[str, typer.Option("--reason", help="why; it is written into the audit log")]
Actor = Annotated[str, typer.Option("--actor", help="who; you, when it is left out")]


@app.command()
def demo(overrides: Overrides = None, as_json: Json = False) -> None:
    """The main job, end to end, on the embedded defaults and the bundled gateway simulator."""

    def act(output: Output) -> None:
        from app.operations.demo import run_demo

        reply = run_demo(tuple(overrides or ()), output.say)
        output.table(
            "what was made",
            ("what", "how many"),
            [
                ("bars", reply.bars),
                ("strategies", reply.strategies),
                ("intents", reply.intents),
                *((f"  {verdict}", count) for verdict, count in reply.decisions.items()),
                ("orders sent", reply.orders_sent),
                ("fills", reply.fills),
                ("duplicates", reply.duplicates),
                ("position drift", reply.position_drift),
                ("seconds", round(reply.seconds, 1)),
            ],
        )
        output.line("\nwhere to look")
        for text, place in reply.places.items():
            output.line(f"  {text:22} {place}")
        output.result(reply)

    run_command(as_json, act)


@app.command()
def check(overrides: Overrides = None, as_json: Json = False) -> None:
    """Validate every configuration file; all problems at once, each with file, line, key, value and rule."""

    def act(output: Output) -> None:
        from app.operations.checking import check_configuration

        problems = check_configuration(tuple(overrides or ()))
        for problem in problems:
            output.line(str(problem))
        output.line(f"{len(problems)} problems" if problems else "the configuration is sound")
        output.result({"problems": problems})
        if problems:
            raise typer.Exit(1)

    run_command(as_json, act)


@app.command(name="import")
def import_(
    source: Annotated[str, typer.Argument(help="csv, parquet, feather or lean")],
    path: Annotated[Path, typer.Argument(help="the file, or LEAN's Data folder")],
    overrides: Overrides = None,
    instruments: Annotated[
        str, typer.Option("--instruments", "--instrument", help="symbols of conf/instruments, separated by commas")
    ] = "",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h or 1d")] = "1d",
    mapping: Annotated[Path | None, typer.Option(help="a YAML file that says which column is which")] = None,
    as_json: Json = False,
) -> None:
    """Load foreign data into the bars store: incremental, idempotent, nothing half-written."""

    def act(output: Output) -> None:
        from app.operations.importing import import_bars, load_mapping, source_of, timeframe_of

        symbols = [name for name in instruments.split(",") if name]
        wanted = source_of(source), path, symbols, timeframe_of(timeframe), load_mapping(mapping)
        imported = import_bars(_settings(overrides), *wanted)
        header = ("instrument", "timeframe", "kind", "rows", "added", "unchanged", "revised", "dropped")
        rows = [
            (
                row.instrument,
                row.timeframe,
                row.kind,
                row.rows,
                row.added,
                row.unchanged,
                row.revised,
                row.dropped or "",
            )
            for row in imported
        ]
        output.table("imported", header, rows)
        output.result({"imported": imported})

    run_command(as_json, act)


@app.command()
def backtest(
    overrides: Overrides = None,
    report: Annotated[Path | None, typer.Option(help="write the risk report to this HTML file")] = None,
    full: Annotated[Path | None, typer.Option(help="write vectorbt's own report of each instrument here")] = None,
    as_json: Json = False,
) -> None:
    """One backtest with its figures and what it has to say against itself."""

    def act(output: Output) -> None:
        from app.operations import research

        settings = _settings(overrides)
        done = research.run(settings)
        reply = research.reply_of(settings, done)
        if report is not None:
            done.report.write(report)
            output.say(f"risk report: {report}")
        if full is not None:
            for name, path in research.write_full_report(settings, done, full).items():
                output.say(f"full report of {name}: {path}")
        shown = ("final_equity", "net_profit", "trades", "orders", "fees", "win_rate", "max_drawdown")
        output.table(reply.strategy, ("figure", "value"), [(name, getattr(reply, name)) for name in shown])
        output.table("findings", ("severity", "what"), [(row["severity"], row["message"]) for row in reply.findings])
        output.result(reply)

    run_command(as_json, act)


@app.command()
def sweep(
    overrides: Overrides = None,
    rank: Annotated[str, typer.Option(help="the figure to rank by")] = "sharpe",
    top: Annotated[int, typer.Option(help="how many rows to show; 0 for all")] = 20,
    as_json: Json = False,
) -> None:
    """A grid over a strategy's parameters in one fused pass: strategy.fast=5,10 strategy.slow=range(20,60,20)."""

    def act(output: Output) -> None:
        from rich.progress import Progress

        from app.operations import research

        with Progress(console=output.messages, transient=True, disable=not output.messages.is_terminal) as bar:
            task = bar.add_task("parameter sets", total=None)
            reply = research.sweep(
                overrides or (),
                rank=rank,
                top=top,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        header = list(reply.rows[0]) if reply.rows else []
        title = f"{reply.strategy}: {reply.trials} trials, best {reply.ranked_by} first"
        output.table(title, header, [list(row.values()) for row in reply.rows])
        output.result(reply)

    run_command(as_json, act)


@app.command()
def gateway(
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(help="for clients; 0 takes any free port")] = 4002,
    control_port: Annotated[int, typer.Option(help="for fault scripts; 0 takes any free port")] = 4003,
    as_json: Json = False,
) -> None:
    """The bundled IB gateway simulator, on loopback, at the newest stored prices."""

    def act(output: Output) -> None:
        from app.operations.gateway import serve_gateway

        def ready(found: dict[str, object]) -> None:
            output.line(
                f"gateway on 127.0.0.1:{found['port']}, control on {found['control_port']}, token {found['token']}"
            )
            output.line("stop it with Ctrl-C; talk to it with: mode=paper broker=ibkr broker.port=PORT")
            output.result(found)
            sys.stdout.flush()

        serve_gateway(_settings(overrides), port, control_port, ready)

    run_command(as_json, act)


@app.command()
def serve(overrides: Overrides = None, as_json: Json = False) -> None:
    """The strategy lab and the monitor, on loopback, behind a token."""

    def act(output: Output) -> None:
        from app.operations.serving import serve_apps

        def ready(found: dict[str, object]) -> None:
            output.line(f"open {found['url']}")
            output.result(found)
            sys.stdout.flush()

        serve_apps(tuple(overrides or ()), _settings(overrides), ready)

    run_command(as_json, act)


@app.command()
def intent(
    overrides: Overrides = None,
    instrument: Annotated[str, typer.Option(help="a symbol of conf/instruments")] = "",
    side: Annotated[str, typer.Option(help="BUY or SELL")] = "",
    qty: Annotated[str, typer.Option(help="units")] = "",
    order_type: Annotated[str, typer.Option("--type", help="MKT or LMT")] = "MKT",
    limit: Annotated[str, typer.Option(help="the price of a limit order")] = "",
    key: Annotated[str, typer.Option(help="idempotency key: the same key is the same wish")] = "",
    reduce_only: Annotated[bool, typer.Option(help="only to close what is held")] = False,
    as_json: Json = False,
) -> None:
    """A manual intent; it passes the same gate as any other."""

    def act(output: Output) -> None:
        from app.operations import desk
        from app.operations.wishes import wish

        decision = desk.intend(
            _settings(overrides), wish(instrument, side, qty, order_type, limit), key, reduce_only=reduce_only
        )
        output.line(f"{decision.verdict}: {decision.approved_quantity} of intent {decision.intent_id}")
        for reason in decision.reasons:
            output.line(f"  {reason.code}: {reason.text}")
        output.result(decision)

    run_command(as_json, act)


@app.command()
def intents(overrides: Overrides = None, as_json: Json = False) -> None:
    """Every intent with its decision, its reasons and its orders, newest first."""

    def act(output: Output) -> None:
        from app.operations import desk

        views = desk.intents(_settings(overrides))
        header = ("strategy", "instrument", "side", "asked", "verdict", "approved", "reasons", "decision")
        rows = []
        for view in views:
            terms, decided = view.intent.terms, view.decision
            codes = ", ".join(reason.code for reason in decided.reasons) if decided else ""
            verdict = (
                (f"{decided.verdict} (waits for you)" if view.waits else decided.verdict) if decided else "none yet"
            )
            approved, name = (decided.approved_quantity, decided.decision_id) if decided else ("", "")
            rows.append(
                (view.intent.strategy, terms.instrument, terms.side, terms.quantity, verdict, approved, codes, name)
            )
        output.table("intents", header, rows)
        output.result({"intents": views})

    run_command(as_json, act)


@app.command()
def send(overrides: Overrides = None, as_json: Json = False) -> None:
    """Drain the outbox once: each approved order at most once."""

    def act(output: Output) -> None:
        from app.operations import desk

        sent = desk.send(_settings(overrides))
        output.table("outbox", ("decision", "ref", "status", "state", "reasons"), [list(row.values()) for row in sent])
        output.result({"outcomes": sent})
        if any(row["status"] != "SENT" for row in sent):
            raise typer.Exit(1)

    run_command(as_json, act)


@app.command()
def approve(
    decision: Annotated[str, typer.Argument(help="a decision in review: tradewright intents")],
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say yes to a decision in review; the order goes into the outbox."""

    def act(output: Output) -> None:
        from app.operations import desk

        approved = desk.approve(_settings(overrides), decision, reason, actor)
        output.line(f"approved: {approved.terms.side} {approved.terms.quantity} {approved.terms.instrument}")
        output.result({"approved": approved.intent_id, "decision_id": decision})

    run_command(as_json, act)


@app.command()
def reject(
    decision: Annotated[str, typer.Argument(help="a decision: tradewright intents")],
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say no to a decision; final, as long as its order is not being sent."""

    def act(output: Output) -> None:
        from app.operations import desk

        desk.reject(_settings(overrides), decision, reason, actor)
        output.line(f"rejected: {decision}")
        output.result({"rejected": decision})

    run_command(as_json, act)


@app.command()
def orders(overrides: Overrides = None, as_json: Json = False) -> None:
    """Every order with its state and its fills, newest first."""

    def act(output: Output) -> None:
        from app.operations import desk

        views = desk.orders(_settings(overrides))
        header = ("ref", "instrument", "side", "quantity", "attempt", "order", "filled", "price", "fees", "since")
        rows = [
            (
                view.attempt.ref,
                view.attempt.instrument,
                view.attempt.side,
                view.attempt.quantity,
                view.state,
                view.order_state or "none",
                view.filled,
                view.average_price,
                view.fees,
                f"{view.since:%Y-%m-%d %H:%M:%S}",
            )
            for view in views
        ]
        output.table("orders", header, rows)
        output.result({"orders": views})

    run_command(as_json, act)


@app.command()
def positions(overrides: Overrides = None, as_json: Json = False) -> None:
    """What our own books say we own."""

    def act(output: Output) -> None:
        from app.operations import desk

        held = desk.positions(_settings(overrides))
        header = ("instrument", "quantity", "average price", "last price", "value")
        rows = [(row.instrument, row.quantity, row.average_price, row.last_price, row.value) for row in held]
        output.table("positions", header, rows)
        output.result({"positions": held})

    run_command(as_json, act)


@app.command()
def reconcile(overrides: Overrides = None, as_json: Json = False) -> None:
    """Ask the venue for everything and adopt what it says; status 1 where it differs from our books."""

    def act(output: Output) -> None:
        from app.operations import desk

        found = desk.reconcile(_settings(overrides))
        output.line(f"equity {found.equity}, positions {len(found.positions)}, differences {len(found.differences)}")
        for difference in found.differences:
            output.line(f"  {difference}")
        output.result(found)
        if found.differences:
            raise typer.Exit(1)

    run_command(as_json, act)


@app.command()
def kill(
    overrides: Overrides = None,
    scope: Annotated[str, typer.Option(help="everything, strategy:NAME or account:ID")] = "everything",
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Stop sending and cancel what is open. The flag holds even when the venue cannot be reached."""

    def act(output: Output) -> None:
        from app.operations import desk

        switch, cancelled, trouble = desk.kill(_settings(overrides), scope, reason, actor)
        output.line(f"stopped: {switch.scope}; cancels asked for: {', '.join(cancelled) or 'none'}")
        if trouble:
            output.say(f"the venue could not be asked to cancel: {trouble}")
        output.result({"stopped": switch, "cancelled": cancelled, "trouble": trouble})
        if trouble:
            raise typer.Exit(1)

    run_command(as_json, act)


@app.command()
def resume(
    overrides: Overrides = None,
    scope: Annotated[str, typer.Option(help="everything, strategy:NAME or account:ID")] = "everything",
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Lift a stop; it takes a reason."""

    def act(output: Output) -> None:
        from app.operations import desk

        switch = desk.resume(_settings(overrides), scope, reason, actor)
        output.line(f"resumed: {switch.scope}")
        output.result({"resumed": switch})

    run_command(as_json, act)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="an order, execution, decision, intent or signal")],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Walk from an order back to its decision, rules, signal, bars and configuration."""

    def act(output: Output) -> None:
        from app.operations import desk
        from app.operations.telling import story

        walks = desk.explain(_settings(overrides), name)
        for walk in walks:
            for line in story(walk):
                output.line(line)
        output.result({"walks": walks})

    run_command(as_json, act)


@app.command()
def doctor(overrides: Overrides = None, as_json: Json = False) -> None:
    """What is installed, configured, reachable and stale, and what to do about it."""

    def act(output: Output) -> None:
        from app.operations.doctor import examine_all

        findings = examine_all(tuple(overrides or ()))
        rows = [(row.state, row.what, row.detail, row.remedy) for row in findings]
        output.table("doctor", ("state", "what", "detail", "what to do"), rows)
        output.result({"findings": findings})
        if any(row.state == "broken" for row in findings):
            raise typer.Exit(1)

    run_command(as_json, act)


def _settings(overrides: list[str] | None) -> Settings:
    from conf.compose import compose

    return compose(tuple(overrides or ()))


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
