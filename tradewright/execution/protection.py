"""Protection: what the protective legs at the venue cover, which of them an order closes, and what they fail to cover.

Protective legs close the holding of their strategy. They commit no exposure and count in no limit on entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.order import Leg
from tradewright.portfolio.intents import RESERVED

ZERO = Decimal(0)


@dataclass(frozen=True)
class Protection:
    """The protective legs of one entry.

    Args:
        uncovered: units that the entry has opened and none of its legs has closed.
    """

    entry: Attempt
    legs: tuple[Attempt, ...]
    uncovered: Decimal

    @property
    def live(self) -> tuple[Attempt, ...]:
        """The legs that the venue may still fill."""
        return tuple(leg for leg in self.legs if not leg.state.terminal)


def protections(ledger: Ledger, account: str) -> list[Protection]:
    """The groups of an account that matter now: with a live leg, or the newest of a strategy in what it holds."""
    held = {row.instrument for row in ledger.executions.positions(account)}
    legs = ledger.attempts.protective(account, held)
    return [_protection(ledger, ref) for ref in dict.fromkeys(leg.entry_ref for leg in legs)]


def _protection(ledger: Ledger, ref: str) -> Protection:
    entry, *legs = ledger.attempts.group(ref)
    closed = sum((ledger.executions.filled(leg.ref) for leg in legs), ZERO)
    return Protection(entry, tuple(legs), ledger.executions.filled(entry.ref) - closed)


def legs_closed_by(ledger: Ledger, order: ApprovedOrder) -> list[Attempt]:
    """The live protective legs whose holding an order closes: those of its strategy on its side of the market.

    A person's own order, and one that flattens, close the holdings of every strategy.
    """
    return [
        attempt
        for attempt in ledger.attempts.live(order.account)
        if attempt.is_protective
        and attempt.sending_at is not None
        and (attempt.instrument, attempt.side) == (order.terms.instrument, order.terms.side)
        and (attempt.strategy == order.strategy or order.strategy in RESERVED)
    ]


def gaps(ledger: Ledger, account: str) -> Iterator[tuple[str, Attempt, str]]:
    """Holdings whose protection is gone, and legs that could open a position, as code, attempt and text."""
    found = protections(ledger, account)
    covered = {_key(group) for group in found if any(leg.leg is Leg.STOP_LOSS for leg in group.live)}
    for group in found:
        units = ledger.executions.units_of(account, group.entry.strategy).get(group.entry.instrument, ZERO)
        holding = max(ZERO, units * group.entry.side.sign)
        stops = [leg for leg in group.legs if leg.leg is Leg.STOP_LOSS and leg.state.terminal]
        if group.uncovered > 0 and holding and stops and _key(group) not in covered:
            units_held = min(holding, group.uncovered)
            text = f"{units_held} held by {group.entry.strategy} have no stop at the venue: it is {stops[0].state}"
            yield "UNPROTECTED", stops[0], text
        if group.live and group.uncovered > holding:
            of = f"{group.entry.strategy} holds {holding}"
            text = f"it would close {group.uncovered}, and {of}: it could open a position"
            yield "PROTECTION_TOO_LARGE", group.live[0], text


def _key(group: Protection) -> tuple[str, str]:
    return group.entry.strategy, group.entry.instrument
