"""The options of ``tradewright intent``, parsed into the terms of an order."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tradewright.model.errors import ConfigError
from tradewright.model.order import LimitOrder, MarketOrder, OrderTerms, Side

TYPES = ("MKT", "LMT")


def parse_order_terms(instrument: str, side: str, quantity: str, order_type: str, limit: str) -> OrderTerms:
    """The order terms that the options describe.

    Raises:
        ConfigError: naming the option, its value and what is admitted.
    """
    if not instrument:
        raise ConfigError("an intent needs an instrument", where="--instrument", remedy="say --instrument AAPL")
    sides = [item.value for item in Side]
    if side.upper() not in sides:
        raise ConfigError(f"{side!r} is no side", where="--side", remedy=f"one of {', '.join(sides)}")
    if order_type.upper() not in TYPES:
        raise ConfigError(f"{order_type!r} is no type", where="--type", remedy=f"one of {', '.join(TYPES)}")
    if (order_type.upper() == "LMT") != bool(limit):
        raise ConfigError(
            "a limit order has a limit, no other has", where="--limit", remedy="say --type LMT --limit 180"
        )
    return OrderTerms(
        instrument=instrument,
        side=Side(side.upper()),
        quantity=_amount("--qty", quantity),
        order=LimitOrder(limit_price=_amount("--limit", limit)) if limit else MarketOrder(),
    )


def _amount(option: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"{text!r} is not a number", where=option, remedy=f"say {option} 10") from error
    if not value.is_finite() or value <= 0:
        raise ConfigError(f"{text} is not a finite number above 0", where=option, remedy=f"say {option} 10")
    return value
