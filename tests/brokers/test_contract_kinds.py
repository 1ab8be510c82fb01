"""Every kind of order and groups of orders, at the simulated venue and at IB at both ends of its versions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.brokers.desk import KINDS, NOON, Desk, approved, bracket, in_loop, open_desk, until
from tradewright.model.broker import VenueOrder
from tradewright.model.errors import BrokerError, NotApproved, OrderNotAccepted
from tradewright.model.order import Leg, OrderType

pytestmark = pytest.mark.parametrize("kind", KINDS)
RESTING: dict[OrderType, dict[str, object]] = {
    OrderType.LIMIT: {"limit_price": 90},
    OrderType.STOP: {"stop_price": 110},
    OrderType.STOP_LIMIT: {"stop_price": 110, "limit_price": 111},
    OrderType.TRAILING_STOP: {"amount": "2.5", "stop_price": "102.25"},
    OrderType.MARKET_ON_OPEN: {},
    OrderType.MARKET_ON_CLOSE: {},
}
REF = "intent1.1"
STOP, TARGET = Leg.STOP_LOSS.reference(REF), Leg.TAKE_PROFIT.reference(REF)


async def opened(desk: Desk) -> dict[str, VenueOrder]:
    return {order.ref: order for order in (await desk.broker.snapshot()).open_orders}


async def ended(desk: Desk) -> dict[str, str]:
    return {order.ref: order.status.value for order in (await desk.broker.snapshot()).completed_orders}


@pytest.mark.parametrize("order_type", RESTING)
@in_loop
async def test_each_kind_rests_is_shown_with_its_prices_and_can_be_cancelled(kind: str, order_type: OrderType) -> None:
    async with open_desk(kind) as desk:
        order = approved(order={"kind": order_type, **RESTING[order_type]})
        await desk.broker.check(order)
        order_id = await desk.place(REF, order)
        await desk.acknowledged(REF)
        await desk.reconnect()
        shown = (await opened(desk))[REF]
        assert (shown.order_type, shown.quantity, shown.filled, shown.held_back) == (order_type, 10, 0, False)
        assert (shown.limit_price, shown.stop_price) == (order.terms.limit_price, order.terms.stop_price)
        await desk.broker.cancel(REF, order_id)
        await until(lambda: desk.states(REF)[-1] == "CANCELLED")
        assert await opened(desk) == {}


@in_loop
async def test_a_stop_limit_order_waits_for_its_limit_once_it_is_triggered(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place(REF, approved(order={"kind": "STOP_LIMIT", "stop_price": 102, "limit_price": 103}))
        desk.quote("AAPL", "103.98", "104.00")
        desk.quote("AAPL", "104.48", "104.50")
        assert (await opened(desk))[REF].filled == 0
        desk.quote("AAPL", "100.98", "101.00")
        await until(lambda: desk.fills(REF))
        assert [fill.price for fill in desk.fills(REF)] == [101]


@pytest.mark.parametrize(("distance", "stop"), [({"amount": 2}, "108.00"), ({"percent": 10}, "99.00")])
@in_loop
async def test_a_trailing_stop_follows_and_never_goes_back(kind: str, distance: dict[str, object], stop: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place("intent0.1")
        await desk.place(REF, approved(side="SELL", order={"kind": "TRAILING_STOP", **distance}))
        await desk.acknowledged(REF)
        desk.quote("AAPL", "110.00", "110.02")
        desk.quote("AAPL", "109.00", "109.02")
        assert (await opened(desk))[REF].stop_price == Decimal(stop)
        desk.quote("AAPL", stop, stop)
        await until(lambda: desk.fills(REF))
        assert [fill.price for fill in desk.fills(REF)] == [Decimal(stop)]


@in_loop
async def test_the_rest_of_an_immediate_order_is_cancelled(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place(REF, approved(limit_price=90, tif="IOC"))
        await desk.place("intent2.1", approved(limit_price=101, tif="IOC"))
        await until(lambda: desk.states(REF)[-1:] == ["CANCELLED"] and desk.fills("intent2.1"))
        assert await opened(desk) == {}


@pytest.mark.parametrize("auction", ["MARKET_ON_OPEN", "MARKET_ON_CLOSE"])
@in_loop
async def test_an_order_for_an_auction_fills_in_it_alone(kind: str, auction: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place(REF, approved(order={"kind": auction}))
        await desk.acknowledged(REF)
        desk.quote("AAPL", "99.00", "99.02")
        assert (await opened(desk))[REF].filled == 0
        desk.auction(auction, "98.50")
        await until(lambda: desk.fills(REF))
        assert [fill.price for fill in desk.fills(REF)] == [Decimal("98.5")]


@in_loop
async def test_a_good_till_date_order_is_taken_and_shown(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place(REF, approved(limit_price=90, tif="GTD", good_till=NOON + timedelta(days=2)))
        await desk.acknowledged(REF)
        assert (await opened(desk))[REF].limit_price == 90


@in_loop
async def test_a_group_rests_under_its_own_references_until_its_entry_fills(kind: str) -> None:
    async with open_desk(kind) as desk:
        order = bracket({"kind": "LIMIT", "limit_price": 98})
        await desk.broker.check(order)
        await desk.place_group(REF, order)
        for ref in (REF, STOP, TARGET):
            await desk.acknowledged(ref)
        desk.quote("AAPL", "106.00", "106.02")
        await desk.reconnect()
        shown = await opened(desk)
        assert set(shown) == {REF, STOP, TARGET}, "neither leg may open a position of its own"
        assert [shown[ref].parent_ref for ref in (REF, STOP, TARGET)] == ["", REF, REF]
        assert [shown[ref].group for ref in (REF, STOP, TARGET)] == ["", REF, REF]
        assert not any(item.held_back for item in shown.values())
        assert (await desk.broker.snapshot()).fills == ()


@pytest.mark.parametrize(("bid", "filled", "other"), [("94.00", STOP, TARGET), ("105.50", TARGET, STOP)])
@in_loop
async def test_one_protective_leg_cancels_the_other(kind: str, bid: str, filled: str, other: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place_group(REF, bracket())
        await until(lambda: desk.fills(REF))
        assert set(await opened(desk)) == {STOP, TARGET}
        desk.quote("AAPL", bid, bid)
        await until(lambda: desk.fills(filled))
        assert await opened(desk) == {}
        assert (await ended(desk))[other] == "CANCELLED"
        assert (await desk.broker.snapshot()).positions == ()
        desk.quote("AAPL", "94.00", "94.00")
        desk.quote("AAPL", "106.00", "106.00")
        assert (await desk.broker.snapshot()).positions == (), "nothing is sold twice"


TRAILS: list[tuple[dict[str, object], str, str]] = [
    ({"amount": "2.5"}, "95.48", "101.50"),
    ({"percent": 2}, "96.0204", "101.92"),
    ({"amount": "2.5", "stop_price": "97.25"}, "97.25", "101.50"),
    ({"amount": "2.5", "stop_price": "90.00"}, "95.48", "101.50"),
]
"""A distance, and where the stop stands once the entry has filled at a bid of 97.98, and once the bid was 104.00."""


@pytest.mark.parametrize(("trail", "start", "stop"), TRAILS)
@in_loop
async def test_a_protective_leg_trails_once_its_entry_has_filled(
    kind: str, trail: dict[str, object], start: str, stop: str
) -> None:
    async with open_desk(kind) as desk:
        order = bracket({"kind": "LIMIT", "limit_price": 98}, trail=trail)
        await desk.broker.check(order)
        await desk.place_group(REF, order)
        for ref in (REF, STOP, TARGET):
            await desk.acknowledged(ref)
        desk.quote("AAPL", "104.50", "104.52")
        desk.quote("AAPL", "97.98", "98.00")
        await until(lambda: desk.fills(REF))
        assert (await opened(desk))[STOP].stop_price == Decimal(start), "what went before the entry does not count"
        desk.quote("AAPL", "104.00", "104.02")
        desk.quote("AAPL", "103.00", "103.02")
        await desk.reconnect()
        shown = (await opened(desk))[STOP]
        assert (shown.order_type, shown.stop_price) == (OrderType.TRAILING_STOP, Decimal(stop))
        assert (shown.trail, shown.trail_percent) == tuple(
            None if each is None else Decimal(str(each)) for each in (trail.get("amount"), trail.get("percent"))
        )
        desk.quote("AAPL", stop, stop)
        await until(lambda: desk.fills(STOP))
        assert [fill.price for fill in desk.fills(STOP)] == [Decimal(stop)]
        assert (await ended(desk))[TARGET] == "CANCELLED"
        snapshot = await desk.broker.snapshot()
        assert (snapshot.open_orders, snapshot.positions) == ((), ())


@in_loop
async def test_an_amount_between_two_ticks_is_not_sent(kind: str) -> None:
    async with open_desk(kind) as desk:
        with pytest.raises(OrderNotAccepted, match=r"amount|variation"):
            await desk.broker.check(bracket(trail={"amount": "2.505"}))


@in_loop
async def test_a_partly_filled_leg_reduces_the_other(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place_group(REF, bracket())
        await until(lambda: desk.fills(REF))
        market = desk.broker.market if kind == "sim" else desk.gateway.venue  # type: ignore[attr-defined,union-attr]
        market.partial_fills.append(Decimal(4))
        desk.quote("AAPL", "105.50", "105.52")
        await until(lambda: desk.fills(TARGET))
        assert [(await opened(desk))[ref].quantity for ref in (STOP, TARGET)] == [6, 10]
        desk.quote("AAPL", "94.00", "94.02")
        await until(lambda: desk.fills(STOP))
        assert [fill.quantity for ref in (TARGET, STOP) for fill in desk.fills(ref)] == [4, 6]
        snapshot = await desk.broker.snapshot()
        assert (snapshot.open_orders, snapshot.positions) == ((), ())


@in_loop
async def test_a_cancelled_entry_cancels_its_legs(kind: str) -> None:
    async with open_desk(kind) as desk:
        ids = await desk.place_group(REF, bracket({"kind": "LIMIT", "limit_price": 98}))
        await desk.acknowledged(TARGET)
        await desk.broker.cancel(REF, ids[Leg.ENTRY])
        await until(lambda: desk.states(TARGET)[-1] == "CANCELLED")
        assert await opened(desk) == {}
        assert set((await ended(desk)).values()) == {"CANCELLED"}


@in_loop
async def test_the_protection_of_a_partly_filled_and_cancelled_entry_covers_what_was_filled(kind: str) -> None:
    async with open_desk(kind) as desk:
        market = desk.broker.market if kind == "sim" else desk.gateway.venue  # type: ignore[attr-defined,union-attr]
        market.partial_fills.append(Decimal(4))
        ids = await desk.place_group(REF, bracket())
        await until(lambda: desk.fills(REF))
        await desk.broker.cancel(REF, ids[Leg.ENTRY])
        await until(lambda: desk.states(REF)[-1] == "CANCELLED")
        assert [(await opened(desk))[ref].quantity for ref in (STOP, TARGET)] == [4, 4]
        desk.quote("AAPL", "94.00", "94.00")
        await until(lambda: desk.fills(STOP))
        snapshot = await desk.broker.snapshot()
        assert (snapshot.open_orders, snapshot.positions) == ((), ())


@in_loop
async def test_a_rejected_entry_leaves_no_leg_behind(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place_group(REF, bracket(quantity=100_000))
        await until(lambda: desk.states(TARGET)[-1:] == ["REJECTED"])
        snapshot = await desk.broker.snapshot()
        assert (snapshot.open_orders, snapshot.positions) == ((), ())


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (approved("NOPE"), "unknown instrument"),
        (approved(limit_price="99.995"), r"price|increment|variation"),
        (approved(quantity="0.5"), r"quantity|size"),
        (approved(account="DU7654321"), "DU7654321"),
        (bracket(stop="94.995"), r"price|variation"),
        (approved(order={"kind": "TRAILING_STOP", "percent": 1, "stop_price": "100.001"}), r"price|variation"),
    ],
)
@in_loop
async def test_a_hopeless_order_is_refused_before_anything_is_written_down(
    kind: str, order: object, reason: str
) -> None:
    async with open_desk(kind) as desk:
        with pytest.raises(OrderNotAccepted, match=reason):
            await desk.broker.check(order)  # type: ignore[arg-type]
        snapshot = await desk.broker.snapshot()
        assert (snapshot.open_orders, snapshot.completed_orders) == ((), ())


@in_loop
async def test_a_check_demands_an_approved_order_and_a_connection(kind: str) -> None:
    async with open_desk(kind) as desk:
        with pytest.raises(NotApproved):
            await desk.broker.check(approved().terms)  # type: ignore[arg-type]
        await desk.broker.disconnect()
        with pytest.raises(BrokerError, match="no connection"):
            await desk.broker.check(approved())


@in_loop
async def test_a_group_needs_a_reference_and_an_id_for_each_leg(kind: str) -> None:
    async with open_desk(kind) as desk:
        order, one = bracket(), desk.broker.next_order_id()
        refs = {leg: leg.reference(REF) for leg in order.legs()}
        for ids in ({Leg.ENTRY: one}, dict.fromkeys(refs, one)):
            with pytest.raises(OrderNotAccepted, match="one reference and one order id"):
                await desk.broker.place_group(order, refs, ids)
        with pytest.raises(OrderNotAccepted, match="one reference and one order id"):
            await desk.broker.place_group(approved(), {Leg.ENTRY: REF}, {Leg.ENTRY: one})
        assert await opened(desk) == {}
