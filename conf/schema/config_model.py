"""The base of every group's schema, and the value types they share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class ConfigModel(BaseModel):
    """Frozen; unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


_RULE = re.compile(r"[A-Za-z]{3,}[+-]?\d")
"""The form of a rule of POSIX, by which ``TZ`` may say offsets instead of a zone."""


def _known_zone(value: str) -> str:
    """The IANA name of a zone. ``TZ`` of POSIX may also be ``:Europe/Paris``, the file of a zone, or ``UTC0``."""
    name = value.removeprefix(":").rpartition("/zoneinfo/")[2]
    if name == "UTC0":
        return "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        rule = "must be a time zone of the IANA database, such as Asia/Jerusalem"
        is_rule = bool(_RULE.match(name))
        raise ValueError(f"{rule}; a rule such as CET-1CEST is none" if is_rule else rule) from error
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
AboveZero = Annotated[float, Field(gt=0)]
Window = Annotated[int, Field(ge=1, le=100_000)]
WallTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Moment = datetime | date


def one_of(models: Iterable[type[BaseModel]]) -> Any:
    """The annotation of a value that is one of several models, told apart by ``kind``."""
    return Annotated[reduce(or_, models), Field(discriminator="kind")]
