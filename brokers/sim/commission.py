"""Commissions of the simulated venue: the engine's cost models in the venue's decimals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from tradewright.fills.costs import CostModel, PerShareCosts, fee
from tradewright.model.instrument import Instrument

Commission = Callable[[Instrument, Decimal, Decimal, bool], Decimal]
"""(instrument, quantity, price, whether it rested) -> the whole fee of such an order, in money of its own
currency, in which the price is too."""


FeeRate = Callable[[datetime], Decimal]
"""The newest rate that was known at a moment, in money of the account per unit of the currency of the fees."""


def commission_of(model: CostModel) -> Commission:
    """The fee that a cost model charges, to a millionth of the currency."""
    terms = model.terms()

    def commission(instrument: Instrument, quantity: Decimal, price: Decimal, rested: bool) -> Decimal:
        value = quantity * abs(price) * instrument.multiplier
        return round(Decimal(repr(fee(float(quantity), float(value), rested, terms))), 6)

    return commission


ibkr_fixed: Commission = commission_of(PerShareCosts(0.005, minimum=1.0, maximum_rate=0.005))
"""0.005 USD per unit, at least 1.00, at most 0.5 % of the trade's value (D8)."""
