"""Groups ``mode``, ``stage``, ``storage``, ``broker``, ``llm`` and ``observability``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from conf.schema.group import AboveZero, Group, Zone
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


class SimBrokerSettings(Group):
    """``broker=sim``."""

    kind: Literal["sim"]
    account: str


class IbkrBrokerSettings(Group):
    """``broker=ibkr``."""

    kind: Literal["ibkr"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    client_id: Annotated[int, Field(ge=1, lt=2**31 - 1)]
    account: str | None
    timeout_s: AboveZero
    key_id: SecretStr | None
    secret: SecretStr | None
    base_url: str | None


BrokerSettings = Annotated[SimBrokerSettings | IbkrBrokerSettings, Field(discriminator="kind")]


class ExecutionSettings(Group):
    """``execution``: see ``tradewright.execution.types`` for the meaning."""

    acknowledge: AboveZero
    settle: AboveZero
    absence: AboveZero
    poll: AboveZero
    lease: AboveZero
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
