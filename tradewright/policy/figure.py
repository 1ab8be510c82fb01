"""The numbers that the gate computes with: exact, of a sane size, in one arithmetic that never rounds up."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from tradewright.model.base import Number

ARITHMETIC = Context(prec=100, rounding=ROUND_DOWN)
"""Entered by ``decide`` and ``recheck``: wide enough that products of figures are exact, quotients round down."""

LARGEST = Decimal(10) ** 12
SMALLEST = Decimal(10) ** -12
MOST_DIGITS = 28


def readable(value: Decimal) -> bool:
    """Whether a number can be computed with: finite, zero or between 1e-12 and 1e12 in size, at most 28 digits."""
    if not value.is_finite():
        return False
    return not value or (SMALLEST <= abs(value) <= LARGEST and len(value.as_tuple().digits) <= MOST_DIGITS)


def _small_is_zero(value: Decimal) -> Decimal:
    """Dust below 1e-12 in size is zero; what is too large is refused."""
    if abs(value) < SMALLEST:
        return Decimal(0)
    if not readable(value):
        raise ValueError(f"{value} is beyond 1e12 in size or has more than {MOST_DIGITS} digits")
    return value


Figure = Annotated[Number, AfterValidator(_small_is_zero)]
"""A finite exact number of at most 1e12 in size."""

Size = Annotated[Figure, Field(ge=0)]
"""A figure that is not negative."""

Units = Annotated[Figure, Field(gt=0)]
"""A figure above zero."""

Share = Annotated[Number, Field(ge=0, le=1)]
"""A fraction in [0, 1]; 0.02 is 2 %."""
