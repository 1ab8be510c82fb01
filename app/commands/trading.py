"""Commands of the operator's desk: intents, approvals, orders, the kill switch."""

from __future__ import annotations

from typing import Annotated

import typer

from app.commands.options import Actor, Json, Newest, Overrides, Reason, desk_settings_of
from app.output import Output, run_command

commands = typer.Typer()


@commands.command()
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
        from app.commands.order_args import parse_order_terms
        from app.operations import trading

        decision = trading.intend(
            desk_settings_of(overrides),
            parse_order_terms(instrument, side, qty, order_type, limit),
            key,
            reduce_only=reduce_only,
        )
        output.line(f"{decision.verdict}: {decision.approved_quantity} of intent {decision.intent_id}")
        for reason in decision.reasons:
            output.line(f"  {reason.code}: {reason.text}")
        output.result(decision)

    run_command(as_json, act)


@commands.command()
def intents(overrides: Overrides = None, newest: Newest = 200, as_json: Json = False) -> None:
    """The newest intents, and all that wait, with their decisions, reasons and orders; newest first."""

    def act(output: Output) -> None:
        from app.operations import trading
        from app.operations.formatting import intent_row

        views = trading.intents(desk_settings_of(overrides), newest)
        header = ("strategy", "instrument", "side", "asked", "verdict", "approved", "reasons", "decision")
        output.table("intents", header, [intent_row(view) for view in views])
        output.result({"intents": views})

    run_command(as_json, act)


@commands.command()
def approve(
    decision: Annotated[str, typer.Argument(help="a decision in review: tradewright intents")],
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say yes to a decision in review; the order goes into the outbox."""

    def act(output: Output) -> None:
        from app.operations import trading

        approved = trading.approve(desk_settings_of(overrides), decision, reason, actor)
        output.line(f"approved: {approved.terms.side} {approved.terms.quantity} {approved.terms.instrument}")
        output.result({"approved": approved.intent_id, "decision_id": decision})

    run_command(as_json, act)


@commands.command()
def reject(
    decision: Annotated[str, typer.Argument(help="a decision: tradewright intents")],
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say no to a decision; final, as long as its order is not being sent."""

    def act(output: Output) -> None:
        from app.operations import trading

        trading.reject(desk_settings_of(overrides), decision, reason, actor)
        output.line(f"rejected: {decision}")
        output.result({"rejected": decision})

    run_command(as_json, act)


@commands.command()
def send(overrides: Overrides = None, as_json: Json = False) -> None:
    """Drain the outbox once: each approved order at most once."""

    def act(output: Output) -> None:
        from app.operations import trading

        sent = trading.send(desk_settings_of(overrides))
        header = ("decision", "ref", "status", "state", "reasons")
        rows = [(row.decision_id, row.ref, row.status, row.state, "; ".join(row.reasons)) for row in sent]
        output.table("outbox", header, rows)
        output.result({"outcomes": sent})
        if any(row.status != "SENT" for row in sent):
            raise typer.Exit(1)

    run_command(as_json, act)


@commands.command()
def orders(overrides: Overrides = None, newest: Newest = 200, as_json: Json = False) -> None:
    """The newest orders, and all that are live, with their states and fills; newest first."""

    def act(output: Output) -> None:
        from app.operations import trading

        views = trading.orders(desk_settings_of(overrides), newest)
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


@commands.command()
def positions(overrides: Overrides = None, as_json: Json = False) -> None:
    """What our own books say we own."""

    def act(output: Output) -> None:
        from app.operations import trading

        held = trading.positions(desk_settings_of(overrides))
        header = ("instrument", "quantity", "average price", "last price", "value")
        rows = [(row.instrument, row.quantity, row.average_price, row.last_price, row.value) for row in held]
        output.table("positions", header, rows)
        output.result({"positions": held})

    run_command(as_json, act)


@commands.command()
def reconcile(overrides: Overrides = None, as_json: Json = False) -> None:
    """Ask the venue for everything and adopt what it says; status 1 where it differs from our books."""

    def act(output: Output) -> None:
        from app.operations import trading

        found = trading.reconcile(desk_settings_of(overrides))
        output.line(f"equity {found.equity}, positions {len(found.positions)}, differences {len(found.differences)}")
        for difference in found.differences:
            output.line(f"  {difference}")
        output.result(found)
        if found.differences:
            raise typer.Exit(1)

    run_command(as_json, act)


@commands.command()
def kill(
    overrides: Overrides = None,
    scope: Annotated[str, typer.Option(help="everything, strategy:NAME or account:ID")] = "everything",
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Stop sending and cancel what is open. The flag holds even when the venue cannot be reached."""

    def act(output: Output) -> None:
        from app.operations import trading

        switch, cancelled, trouble = trading.kill(desk_settings_of(overrides), scope, reason, actor)
        output.line(f"stopped: {switch.scope}; cancels asked for: {', '.join(cancelled) or 'none'}")
        if trouble:
            output.say(f"the venue could not be asked to cancel: {trouble}")
        output.result({"stopped": switch, "cancelled": cancelled, "trouble": trouble})
        if trouble:
            raise typer.Exit(1)

    run_command(as_json, act)


@commands.command()
def resume(
    overrides: Overrides = None,
    scope: Annotated[str, typer.Option(help="everything, strategy:NAME or account:ID")] = "everything",
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Lift a stop; it takes a reason."""

    def act(output: Output) -> None:
        from app.operations import trading

        switch = trading.resume(desk_settings_of(overrides), scope, reason, actor)
        output.line(f"resumed: {switch.scope}")
        output.result({"resumed": switch})

    run_command(as_json, act)


@commands.command()
def explain(
    name: Annotated[str, typer.Argument(help="an order, execution, decision, intent or signal")],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Walk from an order back to its decision, rules, signal, bars and configuration."""

    def act(output: Output) -> None:
        from app.operations import trading
        from app.operations.formatting import story

        settings = desk_settings_of(overrides)
        walks = trading.explain(settings, name)
        for walk in walks:
            for line in story(walk, settings.base.tz):
                output.line(line)
        output.result({"walks": walks})

    run_command(as_json, act)
