"""The decimals that the gate computes with: exact, of a computable size, in one arithmetic that never rounds up."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from tradewright.model.base import SMALLEST, Number
from tradewright.model.hashing import decimal_text

ARITHMETIC = Context(prec=100, rounding=ROUND_DOWN)
"""Entered by ``decide`` and ``pre_send_check``: quotients round towards zero at 100 digits."""

LARGEST = Decimal(10) ** 18
"""Large enough for the equity of an account in rupiah, dong or won (1e15)."""

MOST_DIGITS = 28


def computable(value: Decimal) -> bool:
    """Whether a value is finite, and zero or between 1e-12 and 1e18 in size with at most 28 digits."""
    if not value.is_finite():
        return False
    return not value or (SMALLEST <= abs(value) <= LARGEST and len(value.as_tuple().digits) <= MOST_DIGITS)


def show(value: Decimal) -> str:
    """A computable value, or a result of computing with such values, as text: no exponent, at most 12 decimals."""
    return decimal_text(value.quantize(SMALLEST))


def _refuse_uncomputable(value: Decimal) -> Decimal:
    if not computable(value):
        raise ValueError(f"{value} is not between 1e-12 and 1e18 in size, or has more than {MOST_DIGITS} digits")
    return value


Units = Annotated[Number, Field(gt=0)]
"""A finite exact value above zero."""

Money = Annotated[Number, AfterValidator(_refuse_uncomputable), Field(gt=0)]
"""A limit in money: above zero and computable."""
