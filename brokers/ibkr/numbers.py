"""Numbers from the wire: the one place where a float of the venue becomes a decimal of ours.

The venue writes "not known" in several ways: the empty field, the largest double, NaN, infinity, a text such as
``n/a``. None of them is ever zero here. A magnitude that no price, quantity or amount of money has is treated alike.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tradewright.model.errors import BrokerError

ABSURD = Decimal("1e15")
"""No price, quantity, fee or equity reaches this."""


def optional(value: object) -> Decimal | None:
    """A number by its shortest text; None when it is unset, empty, not finite, absurd, or no number at all."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(value) if isinstance(value, Decimal | str) else Decimal(repr(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < ABSURD else None


def required(value: object, message: str, field: str) -> Decimal:
    """A number that the message is useless without.

    Raises:
        BrokerError: when it is not known, naming the message and the field.
    """
    number = optional(value)
    if number is None:
        raise BrokerError(f"{field} {value!r} is no number", where=message, remedy="ask again, or look at the gateway")
    return number


def price(value: object, message: str, negative_allowed: bool) -> Decimal:
    """A price that must be known, and above zero unless the instrument has negative prices.

    Raises:
        BrokerError: otherwise, naming the message.
    """
    number = required(value, message, "price")
    if number <= 0 and not negative_allowed:
        raise BrokerError(f"price {number} is not above zero", where=message, remedy="look at the instrument's market")
    return number


def quantity(value: object, message: str, field: str = "quantity") -> Decimal:
    """A number of units that must be known and not negative.

    Raises:
        BrokerError: otherwise, naming the message.
    """
    number = required(value, message, field)
    if number < 0:
        raise BrokerError(f"{field} {number} is negative", where=message, remedy="look at the gateway")
    return number
