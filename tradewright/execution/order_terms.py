"""The terms of an order as they were approved, and what the venue tells of a working trailing stop beside them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot, VenueOrder
from tradewright.model.order import AttemptState, Leg, OrderTerms, OrderType, TrailingStopOrder

PERCENT_SHOWN = Decimal("0.005")
"""A venue may round a percentage to two places."""
_TRIGGERED = frozenset({OrderType.TRAILING_STOP, OrderType.MARKET})
_SENT = frozenset({AttemptState.ACKED, AttemptState.WORKING, AttemptState.PARTIAL, AttemptState.CANCEL_REQUESTED})


def approved_terms(ledger: Ledger, attempt: Attempt) -> OrderTerms:
    """The terms under which an attempt was approved, those of its leg.

    Raises:
        LedgerError: when the approved order is gone, or is not what was recorded.
    """
    approved = ledger.outbox.get(attempt.decision_id)
    legs = {Leg.ENTRY: approved.terms} | {item.leg: item.terms for item in approved.protective}
    return legs[attempt.leg]


def altered_trails(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> Iterator[tuple[Attempt, str]]:
    """Our working trailing stops that the venue has with another kind, distance or a larger quantity than was approved.

    The stop itself moves with the market, which is no difference. A leg that the venue has made smaller is none either:
    its counterpart, or the end of its entry, has done that. What the venue does not tell is not compared.
    """
    for order in snapshot.open_orders:
        if order.account not in ("", account):
            continue
        attempt = (ledger.attempts.find(order.ref) if order.ref else None) or ledger.attempts.of_perm_id(order.perm_id)
        if attempt is None or attempt.state not in _SENT or not _may_trail(attempt, order):
            continue
        sent = approved_terms(ledger, attempt).order
        if isinstance(sent, TrailingStopOrder) and (told := _difference(attempt, sent, order)):
            yield attempt, told


def _may_trail(attempt: Attempt, order: VenueOrder) -> bool:
    """Whether to read what was approved: of a stop loss, and of whatever the venue has as a trailing stop."""
    return attempt.leg is Leg.STOP_LOSS or order.order_type == OrderType.TRAILING_STOP


def _difference(attempt: Attempt, sent: TrailingStopOrder, order: VenueOrder) -> str:
    if order.order_type not in _TRIGGERED:
        return f"sent as a {sent.text}, the venue has a {order.order_type} order"
    if order.quantity > attempt.quantity:
        return f"sent for {attempt.quantity}, the venue has it for {order.quantity}"
    if order.trail is None and order.trail_percent is None:
        return ""
    amount, percent = order.trail, order.trail_percent
    if sent.amount is not None:
        is_same = amount == sent.amount
    else:
        is_same = percent is not None and abs(percent - (sent.percent or Decimal(0))) <= PERCENT_SHOWN
    known = [f"{amount:f}"] if amount is not None else []
    known += [f"{percent:f} %"] if percent is not None else []
    return "" if is_same else f"sent as a {sent.text}, the venue has a distance of {' or '.join(known)}"
