"""Whose a holding is: each change of a position, shared out among the strategies and hands that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tradewright.ledger.execution import Execution
from tradewright.model.intent import FLATTEN, MANUAL

_SHARED = frozenset({"", MANUAL, FLATTEN})
"""Owners that act on the whole account: they close what others hold."""
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trade:
    """A change of one owner's holding in one instrument.

    Args:
        owner: the strategy; ``manual``, ``flatten``, or empty where no order of ours brought it.
        quantity: signed units.
        price: of one unit, in the instrument's currency.
        at: when it happened, by the venue's clock.
        fee: None until the venue has told it; 0 of an adjustment.
        fee_currency: empty while it is not known.
        adjusted: whether it is an adjustment of the position, at the price that was given with it.
    """

    owner: str
    instrument: str
    quantity: Decimal
    price: Decimal
    at: datetime
    recorded_at: datetime
    fee: Decimal | None
    fee_currency: str
    adjusted: bool = False

    @classmethod
    def of(cls, row: Execution, owner: str) -> Trade:
        """An execution, as a change of the holding of whose order it was."""
        moments = row.time, row.recorded_at
        return cls(owner, row.instrument, row.signed_quantity, row.price, *moments, row.fee, row.fee_currency)

    @classmethod
    def by_hand(cls, row: Mapping[str, Any]) -> Trade:
        """A row of the table of adjustments."""
        at = row["at"]
        return cls("", row["instrument"], row["quantity"], row["price"], at, at, _ZERO, "", adjusted=True)

    def part(self, owner: str, quantity: Decimal) -> Trade:
        """The part of it that changes the holding of one owner, with its share of the fee."""
        fee = None if self.fee is None else self.fee * quantity / self.quantity
        return replace(self, owner=owner, quantity=quantity, fee=fee)


class Ownership:
    """Who holds how many units of each instrument, followed from change to change.

    A change belongs to the strategy whose order brought it. Other hands (a person's order, a flattening, an order that
    is not ours, an adjustment) close what the same hand had opened, then the oldest holdings on that side.
    """

    def __init__(self) -> None:
        self.holders: dict[str, dict[str, Decimal]] = {}
        """Signed units by instrument and owner, the oldest holding first; an unknown owner has the empty name."""

    def take(self, instrument: str, owner: str, quantity: Decimal) -> list[tuple[str, Decimal]]:
        """Follow one change; gives the owners that it belongs to, each with its part of the signed quantity."""
        owners, left, parts = self.holders.setdefault(instrument, {}), quantity, []
        for name in [owner, *owners] if owner in _SHARED else []:
            units = owners.get(name, _ZERO)
            if units * left < 0:
                closed = max(left, -units) if left < 0 else min(left, -units)
                owners[name], left = units + closed, left - closed
                parts.append((name, closed))
        if left:
            owners[owner] = owners.get(owner, _ZERO) + left
            parts.append((owner, left))
        self.holders[instrument] = {name: units for name, units in owners.items() if units}
        return parts


def shared_out(trades: Iterable[Trade]) -> list[Trade]:
    """Each change, in the order of its recording, as the parts that belong to its owners; the quantities add up."""
    ownership = Ownership()
    return [
        trade.part(owner, quantity)
        for trade in trades
        for owner, quantity in ownership.take(trade.instrument, trade.owner, trade.quantity)
    ]
