"""Groups ``base``, ``universe`` and ``feed``; ``instruments`` and ``events`` are models of the domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from brokers.discovery import plugins, vendors
from brokers.vendors.base import LookBackBars, TicksPerSymbol, VendorSettings
from conf.schema.config_model import ConfigModel, Zone, one_of
from tradewright.model.bars import Timeframe
from tradewright.model.base import Instant, Name


class BaseSettings(ConfigModel):
    """``base``: the values that belong to no group."""

    tz: Zone
    seed: Annotated[int, Field(ge=0)]


class UniverseSettings(ConfigModel):
    """``universe``."""

    instruments: Annotated[tuple[Name, ...], Field(min_length=1)]
    timeframe: Timeframe
    base_timeframe: Timeframe


class BaseFeedSettings(ConfigModel):
    """Base of every feed's settings; ``kind`` names the feed."""

    kind: str


class BrokerFeedSettings(BaseFeedSettings):
    """Base of the feed of a broker, which reaches beyond this machine."""

    remote_providers: Literal["enabled", "disabled"]
    look_back_bars: LookBackBars
    stale_seconds: Annotated[float, Field(ge=1, le=3600)]
    ticks_per_symbol: TicksPerSymbol = 20
    ticks_of: dict[str, TicksPerSymbol] = Field(default_factory=dict)


class ScenarioFeedSettings(BaseFeedSettings):
    """``feed=scenario``."""

    kind: Literal["scenario"]
    end: Instant | None
    days_1m: Annotated[int, Field(ge=1, le=3650)]
    days_1d: Annotated[int, Field(ge=1, le=36500)]


class FilesFeedSettings(BaseFeedSettings):
    """``feed=files``."""

    kind: Literal["files"]


def _of_brokers() -> list[type[BaseFeedSettings]]:
    """The settings of the feed of each broker that serves historical bars: ``feed=<kind of the broker>``."""
    found: list[type[BaseFeedSettings]] = []
    for kind, made in plugins().items():
        if made.serves_bars:
            only: Any = Literal[kind]  # the kind is known when the plug-ins are
            found.append(create_model(f"{kind.title()}FeedSettings", __base__=BrokerFeedSettings, kind=(only, ...)))
    return found


if TYPE_CHECKING:
    FeedSettings = BaseFeedSettings | VendorSettings
else:
    _of_vendors = (made.settings for made in vendors().values())
    FeedSettings = one_of([ScenarioFeedSettings, FilesFeedSettings, *_of_brokers(), *_of_vendors])
    """The settings of every feed; ``kind`` tells them apart."""
