"""Groups ``mode``, ``stage``, ``storage``, ``broker``, ``llm`` and ``observability``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr

from brokers.base import VenueSettings
from brokers.discovery import plugins
from conf.schema.group import AboveZero, Group, Zone, one_of
from tradewright.model.base import Positive
from tradewright.model.mode import Mode, Stage


class ModeSettings(Group):
    """``mode``."""

    name: Mode


class StageSettings(Group):
    """``stage``."""

    name: Stage
    manual_approval: bool
    max_trade_value: Positive | None
    max_daily_loss: Positive | None


class StorageSettings(Group):
    """``storage``."""

    kind: Literal["local", "postgres"]
    root: Annotated[str, Field(min_length=1)]
    cache_dir: str | None
    ledger_url: SecretStr | None


if TYPE_CHECKING:
    BrokerSettings = VenueSettings
else:
    BrokerSettings = one_of(made.settings for made in plugins().values())
    """The settings of every broker plug-in; ``kind`` tells them apart."""


class ExecutionSettings(Group):
    """``execution``: see ``tradewright.execution.types`` for the meaning."""

    acknowledge: AboveZero
    settle: AboveZero
    absence: AboveZero
    poll: AboveZero
    lease: AboveZero
    claim: AboveZero
    max_skew: AboveZero
    broker_zone: Zone


class BudgetSettings(Group):
    """``llm.budget``."""

    tokens: Annotated[int, Field(ge=0)]
    time_ms: Annotated[int, Field(ge=0)]


class LlmSettings(Group):
    """``llm``."""

    provider: Literal["off"]
    instruct_model_path: str | None
    embeddings_model_path: str | None
    budget: BudgetSettings


class AlertSettings(Group):
    """``observability.alerts``."""

    enabled: bool
    channels: tuple[str, ...]


class ServeSettings(Group):
    """``observability.serve``."""

    host: Literal["127.0.0.1", "localhost", "::1"]
    port: Annotated[int, Field(ge=0, le=65535)]


class ObservabilitySettings(Group):
    """``observability``."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    log_retention_days: Annotated[int, Field(ge=1)]
    alerts: AlertSettings
    serve: ServeSettings
