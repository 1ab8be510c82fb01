"""Fills of a rehearsal beside the backtest's: what belongs together, what is missing on one side, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tradewright.oversight.parity import NOTHING_HELD, PRICE_DIFFERS, TAKEN_OVER, UNEXPLAINED, ParityFill, compare

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)


def fill(minute: int, side: int, price: str = "100", quantity: str = "1", instrument: str = "BTC") -> ParityFill:
    bar = BEGAN + timedelta(minutes=minute)
    return ParityFill(bar, instrument, side, Decimal(quantity), Decimal(price), allowance_bps=100.0)


def test_fills_of_one_bar_and_side_belong_together_whatever_their_quantities() -> None:
    made = compare([fill(1, 1), fill(2, -1)], [fill(2, -1, "99"), fill(1, 1, "101", "0.1")], {}, BEGAN)
    assert [row.difference_bps for row in made.rows] == [100.0, 100.0], "bought dearer, sold cheaper"
    assert (made.matched, made.median_difference_bps, made.unexplained, made.reasons()) == (2, 100.0, 0, {})


def test_prices_that_nothing_explains_are_named() -> None:
    made = compare([fill(1, 1), fill(2, -1)], [fill(1, 1, "101.01"), fill(2, -1, "101.01")], {}, BEGAN)
    assert [row.reasons for row in made.rows] == [(PRICE_DIFFERS,), (PRICE_DIFFERS,)], "too good is no better"
    assert (made.matched, made.unexplained) == (2, 2)


def test_a_refusal_explains_an_entry_and_the_exit_that_follows_it() -> None:
    refusals = {("BTC", BEGAN + timedelta(minutes=1)): ["MAX_SIZE", "MAX_SIZE"]}
    made = compare([fill(1, 1), fill(5, -1), fill(7, 1)], [fill(7, 1)], refusals, BEGAN)
    assert [row.reasons for row in made.rows] == [("MAX_SIZE",), (NOTHING_HELD,), ()]
    assert made.unexplained == 0


@pytest.mark.parametrize(
    ("backtest", "rehearsed"),
    [
        ([fill(1, 1)], []),
        ([], [fill(1, 1)]),
        ([fill(1, 1)], [fill(2, 1)]),
        ([fill(1, 1)], [fill(1, -1)]),
        ([fill(1, 1)], [fill(1, 1, instrument="ETH")]),
        ([fill(1, 1)], [fill(1, 1), fill(1, 1)]),
        ([fill(1, 1), fill(5, -1)], [fill(1, 1)]),
    ],
    ids=["not made", "of its own", "late", "other side", "other instrument", "twice", "not closed"],
)
def test_a_difference_without_a_reason_is_named(backtest: list[ParityFill], rehearsed: list[ParityFill]) -> None:
    made = compare(backtest, rehearsed, {}, BEGAN)
    assert made.unexplained >= 1
    assert made.reasons()[UNEXPLAINED] == made.unexplained


def test_a_position_that_stood_before_the_beginning_is_taken_over() -> None:
    made = compare([fill(9, -1)], [fill(0, 1), fill(9, -1)], {}, BEGAN)
    assert [(row.reasons, row.backtest is None) for row in made.rows] == [((TAKEN_OVER,), True), ((), False)]


TAKEN = [fill(0, 1), fill(6, -1), fill(8, 1), fill(9, -1)]


def test_a_trailing_stop_that_began_anew_explains_the_exit_of_what_was_taken_over_and_no_other() -> None:
    """It follows the best price since the entry, which the rehearsal made later than the backtest."""
    made = compare([fill(5, -1), fill(8, 1), fill(9, -1)], TAKEN, {}, BEGAN, trailed={"BTC"})
    assert [row.reasons for row in made.rows] == [(TAKEN_OVER,), (TAKEN_OVER,), (TAKEN_OVER,), (), ()]
    later = compare([fill(6, -1), fill(8, 1), fill(10, -1)], TAKEN, {}, BEGAN, trailed={"BTC"})
    assert [row.reasons for row in later.rows] == [(TAKEN_OVER,), (), (), (UNEXPLAINED,), (UNEXPLAINED,)]


@pytest.mark.parametrize("trailed", [set(), {"ETH"}])
def test_without_one_such_an_exit_has_no_reason(trailed: set[str]) -> None:
    made = compare([fill(5, -1)], [fill(0, 1), fill(6, -1)], {}, BEGAN, trailed=trailed)
    assert made.unexplained == 2
    alone = compare([fill(4, 1), fill(5, -1)], [fill(4, 1), fill(6, -1)], {}, BEGAN, trailed={"BTC"})
    assert alone.unexplained == 2, "nothing was taken over"


def test_nothing_on_either_side_is_sound() -> None:
    made = compare([], [], {}, BEGAN)
    assert (made.rows, made.matched, made.median_difference_bps, made.unexplained) == ((), 0, None, 0)
