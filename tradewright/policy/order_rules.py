"""Rules on the order itself, prices apart, and on the sending of orders: each rejects (controls 1, 7-10, 16, 19)."""

from __future__ import annotations

from datetime import timedelta

from tradewright.model.decision import Verdict
from tradewright.policy.caps import sized
from tradewright.policy.decimals import computable, show
from tradewright.policy.order_context import OrderContext, Rule


def _unreadable(context: OrderContext) -> str:
    wrong = [str(value) for value in context.order_figures() if not computable(value)]
    return f"not computable: {', '.join(wrong)}" if wrong else ""


def _other_instrument(context: OrderContext) -> str:
    symbol = context.snapshot.symbol
    wrong = symbol is not None and symbol != context.terms.instrument
    return f"the snapshot is of {symbol}, the order of {context.terms.instrument}" if wrong else ""


def _off_lot(context: OrderContext) -> str:
    instrument = context.snapshot.instrument
    if instrument is None or not context.approved or instrument.on_lot(context.terms.quantity):
        return ""
    return f"{show(context.terms.quantity)} is not a whole number of lots of {show(instrument.lot_size)}"


def _duplicate(context: OrderContext) -> str:
    """Two intents for the same quantity are duplicates, and two orders of the same size.

    An intent that the caps cut below another order's size counts as a duplicate of it too: otherwise a worse input,
    which cuts deeper, would turn a rejection into an approval. At the sender the quantity is final.
    """
    oldest = context.snapshot.now - timedelta(seconds=float(context.limits.duplicate_window_seconds))
    asked = context.terms.quantity
    size = asked if context.approved else sized(context)[0]
    for other in context.snapshot.activity.recent or ():
        alike = asked == other.asked or 0 < size <= other.quantity <= asked
        if alike and other.side is context.terms.side and other.intent_id != context.intent_id and other.at > oldest:
            return f"intent {other.intent_id} is for {show(other.quantity)} of the same, since {other.at.isoformat()}"
    return ""


def _per_second(context: OrderContext) -> str:
    sent, limit = context.snapshot.activity.orders_last_second, context.limits.max_orders_per_second
    return (
        f"{sent} orders in the last second; at most {limit} are allowed" if sent is not None and sent >= limit else ""
    )


def _per_minute(context: OrderContext) -> str:
    sent, limit = context.snapshot.activity.orders_last_minute, context.limits.max_orders_per_minute
    return (
        f"{sent} orders in the last minute; at most {limit} are allowed" if sent is not None and sent >= limit else ""
    )


def _open_orders(context: OrderContext) -> str:
    count = sum(order.side is context.terms.side for order in context.snapshot.holdings.open_orders or ())
    limit = context.limits.max_open_orders_per_side
    return f"{count} open orders on this side; at most {limit} are allowed" if count >= limit else ""


def _fan_out(context: OrderContext) -> str:
    count = context.snapshot.activity.orders_of_intent
    return f"the intent already has {count} orders; one intent makes at most one" if count else ""


def _not_ready(context: OrderContext) -> str:
    return "not reconciled with the venue" if context.snapshot.broker.ready is False else ""


def _unknown_attempt(context: OrderContext) -> str:
    count = context.snapshot.broker.unknown_attempts
    return f"{count} attempts in {context.terms.instrument} in state UNKNOWN" if count else ""


def _frozen(context: OrderContext) -> str:
    frozen = context.snapshot.broker.frozen
    return f"{context.terms.instrument} is frozen until a person acknowledges it" if frozen else ""


def _killed(context: OrderContext) -> str:
    return "the kill switch is on" if context.snapshot.broker.killed else ""


def _breaker(context: OrderContext) -> str:
    return context.snapshot.broker.breaker or ""


UNREADABLE = Rule(
    "FIGURES_UNREADABLE",
    Verdict.REJECT,
    "control 1, fault 39",
    "every number of the order and its instrument",
    _unreadable,
    applies_to_exits=True,
)
"""Evaluated first: after a finding nothing can be computed with the order, so that no other rule is evaluated."""

ORDER_RULES: tuple[Rule, ...] = (
    Rule(
        "OTHER_INSTRUMENT",
        Verdict.REJECT,
        "control 1",
        "instrument of order and snapshot",
        _other_instrument,
        True,
        True,
    ),
    Rule("OFF_LOT", Verdict.REJECT, "control 1", "approved quantity, lot size", _off_lot, applies_to_exits=True),
    Rule(
        "DUPLICATE",
        Verdict.REJECT,
        "control 7",
        "quantity asked and left by the caps, recent orders",
        _duplicate,
        applies_to_exits=True,
    ),
    Rule(
        "RATE_PER_SECOND", Verdict.REJECT, "control 8", "orders of the last second", _per_second, applies_to_exits=True
    ),
    Rule(
        "RATE_PER_MINUTE", Verdict.REJECT, "control 8", "orders of the last minute", _per_minute, applies_to_exits=True
    ),
    Rule("OPEN_ORDERS", Verdict.REJECT, "control 9", "open orders on the side", _open_orders, applies_to_exits=True),
    Rule("FAN_OUT", Verdict.REJECT, "control 10", "orders made of the intent", _fan_out, applies_to_exits=True),
    Rule("NOT_READY", Verdict.REJECT, "control 16", "reconciled with the venue", _not_ready, applies_to_exits=True),
    Rule(
        "UNKNOWN_ATTEMPT",
        Verdict.REJECT,
        "control 16",
        "attempts in state UNKNOWN",
        _unknown_attempt,
        applies_to_exits=True,
    ),
    Rule("FROZEN", Verdict.REJECT, "control 16", "frozen instruments", _frozen, applies_to_exits=True),
    Rule("KILLED", Verdict.REJECT, "control 19", "kill switch", _killed),
    Rule("BREAKER_TRIPPED", Verdict.REJECT, "R-RISK-27, R-RISK-29, C-13", "daily circuit breaker", _breaker),
)
"""In the order in which their reasons are listed. Kill switch and circuit breaker let exits pass (Q-19)."""
