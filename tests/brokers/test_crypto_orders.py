"""Crypto at Interactive Brokers: its own forms of order, and the gateway that refuses every other one."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ib_async import Contract, Order

from brokers.ibkr.crypto import ceiling
from brokers.ibkr.order_form import order_form
from tests.brokers.desk import ACCOUNT, BTC, Desk, approved, in_loop, open_desk
from tradewright.model.broker import VenueOrder
from tradewright.model.errors import BrokerError, OrderNotAccepted

REF = "intent1.1"


@pytest.mark.parametrize(
    ("order", "kind", "tif", "limit"),
    [
        (approved("BTC", side="SELL", quantity="0.5"), "MKT", "IOC", None),
        (approved("BTC", quantity="0.5"), "LMT", "IOC", 60160),
        (approved("BTC", quantity="0.5", limit_price=5, tif="IOC"), "LMT", "IOC", 5),
        (approved("BTC", quantity="0.5", limit_price=5), "LMT", "Minutes", 5),
    ],
)
def test_the_form_is_one_that_the_venue_takes(order: object, kind: str, tif: str, limit: float | None) -> None:
    form = order_form(order, BTC, REF, 1, Decimal(60160))  # type: ignore[arg-type]
    assert (form.orderType, form.tif, form.totalQuantity) == (kind, tif, "0.5")
    assert form.lmtPrice == (f"{limit}" if limit else Order().lmtPrice)
    assert form.cashQty == Order().cashQty, "an amount of cash buys another quantity than was approved"


@pytest.mark.parametrize(
    ("order", "what"),
    [
        (approved("BTC", quantity="0.5"), "needs the present ask"),
        (approved("BTC", quantity="0.5", limit_price=5, tif="GTC"), "takes no GTC order"),
        (approved("BTC", side="SELL", quantity="0.5", order={"kind": "STOP", "stop_price": 5}), "holds no STOP order"),
    ],
)
def test_what_the_venue_would_refuse_is_refused_before_it_goes_out(order: object, what: str) -> None:
    with pytest.raises(OrderNotAccepted, match=what) as caught:
        order_form(order, BTC, REF, 1)  # type: ignore[arg-type]
    assert caught.value.where == "broker ibkr"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("ask", "tick", "limit"),
    [("60010", "0.01", "60160.02"), ("60010", "0.25", "60160"), ("1", "1", "1"), ("3", "2", "3")],
)
def test_the_limit_of_a_purchase_is_on_a_tick_near_the_ask(ask: str, tick: str, limit: str) -> None:
    assert ceiling(Decimal(ask), Decimal(tick)) == Decimal(limit)


async def known(desk: Desk) -> list[VenueOrder]:
    snapshot = await desk.broker.snapshot()
    return [*snapshot.open_orders, *snapshot.completed_orders]


@in_loop
async def test_a_market_purchase_buys_the_approved_quantity_and_no_more() -> None:
    async with open_desk() as desk:
        order = approved("BTC", quantity="0.5")
        await desk.broker.check(order)
        await desk.place(REF, order)
        (fill,) = (await desk.broker.snapshot()).fills
        assert (fill.quantity, fill.price) == (Decimal("0.5"), 60010)


@in_loop
async def test_a_price_that_runs_away_is_not_followed() -> None:
    async with open_desk() as desk:
        order = approved("BTC", quantity="0.5")
        await desk.broker.check(order)
        desk.quote("BTC", "61000", "61010")
        await desk.place(REF, order)
        (ended,) = await known(desk)
        assert (ended.status.value, ended.filled) == ("CANCELLED", 0)


@in_loop
async def test_without_an_ask_a_market_purchase_is_refused_before_it_is_written_down() -> None:
    async with open_desk() as desk:
        assert desk.gateway is not None
        desk.gateway.hub.faults.market_data = False
        with pytest.raises(BrokerError):
            await desk.broker.check(approved("BTC", quantity="0.5"))
        assert await known(desk) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"orderType": "MKT", "action": "BUY", "totalQuantity": 0.5, "tif": "IOC"}, 10289),
        ({"orderType": "MKT", "action": "BUY", "totalQuantity": 0.5, "cashQty": 100.0, "tif": "IOC"}, 10293),
        ({"orderType": "MKT", "action": "BUY", "cashQty": 100.0, "tif": "DAY"}, 201),
        ({"orderType": "LMT", "action": "BUY", "totalQuantity": 0.5, "lmtPrice": 60010.0, "tif": "DAY"}, 201),
        ({"orderType": "LMT", "action": "BUY", "totalQuantity": 0.5, "lmtPrice": 60010.0, "tif": "GTC"}, 201),
        ({"orderType": "STP", "action": "SELL", "totalQuantity": 0.5, "auxPrice": 60010.0, "tif": "GTC"}, 387),
        ({"orderType": "MKT", "action": "SELL", "totalQuantity": 0.5, "tif": "IOC"}, 201),
        ({"orderType": "MKT", "action": "BUY", "cashQty": 30005.0, "tif": "IOC"}, 0),
        ({"orderType": "LMT", "action": "BUY", "totalQuantity": 0.5, "lmtPrice": 60010.0, "tif": "Minutes"}, 0),
    ],
)
@in_loop
async def test_the_gateway_refuses_what_the_venue_refuses(fields: dict[str, object], code: int) -> None:
    """Codes of public reports: erdewit/ib_insync 407, ib-api-reloaded/ib_async 111, QuantConnect/Lean 9766."""
    async with open_desk() as desk:
        ib, _ = desk.broker._connection.linked()  # type: ignore[attr-defined]
        errors: list[int] = []
        ib.errorEvent += lambda _request, number, *_more: errors.append(number)
        form = Order(orderId=ib.client.getReqId(), account=ACCOUNT, orderRef=REF, **fields)
        ib.placeOrder(Contract(symbol="BTC", secType="CRYPTO", exchange="PAXOS", currency="USD"), form)
        orders = await known(desk)
        assert [number for number in errors if number < 2000 or number > 10000] == ([code] if code else [])
        assert [order.filled for order in orders] == ([] if code else [Decimal("0.5")])
