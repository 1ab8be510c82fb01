"""The base of every group's schema, and the value types they share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class ConfigModel(BaseModel):
    """Frozen; unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("must be a time zone of the IANA database, such as Asia/Jerusalem") from error
    return value


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
