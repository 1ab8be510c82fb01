"""Refusals of the sender."""

from __future__ import annotations

from tradewright.model.errors import TradewrightError


class SendRefused(TradewrightError):
    """The sender may not work: another one does, or its settings contradict each other. Nothing was sent."""
