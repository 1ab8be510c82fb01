"""How an execution changes an account: average cost, realized profit, cash."""

from __future__ import annotations

from decimal import Decimal

from brokers.sim.state import AccountBook
from tradewright.model.order import Position


def book_execution(
    book: AccountBook, instrument: str, signed: Decimal, price: Decimal, multiplier: Decimal, fee: Decimal
) -> tuple[AccountBook, Decimal | None]:
    """The account after ``signed`` units (negative: sold) at ``price``, and the profit realized.

    Additions are averaged by quantity; a reduction keeps the average price; a reversal starts at ``price``. The profit
    is after ``fee`` and None when nothing was closed.
    """
    before = book.holding(instrument)
    closed = _closed(before.quantity, signed)
    realized = None
    if closed:
        direction = 1 if before.quantity > 0 else -1
        realized = (price - before.average_price) * closed * direction * multiplier - fee
    after = Position(
        account=book.account,
        instrument=instrument,
        quantity=before.quantity + signed,
        average_price=_average(before, signed, price),
    )
    cash = book.cash - signed * price * multiplier - fee
    return book.model_copy(update={"cash": cash, "holdings": {**book.holdings, instrument: after}}), realized


def _closed(held: Decimal, signed: Decimal) -> Decimal:
    """How many units of the holding the execution closes."""
    return min(abs(held), abs(signed)) if held * signed < 0 else Decimal(0)


def _average(before: Position, signed: Decimal, price: Decimal) -> Decimal:
    after = before.quantity + signed
    if after == 0:
        return Decimal(0)
    if before.quantity * signed >= 0:
        return (before.average_price * before.quantity + price * signed) / after
    return before.average_price if before.quantity * after > 0 else price
