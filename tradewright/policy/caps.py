"""Caps, and the quantity that they leave of an order in whole lots (R-RISK-17, 20..24, Q-21, controls 3, 5, 6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from tradewright.model.decision import Reason, Verdict
from tradewright.model.order import Side
from tradewright.policy.decimals import show
from tradewright.policy.order_context import OrderContext, reducible_quantity

ONE = Decimal(1)
QUANTITY_ROUNDS_TO_ZERO = "QUANTITY_ROUNDS_TO_ZERO"
ROUNDED_TO_LOT = "ROUNDED_TO_LOT"
NEAR = "NEAR_"


class Cap(NamedTuple):
    """A limit on the quantity.

    Args:
        headroom: units that fit, below zero when the limit is already passed; None when the cap does not apply to the
            order, or an input is not known (which rejects by itself).
        applies_to_exits: whether it caps reduce-only orders (only the holding does) or all others.
        pre_send: whether the sender evaluates it again.
    """

    code: str
    source: str
    inputs: str
    headroom: Callable[[OrderContext], Decimal | None]
    applies_to_exits: bool = False
    pre_send: bool = True


class ExposureLimit(NamedTuple):
    """A limit on an exposure, as a share of equity. ``used`` is None when it is not known."""

    code: str
    source: str
    inputs: str
    share: Callable[[OrderContext], Decimal]
    used: Callable[[OrderContext], Decimal | None]

    def headroom(self, context: OrderContext) -> Decimal | None:
        """Units that fit below the limit."""
        used = self.used(context)
        return None if used is None else _units(context, _of_equity(context, self.share(context)), used)


def _of_equity(context: OrderContext, share: Decimal) -> Decimal | None:
    equity = context.snapshot.holdings.equity
    return None if equity is None else equity * share


def _units(context: OrderContext, money: Decimal | None, used: Decimal = Decimal(0)) -> Decimal | None:
    """How many units the unused part of an amount of account currency buys, rounded towards zero at 100 digits."""
    value = context.unit_value()
    return None if money is None or value is None else (money - used) / value


def _max_size(context: OrderContext) -> Decimal | None:
    return _units(context, _of_equity(context, context.limits.max_size_pct))


def _risk_per_trade(context: OrderContext) -> Decimal | None:
    """No cap for a stop distance of zero (an ATR of zero); a stop at the reference price has a rule of its own."""
    loss, distance = _of_equity(context, context.limits.risk_per_trade), _stop_distance(context)
    point = context.point_value()
    return None if loss is None or not distance or point is None else loss / (distance * point)


def _stop_distance(context: OrderContext) -> Decimal | None:
    """From the stop to the farthest price at which the order may be filled, in price points; None when not known.

    A trailing stop never moves back, so that its distance bounds the loss. With a stop it starts there: whether a venue
    moves it nearer at once is not known, so the stop counts.
    """
    if context.stop is not None:
        return max(abs(price - context.stop) for price in context.prices())
    if context.trail is not None:
        return max(context.trail.distance(price) for price in context.prices())
    atr = context.snapshot.market.atr
    return None if atr is None else context.limits.atr_stop_multiple * atr


def _order_value(context: OrderContext) -> Decimal | None:
    """A market order is valued at the far end of its collar (fault 49)."""
    return _units(context, _of_equity(context, context.limits.max_order_value / context.far_end()))


def _stage_money(context: OrderContext) -> Decimal | None:
    return _units(context, context.limits.max_order_money)


def _cash(context: OrderContext) -> Decimal | None:
    """Cash less the cash promised to other purchases; a sale needs none."""
    cash, committed = context.snapshot.holdings.cash, context.snapshot.holdings.committed_cash
    if context.terms.side is not Side.BUY or committed is None:
        return None
    return _units(context, cash, committed)


def _holding(context: OrderContext) -> Decimal | None:
    return reducible_quantity(context.terms.side, context.snapshot)


def _symbol_exposure(context: OrderContext) -> Decimal | None:
    """In the direction of the order: the headroom of a sale includes the long position that it would pass."""
    exposure = context.snapshot.holdings.symbol_exposure
    return None if exposure is None else exposure * context.terms.side.sign


EXPOSURE_LIMITS: tuple[ExposureLimit, ...] = (
    ExposureLimit(
        "MAX_POSITION",
        "R-RISK-21, R-RISK-23, control 6",
        "exposure in the symbol",
        lambda context: context.limits.max_position,
        _symbol_exposure,
    ),
    ExposureLimit(
        "MAX_STRATEGY",
        "R-RISK-23, control 6",
        "exposure of the strategy",
        lambda context: context.limits.max_strategy,
        lambda context: context.snapshot.holdings.strategy_exposure,
    ),
    ExposureLimit(
        "MAX_GROSS",
        "R-RISK-22, R-RISK-23, control 6",
        "gross exposure",
        lambda context: context.limits.max_gross,
        lambda context: context.snapshot.holdings.gross_exposure,
    ),
    ExposureLimit(
        "CORRELATION_CAP",
        "R-RISK-24",
        "exposure of the correlated cluster",
        lambda context: context.limits.correlation_cap,
        lambda context: context.snapshot.holdings.cluster_exposure,
    ),
    ExposureLimit(
        "MAX_DAILY_NOTIONAL",
        "control 5",
        "value traded today",
        lambda context: context.limits.max_daily_notional,
        lambda context: context.snapshot.holdings.traded_today,
    ),
)
"""Limits with a used part, so that their headroom shrinks and an order can come near them (R-RISK-42)."""

CAPS: tuple[Cap, ...] = (
    Cap("MAX_SIZE", "Q-21", "size of one order", _max_size),
    Cap("RISK_PER_TRADE", "R-RISK-20, Q-20", "loss at the stop", _risk_per_trade, pre_send=False),
    *(Cap(each.code, each.source, each.inputs, each.headroom) for each in EXPOSURE_LIMITS),
    Cap("MAX_ORDER_VALUE", "control 3", "value of one order at the far end of its collar", _order_value),
    Cap("STAGE_MONEY", "R-RISK-33, Q-21", "money of one order at this stage", _stage_money),
    Cap("CASH", "15c3-5 capital", "cash less the cash promised to open purchases", _cash),
    Cap("HOLDING", "Q-19", "position less the orders that already reduce it", _holding, applies_to_exits=True),
)
"""The smallest headroom decides; of equals the first."""


def sized(context: OrderContext) -> tuple[Decimal, tuple[Reason, ...]]:
    """The quantity, 0 or more, and the reasons.

    A cap without headroom rejects, and so does a quantity of less than one lot (R-EXEC-27). An advisory names the cap
    that binds, or the part of a lot that is dropped.
    """
    found = ((cap, cap.headroom(context)) for cap in CAPS if cap.applies_to_exits is context.exit)
    known = [(cap, units) for cap, units in found if units is not None]
    if full := tuple(_without_headroom(cap, units) for cap, units in known if units <= 0):
        return Decimal(0), full
    asked, lot = context.terms.quantity, _lot(context)
    binding, quantity = min(((cap, units) for cap, units in known if units < asked), key=_second, default=(None, asked))
    whole = quantity // lot * lot
    advisory = _advisory(binding, quantity, asked) if binding or whole < quantity else ()
    if whole == 0:
        text = f"{show(quantity)} units are less than one lot of {show(lot)}"
        return whole, (Reason(code=QUANTITY_ROUNDS_TO_ZERO, verdict=Verdict.REJECT, text=text), *advisory)
    return whole, advisory


def exceeded(context: OrderContext) -> tuple[Reason, ...]:
    """The caps that an approved order exceeds by more than ``recheck_drift``, which allows for prices that moved."""
    grace = ONE + context.limits.recheck_drift
    reasons = []
    for cap in CAPS:
        headroom = cap.headroom(context) if cap.pre_send and cap.applies_to_exits is context.exit else None
        if headroom is not None and context.terms.quantity > headroom * grace:
            text = f"{cap.inputs}: headroom for {show(headroom)} units, the order has {show(context.terms.quantity)}"
            reasons.append(Reason(code=cap.code, verdict=Verdict.REJECT, text=text))
    return tuple(reasons)


def near_limits(context: OrderContext, quantity: Decimal) -> tuple[Reason, ...]:
    """An advisory for each exposure that an entry brings to ``warn_ratio`` of its limit (R-RISK-42)."""
    equity, value = context.snapshot.holdings.equity, context.unit_value()
    if context.exit or equity is None or value is None:
        return ()
    advisories = []
    for exposure in EXPOSURE_LIMITS:
        limit, used = equity * exposure.share(context), exposure.used(context)
        if used is not None and (after := used + quantity * value) >= context.limits.warn_ratio * limit:
            text = f"{exposure.inputs}: {show(after)} of {show(limit)} once filled"
            advisories.append(Reason(code=NEAR + exposure.code, verdict=Verdict.APPROVE, text=text))
    return tuple(advisories)


def size_pct(context: OrderContext, quantity: Decimal) -> float:
    """The quantity's value as a share of equity; 0 where either is not known, which only an exit survives."""
    equity, value = context.snapshot.holdings.equity, context.unit_value()
    if value is None or equity is None or equity <= 0:
        return 0.0
    return float(quantity * value / equity)


def _second(pair: tuple[Cap, Decimal]) -> Decimal:
    return pair[1]


def _lot(context: OrderContext) -> Decimal:
    return context.snapshot.instrument.lot_size if context.snapshot.instrument else ONE


def _without_headroom(cap: Cap, headroom: Decimal) -> Reason:
    return Reason(code=cap.code, verdict=Verdict.REJECT, text=f"{cap.inputs}: no headroom ({show(headroom)} units)")


def _advisory(binding: Cap | None, quantity: Decimal, asked: Decimal) -> tuple[Reason, ...]:
    if binding is None:
        text = f"{show(asked)} units are not a whole number of lots"
        return (Reason(code=ROUNDED_TO_LOT, verdict=Verdict.APPROVE, text=text),)
    text = f"{binding.inputs}: headroom for {show(quantity)} of {show(asked)} units"
    return (Reason(code=binding.code, verdict=Verdict.APPROVE, text=text),)
