"""What became of an approved order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradewright.model.decision import Reason
from tradewright.model.order import AttemptState


class SendStatus(StrEnum):
    """What became of one approved order in a drain."""

    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    """Sent perhaps; its instrument is frozen until evidence comes. It is never sent again."""
    REFUSED = "REFUSED"
    LOST = "LOST"
    """Another sender had it, or it is no longer to be had: a job must fail on this rather than look successful."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one approved order; ``reasons`` say why it was refused."""

    decision_id: str
    ref: str
    status: SendStatus
    state: AttemptState | None = None
    reasons: tuple[Reason, ...] = ()
