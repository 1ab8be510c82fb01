"""The base of every frozen value, and the number types they share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class FrozenModel(BaseModel):
    """An immutable value: unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone; times are stored in UTC")
    return value.astimezone(UTC)


MOST_DIGITS, MOST_PLACES = 60, 400
"""The most digits of a number of the money path, and how many places it may reach to either side of its point. Every
finite float is within them, and so is every quotient of 28 digits."""


def is_bounded(value: Decimal, places: int = MOST_PLACES) -> bool:
    """Whether a finite number can be written out: ``1e-999999999`` is short and fills the memory with zeros.

    Args:
        places: how many it may reach to either side of its point.
    """
    _sign, digits, exponent = value.as_tuple()
    return (
        isinstance(exponent, int)
        and len(digits) <= MOST_DIGITS
        and exponent >= -places
        and (not value or value.adjusted() <= places)
    )


def _bounded(value: Decimal) -> Decimal:
    if not is_bounded(value):
        raise ValueError(
            f"has more than {MOST_DIGITS} digits, or more than {MOST_PLACES} places before or behind its point"
        )
    return value


def _exact(value: object) -> object:
    """Floats enter decimals by their shortest text (0.1 is 0.1), truth values and endless texts never."""
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    if isinstance(value, str) and len(value) > MOST_DIGITS + 2 * MOST_PLACES:
        raise ValueError(f"has more than {MOST_DIGITS} digits")
    if isinstance(value, int) and abs(value) >= 10**MOST_PLACES * 10:
        raise ValueError(f"has more than {MOST_PLACES} places before its point")
    return Decimal(repr(value)) if isinstance(value, float | int) else value


SMALLEST = Decimal(10) ** -12


def _tiny_is_zero(value: Decimal) -> Decimal:
    """A value below 1e-12 in size is a remainder of float arithmetic, and becomes zero."""
    return Decimal(0) if abs(value) < SMALLEST else value


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A moment in UTC; a naive time is refused."""

Number = Annotated[Decimal, BeforeValidator(_exact), Field(allow_inf_nan=False), AfterValidator(_bounded)]
"""An exact, finite decimal of at most 60 digits: quantities and prices of the money path."""

Positive = Annotated[Number, Field(gt=0)]

Figure = Annotated[Number, AfterValidator(_tiny_is_zero)]
"""A finite exact value of a snapshot. The gate, not this type, judges whether it is computable."""

Size = Annotated[Figure, Field(ge=0)]
"""A figure that is not negative."""

Share = Annotated[Number, Field(ge=0, le=1)]
"""A fraction in [0, 1]; 0.02 is 2 %."""

NAME_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,63}$", re.ASCII)


def _stays(value: str) -> str:
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError("leads out of its folder: no part between two / may be empty, . or ..")
    return value


Name = Annotated[str, Field(pattern=NAME_PATTERN.pattern), AfterValidator(_stays)]
"""An ASCII name of at most 64 characters, safe in a path segment list, a URL and a broker field."""
