"""Faults of the broker's link (design: faults.md, section A), as far as the adapter answers for them.

Each test is named after its row. The gateway breaks on demand; what counts is what the adapter says and does not say.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.settings import IbkrSettings
from tests.brokers.desk import INSTRUMENTS, Desk, approved, in_loop, open_desk, until
from tradewright.model.broker import BrokerEventKind, VenueStatus
from tradewright.model.errors import BrokerError

ORDER, REF = 3, 26
RESTING = {"limit_price": "99.00", "tif": "GTC"}


def sent(desk: Desk, message: int = ORDER) -> list[list[str]]:
    """The messages of a number that really reached the gateway."""
    return [item["fields"] for item in desk.do("journal", message=message)["messages"]]


async def resting(desk: Desk, ref: str = "intent1.1") -> int:
    await desk.place(ref, approved(**RESTING))
    return await desk.acknowledged(ref)


def fall(desk: Desk) -> None:
    """Let the price come to the resting orders."""
    desk.quote("AAPL", "98.90", "98.92")


@in_loop
async def test_fault_01_a_fill_in_a_1100_window_is_delivered_and_nothing_is_sent_meanwhile() -> None:
    async with open_desk() as desk:
        await resting(desk)
        desk.do("notice", code=1100, text="Connectivity between IB and TWS has been lost")
        fall(desk)
        await until(lambda: desk.fills("intent1.1"))
        with pytest.raises(BrokerError, match="lost the venue's servers; nothing was sent"):
            await desk.place("intent2.1")
        desk.do("notice", code=1102, text="Connectivity restored")
        await until(lambda: [event.link_up for event in desk.kinds(BrokerEventKind.LINK)] == [False, True])
        assert [event.code for event in desk.kinds(BrokerEventKind.LINK)] == [1100, 1102]
        await desk.place("intent3.1")
        await desk.acknowledged("intent3.1")
        assert [fields[REF] for fields in sent(desk)] == ["intent1.1", "intent3.1"]
        assert sent(desk, 62) == []


@in_loop
async def test_fault_02_a_fill_without_any_status_is_a_fill() -> None:
    async with open_desk() as desk:
        desk.do("switch", fault="silent_status")
        await desk.place("intent1.1")
        await until(lambda: desk.kinds(BrokerEventKind.FEE))
        assert [fill.quantity for fill in desk.fills("intent1.1")] == [10]
        assert desk.states("intent1.1") == ["WORKING"]
        assert len((await desk.broker.snapshot()).fills) == 1


@in_loop
async def test_fault_03_a_swallowed_order_is_never_answered_for_and_never_sent_again() -> None:
    async with open_desk() as desk:
        desk.do("swallow", message=ORDER)
        await desk.place("intent1.1")
        snapshot = await desk.broker.snapshot()
        assert (snapshot.open_orders, snapshot.completed_orders) == ((), ())
        assert desk.states("intent1.1") == []
        await desk.reconnect()
        await desk.broker.snapshot()
        assert len(sent(desk)) == 1


@pytest.mark.parametrize(("when", "known"), [("before_order", False), ("after_order", True), ("after_ack", True)])
@in_loop
async def test_fault_04_a_connection_that_dies_around_the_order_leaves_it_to_the_query(when: str, known: bool) -> None:
    async with open_desk() as desk:
        desk.do("drop", when=when)
        await desk.place("intent1.1", approved(**RESTING))
        await until(lambda: any(not event.link_up for event in desk.kinds(BrokerEventKind.LINK)))
        assert desk.states("intent1.1") == (["WORKING"] if when == "after_ack" else [])
        with pytest.raises(BrokerError, match="no connection"):
            await desk.broker.snapshot()
        await desk.reconnect()
        assert [order.ref for order in (await desk.broker.snapshot()).open_orders] == (["intent1.1"] if known else [])
        assert len(sent(desk)) == 1


@in_loop
async def test_fault_05_after_a_restart_with_lower_ids_orders_are_told_apart_by_reference() -> None:
    async with open_desk() as desk:
        old_id = await desk.place("intent1.1", approved(**RESTING))
        old_perm = await desk.acknowledged("intent1.1")
        old_session = desk.broker.session
        desk.do("restart", next_order_id=1)
        await until(lambda: any(not event.link_up for event in desk.kinds(BrokerEventKind.LINK)))
        desk.events.clear()
        await desk.broker.connect(desk.events.append)
        assert desk.broker.session != old_session
        new_id = await desk.place("intent2.1", approved(side="SELL", limit_price="110.00"))
        new_perm = await desk.acknowledged("intent2.1")
        assert new_perm != old_perm
        fall(desk)
        await until(lambda: desk.fills("intent1.1"))
        assert (desk.fills("intent1.1")[0].perm_id, desk.fills("intent2.1")) == (old_perm, [])
        await desk.broker.cancel("intent2.1", old_id)
        await until(lambda: desk.states("intent2.1")[-1] == "CANCELLED")
        assert [fields[2] for fields in sent(desk, 4)] == [str(new_id)]


@in_loop
async def test_fault_06_two_live_orders_under_one_reference_are_both_shown() -> None:
    async with open_desk() as desk:
        await resting(desk)
        desk.do("twin", ref="intent1.1")
        orders = (await desk.broker.snapshot()).open_orders
        assert [order.ref for order in orders] == ["intent1.1", "intent1.1"]
        assert len({order.perm_id for order in orders}) == 2


@pytest.mark.parametrize("code", [10349, 201, 10148, 161, 105, 110, 103, 202])
@in_loop
async def test_fault_07_an_error_about_a_live_order_ends_nothing(code: int) -> None:
    async with open_desk() as desk:
        await resting(desk)
        desk.do("order_error", ref="intent1.1", code=code)
        await until(lambda: any(event.code == code for event in desk.events))
        (error,) = (event for event in desk.events if event.code == code)
        assert error.kind is BrokerEventKind.ERROR
        assert error.order is not None
        assert error.order.status is VenueStatus.WORKING
        (order,) = (await desk.broker.snapshot()).open_orders
        assert order.status is VenueStatus.WORKING
        assert desk.states("intent1.1") == ["WORKING"]
        fall(desk)
        await until(lambda: desk.states("intent1.1") == ["WORKING", "FILLED"])
        assert len(desk.fills("intent1.1")) == 1


@pytest.mark.parametrize(
    ("marker", "what"),
    [(53, "open orders"), (62, "positions"), (102, "completed orders"), (74, "account updates"), (55, "executions")],
)
@in_loop
async def test_fault_08_a_start_up_query_without_its_end_is_no_connection(marker: int, what: str) -> None:
    async with open_desk(timeout=0.2, connect=False) as desk:
        desk.do("omit", message=marker)
        with pytest.raises(BrokerError, match=what):
            await desk.broker.connect(desk.events.append)
        with pytest.raises(BrokerError, match="no connection"):
            await desk.broker.snapshot()
        await desk.broker.connect(desk.events.append)
        assert (await desk.broker.snapshot()).positions == ()


@pytest.mark.parametrize(
    ("marker", "what"), [(53, "open orders"), (102, "completed orders"), (55, "executions"), (62, "positions")]
)
@in_loop
async def test_fault_09_a_query_that_breaks_off_is_an_error_and_not_an_empty_list(marker: int, what: str) -> None:
    async with open_desk() as desk:
        await resting(desk)
        desk.do("omit", message=marker)
        asked = asyncio.create_task(desk.broker.snapshot())
        requests = {53: 16, 102: 99, 55: 7, 62: 61}
        before = len(sent(desk, requests[marker]))
        await until(lambda: len(sent(desk, requests[marker])) > before)
        desk.do("drop")
        with pytest.raises(BrokerError, match=f"broke while asking for the {what}"):
            await asked


@in_loop
async def test_fault_09_a_query_that_never_ends_closes_the_link_so_that_its_late_answer_deceives_nobody() -> None:
    async with open_desk(timeout=0.2) as desk:
        await resting(desk)
        desk.do("omit", message=53)
        with pytest.raises(BrokerError, match=r"open orders did not come to an end within 0\.2 s"):
            await desk.broker.snapshot()
        assert not desk.kinds(BrokerEventKind.LINK)[-1].link_up
        with pytest.raises(BrokerError, match="no connection"):
            await desk.broker.snapshot()
        await desk.reconnect()
        assert len((await desk.broker.snapshot()).open_orders) == 1


@in_loop
async def test_fault_09_a_query_that_is_given_up_by_its_caller_closes_the_link_too() -> None:
    async with open_desk() as desk:
        await resting(desk)
        desk.do("omit", message=53)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(desk.broker.snapshot(), 0.1)
        with pytest.raises(BrokerError, match="no connection"):
            await desk.broker.snapshot()
        await desk.reconnect()
        assert len((await desk.broker.snapshot()).open_orders) == 1


@in_loop
async def test_fault_10_an_order_is_refused_while_the_librarys_queue_is_not_empty() -> None:
    async with open_desk() as desk:
        placed: list[str] = []
        while not desk.broker.pending_sends():
            placed.append(f"intent{len(placed)}.1")
            await desk.place(placed[-1], approved(**RESTING))
        assert len(placed) < 46
        with pytest.raises(BrokerError, match="1 messages wait in the library's queue; nothing was sent"):
            await desk.place("intent99.1", approved(**RESTING))
        await until(lambda: len(sent(desk)) == len(placed) - 1)
        desk.do("drop")
        await until(lambda: desk.kinds(BrokerEventKind.LINK))
        assert desk.broker.pending_sends() == 0
        arrived = [fields[REF] for fields in sent(desk)]
        assert arrived == placed[:-1]


@in_loop
async def test_fault_11_a_hung_gateway_is_found_by_the_heartbeat() -> None:
    async with open_desk(timeout=0.2) as desk:
        desk.do("freeze")
        with pytest.raises(BrokerError, match=r"the time did not come to an end within 0\.2 s"):
            await desk.broker.time()
        desk.do("unfreeze")
        await desk.reconnect()
        assert await desk.broker.time() == desk.clock.now()


@in_loop
async def test_fault_11_a_price_that_does_not_come_leaves_the_order_link_alone() -> None:
    async with open_desk(timeout=0.2) as desk:
        await desk.broker.quote("AAPL")
        desk.do("omit", message=57)
        with pytest.raises(BrokerError, match=r"a price of AAPL did not come to an end within 0\.2 s"):
            await desk.broker.quote("AAPL")
        await desk.place("intent1.1")
        await until(lambda: desk.fills("intent1.1"))


@in_loop
async def test_fault_11_a_connection_attempt_that_is_given_up_leaves_nothing_behind() -> None:
    async with open_desk(connect=False) as desk:
        desk.do("freeze")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(desk.broker.connect(desk.events.append), 0.1)
        with pytest.raises(BrokerError, match="no connection"):
            desk.broker.next_order_id()
        desk.do("unfreeze")
        await desk.broker.connect(desk.events.append)
        assert await desk.broker.time() == desk.clock.now()


@in_loop
async def test_fault_11_a_gateway_that_hangs_at_the_door_is_an_error_that_names_the_door() -> None:
    async with open_desk(timeout=0.2, connect=False) as desk:
        desk.do("freeze")
        assert desk.gateway is not None
        with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{desk.gateway.port}.*no answer within 0\.2 s"):
            await desk.broker.connect(desk.events.append)


@in_loop
async def test_fault_12_a_fill_of_an_earlier_sessions_order_is_an_event() -> None:
    async with open_desk() as desk:
        await resting(desk)
        desk.do("hide", ref="intent1.1")
        await desk.reconnect()
        desk.do("show", ref="intent1.1")
        desk.events.clear()
        fall(desk)
        await until(lambda: desk.fills("intent1.1"))
        assert desk.fills("intent1.1")[0].quantity == 10
        await until(lambda: desk.states("intent1.1") == ["FILLED"])


@in_loop
async def test_fault_13_a_correction_shares_the_base_id_of_what_it_corrects() -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1")
        await until(lambda: desk.fills("intent1.1"))
        exec_id = desk.fills("intent1.1")[0].exec_id
        assert exec_id.endswith(".01")
        corrected = desk.do("correct", exec_id=exec_id, price="100.00")["exec_id"]
        await until(lambda: len(desk.fills("intent1.1")) == 2)
        first, second = desk.fills("intent1.1")
        assert (second.exec_id, second.price, second.base_id) == (corrected, Decimal("100.0"), first.base_id)
        assert [fill.exec_id for fill in (await desk.broker.snapshot()).fills] == [exec_id, corrected]


@in_loop
async def test_fault_14_the_same_execution_twice_has_the_same_id() -> None:
    async with open_desk() as desk:
        desk.do("switch", fault="duplicate_executions")
        await desk.place("intent1.1")
        await until(lambda: len(desk.fills("intent1.1")) == 2)
        desk.do("replay")
        await until(lambda: len(desk.fills("intent1.1")) == 3)
        assert len({fill.exec_id for fill in desk.fills("intent1.1")}) == 1
        assert len((await desk.broker.snapshot()).fills) == 1


@in_loop
async def test_fault_15_executions_of_yesterday_are_not_told_but_the_position_is() -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1")
        await until(lambda: desk.fills("intent1.1"))
        desk.clock.advance(12 * 3600)  # type: ignore[attr-defined]
        snapshot = await desk.broker.snapshot()
        assert (snapshot.fills, snapshot.completed_orders) == ((), ())
        assert [held.quantity for held in snapshot.positions] == [10]


@in_loop
async def test_fault_16_a_completed_order_is_known_by_reference_and_permanent_id_alone() -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1")
        perm_id = await desk.acknowledged("intent1.1")
        desk.do("restart", next_order_id=1)
        await until(lambda: desk.kinds(BrokerEventKind.LINK))
        await desk.broker.connect(desk.events.append)
        (order,) = (await desk.broker.snapshot()).completed_orders
        assert (order.ref, order.perm_id, order.order_id, order.client_id) == ("intent1.1", perm_id, None, None)
        assert (order.status, order.filled, order.quantity) == (VenueStatus.FILLED, 10, 0)


@in_loop
async def test_fault_17_a_client_id_that_stays_taken_is_refused_within_the_timeout_and_by_name() -> None:
    async with open_desk(connect=False, timeout=1) as desk:
        desk.do("refuse_client", client_id=21, seconds=300)
        with pytest.raises(BrokerError, match=r"127\.0\.0\.1:\d+, client id 21: client id 21 is taken.*stop the other"):
            await asyncio.wait_for(desk.broker.connect(desk.events.append), 2)
        desk.clock.advance(301)  # type: ignore[attr-defined]
        await desk.broker.connect(desk.events.append)
        assert (await desk.broker.snapshot()).open_orders == ()


@in_loop
async def test_fault_17_another_client_id_cannot_cancel_our_orders_and_does_not_pretend_to() -> None:
    async with open_desk() as desk:
        await resting(desk)
        assert desk.gateway is not None
        other = IbkrBroker(IbkrSettings(port=desk.gateway.port, client_id=22), INSTRUMENTS, desk.clock)
        await other.connect(desk.events.append)
        with pytest.raises(BrokerError, match="nothing was cancelled"):
            await other.cancel("intent1.1", 1)
        assert [order.ref for order in (await other.snapshot()).open_orders] == ["intent1.1"]
        await other.disconnect()


@in_loop
async def test_fault_18_flapping_data_farms_leave_the_order_link_alone() -> None:
    async with open_desk() as desk:
        session = desk.broker.session
        for _ in range(50):
            desk.do("notice", code=2103, text="Market data farm connection is broken:usfarm")
            desk.do("notice", code=2104, text="Market data farm connection is OK:usfarm")
        await until(lambda: sum(event.code == 2103 for event in desk.events) == 50)
        assert desk.kinds(BrokerEventKind.LINK) == []
        await desk.place("intent1.1")
        await until(lambda: desk.fills("intent1.1"))
        assert desk.broker.session == session


@in_loop
async def test_fault_20_an_unanswered_cancel_leaves_the_order_as_it_was() -> None:
    async with open_desk() as desk:
        await resting(desk)
        desk.do("swallow", message=4)
        await desk.broker.cancel("intent1.1", 0)
        (order,) = (await desk.broker.snapshot()).open_orders
        assert order.status is VenueStatus.WORKING
        assert desk.states("intent1.1") == ["WORKING"]


@pytest.mark.parametrize("code", [399, 404, 434, 321, 2109])
@in_loop
async def test_fault_21_a_warning_is_no_rejection(code: int) -> None:
    async with open_desk() as desk:
        desk.do("object_to_order", code=code, text="held while we look for shares", taken=True)
        await desk.place("intent1.1", approved(**RESTING))
        await until(lambda: any(event.code == code for event in desk.events))
        assert desk.states("intent1.1") == ["WORKING"]
        fall(desk)
        await until(lambda: desk.states("intent1.1") == ["WORKING", "FILLED"])


@pytest.mark.parametrize("taken", [True, False])
@in_loop
async def test_fault_22_a_duplicate_id_error_proves_nothing(taken: bool) -> None:
    async with open_desk() as desk:
        desk.do("object_to_order", code=103, text="Duplicate order id", taken=taken)
        await desk.place("intent1.1", approved(**RESTING))
        await until(lambda: any(event.code == 103 for event in desk.events))
        assert desk.states("intent1.1") == (["WORKING"] if taken else [])
        assert [order.ref for order in (await desk.broker.snapshot()).open_orders] == (["intent1.1"] if taken else [])


@in_loop
async def test_fault_24_an_order_entered_by_hand_is_shown_without_a_reference() -> None:
    async with open_desk() as desk:
        desk.do("manual_order", terms=approved(**RESTING).terms.model_dump(mode="json"))
        (order,) = (await desk.broker.snapshot()).open_orders
        assert (order.ref, order.order_id, order.client_id, order.instrument) == ("", 0, 0, "AAPL")


@in_loop
async def test_fault_25_a_shifted_position_is_told_as_it_is() -> None:
    async with open_desk() as desk:
        desk.do("shift_position", symbol="AAPL", by=-7)
        (held,) = (await desk.broker.snapshot()).positions
        assert held.quantity == -7


@in_loop
async def test_fault_26_a_rejected_order_that_fills_after_all_is_told_so() -> None:
    async with open_desk() as desk:
        desk.do("object_to_order", code=201, text="Order rejected - reason: margin", taken=False)
        await desk.place("intent1.1", approved(**RESTING))
        await until(lambda: desk.states("intent1.1") == ["REJECTED"])
        desk.do("execute", ref="intent1.1", quantity=10, price="98.50")
        await until(lambda: desk.states("intent1.1") == ["REJECTED", "FILLED"])
        assert [fill.price for fill in desk.fills("intent1.1")] == [Decimal("98.5")]
        snapshot = await desk.broker.snapshot()
        assert [order.status for order in snapshot.completed_orders] == [VenueStatus.FILLED]
        assert [held.quantity for held in snapshot.positions] == [10]


@in_loop
async def test_a_stale_state_after_a_fill_is_told_as_it_came_and_the_snapshot_says_what_is() -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1")
        await until(lambda: desk.states("intent1.1")[-1:] == ["FILLED"])
        desk.do("order_status", ref="intent1.1", status="Submitted")
        await until(lambda: desk.states("intent1.1")[-1] == "WORKING")
        snapshot = await desk.broker.snapshot()
        assert snapshot.open_orders == ()
        assert [order.status for order in snapshot.completed_orders] == [VenueStatus.FILLED]


@in_loop
async def test_late_executions_come_in_the_end() -> None:
    async with open_desk() as desk:
        desk.do("switch", fault="hold_executions")
        await desk.place("intent1.1")
        await desk.acknowledged("intent1.1")
        await desk.broker.time()
        assert desk.fills("intent1.1") == []
        desk.do("release")
        await until(lambda: desk.states("intent1.1") == ["WORKING", "FILLED"])


@in_loop
async def test_partial_fills_add_up_and_the_fee_is_that_of_one_order() -> None:
    async with open_desk() as desk:
        desk.do("partial_fills", quantities=[3, 4])
        await desk.place("intent1.1", approved(limit_price="100.01"))
        await until(lambda: len(desk.fills("intent1.1")) == 1)
        desk.quote("AAPL", "99.98", "100.00")
        desk.quote("AAPL", "99.97", "99.99")
        await until(lambda: desk.states("intent1.1")[-1] == "FILLED")
        fills = (await desk.broker.snapshot()).fills
        assert [fill.quantity for fill in fills] == [3, 4, 3]
        assert [fill.price for fill in fills] == [Decimal("100.01"), Decimal("100.0"), Decimal("99.99")]
        assert sum(fill.fee for fill in fills if fill.fee is not None) == Decimal(1)


@in_loop
async def test_an_unreadable_message_fails_the_query_that_it_came_with() -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1")
        await until(lambda: desk.fills("intent1.1"))
        assert desk.gateway is not None
        session = desk.gateway.hub.sessions[21]
        session.send([11, "not", "enough"])
        with pytest.raises(BrokerError, match="unreadable message"):
            await desk.broker.snapshot()
        assert len((await desk.broker.snapshot()).fills) == 1
