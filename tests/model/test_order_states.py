"""The state tables of orders and attempts, written out a second time from R-EXEC-06 and C-23."""

from __future__ import annotations

import itertools

import pytest

from tradewright.model.order import ORDER_STATE_OF_ATTEMPT, ORDER_TRANSITIONS, AttemptState, OrderState

MATRIX = """
                  NEW ACC PAR CPE FIL REJ CAN
NEW                .   x   .   .   .   x   x
ACCEPTED           .   .   x   x   x   x   x
PARTIALLY_FILLED   .   .   x   x   x   .   x
CANCEL_PENDING     .   x   x   .   x   .   x
FILLED             .   .   .   .   .   .   .
REJECTED           .   .   .   .   .   .   .
CANCELLED          .   .   .   .   .   .   .
"""
COLUMNS = [
    OrderState.NEW,
    OrderState.ACCEPTED,
    OrderState.PARTIALLY_FILLED,
    OrderState.CANCEL_PENDING,
    OrderState.FILLED,
    OrderState.REJECTED,
    OrderState.CANCELLED,
]
ROWS = {
    OrderState(line.split()[0]): dict(zip(COLUMNS, line.split()[1:], strict=True))
    for line in MATRIX.strip().splitlines()[1:]
}
ENDS = {OrderState.FILLED, OrderState.REJECTED, OrderState.CANCELLED}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(COLUMNS, COLUMNS)))
def test_every_cell_of_the_matrix(before: OrderState, after: OrderState) -> None:
    assert (after in ORDER_TRANSITIONS[before]) == (ROWS[before][after] == "x")


def test_the_matrix_is_whole() -> None:
    assert set(ROWS) == set(ORDER_TRANSITIONS) == set(OrderState) == set(COLUMNS)


def test_exactly_the_last_three_states_end() -> None:
    assert {state for state, following in ORDER_TRANSITIONS.items() if not following} == ENDS


def test_every_state_can_still_reach_an_end_and_none_returns_to_the_beginning() -> None:
    for state in OrderState:
        reached, frontier = {state}, [state]
        while frontier:
            for following in ORDER_TRANSITIONS[frontier.pop()] - reached:
                reached.add(following)
                frontier.append(following)
        assert reached & ENDS
        assert (OrderState.NEW in reached) == (state is OrderState.NEW)


def test_a_part_that_was_filled_cannot_be_rejected_away() -> None:
    assert OrderState.REJECTED not in ORDER_TRANSITIONS[OrderState.PARTIALLY_FILLED]
    assert OrderState.REJECTED not in ORDER_TRANSITIONS[OrderState.CANCEL_PENDING]


def test_a_fill_may_overtake_a_cancel() -> None:
    assert OrderState.FILLED in ORDER_TRANSITIONS[OrderState.CANCEL_PENDING]
    assert OrderState.PARTIALLY_FILLED in ORDER_TRANSITIONS[OrderState.CANCEL_PENDING]


ATTEMPTS = {
    "CLAIMED": ("NEW", False),
    "SENDING": ("NEW", False),
    "UNKNOWN": ("NEW", False),
    "ACKED": ("ACCEPTED", False),
    "WORKING": ("ACCEPTED", False),
    "PARTIAL": ("PARTIALLY_FILLED", False),
    "CANCEL_REQUESTED": ("CANCEL_PENDING", False),
    "FILLED": ("FILLED", True),
    "CANCELLED": ("CANCELLED", True),
    "EXPIRED": ("CANCELLED", True),
    "REJECTED": ("REJECTED", True),
    "NOT_SENT": (None, True),
}


@pytest.mark.parametrize("attempt", list(AttemptState))
def test_each_attempt_has_its_order_state_and_its_end(attempt: AttemptState) -> None:
    order, ended = ATTEMPTS[attempt.value]
    state = ORDER_STATE_OF_ATTEMPT[attempt]
    assert (None if state is None else state.value) == order
    assert attempt.terminal is ended


def test_an_attempt_ends_exactly_where_its_order_does() -> None:
    for attempt, state in ORDER_STATE_OF_ATTEMPT.items():
        assert attempt.terminal == (state is None or state in ENDS)


def test_what_is_in_doubt_has_not_ended() -> None:
    for attempt in (AttemptState.CLAIMED, AttemptState.SENDING, AttemptState.UNKNOWN):
        assert not attempt.terminal
