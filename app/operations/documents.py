"""Replies as JSON documents: decimals as numbers, times as ISO 8601, enums by value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path

import numpy as np
from pydantic import BaseModel, SecretStr


def document(value: object) -> object:
    """The plain form of a reply; numbers that are not finite become null."""
    match value:
        case Enum():
            return document(value.value)
        case None | bool() | str() | int() | np.integer() | float() | np.floating() | Decimal():
            return _scalar(value)
        case datetime() | date():
            return value.isoformat()
        case SecretStr() | Path():
            return str(value)
        case BaseModel():
            return {name: document(getattr(value, name)) for name in type(value).model_fields}
        case Mapping():
            return {str(document(key)): document(item) for key, item in value.items()}
        case AbstractSet():
            return sorted((document(item) for item in value), key=repr)
        case Sequence():
            return [document(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r}")


def _scalar(value: object) -> object:
    match value:
        case float() | np.floating():
            return float(value) if math.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case np.integer():
            return int(value)
    return value
