"""Spans of time in words for people: seconds, minutes, hours or days, with one decimal at most."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Decimal

from tradewright.model.hashing import decimal_text

_UNITS = ((172_800, 86_400, "days"), (7_200, 3_600, "hours"), (120, 60, "minutes"))
"""From so many seconds on, the seconds of the unit, and its name; below that, seconds."""


def age_text(seconds: Decimal) -> str:
    """An age, rounded up: one beyond a limit never reads as within it (:func:`limit_text`)."""
    return _text(seconds, ROUND_UP)


def limit_text(seconds: Decimal) -> str:
    """The longest span that is allowed, rounded down."""
    return _text(seconds, ROUND_DOWN)


def _text(seconds: Decimal, rounding: str) -> str:
    for least, length, name in _UNITS:
        if seconds >= least:
            return f"{_rounded(seconds / length, rounding)} {name}"
    return f"{_rounded(seconds, rounding)} s"


def _rounded(value: Decimal, rounding: str) -> str:
    return decimal_text(value.quantize(Decimal("0.1"), rounding))
