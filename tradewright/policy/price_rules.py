"""Rules on the prices of an order and of its protective legs: each rejects (controls 1 and 2)."""

from __future__ import annotations

from decimal import Decimal

from tradewright.model.decision import Verdict
from tradewright.model.order import Side, TrailingStopOrder
from tradewright.policy.decimals import show
from tradewright.policy.order_context import OrderContext, Rule


def _price_not_positive(context: OrderContext) -> str:
    instrument = context.snapshot.instrument
    if instrument is not None and instrument.negative_prices:
        return ""
    wrong = [show(price) for price in context.prices() if price <= 0]
    return f"prices at or below zero: {', '.join(wrong)}" if wrong else ""


def _off_tick(context: OrderContext) -> str:
    instrument = context.snapshot.instrument
    order = context.terms.order
    amount = order.amount if isinstance(order, TrailingStopOrder) else None
    prices = (*context.order_prices(), *context.leg_prices, *(() if amount is None else (amount,)))
    wrong = [show(price) for price in prices if instrument and not instrument.on_tick(price)]
    return f"{', '.join(wrong)} is between two ticks of {show(instrument.tick_size)}" if instrument and wrong else ""


def _guard_on_wrong_side(context: OrderContext) -> str:
    reference, sign = context.reference_price, context.terms.side.sign
    if reference is None:
        return ""
    if context.stop is not None and sign * (reference - context.stop) <= 0:
        return f"the stop {show(context.stop)} is on the wrong side of {show(reference)}"
    if context.take_profit is not None and sign * (context.take_profit - reference) <= 0:
        return f"the take-profit {show(context.take_profit)} is on the wrong side of {show(reference)}"
    return _trail_without_end(context, reference)


def _trail_without_end(context: OrderContext, reference: Decimal) -> str:
    """A holding's trailing stop that starts at or below zero, where no price can be that low."""
    instrument = context.snapshot.instrument
    if context.trail is None or context.terms.side is Side.SELL or (instrument and instrument.negative_prices):
        return ""
    distance = context.trail.distance(reference)
    told = f"a trailing stop {show(distance)} behind {show(reference)} is at or below zero, and guards nothing"
    return told if distance >= reference else ""


def _outside_collar(context: OrderContext) -> str:
    market, collar = context.snapshot.market, context.collar()
    prices = context.prices() if context.is_market() else context.order_prices()
    for name, anchor in (("last price", market.last_price), ("previous close", market.previous_close)):
        for price in prices:
            if anchor is not None and abs(price - anchor) > collar * abs(anchor):
                return f"{show(price)} is more than {show(collar)} away from the {name} {show(anchor)}"
    return ""


PRICE_RULES: tuple[Rule, ...] = (
    Rule("PRICE_NOT_POSITIVE", Verdict.REJECT, "control 1", "every price", _price_not_positive, applies_to_exits=True),
    Rule(
        "OFF_TICK",
        Verdict.REJECT,
        "control 1",
        "prices of the order and its legs, amounts of trailing stops, tick size",
        _off_tick,
        applies_to_exits=True,
    ),
    Rule(
        "GUARD_ON_WRONG_SIDE",
        Verdict.REJECT,
        "control 1",
        "stop, trailing stop, take-profit, reference price",
        _guard_on_wrong_side,
    ),
    Rule("OUTSIDE_COLLAR", Verdict.REJECT, "control 2", "prices, last price, previous close", _outside_collar),
)
