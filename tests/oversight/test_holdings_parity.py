"""Holdings of a rehearsal beside those of the backtest: what differs has a reason, or is told as unexplained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradewright.oversight.holdings_parity import SAME_HOLDING, compare_holdings
from tradewright.oversight.parity import PRICE_DIFFERS, UNEXPLAINED, ParityFill

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
LOTS = {"A": Decimal(1), "B": Decimal(1), "C": Decimal(1)}


def fill(bar: int, instrument: str, units: int, price: int = 100, allowance: float = 2.0) -> ParityFill:
    side = 1 if units > 0 else -1
    at = FIRST + timedelta(days=bar)
    return ParityFill(at, instrument, side, Decimal(abs(units)), Decimal(price), allowance)


def reasons(backtest: list[ParityFill], rehearsed: list[ParityFill], **codes: object) -> list[tuple[str, ...]]:
    told = {name: {(inst, FIRST + timedelta(days=bar)): why} for name, (inst, bar, why) in codes.items()}  # type: ignore[misc]
    found = compare_holdings(backtest, rehearsed, told.get("refusals", {}), told.get("cuts", {}), LOTS)
    return [row.reasons for row in found.rows]


BOUGHT = [fill(0, "A", 100), fill(0, "B", 200)]


def test_the_same_holdings_in_another_size_agree() -> None:
    assert reasons(BOUGHT, [fill(0, "A", 10), fill(0, "B", 20)]) == [(), ()]


def test_a_small_fill_of_one_side_alone_that_keeps_the_holding_is_explained() -> None:
    theirs, ours = [*BOUGHT, fill(1, "A", -1)], [*BOUGHT, fill(1, "B", 1)]
    assert reasons(theirs, ours) == [(), (), (SAME_HOLDING,), (SAME_HOLDING,)]


def test_opposite_fills_that_lead_to_the_same_holding_are_two_rows() -> None:
    assert reasons([*BOUGHT, fill(1, "B", -1)], [*BOUGHT, fill(1, "B", 1)])[2:] == [(SAME_HOLDING,), (SAME_HOLDING,)]


def test_a_holding_that_differs_is_unexplained() -> None:
    assert reasons([*BOUGHT, fill(1, "A", -50)], BOUGHT) == [(), (), (UNEXPLAINED,)]
    assert reasons(BOUGHT, [*BOUGHT, fill(1, "A", 50)]) == [(), (), (UNEXPLAINED,)]
    assert reasons(BOUGHT, [fill(0, "A", 100), fill(0, "B", 20)]) == [(UNEXPLAINED,), (UNEXPLAINED,)], (
        "which one is not known"
    )


def test_a_fill_that_only_one_side_makes_at_all_is_unexplained() -> None:
    assert reasons(BOUGHT, []) == [(UNEXPLAINED,)] * 2
    assert reasons([], BOUGHT) == [(UNEXPLAINED,)] * 2


def test_a_price_too_far_away_is_told() -> None:
    assert reasons(BOUGHT, [fill(0, "A", 100, 101), fill(0, "B", 200)]) == [(PRICE_DIFFERS,), ()]


def test_a_refusal_explains_until_the_holding_is_the_same_again() -> None:
    theirs = [*BOUGHT, fill(1, "C", 100), fill(2, "C", -50), fill(3, "C", -50), fill(4, "C", 80)]
    ours = [*BOUGHT]
    told = reasons(theirs, ours, refusals=("C", 1, ["RESTRICTED"]))
    assert told == [(), (), ("RESTRICTED",), ("RESTRICTED",), (SAME_HOLDING,), (UNEXPLAINED,)], "flat again in bar 3"


def test_a_cut_explains_and_is_no_measure_for_the_others() -> None:
    ours = [fill(0, "A", 100), fill(0, "B", 20)]
    assert reasons(BOUGHT, ours, cuts=("B", 0, ["MAX_SIZE"])) == [(), ("MAX_SIZE",)]


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 40)), min_size=1, max_size=8), st.integers(1, 9))
def test_a_rehearsal_that_does_the_same_is_explained_whole(bought: list[tuple[str, int]], factor: int) -> None:
    theirs = [fill(bar, name, units) for bar, (name, units) in enumerate(bought)]
    ours = [fill(bar, name, units * factor) for bar, (name, units) in enumerate(bought)]
    assert set(reasons(theirs, ours)) == {()}
