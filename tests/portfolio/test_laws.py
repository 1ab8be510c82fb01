"""Laws of the portfolio: whatever is held and asked for, the intents lead there and no further."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portfolio.test_intents import ACCOUNT, BAR, CLOSED, portfolio, signal
from tradewright.model.base import Name
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.portfolio.identity import Leg, intent_id, manual_intent_id, signal_id
from tradewright.portfolio.intents import intents_of, manual_intent, propose
from tradewright.portfolio.position_size import quantity_of, size_pct_of
from tradewright.portfolio.state import PortfolioState, drawdown

SEEDED = settings(max_examples=150)
HELD = st.integers(min_value=-500, max_value=500)
TARGETS = st.sampled_from([-1.0, -0.3, 0.0, 0.3, 1.0])
ACTIONS = {-1: "SELL", 0: "CLOSE", 1: "BUY"}
PRICES = st.decimals(min_value="0.01", max_value=5000, places=2)
SHARES = st.sampled_from([0.0, 0.001, 0.02, 0.5, 1.0])


def sign(number: float | Decimal) -> int:
    return (number > 0) - (number < 0)


def after(held: int, intents: tuple[Intent, ...]) -> Decimal:
    return held + sum((each.terms.side.sign * each.terms.quantity for each in intents), Decimal(0))


def asked(target: float, price: Decimal, share: float, **changes: Any) -> Any:
    guards = {"stop": None, "take_profit": None}
    action = ACTIONS[sign(target)]
    return signal(candidate_action=action, target=target, price=price, size_pct=share, **guards, **changes)


@SEEDED
@given(HELD, TARGETS, PRICES, SHARES)
def test_the_intents_lead_to_the_side_asked_for(held: int, target: float, price: Decimal, share: float) -> None:
    intents = intents_of(asked(target, price, share), portfolio(AAPL=held), CLOSED)
    then = after(held, intents)
    if target == 0:
        assert then == 0
    elif sign(held) == sign(target):
        assert intents == (), "positions are not topped up"
    else:
        assert sign(then) == (sign(target) if share else 0)
    assert len(intents) <= 2
    assert all(each.terms.quantity > 0 for each in intents)


@SEEDED
@given(HELD, TARGETS, PRICES, SHARES)
def test_a_closing_never_crosses_zero_and_an_opening_never_exceeds_its_share(
    held: int, target: float, price: Decimal, share: float
) -> None:
    owned = portfolio(AAPL=held)
    for each in intents_of(asked(target, price, share), owned, CLOSED):
        if each.reduce_only:
            assert each.terms.side is (Side.SELL if held > 0 else Side.BUY)
            assert each.terms.quantity == abs(held)
        else:
            worth = Fraction(each.terms.quantity) * Fraction(price)
            assert worth <= Fraction(owned.equity) * Fraction(Decimal(repr(share)))


@SEEDED
@given(st.lists(st.tuples(HELD, TARGETS), min_size=1, max_size=6))
def test_exits_go_first_and_each_kind_keeps_its_order(requests: list[tuple[int, float]]) -> None:
    symbols = ["AAPL", "BTC", "DAX"]
    owned = portfolio(rates={"EUR": Decimal(1)}, **dict.fromkeys(symbols, requests[0][0]))
    signals = [
        (asked(target, Decimal(50), 0.02, instrument=symbols[i % 3], strategy=f"s{i}"), CLOSED)
        for i, (_, target) in enumerate(requests)
    ]
    proposed = propose(signals, owned)
    single = [each for signal, at in signals for each in intents_of(signal, owned, at)]
    assert [each.reduce_only for each in proposed] == sorted((each.reduce_only for each in proposed), reverse=True)
    for kind in (True, False):
        assert [e for e in proposed if e.reduce_only is kind] == [e for e in single if e.reduce_only is kind]


@SEEDED
@given(HELD, TARGETS, PRICES)
def test_the_same_signal_gives_the_same_intents(held: int, target: float, price: Decimal) -> None:
    proposal = asked(target, price, 0.02)
    assert intents_of(proposal, portfolio(AAPL=held), CLOSED) == intents_of(proposal, portfolio(AAPL=held), CLOSED)


@pytest.mark.parametrize("factor", [2, 10, 1000])
def test_money_in_another_currency_buys_the_same_units(factor: int) -> None:
    plain, richer = portfolio(77_777), portfolio(77_777 * factor)
    for price in ("0.37", "12.5", "299.99"):
        for share in ("0.01", "0.333", "1"):
            one = quantity_of(plain, "AAPL", Decimal(share), Decimal(price))
            assert quantity_of(richer, "AAPL", Decimal(share), Decimal(price) * factor) == one


@pytest.mark.parametrize(("rate", "units"), [("1", 400), ("0.5", 800), ("2", 200), ("1.25", 320)])
def test_a_rate_is_account_money_per_foreign_unit(rate: str, units: int) -> None:
    owned = portfolio(rates={"EUR": Decimal(rate)})
    assert owned.unit_value("DAX", Decimal(50)) == 250 * Decimal(rate)
    assert quantity_of(owned, "DAX", Decimal(1), Decimal(50)) == units


def test_the_accounts_own_currency_needs_no_rate_and_heeds_none() -> None:
    owned = portfolio(rates={"USD": Decimal(7)})
    assert owned.unit_value("AAPL", Decimal(10)) == 10
    assert replace(owned, currency="EUR").unit_value("DAX", Decimal(10)) == 50
    assert replace(owned, currency="EUR", rates={}).unit_value("AAPL", Decimal(10)) is None


def test_a_negative_price_is_sized_by_its_distance_from_zero() -> None:
    assert quantity_of(portfolio(), "AAPL", Decimal("0.01"), Decimal(-40)) == 25
    assert size_pct_of(portfolio(), "AAPL", Decimal(25), Decimal(-40)) == 0.01


@SEEDED
@given(st.lists(st.integers(-100, 1000), max_size=12))
def test_the_drawdown_is_what_a_search_finds(equity: list[int]) -> None:
    found = drawdown([Decimal(value) for value in equity])
    if not equity or max(equity) <= 0:
        assert found is None
        return
    assert found is not None
    assert found == pytest.approx(Decimal(max(equity) - equity[-1]) / max(equity))
    assert found >= 0


IDS = re.compile(r"[a-z0-9]{4,28}")


@SEEDED
@given(st.text(min_size=1), st.datetimes(min_value=BAR.replace(tzinfo=None)))
def test_ids_are_safe_whatever_they_are_made_of(text: str, moment: Any) -> None:
    at = moment.replace(tzinfo=BAR.tzinfo)
    of_signal = intent_id(signal(strategy_hash=text, bar_ts=at), Leg.OPEN, ACCOUNT)
    for made in (manual_intent_id(text, ACCOUNT), of_signal):
        assert IDS.fullmatch(made)
    pattern = Name.__metadata__[0].metadata[0].pattern  # type: ignore[attr-defined]
    assert re.fullmatch(pattern.strip("^$"), signal_id(text, text, at, text, text))


def test_a_persons_key_and_a_strategys_signal_never_share_an_id() -> None:
    ids = {manual_intent_id(str(number), ACCOUNT) for number in range(200)}
    bars = [BAR + timedelta(minutes=number) for number in range(200)]
    ids |= {intent_id(signal(bar_ts=at), leg, ACCOUNT) for at in bars for leg in Leg}
    assert len(ids) == 600


@pytest.mark.parametrize("key", ["", " ", "\t\n"])
def test_a_blank_key_is_refused_before_anything_else(key: str) -> None:
    from tradewright.model.errors import DataError

    terms = OrderTerms(instrument="NOPE", side=Side.BUY, quantity=Decimal(1))
    with pytest.raises(DataError) as caught:
        manual_intent(key, terms, PortfolioState(Decimal(1), {}, {}), Decimal(1), CLOSED)
    assert (caught.value.where, caught.value.remedy) == ("manual intent", "give each order its own key")
