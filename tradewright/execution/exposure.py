"""What is held and what may still be filled, and how large that can become whichever orders are filled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.order import AttemptState, Side

ZERO = Decimal(0)


@dataclass(frozen=True)
class WorkingOrder:
    """What is left of an order that may still be filled, in units; ``strategy`` is empty for an order not ours."""

    instrument: str
    side: Side
    quantity: Decimal
    strategy: str


class PositionRange(NamedTuple):
    """The signed units of one instrument at the least and at the most, whichever of its open orders are filled.

    An open sale may never be filled, so it makes no room for a purchase; and the reverse.
    """

    low: Decimal
    high: Decimal

    @property
    def widest(self) -> Decimal:
        """The largest holding that can come of it, in either direction."""
        return max(abs(self.low), abs(self.high))


def position_ranges(held: Mapping[str, Decimal], waiting: Iterable[WorkingOrder]) -> dict[str, PositionRange]:
    """The span of every instrument that is held or waited for."""
    found = {name: PositionRange(units, units) for name, units in held.items() if units}
    for row in waiting:
        low, high = found.get(row.instrument, PositionRange(ZERO, ZERO))
        bought, sold = (row.quantity, ZERO) if row.side is Side.BUY else (ZERO, row.quantity)
        found[row.instrument] = PositionRange(low - sold, high + bought)
    return found


def units_held(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> dict[str, Decimal]:
    """Signed units held, by instrument: the venue's word, and what was filled since it was given.

    A snapshot may be some seconds old when an order is sent, and the order before it may have been filled meanwhile.
    """
    units = {row.instrument: row.quantity for row in snapshot.positions}
    told = {fill.exec_id for fill in snapshot.fills}
    for row in ledger.executions.recorded_since(account, snapshot.taken_at):
        if row.counts and row.exec_id not in told:
            units[row.instrument] = units.get(row.instrument, ZERO) + row.signed_quantity
    return {name: quantity for name, quantity in units.items() if quantity}


def working_orders(ledger: Ledger, account: str, snapshot: BrokerSnapshot, excluding: str = "") -> list[WorkingOrder]:
    """Every order that may still be filled: sent, approved and unsent, and at the venue without our doing.

    Protective legs are left out: they only close what is held, one of them instead of the other.

    Args:
        excluding: an intent whose orders do not count, because it is the one being judged.
    """
    live = ledger.attempts.live(account)
    found = [
        WorkingOrder(row.instrument, row.side, row.quantity - ledger.executions.filled(row.ref), row.strategy)
        for row in live
        if row.intent_id != excluding and not row.is_protective
    ]
    claimed = {row.decision_id for row in live}
    for sendable in ledger.outbox.sendable(account):
        if sendable.intent_id != excluding and sendable.decision_id not in claimed:
            approved = ledger.outbox.get(sendable.decision_id)
            terms = approved.terms
            found.append(WorkingOrder(terms.instrument, terms.side, terms.quantity, approved.strategy))
    return [row for row in (*found, *_external_orders(ledger, snapshot, {row.ref for row in live})) if row.quantity > 0]


def _external_orders(ledger: Ledger, snapshot: BrokerSnapshot, live: set[str]) -> list[WorkingOrder]:
    """Orders that are open at the venue and not in the ledger: placed elsewhere, or taken for ended.

    An order that ended after the snapshot was taken is not among them; neither is one that is live here.
    """
    found = []
    for order in snapshot.open_orders:
        if order.ref in live or _ended_since(ledger, order.ref, snapshot):
            continue
        found.append(WorkingOrder(order.instrument, order.side, order.quantity - (order.filled or 0), ""))
    return found


def _ended_since(ledger: Ledger, ref: str, snapshot: BrokerSnapshot) -> bool:
    attempt = ledger.attempts.find(ref) if ref else None
    return attempt is not None and ledger.attempts.events(ref)[-1].at >= snapshot.taken_at


def may_have_reached(ledger: Ledger, attempt: Attempt) -> bool:
    """Whether an attempt may have left an order at the venue.

    An attempt that was judged not sent counts again as soon as an execution or a permanent id says otherwise.
    """
    if attempt.sending_at is None:
        return False
    if attempt.state is not AttemptState.NOT_SENT:
        return True
    return bool(ledger.attempts.perm_ids(attempt.ref) or ledger.executions.of_attempt(attempt.ref))
