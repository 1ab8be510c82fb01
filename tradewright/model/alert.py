"""An alert: an event that a person wants to hear of at once, as a text (R-OBS-10)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from tradewright.model.base import FrozenModel, Instant


class Severity(StrEnum):
    """How urgent an alert is."""

    CRITICAL = "CRITICAL"
    """Trading has stopped, or money is at stake: a person must look."""
    WARNING = "WARNING"


class Alert(FrozenModel):
    """One alert.

    Args:
        id: the hash of its event, by which a receiver knows it again.
        seq: the number of its event.
        code: the topic of its event.
    """

    id: str
    seq: int
    at: Instant
    severity: Severity
    code: str
    mode: str
    account: str
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """It as a JSON document."""
        document: dict[str, Any] = self.model_dump(mode="json")
        return document
