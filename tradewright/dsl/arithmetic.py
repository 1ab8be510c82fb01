"""What the decision of a document is made of beside Python's own operators. Compiled with it."""

from __future__ import annotations

import math

from tradewright.model.bars import Floats
from tradewright.model.strategy import NAN

INFINITE = math.inf


def value_at(column: Floats, i: int) -> float:
    """A value of a column; NaN before its first bar."""
    return float(column[i]) if i >= 0 else NAN


def value_in(table: Floats, i: int, n: int) -> float:
    """The value of instrument ``n`` in a table; NaN before its first bar."""
    return float(table[i, n]) if i >= 0 else NAN


def is_finite(value: float) -> bool:
    """Whether a number is known, and not infinite."""
    return -INFINITE < value < INFINITE


def quotient(left: float, right: float) -> float:
    """``left / right``; NaN for a quotient by zero."""
    return left / right if right != 0.0 else NAN


def lesser(left: float, right: float) -> float:
    """The smaller of two numbers; NaN where one is."""
    return left if left < right else (right if right <= left else NAN)


def greater(left: float, right: float) -> float:
    """The greater of two numbers; NaN where one is."""
    return left if left > right else (right if right >= left else NAN)


def is_distance(value: float) -> bool:
    """Whether a price or a distance can be used: above 0 and finite."""
    return 0.0 < value < INFINITE


def square_root(value: float) -> float:
    """The square root; NaN of NaN."""
    return math.sqrt(value) if value >= 0.0 else NAN
