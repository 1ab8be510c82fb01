"""Canonical JSON and SHA-256, one helper behind every hash (R-STRAT-30), and the schema's version (R-CFG-20)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel


def canonical_json(value: object) -> str:
    """Sorted keys, no white space, UTF-8; equal values give equal text.

    Decimals are written as normalized strings (``1.50`` and ``1.5`` agree), times as ISO 8601 in UTC, enums by value.

    Raises:
        ValueError: for NaN or infinity, which have no place in anything that is hashed.
        TypeError: for a type that has no canonical form.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_value(value: object) -> Any:
    """The value that its canonical JSON stands for: decimals are texts, sets and tuples are lists."""
    return json.loads(canonical_json(value))


def content_hash(value: object) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _plain(value: object) -> object:
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} cannot be hashed: only finite numbers have a canonical form")
            return value + 0.0  # -0.0 equals 0.0
        case Decimal():
            return decimal_text(value)
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case BaseModel():
            return _plain(value.model_dump(mode="python"))
        case Mapping():
            return {str(_plain(key)): _plain(item) for key, item in value.items()}
        case Set():
            return sorted((_plain(item) for item in value), key=repr)
        case Sequence():
            return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def decimal_text(value: Decimal) -> str:
    """A finite decimal without exponent and without trailing zeros.

    Raises:
        ValueError: for NaN or infinity.
    """
    if not value.is_finite():
        raise ValueError(f"{value} cannot be hashed: only finite numbers have a canonical form")
    text = format(value, "f")  # exact; normalize() would round to the digits of the context
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if value else "0"


SCHEMA_VERSION = "1"
"""Changes whenever a stored table or document changes its form."""
