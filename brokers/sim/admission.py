"""Whether the venue takes an order: the code and the text of a refusal, as a gateway words them."""

from __future__ import annotations

from decimal import Decimal

from brokers.sim.state import AccountBook, BookOrder
from tradewright.model.instrument import Instrument
from tradewright.model.order import OrderTerms, TrailingStopOrder

Refusal = tuple[int, str]
ACCEPTED: Refusal = (0, "")


def form_refusal(instrument: Instrument, terms: OrderTerms) -> Refusal:
    """A refusal that depends on the instrument alone: prices off the tick or below zero, quantities off the lot."""
    for price in (terms.limit_price, terms.stop_price):
        if price is not None and (not instrument.on_tick(price) or (price <= 0 and not instrument.negative_prices)):
            return 110, "The price does not conform to the minimum price variation for this contract."
    amount = terms.order.amount if isinstance(terms.order, TrailingStopOrder) else None
    if amount is not None and not instrument.on_tick(amount):
        return 110, "The trailing amount does not conform to the minimum price variation for this contract."
    if not instrument.on_lot(terms.quantity):
        return 10243, f"The size {terms.quantity} is not a whole number of lots of {instrument.lot_size}."
    return ACCEPTED


def currency_refusal(instrument: Instrument, terms: OrderTerms, book: AccountBook) -> Refusal:
    """A refusal of what would open or add to a holding in another currency: a book is kept in one, without rates.

    A holding that an older venue booked one to one is closed as it was opened.
    """
    closes = -terms.side.sign * book.holding(instrument.symbol).quantity
    if instrument.currency == book.currency or terms.quantity <= closes:
        return ACCEPTED
    text = f"the account is kept in {book.currency} only, and {instrument.symbol} is in {instrument.currency}"
    return 201, f"Order rejected - reason: {text}."


def change_refusal(order: BookOrder, terms: OrderTerms) -> Refusal:
    """A refusal of new terms for a live order: another instrument or side, or no more than is filled already."""
    same = (terms.instrument, terms.side) == (order.terms.instrument, order.terms.side)
    if not same or terms.quantity <= order.filled:
        return 105, "Order being modified does not match original order."
    return ACCEPTED


def parent_refusal(parent: BookOrder | None, terms: OrderTerms) -> Refusal:
    """A refusal of a child order: its parent is not there, has ended unfilled, or is not what the child closes."""
    if parent is None:
        return 10006, "Missing parent order."
    if not parent.live and not parent.filled:
        return 201, "Order rejected - reason: the parent order has ended."
    if (parent.terms.instrument, parent.terms.side) != (terms.instrument, terms.side.opposite):
        return 201, "Order rejected - reason: the order does not close its parent order."
    return ACCEPTED


def beyond_means(held: Decimal, signed: Decimal, unit_value: Decimal, others: Decimal, limit: Decimal) -> bool:
    """Whether an order adds to a holding more than the account carries.

    Args:
        held, signed: units held, and units of the order (negative: sold).
        unit_value: value of one unit.
        others: value of the other holdings, without signs.
        limit: the largest value of all holdings.
    """
    after = abs(held + signed)
    return after > abs(held) and others + after * unit_value > limit
