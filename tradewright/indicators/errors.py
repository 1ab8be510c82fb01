"""Why an indicator cannot be computed."""

from __future__ import annotations

from tradewright.model.errors import ConfigError


class UnknownIndicator(ConfigError):
    """No indicator has this name."""


class IndicatorArguments(ConfigError):
    """An indicator got the wrong number of arguments, or a value that its rule forbids."""
