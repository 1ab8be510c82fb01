"""The state machine of attempts, and the way from one state to another."""

from __future__ import annotations

from itertools import pairwise

from tradewright.ledger.errors import IllegalTransition
from tradewright.model.order import AttemptState

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
