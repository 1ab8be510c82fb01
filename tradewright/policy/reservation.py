"""Reservations: the snapshot of the next intent of a batch, with the batch's earlier approved orders counted in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from typing import NamedTuple

from tradewright.model.decision import Decision, Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import Side
from tradewright.policy.decimals import ARITHMETIC, MOST_DIGITS
from tradewright.policy.limits import Limits
from tradewright.policy.order_context import OrderContext
from tradewright.policy.snapshot import Activity, Holdings, OpenOrder, RecentOrder, Snapshot

_UP = Context(prec=MOST_DIGITS, rounding=ROUND_CEILING)
"""Sums of reserved values stay computable, and never round in favour of the next order."""


class Reservation(NamedTuple):
    """An approved order of a batch that the snapshots of the batch do not contain yet.

    Args:
        quantity: units approved, at most ``asked``.
        value: its notional in account currency at the highest known price; None when not known.
        worst_value: the same at the far end of the collar for a market order: the cash that a purchase may take.
        exit: whether it only reduces a holding.
    """

    intent_id: str
    instrument: str
    strategy: str
    side: Side
    quantity: Decimal
    asked: Decimal
    value: Decimal | None
    worst_value: Decimal | None
    exit: bool
    at: datetime


def reservation(intent: Intent, decision: Decision, snapshot: Snapshot, limits: Limits) -> Reservation | None:
    """The reservation of an approved order; None for a decision that approves nothing by itself.

    A decision in review reserves nothing: the person may decline, and ``pre_send_check`` counts the others later.

    Args:
        snapshot: the one that the decision was made on.
    """
    if decision.verdict is not Verdict.APPROVE:
        return None
    with localcontext(ARITHMETIC):
        context = OrderContext.of_intent(intent, snapshot, limits)
        unit = context.unit_value()
        value = None if unit is None else _UP.plus(decision.approved_quantity * unit)
        worst = None if value is None else _UP.plus(value * context.far_end())
    terms = intent.terms
    return Reservation(
        intent_id=intent.intent_id,
        instrument=terms.instrument,
        strategy=intent.strategy,
        side=terms.side,
        quantity=decision.approved_quantity,
        asked=terms.quantity,
        value=value,
        worst_value=worst,
        exit=intent.reduce_only,
        at=decision.decided_at,
    )


def reserve(
    snapshot: Snapshot,
    intent: Intent,
    earlier: Iterable[Reservation],
    uncorrelated: frozenset[str] = frozenset(),
) -> Snapshot:
    """The snapshot on which the next intent of a batch is judged, as if the earlier approved orders were open.

    Every field moves in the direction that leaves less headroom, since an open order may or may not be filled:

    * a purchase commits cash at its worst price, a sale frees none;
    * an order on the same side of the instrument adds to the symbol's exposure, one on the other side frees none;
    * every entry adds to the gross exposure, and every order to the value traded today;
    * every order of the same strategy adds to the strategy's exposure, exits too, because an exit is measured by the
      account's holding and not by the strategy's;
    * every entry adds to the exposure of the correlated cluster, unless its instrument is in ``uncorrelated``;
    * orders of the instrument become open and recent orders; every order counts in the orders of the minute. The
      orders of the last second stay, because the sender spaces the sending.

    A value that is not known makes the fields that it would move not known.

    Args:
        snapshot: of ``intent``, gathered at the same moment as those of the earlier intents.
        uncorrelated: instruments known to be uncorrelated with that of the intent.
    """
    for order in earlier:
        snapshot = snapshot.model_copy(
            update={
                "holdings": _with_order(snapshot.holdings, order, intent, uncorrelated),
                "activity": _with_activity(snapshot.activity, order, intent),
            }
        )
    return snapshot


def _with_order(holdings: Holdings, order: Reservation, intent: Intent, uncorrelated: frozenset[str]) -> Holdings:
    update: dict[str, object] = {"traded_today": _plus(holdings.traded_today, order.value)}
    if order.side is Side.BUY:
        update["committed_cash"] = _plus(holdings.committed_cash, order.worst_value)
    if order.strategy == intent.strategy:
        update["strategy_exposure"] = _plus(holdings.strategy_exposure, order.value)
    if not order.exit:
        update["gross_exposure"] = _plus(holdings.gross_exposure, order.value)
        if order.instrument not in uncorrelated:
            update["cluster_exposure"] = _plus(holdings.cluster_exposure, order.value)
    if order.instrument == intent.terms.instrument:
        update |= _of_instrument(holdings, order, intent)
    return holdings.model_copy(update=update)


def _of_instrument(holdings: Holdings, order: Reservation, intent: Intent) -> dict[str, object]:
    update: dict[str, object] = {}
    if holdings.open_orders is not None:
        update["open_orders"] = (*holdings.open_orders, OpenOrder(side=order.side, quantity=order.quantity))
    if order.side is intent.terms.side:
        # The exposure is signed: for sales its size, not the number, must round up.
        sign, exposure = order.side.sign, holdings.symbol_exposure
        grown = _plus(None if exposure is None else sign * exposure, order.value)
        update["symbol_exposure"] = None if grown is None else sign * grown
    return update


def _with_activity(activity: Activity, order: Reservation, intent: Intent) -> Activity:
    update: dict[str, object] = {}
    if activity.orders_last_minute is not None:
        update["orders_last_minute"] = activity.orders_last_minute + 1
    if order.intent_id == intent.intent_id and activity.orders_of_intent is not None:
        update["orders_of_intent"] = activity.orders_of_intent + 1
    if order.instrument == intent.terms.instrument and activity.recent is not None:
        recent = RecentOrder(
            intent_id=order.intent_id, side=order.side, quantity=order.quantity, asked=order.asked, at=order.at
        )
        update["recent"] = (*activity.recent, recent)
    return activity.model_copy(update=update)


def _plus(known: Decimal | None, more: Decimal | None) -> Decimal | None:
    return None if known is None or more is None else _UP.add(known, more)
