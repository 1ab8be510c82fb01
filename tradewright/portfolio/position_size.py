"""The size of a live position: the quantity that a share of equity buys, and the share that a quantity is."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal, localcontext

from tradewright.portfolio.state import PortfolioState

_DOWN = Context(prec=60, rounding=ROUND_DOWN)
_SHORT = Context(prec=12, rounding=ROUND_DOWN)


def quantity_of(portfolio: PortfolioState, symbol: str, share: Decimal, price: Decimal) -> Decimal:
    """How many units a share of equity buys at a price, never worth more than it (R-EXEC-27).

    Whole lots; a quantity of less than one lot is kept as it is (12 digits), and where nothing can be computed (no
    equity, a price of zero, no rate) it is one lot: the gate then rejects the intent by its code, so that a signal
    without an order leaves a trace.
    """
    instrument, value = portfolio.instrument(symbol), portfolio.unit_value(symbol, price)
    if not value or portfolio.equity <= 0:
        return instrument.lot_size
    with localcontext(_DOWN):
        affordable = portfolio.equity * share / abs(value)
        return instrument.round_quantity(affordable) or _SHORT.create_decimal(affordable)


def size_pct_of(portfolio: PortfolioState, symbol: str, quantity: Decimal, price: Decimal) -> float:
    """The value of a quantity as a share of equity; 0 where that is not known (no equity, no rate)."""
    value = portfolio.unit_value(symbol, price)
    if value is None or portfolio.equity <= 0:
        return 0.0
    return float(quantity * abs(value) / portfolio.equity)
