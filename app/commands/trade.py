"""The daily loop as a command, and its rehearsal on stored bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, in_force
from app.output import DONE, FAILED, Output, run_command

if TYPE_CHECKING:
    from app.operations.rehearsal import RehearsalReply
    from app.operations.trade import TradeReply

commands = typer.Typer()


@commands.command()
def trade(
    overrides: Overrides = None,
    once: Annotated[bool, typer.Option("--once", help="one round, instead of rounds until Ctrl-C")] = False,
    every: Annotated[float, typer.Option(min=1.0, help="seconds between two rounds")] = 10.0,
    as_json: Json = False,
) -> None:
    """The daily loop: refresh bars, signals, intents, decisions, send, reconcile; each where it is due.

    Trades every strategy of conf/strategy, or the one of strategy=NAME. Exit 1 when a step failed, while a strategy
    is broken (it stops no other one), or while anything is not well on the account; a decision of the gate is no
    failure. With --json, one document a round.
    """

    def act(output: Output) -> None:
        from app.operations.trade import trade as rounds
        from app.operations.trade import trade_once
        from conf.compose import compose_without_strategy
        from runtime.other_ledgers import ledger_url, other_ledgers, target

        chosen = in_force(overrides)
        settings = compose_without_strategy(chosen)
        for line in (target(settings), *other_ledgers(ledger_url(settings))):
            output.say(line)
        if once:
            reply = trade_once(chosen, output.say)
            show(output, reply)
            raise typer.Exit(FAILED if reply.failed else DONE)
        try:
            for reply in rounds(chosen, every, output.say):
                show(output, reply)
        except KeyboardInterrupt:
            output.say("stopped; open orders stay at the venue: tradewright orders, tradewright watch")

    run_command(as_json, act)


@commands.command()
def rehearse(
    overrides: Overrides = None,
    begin: Annotated[str, typer.Option("--from", help="the first day or moment: 2026-01-01")] = "",
    end: Annotated[str, typer.Option("--to", help="the last day or moment, included")] = "",
    as_json: Json = False,
) -> None:
    """Replay stored bars through gate, ledger, sender and simulated venue, and compare the fills with the backtest's.

    Exit 1 when ledger and venue differed, a difference from the backtest has no reason, or the account is not well.
    """

    def act(output: Output) -> None:
        from app.operations.rehearsal import rehearse as operation
        from app.progress import shown

        with shown(output, "bars") as advance:
            reply = operation(in_force(overrides), begin, end, advance)
        show_rehearsal(output, reply)
        raise typer.Exit(FAILED if reply.failed else DONE)

    run_command(as_json, act)


def show_rehearsal(output: Output, reply: RehearsalReply) -> None:
    """Print a rehearsal: what passed, both sides' fills, why one side has none, what is not well."""
    from app.operations.formatting import parity_row

    header = ("bar", "instrument", "side", "backtest qty", "price", "rehearsed qty", "price", "worse by bps", "why")
    output.table("fills of the backtest and of the rehearsal", header, [parity_row(row) for row in reply.rows])
    worse = reply.median_difference_bps
    figures = [
        ("bars", reply.bars),
        ("first bar", f"{reply.first:%Y-%m-%d %H:%M} UTC"),
        ("last bar", f"{reply.last:%Y-%m-%d %H:%M} UTC"),
        *((f"decisions {verdict}", count) for verdict, count in reply.decisions.items()),
        *((f"refused: {code}", count) for code, count in reply.refusals.items()),
        ("orders sent", reply.orders),
        ("fills", reply.fills),
        ("fills in the backtest's bars", reply.matched),
        ("median price difference", "none matched" if worse is None else f"{worse:.2f} bps worse"),
        *((f"only on one side: {reason}", count) for reason, count in reply.reasons.items()),
    ]
    output.table(f"rehearsal of {reply.strategy}", ("what", "value"), figures)
    for text in (*reply.differences, *reply.problems):
        output.line(text)
    output.next(
        "its orders", "orders", settings=[f"storage.root={reply.folder}", "mode=sim", "broker=sim"], without="storage"
    )
    output.result(reply)


def show(output: Output, reply: TradeReply) -> None:
    """Print one round: intents, orders, what failed, what is not well."""
    from app.commands.trading_command import show_problems
    from app.operations.formatting import ORDER_HEADER, intent_row, order_row

    if reply.intents:
        header = ("strategy", "instrument", "side", "asked", "verdict", "approved", "reasons", "decision")
        output.table("intents", header, [intent_row(view) for view in reply.intents])
    else:
        output.line("no strategy asked for an order")
    if waiting := [view.decision.decision_id for view in reply.intents if view.waits and view.decision]:
        output.next("waiting for you", "approve", waiting[-1], "--reason", "...")
    if reply.orders:
        output.table("orders", ORDER_HEADER, [order_row(view) for view in reply.orders])
        output.next("where an order comes from", "explain", reply.orders[-1].attempt.ref)
    for row in reply.waiting:
        output.line(f"waits: {row.text}")
    for failure in reply.failures:
        output.line(f"failed: {failure}")
    if reply.open_orders:
        output.line(f"open: {', '.join(reply.open_orders)}")
    show_problems(output, reply.problems)
    for broken in reply.broken:
        output.line(broken.line)
    output.result(reply)
