"""The base of every frozen value, and the number types they share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class FrozenModel(BaseModel):
    """An immutable value: unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone; times are stored in UTC")
    return value.astimezone(UTC)


def _exact(value: object) -> object:
    """Floats enter decimals by their shortest text (0.1 is 0.1), truth values never."""
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    return Decimal(repr(value)) if isinstance(value, float | int) else value


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A moment in UTC; a naive time is refused."""

Number = Annotated[Decimal, BeforeValidator(_exact), Field(allow_inf_nan=False)]
"""An exact, finite decimal: quantities and prices of the money path."""

Positive = Annotated[Number, Field(gt=0)]

NAME_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,63}$", re.ASCII)
Name = Annotated[str, Field(pattern=NAME_PATTERN.pattern)]
"""An ASCII name of at most 64 characters, safe in a path segment list, a URL and a broker field."""
