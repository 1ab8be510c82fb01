"""Order terms, fills and positions."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from tradewright.model.order import Fill, Leg, OrderTerms, OrderType, Position, Side, TimeInForce, TrailingStopOrder

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
PRICE = Decimal("100.5")
KINDS: dict[OrderType, dict[str, object]] = {
    OrderType.MARKET: {},
    OrderType.LIMIT: {"limit_price": PRICE},
    OrderType.STOP: {"stop_price": PRICE},
    OrderType.STOP_LIMIT: {"stop_price": PRICE, "limit_price": PRICE + 1},
    OrderType.TRAILING_STOP: {"amount": Decimal("1.5")},
    OrderType.MARKET_ON_OPEN: {},
    OrderType.MARKET_ON_CLOSE: {},
}
FIRST_VERSION = {
    ("MKT", False, False): OrderType.MARKET,
    ("LMT", True, False): OrderType.LIMIT,
    ("STP", False, True): OrderType.STOP,
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


@pytest.mark.parametrize("kind", OrderType)
def test_each_kind_has_its_own_prices_and_survives_its_text(kind: OrderType) -> None:
    made = terms(order={"kind": kind, **KINDS[kind]})
    assert made.order.kind is kind
    assert made.limit_price == KINDS[kind].get("limit_price")
    assert made.stop_price == KINDS[kind].get("stop_price")
    assert OrderTerms.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("kind", "prices"),
    [
        (kind, {name: price for name, price in prices.items() if name != left_out} | added)
        for kind, prices in KINDS.items()
        for left_out, added in (*((name, {}) for name in prices), ("", {"colour": 1}))
    ],
)
def test_a_missing_or_a_foreign_price_is_refused(kind: OrderType, prices: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        terms(order={"kind": kind, **prices})


@pytest.mark.parametrize(
    ("distance", "ok"),
    [
        ({"amount": 1}, True),
        ({"percent": "2.5"}, True),
        ({"percent": 1, "stop_price": 90}, True),
        ({"amount": 1, "percent": 1}, False),
        ({}, False),
        ({"amount": 0}, False),
        ({"percent": 100}, False),
        ({"percent": -1}, False),
    ],
)
def test_a_trailing_stop_has_one_distance(distance: dict[str, object], ok: bool) -> None:
    if ok:
        made = terms(order={"kind": "TRAILING_STOP", **distance}).order
        assert isinstance(made, TrailingStopOrder)
        assert made.distance(Decimal(200)) == (1 if "amount" in distance else 2 * Decimal(str(distance["percent"])))
        return
    with pytest.raises(ValidationError):
        terms(order={"kind": "TRAILING_STOP", **distance})


@pytest.mark.parametrize("case", list(itertools.product(("MKT", "LMT", "STP"), (False, True), (False, True))), ids=str)
def test_the_flat_form_of_the_first_version_is_read(case: tuple[str, bool, bool]) -> None:
    kind, limit, stop = case
    prices = {"limit_price": PRICE if limit else None, "stop_price": PRICE if stop else None}
    if case in FIRST_VERSION:
        made = terms(order_type=kind, **prices)
        assert made.order.kind is FIRST_VERSION[case]
        assert (made.limit_price is not None, made.stop_price is not None) == (limit, stop)
        assert made.hashed() == terms().model_dump(exclude={"order", "good_till"}) | {"order_type": kind, **prices}
        return
    with pytest.raises(ValidationError):
        terms(order_type=kind, **prices)


def test_two_forms_at_once_are_refused() -> None:
    with pytest.raises(ValidationError, match="either an order or"):
        terms(order={"kind": "MARKET"}, limit_price=1)


@pytest.mark.parametrize("kind", OrderType)
def test_immediate_or_cancel_is_for_orders_that_trade_at_once(kind: OrderType) -> None:
    wanted = {"order": {"kind": kind, **KINDS[kind]}, "tif": "IOC"}
    if kind in (OrderType.MARKET, OrderType.LIMIT):
        assert terms(**wanted).tif is TimeInForce.IOC
        return
    with pytest.raises(ValidationError, match="does not trade at once"):
        terms(**wanted)


def test_a_date_belongs_to_a_good_till_date_order_and_to_no_other() -> None:
    assert terms(tif="GTD", good_till=AT).good_till == AT
    for wrong in ({"tif": "GTD"}, {"good_till": AT}, {"tif": "GTC", "good_till": AT}):
        with pytest.raises(ValidationError, match="needs good_till"):
            terms(**wrong)


@pytest.mark.parametrize("kind", [OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE])
def test_an_auction_order_lives_for_one_auction(kind: OrderType) -> None:
    with pytest.raises(ValidationError, match="one auction"):
        terms(order={"kind": kind}, tif="GTC")


def test_the_longest_reference_of_a_leg_fits_the_venue() -> None:
    ref = "a" * 24 + ".9999"
    assert [leg.reference(ref) for leg in Leg] == [ref, f"{ref}.sl", f"{ref}.tp"]
    assert max(len(leg.reference(ref)) for leg in Leg) <= 32


@pytest.mark.parametrize("quantity", [0, -1, "0.0", "NaN", "Infinity", True])
def test_a_quantity_is_above_zero(quantity: object) -> None:
    with pytest.raises(ValidationError):
        terms(quantity=quantity)


@pytest.mark.parametrize("changes", [{"instrument": ""}, {"side": "buy"}, {"tif": "FOK"}, {"order_type": "MKT "}])
def test_words_that_no_venue_knows_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        terms(**changes)


def test_a_plain_order_is_a_market_order_for_the_day() -> None:
    assert (terms().order.kind, terms().tif) == (OrderType.MARKET, TimeInForce.DAY)


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
