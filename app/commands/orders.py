"""Commands on orders: propose an intent, approve or reject it, send, list, explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.options import Actor, All, Json, Newest, Overrides, Reason, named
from app.commands.trading_command import listed, show_problems, trading_command
from app.output import Output

if TYPE_CHECKING:
    from app.operations.performance import PerformanceReply
    from app.operations.replies import IntentView, Listing, PositionView, SendReply
    from conf.schema.settings import Settings
    from runtime.kept_settings import KeptSettings
    from tradewright.execution.operator_actions import OrderView
    from tradewright.execution.provenance import Provenance
    from tradewright.model.decision import Decision
    from tradewright.model.intent import Intent

    Explained = tuple[Listing[Provenance], dict[str, KeptSettings], str]

commands = typer.Typer()


def _failed(found: Listing[Any]) -> int:
    """1 where a damaged row was set aside."""
    return found.failed


@commands.command()
def intent(
    overrides: Overrides = None,
    instrument: Annotated[str, typer.Option(help="a symbol of conf/instruments")] = "",
    side: Annotated[str, typer.Option(help="BUY or SELL")] = "",
    qty: Annotated[str, typer.Option(help="units")] = "",
    order_type: Annotated[str, typer.Option("--type", help="MKT, LMT, STP, STP_LMT, TRAIL, MOO or MOC")] = "MKT",
    limit: Annotated[str, typer.Option(help="the price of a limit or stop-limit order")] = "",
    stop: Annotated[str, typer.Option(help="the trigger of a stop or stop-limit order")] = "",
    trail: Annotated[str, typer.Option(help="the distance of a trailing stop: 1.50, or 2%")] = "",
    tif: Annotated[str, typer.Option(help="DAY, GTC, GTD or IOC")] = "DAY",
    good_till: Annotated[str, typer.Option(help="the end of a GTD order: 2026-12-01T16:00:00-05:00")] = "",
    stop_loss: Annotated[str, typer.Option(help="the venue closes what was opened at this stop")] = "",
    take_profit: Annotated[str, typer.Option(help="the venue closes what was opened at this limit")] = "",
    key: Annotated[str, typer.Option(help="idempotency key: the same key is the same intent")] = "",
    reduce_only: Annotated[bool, typer.Option(help="only to close what is held")] = False,
    as_json: Json = False,
) -> None:
    """Submit a manual intent to the gate; exit 1 when the gate rejects it."""

    def submit(settings: Settings) -> Decision:
        from app.commands.order_args import parse_order_terms, parse_price
        from app.operations import trading

        terms = parse_order_terms(instrument, side, qty, order_type, limit, stop, trail, tif, good_till)
        legs = parse_price("--stop-loss", stop_loss), parse_price("--take-profit", take_profit)
        return trading.submit_intent(settings, terms, key, reduce_only=reduce_only, stop=legs[0], take_profit=legs[1])

    def show(output: Output, decision: Decision) -> Decision:
        output.line(f"{decision.verdict}: {decision.approved_quantity} of intent {decision.intent_id}")
        for reason in decision.reasons:
            output.line(f"  {reason.code}: {reason.text}")
        if decision.verdict == "REVIEW":
            until = f"{decision.expires_at:%Y-%m-%d %H:%M} UTC"
            output.next(f"waits for you until {until}", "approve", decision.decision_id, "--reason", "REASON")
        return decision

    trading_command(overrides, as_json, submit, show, status=lambda made: made.verdict == "REJECT", acts=True)


@commands.command()
def intents(overrides: Overrides = None, newest: Newest = 200, everything: All = False, as_json: Json = False) -> None:
    """The newest intents, and all that wait, with their decisions, reasons and orders; newest first."""
    from app.operations import trading
    from app.operations.formatting import intent_row

    def show(output: Output, found: Listing[IntentView]) -> object:
        header = ("strategy", "instrument", "side", "asked", "verdict", "approved", "reasons", "decision")
        output.table("intents", header, [intent_row(view) for view in found.rows])
        return listed(output, "intents", found)

    trading_command(
        overrides, as_json, lambda at: trading.intents(at, newest, everything=everything), show, status=_failed
    )


@commands.command()
def approve(
    decision: Annotated[str, typer.Argument(callback=named, help="a decision in review: tradewright intents")],
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Approve a decision in review; its order goes into the outbox."""
    from app.operations import trading

    def show(output: Output, approved: Intent) -> object:
        output.line(f"approved: {approved.terms.side} {approved.terms.quantity} {approved.terms.instrument}")
        return {"approved": approved.intent_id, "decision_id": decision}

    trading_command(overrides, as_json, lambda at: trading.approve(at, decision, reason, actor), show, acts=True)


