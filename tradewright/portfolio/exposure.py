"""Exposure measures of the account: gross, net, by symbol, and drawdown (R-RISK-44)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from tradewright.portfolio.state import PortfolioState


class Exposure(NamedTuple):
    """Values in account currency.

    Args:
        by_symbol: signed; flat instruments are left out.
        gross: sum of sizes.
        net: sum with signs.
    """

    by_symbol: Mapping[str, Decimal]
    gross: Decimal
    net: Decimal


def exposure(book: PortfolioState, prices: Mapping[str, Decimal]) -> Exposure | None:
    """What the positions are worth at some prices; None when a held instrument has no price or no rate.

    A book without positions has an exposure of 0.
    """
    values: dict[str, Decimal] = {}
    for symbol, units in book.positions.items():
        if not units:
            continue
        value = book.unit_value(symbol, prices[symbol]) if symbol in prices else None
        if value is None:
            return None
        values[symbol] = units * value
    gross = sum((abs(value) for value in values.values()), Decimal(0))
    return Exposure(values, gross, sum(values.values(), Decimal(0)))


def drawdown(equity: Sequence[Decimal]) -> Decimal | None:
    """How far the last value is below the highest, as a fraction of it, 0 or more (0.03 = 3 %).

    None without values and where the highest is not above zero.
    """
    peak = max(equity, default=Decimal(0))
    return (peak - equity[-1]) / peak if peak > 0 else None
