"""Order terms, fills and positions."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from tradewright.model.order import Fill, OrderTerms, OrderType, Position, Side, TimeInForce

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
PRICE = Decimal("100.5")
FITTING = {
    (OrderType.MARKET, False, False),
    (OrderType.LIMIT, True, False),
    (OrderType.STOP, False, True),
}


def terms(**changes: object) -> OrderTerms:
    return OrderTerms.model_validate({"instrument": "AAPL", "side": Side.BUY, "quantity": 10} | changes)


def fill(exec_id: str = "0001", **changes: object) -> Fill:
    fields: dict[str, object] = {
        "exec_id": exec_id,
        "ref": "abcd.1",
        "perm_id": 7,
        "instrument": "AAPL",
        "side": Side.SELL,
        "quantity": 3,
        "price": 99,
        "time": AT,
        "account": "DU1",
    }
    return Fill.model_validate(fields | changes)


@pytest.mark.parametrize("case", list(itertools.product(OrderType, (False, True), (False, True))), ids=str)
def test_each_type_has_its_own_price_and_no_other(case: tuple[OrderType, bool, bool]) -> None:
    kind, limit, stop = case
    prices = {"limit_price": PRICE if limit else None, "stop_price": PRICE if stop else None}
    if case in FITTING:
        made = terms(order_type=kind, **prices)
        assert (made.limit_price is not None, made.stop_price is not None) == (limit, stop)
        return
    with pytest.raises(ValidationError, match="order needs a"):
        terms(order_type=kind, **prices)


@pytest.mark.parametrize("quantity", [0, -1, "0.0", "NaN", "Infinity", True])
def test_a_quantity_is_above_zero(quantity: object) -> None:
    with pytest.raises(ValidationError):
        terms(quantity=quantity)


@pytest.mark.parametrize("changes", [{"instrument": ""}, {"side": "buy"}, {"tif": "IOC"}, {"order_type": "MKT "}])
def test_words_that_no_venue_knows_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        terms(**changes)


def test_a_plain_order_is_a_market_order_for_the_day() -> None:
    assert (terms().order_type, terms().tif) == (OrderType.MARKET, TimeInForce.DAY)


def test_a_price_may_be_negative_as_those_of_some_futures() -> None:
    assert terms(order_type="LMT", limit_price=-37).limit_price == -37


def test_sides_have_signs() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


@pytest.mark.parametrize(
    ("exec_id", "base"),
    [
        ("0001f4e8.01", "0001f4e8"),
        ("0001f4e8.02", "0001f4e8"),
        ("0001f4e8.65a1b2c3.01.01", "0001f4e8.65a1b2c3.01"),
        ("plain", "plain"),
        ("with.word", "with.word"),
        (".01", ".01"),
        ("", ""),
        ("a.", "a."),
    ],
)
def test_a_correction_shares_the_base_of_what_it_corrects(exec_id: str, base: str) -> None:
    assert fill(exec_id).base_id == base


def test_a_fee_that_is_not_known_yet_is_none_and_not_zero() -> None:
    assert fill().fee is None
    assert fill(fee=0).fee == 0
    assert fill(fee="-0.35").fee == Decimal("-0.35"), "a rebate"


@pytest.mark.parametrize("changes", [{"quantity": 0}, {"quantity": -3}, {"price": "NaN"}, {"time": "2026-01-05T15:00"}])
def test_a_fill_without_size_price_or_zone_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        fill(**changes)


def test_a_position_has_a_sign_and_may_be_flat() -> None:
    assert Position(account="DU1", instrument="AAPL", quantity=Decimal(-5)).quantity == -5
    assert Position(account="DU1", instrument="AAPL", quantity=Decimal(0)).average_price == 0