@commands.command()
def reject(
    decision: Annotated[str, typer.Argument(callback=named, help="a decision: tradewright intents")],
    overrides: Overrides = None,
    reason: Reason = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Reject a decision; final, as long as its order is not being sent."""
    from app.operations import trading

    def show(output: Output, _done: None) -> object:
        output.line(f"rejected: {decision}")
        return {"rejected": decision}

    trading_command(overrides, as_json, lambda at: trading.reject(at, decision, reason, actor), show, acts=True)


@commands.command()
def send(overrides: Overrides = None, as_json: Json = False) -> None:
    """Send each approved order, at most once; exit 1 when one was not sent, or while anything is not well."""
    from app.operations import trading
    from app.operations.kill_scopes import stop_texts

    def show(output: Output, reply: SendReply) -> object:
        for text in stop_texts(reply.stops, output.settings):
            output.line(text)
        header = ("decision", "ref", "status", "state", "reasons")
        rows = [(row.decision_id, row.ref, row.status, row.state, "; ".join(row.reasons)) for row in reply.outcomes]
        output.table("outbox", header, rows)
        if not rows:
            output.line("nothing is approved and unsent; what waits for you: tradewright intents")
        if reply.problems:
            show_problems(output, reply.problems)
        return reply

    trading_command(overrides, as_json, trading.send_approved, show, status=lambda done: done.failed, acts=True)


@commands.command()
def orders(overrides: Overrides = None, newest: Newest = 200, everything: All = False, as_json: Json = False) -> None:
    """The newest orders, and all that are live, with their states and fills; newest first."""
    from app.operations import trading
    from app.operations.formatting import ORDER_HEADER, order_row

    def show(output: Output, found: Listing[OrderView]) -> object:
        output.table("orders", ORDER_HEADER, [order_row(view) for view in found.rows])
        return listed(output, "orders", found)

    trading_command(
        overrides, as_json, lambda at: trading.orders(at, newest, everything=everything), show, status=_failed
    )


@commands.command()
def positions(overrides: Overrides = None, as_json: Json = False) -> None:
    """The positions by our own ledger, at the newest stored prices."""
    from app.operations import trading
    from app.operations.formatting import price_text

    def show(output: Output, held: Listing[PositionView]) -> object:
        header = ("instrument", "quantity", "average price", "last price", "value", "remark", "protection")
        rows = [
            (
                row.instrument,
                row.quantity,
                price_text(row.average_price, None),
                price_text(row.last_price, None),
                row.value,
                row.remark,
                row.protection,
            )
            for row in held.rows
        ]
        output.table("positions", header, rows)
        return listed(output, "positions", held)

    trading_command(overrides, as_json, trading.positions, show, status=_failed)


@commands.command()
def performance(
    overrides: Overrides = None,
    strategy: Annotated[str, typer.Option(help="this strategy alone")] = "",
    newest: Annotated[int, typer.Option(min=0, help="how many days of each strategy to show; 0 for all")] = 0,
    as_json: Json = False,
) -> None:
    """What each strategy earned in trading, by day: fills and fees of the ledger, marks of stored bars."""
    from app.operations.performance import performance as asked

    def show(output: Output, found: PerformanceReply) -> object:
        from app.operations.formatting import PERFORMANCE_HEADER, equity_text, performance_row

        output.table(f"performance, {found.currency}", PERFORMANCE_HEADER, [performance_row(row) for row in found.days])
        if found.remark:
            output.line(found.remark)
        if found.equity is not None:
            output.line(equity_text(found.equity, found.currency))
        return found

    trading_command(overrides, as_json, lambda at: asked(at, newest, strategy), show)


@commands.command()
def explain(
    name: Annotated[str, typer.Argument(callback=named, help="an order, execution, decision, intent or signal")],
    overrides: Overrides = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Trace an order back to its decision, rules, signal, bars and configuration."""
    from app.operations import trading
    from app.operations.explanation import explanation

    def trace(settings: Settings) -> Explained:
        walks = trading.explain(settings, name, everything=everything)
        return walks, trading.configurations(settings, walks.rows), settings.base.tz

    def show(output: Output, found: Explained) -> object:
        walks, kept, zone = found
        for line in (line for walk in walks.rows for line in explanation(walk, zone, kept)):
            output.line(line)
        configurations = {config_hash: each.settings for config_hash, each in kept.items()}
        return {**listed(output, "walks", walks), "configurations": configurations}

    trading_command(overrides, as_json, trace, show)
