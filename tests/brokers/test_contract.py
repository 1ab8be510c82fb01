"""What every venue must do for us: one suite, for the simulated venue and for IB at both ends of its versions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.brokers.desk import ACCOUNT, KINDS, Desk, approved, in_loop, open_desk, until
from tradewright.model.broker import Broker, BrokerEventKind, VenueStatus
from tradewright.model.errors import BrokerError, NotApproved

pytestmark = pytest.mark.parametrize("kind", KINDS)


@in_loop
async def test_a_session_names_one_connection(kind: str) -> None:
    async with open_desk(kind) as desk:
        first = desk.broker.session
        await desk.reconnect()
        assert first
        assert desk.broker.session
        assert desk.broker.session != first


@in_loop
async def test_a_new_account_is_empty_and_says_so_completely(kind: str) -> None:
    async with open_desk(kind) as desk:
        snapshot = await desk.broker.snapshot()
        assert (snapshot.open_orders, snapshot.completed_orders, snapshot.fills, snapshot.positions) == ((), (), (), ())
        state = await desk.broker.account()
        assert (state.account, state.equity, state.cash, state.currency) == (ACCOUNT, 100_000, 100_000, "USD")


@in_loop
async def test_the_clock_and_the_prices_are_the_venues(kind: str) -> None:
    async with open_desk(kind) as desk:
        assert await desk.broker.time() == desk.clock.now()
        quote = await desk.broker.quote("AAPL")
        assert (quote.instrument, quote.bid, quote.ask) == ("AAPL", Decimal("99.99"), Decimal("100.01"))
        desk.quote("AAPL", "101.00", "101.02")
        assert (await desk.broker.quote("AAPL")).ask == Decimal("101.02")


@in_loop
async def test_an_instrument_that_nobody_knows_and_one_without_a_price_are_errors(kind: str) -> None:
    async with open_desk(kind, timeout=1) as desk:
        with pytest.raises(BrokerError, match="NOSUCH"):
            await desk.broker.quote("NOSUCH")
        with pytest.raises(BrokerError, match="price of MSFT"):
            await desk.broker.quote("MSFT")
        with pytest.raises(BrokerError, match="NOSUCH"):
            await desk.place("intent1.1", approved("NOSUCH"))
        assert (await desk.broker.snapshot()).completed_orders == ()


@in_loop
async def test_a_market_order_is_acknowledged_filled_and_paid_for(kind: str) -> None:
    async with open_desk(kind) as desk:
        order_id = await desk.place("intent1.1")
        await until(lambda: desk.states("intent1.1")[-1:] == ["FILLED"])
        assert desk.states("intent1.1") == ["WORKING", "FILLED"]
        (fill,) = desk.fills("intent1.1")
        assert (fill.quantity, fill.price, fill.account, fill.side.value) == (10, Decimal("100.01"), ACCOUNT, "BUY")
        assert fill.time == desk.clock.now()
        (fee,) = desk.kinds(BrokerEventKind.FEE)
        assert (fee.exec_id, fee.fee) == (fill.exec_id, Decimal(1))
        kinds = [event.kind for event in desk.events if event.kind is not BrokerEventKind.ERROR]
        assert kinds.index(BrokerEventKind.ORDER) < kinds.index(BrokerEventKind.FILL) < kinds.index(BrokerEventKind.FEE)
        assert {event.order_id for event in desk.events if event.order} == {order_id}
        assert len({event.order.perm_id for event in desk.events if event.order}) == 1


@in_loop
async def test_a_snapshot_agrees_with_the_events_and_the_account_with_both(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place("intent1.1")
        await desk.place("intent2.1", approved("BTC", quantity="0.00001234", limit_price="50000.05"))
        perm_id = await desk.acknowledged("intent2.1")
        await until(lambda: desk.fills("intent1.1"))
        snapshot = await desk.broker.snapshot()
        (resting,) = snapshot.open_orders
        assert (resting.ref, resting.perm_id, resting.status) == ("intent2.1", perm_id, VenueStatus.WORKING)
        assert (resting.instrument, resting.quantity, resting.filled) == ("BTC", Decimal("0.00001234"), 0)
        (done,) = snapshot.completed_orders
        assert (done.ref, done.status, done.filled) == ("intent1.1", VenueStatus.FILLED, 10)
        (fill,) = snapshot.fills
        assert fill.exec_id == desk.fills("intent1.1")[0].exec_id
        assert (fill.ref, fill.perm_id, fill.fee) == ("intent1.1", done.perm_id, Decimal(1))
        (held,) = snapshot.positions
        assert (held.account, held.instrument, held.quantity) == (ACCOUNT, "AAPL", 10)
        assert held.average_price == Decimal("100.01")
        state = await desk.broker.account()
        assert state.cash == Decimal("98998.90")
        assert state.equity == Decimal("98998.90") + 10 * Decimal("100.00")


@in_loop
async def test_a_limit_order_rests_and_fills_when_the_price_comes(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place("intent1.1", approved(limit_price="99.50", tif="GTC"))
        await desk.acknowledged("intent1.1")
        desk.quote("AAPL", "99.60", "99.62")
        assert desk.fills("intent1.1") == []
        desk.quote("AAPL", "99.45", "99.47")
        await until(lambda: desk.fills("intent1.1"))
        assert desk.fills("intent1.1")[0].price == Decimal("99.47")


@in_loop
async def test_a_stop_order_waits_for_its_price(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place("intent1.1")
        await desk.place("intent2.1", approved(side="SELL", stop_price="95.00"))
        await desk.acknowledged("intent2.1")
        desk.quote("AAPL", "95.01", "95.03")
        assert len((await desk.broker.snapshot()).open_orders) == 1
        desk.quote("AAPL", "94.00", "94.02")
        await until(lambda: desk.fills("intent2.1"))
        assert desk.fills("intent2.1")[0].price == Decimal("94.00")
        assert (await desk.broker.snapshot()).positions == ()


@in_loop
async def test_a_cancel_is_answered_and_leaves_a_cancelled_order(kind: str) -> None:
    async with open_desk(kind) as desk:
        order_id = await desk.place("intent1.1", approved(limit_price="90.00"))
        await desk.acknowledged("intent1.1")
        await desk.broker.cancel("intent1.1", order_id)
        await until(lambda: desk.states("intent1.1")[-1] == "CANCELLED")
        snapshot = await desk.broker.snapshot()
        assert snapshot.open_orders == ()
        assert [order.status for order in snapshot.completed_orders] == [VenueStatus.CANCELLED]


@in_loop
async def test_cancelling_what_has_ended_is_an_error_event_and_changes_nothing(kind: str) -> None:
    async with open_desk(kind) as desk:
        order_id = await desk.place("intent1.1")
        await until(lambda: desk.states("intent1.1")[-1:] == ["FILLED"])
        await desk.broker.cancel("intent1.1", order_id)
        await until(lambda: any(event.code == 10148 for event in desk.events))
        assert (await desk.broker.snapshot()).completed_orders[0].status is VenueStatus.FILLED
        with pytest.raises(BrokerError, match=r"intent9\.9"):
            await desk.broker.cancel("intent9.9", order_id)


@in_loop
async def test_cancel_all_ends_every_open_order(kind: str) -> None:
    async with open_desk(kind) as desk:
        for number in range(3):
            await desk.place(f"intent{number}.1", approved(limit_price="90.00"))
        await desk.acknowledged("intent2.1")
        await desk.broker.cancel_all()
        await until(lambda: all(desk.states(f"intent{number}.1")[-1] == "CANCELLED" for number in range(3)))
        assert (await desk.broker.snapshot()).open_orders == ()


@in_loop
async def test_a_rejection_keeps_its_reason_and_fills_nothing(kind: str) -> None:
    async with open_desk(kind) as desk:
        desk.refuse_next()
        await desk.place("intent1.1")
        await until(lambda: desk.states("intent1.1")[-1:] == ["REJECTED"])
        error = next(event for event in desk.kinds(BrokerEventKind.ERROR) if event.code == 201)
        assert "insufficient" in error.text
        snapshot = await desk.broker.snapshot()
        (order,) = snapshot.completed_orders
        assert (order.ref, order.status, order.filled) == ("intent1.1", VenueStatus.REJECTED, 0)
        assert "insufficient" in order.text
        assert (snapshot.fills, snapshot.positions) == ((), ())


@in_loop
async def test_what_was_filled_while_we_were_away_is_found_again(kind: str) -> None:
    async with open_desk(kind) as desk:
        await desk.place("intent1.1", approved(limit_price="99.00", tif="GTC"))
        perm_id = await desk.acknowledged("intent1.1")
        await desk.broker.disconnect()
        desk.quote("AAPL", "98.90", "98.92")
        desk.events.clear()
        await desk.broker.connect(desk.events.append)
        snapshot = await desk.broker.snapshot()
        (fill,) = snapshot.fills
        assert (fill.ref, fill.perm_id, fill.price, fill.fee) == ("intent1.1", perm_id, Decimal("98.92"), Decimal(1))
        assert [(order.ref, order.perm_id) for order in snapshot.completed_orders] == [("intent1.1", perm_id)]


@in_loop
async def test_an_order_of_an_earlier_session_can_be_cancelled(kind: str) -> None:
    async with open_desk(kind) as desk:
        order_id = await desk.place("intent1.1", approved(limit_price="90.00", tif="GTC"))
        await desk.acknowledged("intent1.1")
        await desk.reconnect()
        await desk.broker.cancel("intent1.1", order_id)
        await until(lambda: desk.states("intent1.1")[-1] == "CANCELLED")


@in_loop
async def test_without_a_connection_every_question_is_an_error_and_never_an_empty_answer(kind: str) -> None:
    async with open_desk(kind, connect=False) as desk:
        broker = desk.broker
        for ask in (broker.snapshot, broker.account, broker.time, broker.cancel_all):
            with pytest.raises(BrokerError, match="no connection"):
                await ask()
        with pytest.raises(BrokerError, match="no connection"):
            await broker.quote("AAPL")
        with pytest.raises(BrokerError, match="no connection"):
            broker.next_order_id()
        with pytest.raises(BrokerError, match="no connection"):
            await broker.place(approved(), "intent1.1", 1)
        await broker.disconnect()
        assert broker.pending_sends() == 0


@in_loop
async def test_order_ids_only_grow_in_a_session_and_an_id_is_used_once(kind: str) -> None:
    async with open_desk(kind) as desk:
        ids = [desk.broker.next_order_id() for _ in range(5)]
        assert ids == sorted(set(ids))
        await desk.broker.place(approved(limit_price="90.00"), "intent1.1", ids[0])
        with pytest.raises(BrokerError, match="was not reserved"):
            await desk.broker.place(approved(limit_price="90.00"), "intent1.2", ids[0])
        with pytest.raises(BrokerError, match="was not reserved"):
            await desk.broker.place(approved(limit_price="90.00"), "intent1.3", 999_999)
        await desk.acknowledged("intent1.1")
        await desk.reconnect()
        assert desk.broker.next_order_id() > ids[0]
        with pytest.raises(BrokerError, match="was not reserved"):
            await desk.broker.place(approved(), "intent1.4", ids[1])
        assert [order.ref for order in (await desk.broker.snapshot()).open_orders] == ["intent1.1"]


@in_loop
async def test_only_the_gates_orders_pass(kind: str) -> None:
    async with open_desk(kind) as desk:
        order_id = desk.broker.next_order_id()
        for pretender in (approved().terms, {"instrument": "AAPL"}, None):
            with pytest.raises(NotApproved):
                await desk.broker.place(pretender, "intent1.1", order_id)  # type: ignore[arg-type]
        with pytest.raises(NotApproved):
            replace(approved(), account="DU7654321")
        altered = approved()
        object.__setattr__(altered, "terms", approved(quantity=1000).terms)
        with pytest.raises(NotApproved, match="hash"):
            await desk.broker.place(altered, "intent1.1", order_id)
        assert await _nothing_happened(desk)


@in_loop
async def test_another_account_and_a_reference_that_no_field_can_carry_are_refused(kind: str) -> None:
    async with open_desk(kind) as desk:
        with pytest.raises(BrokerError, match="DU7654321"):
            await desk.place("intent1.1", approved(account="DU7654321"))
        for ref in ("", "a b", "x\0y", "é", "x" * 33, "a;b", "a\n"):
            with pytest.raises(BrokerError, match="reference"):
                await desk.place(ref)
        assert await _nothing_happened(desk)


async def _nothing_happened(desk: Desk) -> bool:
    snapshot = await desk.broker.snapshot()
    return not (snapshot.open_orders or snapshot.completed_orders or snapshot.fills)


@in_loop
async def test_a_second_client_under_the_same_id_is_refused(kind: str) -> None:
    async with open_desk(kind) as desk:
        other = desk.again()
        with pytest.raises(BrokerError, match="client id 21 is"):
            await other.connect(desk.events.append)
        assert await _nothing_happened(desk)
        await desk.broker.disconnect()
        await _connect_when_free(other)
        assert (await other.snapshot()).positions == ()
        await other.disconnect()


async def _connect_when_free(broker: Broker) -> None:
    """The gateway notices a leaving client a moment later than the client itself."""
    for _ in range(50):
        try:
            await broker.connect(lambda _event: None)
        except BrokerError:
            continue
        return
    raise AssertionError("the client id was never let go")
