"""The whole of the settings: one frozen, hashable value that travels with every run."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from pydantic import Field

from conf.schema.backtest import BacktestSettings
from conf.schema.config_model import ConfigModel
from conf.schema.market import BaseSettings, FeedSettings, ScenarioFeedSettings, UniverseSettings
from conf.schema.packages import PackagesSettings
from conf.schema.research import (
    EvaluationSettings,
    FeaturesSettings,
    MonteCarloSettings,
    StrategySettings,
    WalkForwardSettings,
)
from conf.schema.schedules import SchedulesSettings
from conf.schema.trading import (
    BrokerSettings,
    ExecutionSettings,
    ModeSettings,
    ObservabilitySettings,
    StageSettings,
    StorageSettings,
)
from tradewright.backtest.engine_digest import engine_digest
from tradewright.model.base import Name
from tradewright.model.certify_limits import CertifyLimits
from tradewright.model.event_calendar import EventCalendar
from tradewright.model.hashing import SCHEMA_VERSION, content_hash
from tradewright.model.instrument import Instrument
from tradewright.model.market_hours import MarketHours
from tradewright.policy.limits import RiskLimits, RuleLimits
from tradewright.quality.thresholds import QualityRules

_PLACES = {"storage", "observability", "schedules", "packages"}
"""Where things are kept, how they are watched, when they run and whose packages are trusted changes no result, so it is
no part of the hash."""


class Settings(ConfigModel):
    """Everything that YAML, the command line and the environment declared."""

    base: BaseSettings
    mode: ModeSettings
    stage: StageSettings
    storage: StorageSettings
    calendars: dict[Name, MarketHours] = Field(default_factory=dict)
    instruments: dict[Name, Instrument]
    universe: UniverseSettings
    feed: FeedSettings
    feeds: dict[Name, FeedSettings] = Field(default_factory=dict, exclude_if=lambda feeds: not feeds)
    """The files of ``conf/feed`` that instruments name as their own, by name; the composition fills them in."""
    features: FeaturesSettings
    strategy: StrategySettings
    backtest: BacktestSettings
    evaluation: EvaluationSettings
    walkforward: WalkForwardSettings
    montecarlo: MonteCarloSettings
    events: EventCalendar
    quality: QualityRules
    policy: RuleLimits
    risk: RiskLimits
    broker: BrokerSettings
    execution: ExecutionSettings
    observability: ObservabilitySettings
    schedules: SchedulesSettings
    certify: CertifyLimits
    packages: PackagesSettings = Field(default_factory=PackagesSettings)

    def with_market_hours(self) -> Self:
        """The same settings, in which each instrument knows the corrections of its calendar."""
        known = {
            symbol: row.model_copy(update={"hours": self.calendars.get(row.calendar)})
            for symbol, row in self.instruments.items()
        }
        return self.model_copy(update={"instruments": known})

    def feed_of(self, symbol: str) -> FeedSettings:
        """The feed of an instrument: its own where its row names one, else the one in force.

        A scenario is the feed of all, because its clock is; an own feed with the values of the one in force is that.
        """
        row = self.instruments.get(symbol)
        if row is None or row.feed is None or isinstance(self.feed, ScenarioFeedSettings):
            return self.feed
        own = self.feeds[row.feed]
        return self.feed if own == self.feed else own

    @cached_property
    def config_hash(self) -> str:
        """SHA-256 of the canonical JSON of all that can change a result; secrets are masked before they are hashed."""
        content = self.model_dump(mode="json", exclude=_PLACES)
        return content_hash({"engine": engine_digest(), "schema": SCHEMA_VERSION, "settings": content})
