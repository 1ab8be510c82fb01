"""Instruments: lots are rounded down, prices to the nearest tick, names follow the venue."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tradewright.model.instrument import AssetClass, Instrument

SEEDED = settings(max_examples=200)
STEPS = st.sampled_from(["1", "10", "100", "0.1", "0.25", "0.005", "0.0001", "0.00000001", "0.03"]).map(Decimal)
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=10)


def instrument(**changes: object) -> Instrument:
    return Instrument.model_validate({"symbol": "X", "asset_class": AssetClass.STOCK} | changes)


@SEEDED
@given(AMOUNTS, STEPS)
def test_a_rounded_quantity_is_the_most_lots_that_fit(quantity: Decimal, lot: Decimal) -> None:
    rounded = instrument(lot_size=lot).round_quantity(quantity)
    exact, got, step = Fraction(quantity), Fraction(rounded), Fraction(lot)
    assert (got / step).denominator == 1
    assert abs(got) <= abs(exact) < abs(got) + step
    assert got == 0 or (got > 0) == (exact > 0)


@SEEDED
@given(AMOUNTS, STEPS)
def test_a_rounded_price_is_the_nearest_tick(price: Decimal, tick: Decimal) -> None:
    rounded = instrument(tick_size=tick).round_price(price)
    got, step = Fraction(rounded), Fraction(tick)
    distance = abs(got - Fraction(price))
    assert (got / step).denominator == 1
    assert distance <= step / 2
    if distance == step / 2:
        assert (got / step).numerator % 2 == 0, "ties go to the even tick"


@SEEDED
@given(AMOUNTS, STEPS)
def test_what_was_rounded_stays(value: Decimal, step: Decimal) -> None:
    made = instrument(lot_size=step, tick_size=step)
    quantity, price = made.round_quantity(value), made.round_price(value)
    assert made.round_quantity(quantity) == quantity
    assert made.round_price(price) == price
    assert made.on_lot(quantity)
    assert made.on_tick(price)


@SEEDED
@given(st.integers(min_value=-(10**6), max_value=10**6), STEPS)
def test_whole_lots_and_ticks_are_left_alone(count: int, step: Decimal) -> None:
    made = instrument(lot_size=step, tick_size=step)
    assert made.round_quantity(count * step) == count * step
    assert made.round_price(count * step) == count * step
    assert made.on_lot(count * step)
    assert not made.on_lot(count * step + step / 2)
    assert not made.on_tick(count * step - step / 4)


@pytest.mark.parametrize(
    ("lot", "quantity", "rounded"),
    [
        ("1", "0.999", "0"),
        ("1", "-0.999", "0"),
        ("1", "7.5", "7"),
        ("1", "-7.5", "-7"),
        ("100", "199.99", "100"),
        ("0.0001", "0.00019", "0.0001"),
        ("0.1", "0.3", "0.3"),
        ("0.03", "0.1", "0.09"),
    ],
)
def test_quantities_by_hand(lot: str, quantity: str, rounded: str) -> None:
    assert instrument(lot_size=lot).round_quantity(Decimal(quantity)) == Decimal(rounded)


def test_a_quantity_of_many_digits_is_not_rounded_up() -> None:
    almost = Decimal("0." + "9" * 40)
    assert instrument().round_quantity(almost) == 0
    assert instrument().round_quantity(almost.copy_negate()) == 0


@pytest.mark.parametrize(
    ("tick", "price", "rounded"),
    [
        ("0.01", "1.005", "1.00"),
        ("0.01", "1.015", "1.02"),
        ("0.01", "1.0151", "1.02"),
        ("0.25", "4500.125", "4500.00"),
        ("0.25", "4500.375", "4500.50"),
        ("0.25", "-37.60", "-37.50"),
        ("0.00005", "1.10007", "1.10005"),
    ],
)
def test_prices_by_hand(tick: str, price: str, rounded: str) -> None:
    assert instrument(tick_size=tick).round_price(Decimal(price)) == Decimal(rounded)


@pytest.mark.parametrize("field", ["tick_size", "lot_size", "multiplier"])
@pytest.mark.parametrize("value", [0, -1, "NaN", "Infinity", True])
def test_a_step_is_above_zero(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        instrument(**{field: value})


@pytest.mark.parametrize("spread", [-0.1, float("nan"), float("inf")])
def test_a_spread_is_not_negative(spread: float) -> None:
    with pytest.raises(ValidationError):
        instrument(default_spread_bps=spread)


@pytest.mark.parametrize("currency", ["usd", "US", "USDOLLAR", "", "U1D", "USD "])
def test_a_currency_is_written_in_capitals(currency: str) -> None:
    with pytest.raises(ValidationError):
        instrument(currency=currency)


def test_a_symbol_is_text_even_where_yaml_would_read_a_truth_value() -> None:
    assert instrument(symbol="ON").symbol == "ON"
    with pytest.raises(ValidationError):
        instrument(symbol=True)


def test_the_name_at_a_venue_is_ours_unless_told() -> None:
    made = instrument(symbol="BTC", venue_symbols={"ibkr": "BTC.USD-PAXOS"})
    assert made.venue_symbol("ibkr") == "BTC.USD-PAXOS"
    assert made.venue_symbol("sim") == "BTC"


def test_the_defaults_are_those_of_a_us_stock() -> None:
    made = instrument()
    assert (made.currency, made.exchange, made.calendar) == ("USD", "SMART", "XNYS")
    assert (made.tick_size, made.lot_size, made.multiplier) == (Decimal("0.01"), 1, 1)
    assert (made.negative_prices, made.shortable, made.liquid) == (False, False, True)
