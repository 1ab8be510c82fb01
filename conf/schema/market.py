"""Groups ``base``, ``instruments``, ``universe``, ``feed`` and ``events``."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from conf.schema.group import Group, NotNegative, Zone
from tradewright.model.bars import Timeframe
from tradewright.model.base import Instant, Name
from tradewright.model.instrument import AssetClass


class BaseSettings(Group):
    """What belongs to no group."""

    tz: Zone
    seed: Annotated[int, Field(ge=0)]


class InstrumentSettings(Group):
    """One row of ``instruments``; the key is the symbol. See ``tradewright.model.instrument`` for the meaning."""

    asset_class: AssetClass
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3,5}$")] = "USD"
    exchange: str = "SMART"
    calendar: str = "XNYS"
    tick_size: Annotated[Decimal, Field(gt=0)] = Decimal("0.01")
    lot_size: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    multiplier: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    venue_symbols: dict[str, str] = Field(default_factory=dict)
    default_spread_bps: NotNegative = 1.0
    negative_prices: bool = False
    shortable: bool = False
    liquid: bool = True


class UniverseSettings(Group):
    """``universe``."""

    name: Name
    instruments: Annotated[tuple[Name, ...], Field(min_length=1)]
    timeframe: Timeframe
    base_timeframe: Timeframe


class ScenarioFeedSettings(Group):
    """``feed=scenario``."""

    kind: Literal["scenario"]
    remote_providers: Literal["enabled", "disabled"]
    end: Instant | None
    days_1m: Annotated[int, Field(ge=1, le=3650)]
    days_1d: Annotated[int, Field(ge=1, le=36500)]


class FilesFeedSettings(Group):
    """``feed=files``."""

    kind: Literal["files"]
    remote_providers: Literal["enabled", "disabled"]


class IbkrFeedSettings(Group):
    """``feed=ibkr``."""

    kind: Literal["ibkr"]
    remote_providers: Literal["enabled", "disabled"]


FeedSettings = Annotated[ScenarioFeedSettings | FilesFeedSettings | IbkrFeedSettings, Field(discriminator="kind")]

Window = Annotated[int, Field(ge=1, le=100_000)]
WallTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class EventWindow(Group):
    """One event blackout: nothing is bought in ``instrument`` from ``start`` (included) to ``end`` (excluded)."""

    instrument: Name
    start: Instant
    end: Instant
    reason: str


class EventsSettings(Group):
    """``events``."""

    windows: tuple[EventWindow, ...]
