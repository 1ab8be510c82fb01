"""Groups ``mode``, ``stage``, ``storage``, ``broker``, ``execution`` and ``observability``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr

from brokers.alerts.channels import Channel
from brokers.base import VenueSettings
from brokers.discovery import plugins
from conf.schema.config_model import AboveZero, ConfigModel, Zone, one_of
from tradewright.model.base import Positive
from tradewright.model.mode import Mode, Stage


class ModeSettings(ConfigModel):
    """``mode``."""

    name: Mode


class StageSettings(ConfigModel):
    """``stage``."""

    name: Stage
    manual_approval: bool
    max_trade_value: Positive | None
    max_daily_loss: Positive | None


class StorageSettings(ConfigModel):
    """``storage``."""

    kind: Literal["local", "postgres"]
    root: Annotated[str, Field(min_length=1)]
    cache_dir: str | None
    quotes_url: SecretStr | None
    ledger_url: SecretStr | None


if TYPE_CHECKING:
    BrokerSettings = VenueSettings
else:
    BrokerSettings = one_of(made.settings for made in plugins().values())
    """The settings of every broker plug-in; ``kind`` tells them apart."""


class ExecutionSettings(ConfigModel):
    """``execution``: see ``tradewright.execution.types`` for the meaning."""

    acknowledge: AboveZero
    settle: AboveZero
    absence: AboveZero
    poll: AboveZero
    lease: AboveZero
    claim: AboveZero
    max_skew: AboveZero
    broker_zone: Zone


class AlertSettings(ConfigModel):
    """``observability.alerts``."""

    enabled: bool
    channels: tuple[Channel, ...]


class ServeSettings(ConfigModel):
    """``observability.serve``."""

    host: Literal["127.0.0.1", "localhost", "::1"]
    port: Annotated[int, Field(ge=0, le=65535)]


class ObservabilitySettings(ConfigModel):
    """``observability``."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    log_retention_days: Annotated[int, Field(ge=1, le=3650)]
    alerts: AlertSettings
    serve: ServeSettings
