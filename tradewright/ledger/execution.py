"""One execution, and what became of a report of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from tradewright.model.order import Side


class Recorded(StrEnum):
    """What became of a reported execution."""

    NEW = "NEW"
    SEEN = "SEEN"
    QUARANTINED = "QUARANTINED"
    """A correction of one that is there: kept, but not counted until it is ruled on (fault 13)."""
    DIFFERS = "DIFFERS"
    """The id is there with another content: nothing is changed, and it is an alarm."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One stored execution.

    Args:
        ref: our attempt, None for an order that is not ours.
        counts: whether it is part of the position.
        fee: None until the venue reports it; the newest report counts.
        fee_currency: empty while it is not known.
    """

    exec_id: str
    base_id: str
    ref: str | None
    perm_id: int
    account: str
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    time: datetime
    quarantined: bool
    recorded_at: datetime
    counts: bool
    fee: Decimal | None
    fee_currency: str = ""

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a purchase."""
        return self.quantity * self.side.sign
