"""From a target weight to orders: once for each rebalance, sales first, never beyond the target."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portfolio.test_intents import ACCOUNT, CLOSED, legs, portfolio, signal
from tests.portfolio.test_laws import ACTIONS, HELD, PRICES, after, sign
from tradewright.model.errors import DataError
from tradewright.model.intent import Intent
from tradewright.model.signal import SignalCandidate
from tradewright.portfolio.identity import Leg, intent_id
from tradewright.portfolio.rebalancing import rebalancing
from tradewright.portfolio.state import PortfolioState

WEIGHTS = st.floats(min_value=-1, max_value=1, allow_nan=False)
SHARES = st.sampled_from([0.0, 0.02, 0.5, 1.0])


def weight(target: float, price: object = 100, share: float = 1.0, **changes: Any) -> SignalCandidate:
    action = ACTIONS[sign(target)]
    guards = {"stop": None, "take_profit": None}
    return signal(
        candidate_action=action, target=target, price=price, size_pct=share, rebalances=True, **guards, **changes
    )


def nothing(_intent_id: str) -> None:
    """No intent is on record."""


def recorded(*intents: Intent) -> Any:
    return {each.intent_id: each for each in intents}.get


@pytest.mark.parametrize(
    ("target", "share", "held", "expected"),
    [
        (0.5, 1.0, 0, [("BUY", 500, False)]),
        (0.5, 0.02, 0, [("BUY", 10, False)]),
        (0.5, 1.0, 200, [("BUY", 300, False)]),
        (0.5, 1.0, 500, []),
        (0.5, 1.0, 700, [("SELL", 200, True)]),
        (0.5, 1.0, -200, [("BUY", 200, True), ("BUY", 500, False)]),
        (-0.5, 1.0, -200, [("SELL", 300, False)]),
        (-0.5, 1.0, -700, [("BUY", 200, True)]),
        (-0.5, 1.0, 200, [("SELL", 200, True), ("SELL", 500, False)]),
        (0.0, 1.0, 200, [("SELL", 200, True)]),
        (0.0, 1.0, -200, [("BUY", 200, True)]),
        (0.0, 1.0, 0, []),
        (0.5, 0.0, 200, [("SELL", 200, True)]),
        (0.0005, 1.0, 200, [("SELL", 200, True)]),
    ],
)
def test_a_holding_is_brought_to_its_weight(
    target: float, share: float, held: int, expected: list[tuple[str, int, bool]]
) -> None:
    assert legs(rebalancing(weight(target, share=share), portfolio(AAPL=held), CLOSED, nothing)) == expected


def test_a_weight_of_less_than_a_lot_leaves_a_trace_where_nothing_is_held() -> None:
    (intent,) = rebalancing(weight(0.0005), portfolio(), CLOSED, nothing)
    assert intent.terms.quantity == Decimal("0.5"), "the gate rejects it by its code"


@pytest.mark.parametrize("target", [0.5, 0.0])
def test_without_equity_or_a_rate_nothing_is_sold_but_what_is_to_be_closed(target: float) -> None:
    for broke in (
        portfolio(equity=0, AAPL=200),
        replace(portfolio(AAPL=200), currency="EUR"),
        portfolio(equity=-5, AAPL=200),
    ):
        expected = [] if target else [("SELL", 200, True)]
        assert legs(rebalancing(weight(target), broke, CLOSED, nothing)) == expected


def test_a_held_signal_and_one_that_contradicts_itself() -> None:
    held = portfolio(AAPL=200)
    assert rebalancing(signal(candidate_action="HOLD", rebalances=True), held, CLOSED, nothing) == ()
    with pytest.raises(DataError, match="sig-1"):
        rebalancing(signal(candidate_action="SELL", target=0.5, rebalances=True), held, CLOSED, nothing)


@settings(max_examples=200)
@given(HELD, WEIGHTS, PRICES, SHARES)
def test_the_orders_lead_to_the_weight_and_no_further(held: int, target: float, price: Decimal, share: float) -> None:
    state = portfolio(AAPL=held)
    made = rebalancing(weight(target, price, share), state, CLOSED, nothing)
    exact = Decimal(repr(target)) * Decimal(repr(share)) * state.equity / price
    whole, then = int(exact), after(held, made)
    if whole == 0:
        assert sign(then) * sign(held) <= 0 or then == 0
    else:
        assert then == whole
    assert [each.reduce_only for each in made] in ([], [True], [False], [True, False])
    reductions = [each for each in made if each.reduce_only]
    assert all(sign(after(held, (each,))) in (0, sign(held)) for each in reductions), "a sale opens no short"
    assert len({each.intent_id for each in made}) == len(made)
    assert all(each.terms.quantity > 0 and each.stop is None for each in made)


@settings(max_examples=200)
@given(HELD, WEIGHTS, PRICES, st.lists(st.tuples(HELD, st.integers(1, 400_000), PRICES), min_size=1, max_size=4))
def test_a_rebalance_is_asked_for_once_whatever_comes(
    held: int, target: float, price: Decimal, later: list[tuple[int, int, Decimal]]
) -> None:
    """Whatever is held afterwards and whatever it is worth: no new order."""
    first = rebalancing(weight(target, price), portfolio(AAPL=held), CLOSED, nothing)
    known = {each.intent_id: each for each in first}
    for units, equity, then in later:
        state = portfolio(equity, AAPL=units)
        assert rebalancing(weight(target, then), state, CLOSED, known.get, proposed=True) == first
        if first:
            assert rebalancing(weight(target, then), state, CLOSED, known.get) == first


def test_after_the_sale_of_a_change_of_sides_the_entry_follows() -> None:
    state, asked = portfolio(AAPL=200), weight(-0.5)
    sale, _entry = rebalancing(asked, state, CLOSED, nothing)
    again = rebalancing(asked, portfolio(), CLOSED, recorded(sale))
    assert legs(again) == [("SELL", 200, True), ("SELL", 500, False)]
    assert again[0] is sale


def test_the_entry_of_a_change_of_sides_allows_for_what_is_held_on_its_side() -> None:
    sale, _entry = rebalancing(weight(-0.5), portfolio(AAPL=200), CLOSED, nothing)
    again = rebalancing(weight(-0.5), portfolio(AAPL=-100), CLOSED, recorded(sale))
    assert legs(again) == [("SELL", 200, True), ("SELL", 400, False)]


def test_a_reduction_is_never_followed_by_an_increase_in_the_same_rebalance() -> None:
    (sale,) = rebalancing(weight(0.5), portfolio(AAPL=700), CLOSED, nothing)
    assert rebalancing(weight(0.5), portfolio(AAPL=100), CLOSED, recorded(sale)) == (sale,)


def test_its_intents_are_those_of_the_legs_of_the_signal() -> None:
    asked = weight(-0.5)
    made = rebalancing(asked, portfolio(AAPL=200), CLOSED, nothing)
    assert [each.intent_id for each in made] == [intent_id(asked, leg, ACCOUNT) for leg in (Leg.CLOSE, Leg.OPEN)]
    assert [each.size_pct for each in made] == [0.2, 0.5]


def test_lots_of_a_fraction() -> None:
    state = PortfolioState(Decimal(1000), {"BTC": Decimal("0.01")}, portfolio().instruments, ACCOUNT)
    (bought,) = rebalancing(weight(1.0, 50_000, instrument="BTC"), state, CLOSED, nothing)
    assert bought.terms.quantity == Decimal("0.01")
