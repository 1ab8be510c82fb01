"""Hard controls on the order itself and on our sending: any of them rejects (controls 1, 2, 7-10, 16, 19)."""

from __future__ import annotations

from datetime import timedelta

from tradewright.model.decision import Verdict
from tradewright.policy.case import Case
from tradewright.policy.figure import readable
from tradewright.policy.rule import Rule, show
from tradewright.policy.sizing import sized


def _unreadable(case: Case) -> str:
    wrong = [str(value) for value in case.figures() if not readable(value)]
    return f"not computable: {', '.join(wrong)}" if wrong else ""


def _other_instrument(case: Case) -> str:
    symbol = case.snapshot.symbol
    wrong = symbol is not None and symbol != case.terms.instrument
    return f"the snapshot is of {symbol}, the order of {case.terms.instrument}" if wrong else ""


def _price_not_positive(case: Case) -> str:
    instrument = case.snapshot.instrument
    if instrument is not None and instrument.negative_prices:
        return ""
    wrong = [show(price) for price in case.prices() if price <= 0]
    return f"prices at or below zero: {', '.join(wrong)}" if wrong else ""


def _off_tick(case: Case) -> str:
    instrument = case.snapshot.instrument
    wrong = [show(price) for price in case.order_prices() if instrument and not instrument.on_tick(price)]
    return f"{', '.join(wrong)} is between two ticks of {show(instrument.tick_size)}" if instrument and wrong else ""


def _off_lot(case: Case) -> str:
    instrument = case.snapshot.instrument
    if instrument is None or not case.approved or instrument.on_lot(case.terms.quantity):
        return ""
    return f"{show(case.terms.quantity)} is not a whole number of lots of {show(instrument.lot_size)}"


def _guard_on_wrong_side(case: Case) -> str:
    reference, sign = case.reference_price, case.terms.side.sign
    if reference is None:
        return ""
    if case.stop is not None and sign * (reference - case.stop) <= 0:
        return f"the stop {show(case.stop)} is on the wrong side of {show(reference)}"
    if case.take_profit is not None and sign * (case.take_profit - reference) <= 0:
        return f"the take-profit {show(case.take_profit)} is on the wrong side of {show(reference)}"
    return ""


def _outside_collar(case: Case) -> str:
    market, collar = case.snapshot.market, case.collar()
    prices = case.prices() if case.is_market() else case.order_prices()
    for name, anchor in (("last price", market.last_price), ("previous close", market.previous_close)):
        for price in prices:
            if anchor is not None and abs(price - anchor) > collar * abs(anchor):
                return f"{show(price)} is more than {show(collar)} away from the {name} {show(anchor)}"
    return ""


def _duplicate(case: Case) -> str:
    """Alike are two wishes for one quantity, and two orders of one size.

    A wish that the caps cut to less than another order's size is as alike as one that they cut just to it: else a
    worse input, which cuts deeper, would turn the refusal into an approval. At the sender nothing is left to be cut.
    """
    oldest = case.snapshot.now - timedelta(seconds=float(case.limits.duplicate_window_seconds))
    asked = case.terms.quantity
    size = asked if case.approved else sized(case)[0]
    for other in case.snapshot.activity.recent or ():
        alike = asked == other.asked or 0 < size <= other.quantity <= asked
        if alike and other.side is case.terms.side and other.intent_id != case.intent_id and other.at > oldest:
            return f"intent {other.intent_id} is for {show(other.quantity)} of the same, since {other.at.isoformat()}"
    return ""


def _per_second(case: Case) -> str:
    sent, limit = case.snapshot.activity.orders_last_second, case.limits.max_orders_per_second
    return (
        f"{sent} orders in the last second; at most {limit} are allowed" if sent is not None and sent >= limit else ""
    )


def _per_minute(case: Case) -> str:
    sent, limit = case.snapshot.activity.orders_last_minute, case.limits.max_orders_per_minute
    return (
        f"{sent} orders in the last minute; at most {limit} are allowed" if sent is not None and sent >= limit else ""
    )


def _open_orders(case: Case) -> str:
    count = sum(order.side is case.terms.side for order in case.snapshot.holdings.open_orders or ())
    limit = case.limits.max_open_orders_per_side
    return f"{count} open orders on this side; at most {limit} are allowed" if count >= limit else ""


def _fan_out(case: Case) -> str:
    count = case.snapshot.activity.orders_of_intent
    return f"the intent already has {count} orders; one intent makes at most one" if count else ""


def _not_ready(case: Case) -> str:
    return "not reconciled with the venue" if case.snapshot.broker.ready is False else ""


def _unknown_attempt(case: Case) -> str:
    count = case.snapshot.broker.unknown_attempts
    return f"{count} attempts in {case.terms.instrument} whose fate is not known" if count else ""


def _frozen(case: Case) -> str:
    return f"{case.terms.instrument} is frozen until a person looks" if case.snapshot.broker.frozen else ""


def _killed(case: Case) -> str:
    return "the kill switch is on" if case.snapshot.broker.killed else ""


UNREADABLE = Rule(
    "FIGURES_UNREADABLE",
    Verdict.REJECT,
    "control 1, fault 39",
    "every number of the order and its instrument",
    _unreadable,
    binds_exits=True,
)
"""Asked first: where it is hit nothing else can be computed and nothing else is asked."""

CONTROL_RULES: tuple[Rule, ...] = (
    Rule(
        "OTHER_INSTRUMENT",
        Verdict.REJECT,
        "control 1",
        "instrument of order and snapshot",
        _other_instrument,
        True,
        True,
    ),
    Rule("PRICE_NOT_POSITIVE", Verdict.REJECT, "control 1", "every price", _price_not_positive, binds_exits=True),
    Rule("OFF_TICK", Verdict.REJECT, "control 1", "limit and trigger price, tick size", _off_tick, binds_exits=True),
    Rule("OFF_LOT", Verdict.REJECT, "control 1", "approved quantity, lot size", _off_lot, binds_exits=True),
    Rule(
        "GUARD_ON_WRONG_SIDE", Verdict.REJECT, "control 1", "stop, take-profit, reference price", _guard_on_wrong_side
    ),
    Rule("OUTSIDE_COLLAR", Verdict.REJECT, "control 2", "prices, last price, previous close", _outside_collar),
    Rule(
        "DUPLICATE",
        Verdict.REJECT,
        "control 7",
        "quantity asked and left by the caps, recent orders",
        _duplicate,
        binds_exits=True,
    ),
    Rule("RATE_PER_SECOND", Verdict.REJECT, "control 8", "orders of the last second", _per_second, binds_exits=True),
    Rule("RATE_PER_MINUTE", Verdict.REJECT, "control 8", "orders of the last minute", _per_minute, binds_exits=True),
    Rule("OPEN_ORDERS", Verdict.REJECT, "control 9", "open orders on the side", _open_orders, binds_exits=True),
    Rule("FAN_OUT", Verdict.REJECT, "control 10", "orders made of the intent", _fan_out, binds_exits=True),
    Rule("NOT_READY", Verdict.REJECT, "control 16", "reconciled with the venue", _not_ready, binds_exits=True),
    Rule("UNKNOWN_ATTEMPT", Verdict.REJECT, "control 16", "attempts not known", _unknown_attempt, binds_exits=True),
    Rule("FROZEN", Verdict.REJECT, "control 16", "frozen instruments", _frozen, binds_exits=True),
    Rule("KILLED", Verdict.REJECT, "control 19", "kill switch", _killed),
)
"""In the order in which their reasons are listed. The kill switch lets exits pass (Q-19)."""
