"""One attempt: a try to send one leg of an approved order, its events, and its state machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from tradewright.ledger.errors import IllegalTransition
from tradewright.model.order import ORDER_STATE_OF_ATTEMPT, AttemptState, Leg, OrderState, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to send one leg of an approved order; the legs of a group are claimed, written down and sent together.

    Args:
        ref: ``<intent>.<number>[.<leg>]``, what the venue stores with the order; never reused.
        leg: the part that it plays in its group; an order of one leg is an entry.
        holder: the sender that claimed it.
        session, order_id: the connection it was sent on and its number there; empty and None before S4.
        sending_at: when it was written down before the send (S4); None means that it provably never went out.
        spent: whether its approval authorises no further attempt.
    """

    ref: str
    intent_id: str
    decision_id: str
    number: int
    leg: Leg
    strategy: str
    account: str
    instrument: str
    side: Side
    quantity: Decimal
    tif: TimeInForce
    payload_hash: str
    state: AttemptState
    holder: str
    session: str
    order_id: int | None
    claimed_at: datetime
    sending_at: datetime | None
    spent: bool

    @property
    def order_state(self) -> OrderState | None:
        """Where the order stands as the world sees it; None when there is no order."""
        return ORDER_STATE_OF_ATTEMPT[self.state]

    @property
    def is_protective(self) -> bool:
        """Whether it only closes what the entry of its group opens."""
        return self.leg is not Leg.ENTRY

    @property
    def entry_ref(self) -> str:
        """The reference of the entry of its group: its own for an entry."""
        return f"{self.intent_id}.{self.number}"


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """One step of an attempt, never changed (R-EXEC-11)."""

    ref: str
    state: AttemptState
    reason: str
    at: datetime


_S = AttemptState

ATTEMPT_TRANSITIONS: dict[AttemptState, frozenset[AttemptState]] = {
    _S.CLAIMED: frozenset({_S.SENDING, _S.NOT_SENT, _S.EXPIRED}),
    _S.SENDING: frozenset({_S.ACKED, _S.UNKNOWN, _S.NOT_SENT, _S.REJECTED, _S.CANCELLED}),
    _S.UNKNOWN: frozenset({_S.ACKED, _S.NOT_SENT, _S.REJECTED, _S.CANCELLED}),
    _S.ACKED: frozenset({_S.WORKING, _S.PARTIAL, _S.FILLED, _S.CANCEL_REQUESTED, _S.CANCELLED, _S.REJECTED}),
    _S.WORKING: frozenset({_S.PARTIAL, _S.FILLED, _S.CANCEL_REQUESTED, _S.CANCELLED, _S.REJECTED}),
    _S.PARTIAL: frozenset({_S.FILLED, _S.CANCEL_REQUESTED, _S.CANCELLED}),
    _S.CANCEL_REQUESTED: frozenset({_S.WORKING, _S.PARTIAL, _S.FILLED, _S.CANCELLED}),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.NOT_SENT: frozenset({_S.ACKED}),
}
"""Every step of an attempt; seen through ``ORDER_STATE_OF_ATTEMPT`` each one is a step of C-23 or none."""


def steps(present: AttemptState, wanted: AttemptState) -> tuple[AttemptState, ...]:
    """The states to pass through: none when it is there already, through ``ACKED`` where the venue skipped it.

    An order that the venue knows although our write-ahead is lost (only a damaged disk does that) passes ``SENDING``.

    Raises:
        IllegalTransition: when there is no way, such as out of a terminal state.
    """
    if present is wanted:
        return ()
    if wanted in ATTEMPT_TRANSITIONS[present]:
        return (wanted,)
    if AttemptState.ACKED in ATTEMPT_TRANSITIONS[present] and wanted in ATTEMPT_TRANSITIONS[AttemptState.ACKED]:
        return (AttemptState.ACKED, wanted)
    if present is AttemptState.CLAIMED:
        return (AttemptState.SENDING, *steps(AttemptState.SENDING, wanted))
    raise IllegalTransition(
        f"no way from {present} to {wanted}", remedy="the venue contradicts the ledger: reconcile, then decide by hand"
    )


def replay(states: list[AttemptState]) -> AttemptState:
    """The present state, computed from an attempt's events alone.

    Raises:
        IllegalTransition: when the events are not a walk from ``CLAIMED`` along the table.
    """
    if not states or states[0] is not AttemptState.CLAIMED:
        raise IllegalTransition(f"an attempt begins as CLAIMED, not as {states[:1]}")
    for present, following in pairwise(states):
        if following not in ATTEMPT_TRANSITIONS[present]:
            raise IllegalTransition(f"no way from {present} to {following}")
    return states[-1]
