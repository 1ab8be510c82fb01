"""More faults of section A at the adapter: half-open sockets, pacing, late answers, wrong orders of events.

What is told to the sender must be what the venue said; what is not known must be an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import pandas as pd
import pytest
from ib_async.ib import StartupFetchNONE

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.feed import MOST_REQUESTS, IbkrFeed
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.settings import IbkrSettings
from tests.brokers.desk import AAPL, ACCOUNT, BTC, INSTRUMENTS, MSFT, NOON, Desk, approved, in_loop, open_desk, until
from tests.brokers.tws import peers
from tradewright.model.bars import Timeframe
from tradewright.model.broker import BrokerEvent, BrokerEventKind, VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError, DataError, NotApproved

RESTING = {"limit_price": "99.00", "tif": "GTC"}


class Cable:
    """A wire between broker and gateway that can be cut without either end noticing."""

    def __init__(self, port: int) -> None:
        self._target, self.port, self.cut = port, 0, False
        self._tasks: set[asyncio.Task[None]] = set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await reader.read(65_536):
                    if not self.cut:
                        writer.write(data)
        finally:
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for pair in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.ensure_future(self._carry(*pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[Cable]:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)


@asynccontextmanager
async def behind_a_cable(timeout: float = 0.3) -> AsyncIterator[tuple[Gateway, Cable, IbkrBroker, list[BrokerEvent]]]:
    clock = ManualClock(NOON)
    async with Gateway(INSTRUMENTS, clock, seed=1) as gateway, Cable(gateway.port).laid() as cable:
        gateway.control.do("quote", symbol="AAPL", bid="99.99", ask="100.01")
        settings = IbkrSettings(port=cable.port, timeout=timeout, quote_timeout=timeout)
        broker, told = IbkrBroker(settings, INSTRUMENTS, clock), list[BrokerEvent]()
        await broker.connect(told.append)
        try:
            yield gateway, cable, broker, told
        finally:
            await broker.disconnect()


@pytest.mark.parametrize("question", ["time", "snapshot", "account"])
@in_loop
async def test_fault_11_a_half_open_socket_is_found_by_any_question(question: str) -> None:
    async with behind_a_cable() as (_gateway, cable, broker, told):
        cable.cut = True
        with pytest.raises(BrokerError, match=r"did not come to an end within 0\.3 s"):
            await getattr(broker, question)()
        assert [event.link_up for event in told if event.kind is BrokerEventKind.LINK] == [False]
        with pytest.raises(BrokerError, match="there is no connection"):
            await broker.time()
        cable.cut = False
        with pytest.raises(BrokerError, match="there is no connection"):
            await broker.snapshot()


@in_loop
async def test_fault_11_an_order_into_a_half_open_socket_is_not_known_and_never_sent_twice() -> None:
    async with behind_a_cable() as (gateway, cable, broker, told):
        await broker.quote("AAPL")
        cable.cut = True
        await broker.place(approved(**RESTING), "intent1.1", broker.next_order_id())
        with pytest.raises(BrokerError):
            await broker.time()
        assert [event for event in told if event.kind is BrokerEventKind.ORDER] == []
        cable.cut = False
        await broker.disconnect()
        await until(lambda: not gateway.hub.sessions)
        await broker.connect(told.append)
        snapshot = await broker.snapshot()
        assert (snapshot.open_orders, snapshot.completed_orders) == ((), ())
        assert gateway.control.do("journal", message=3)["messages"] == []


@in_loop
async def test_fault_11_a_fill_behind_a_half_open_socket_is_found_after_reconnecting() -> None:
    async with behind_a_cable() as (gateway, cable, broker, told):
        await broker.place(approved(**RESTING), "intent1.1", broker.next_order_id())
        await until(lambda: any(event.order and event.order.perm_id for event in told))
        cable.cut = True
        gateway.control.do("quote", symbol="AAPL", bid="98.90", ask="98.92")
        with pytest.raises(BrokerError):
            await broker.time()
        assert [event for event in told if event.kind is BrokerEventKind.FILL] == []
        cable.cut = False
        await broker.disconnect()
        await until(lambda: not gateway.hub.sessions)
        await broker.connect(told.append)
        (fill,) = (await broker.snapshot()).fills
        assert (fill.ref, fill.price, fill.fee) == ("intent1.1", Decimal("98.92"), 1)


@in_loop
async def test_fault_11_connecting_through_a_dead_cable_is_an_error_that_names_the_door() -> None:
    async with behind_a_cable() as (_gateway, cable, broker, told):
        await broker.disconnect()
        cable.cut = True
        with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{cable.port}, client id 21: no answer within 0\.3 s"):
            await broker.connect(told.append)
        assert broker.pending_sends() == 0


@pytest.mark.parametrize("code", [100, 162, 366, 420, 354, 10090, 10167, 10189])
@in_loop
async def test_fault_23_errors_about_data_touch_no_order(code: int) -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1", approved(**RESTING))
        await desk.acknowledged("intent1.1")
        desk.do("notice", code=code, text="about data")
        await until(lambda: any(event.code == code for event in desk.events))
        assert desk.states("intent1.1") == ["WORKING"]
        assert [event.link_up for event in desk.kinds(BrokerEventKind.LINK)] == []
        assert [order.status for order in (await desk.broker.snapshot()).open_orders] == [VenueStatus.WORKING]
        await desk.place("intent2.1")
        await until(lambda: desk.states("intent2.1")[-1:] == ["FILLED"])


@in_loop
async def test_fault_23_data_come_over_another_connection_that_cannot_send() -> None:
    """The feed has a client id of its own, is read-only, and a refusal of its id leaves the sender alone."""
    async with open_desk() as desk:
        assert desk.gateway is not None
        settings = IbkrSettings(port=desk.gateway.port, client_id=31, timeout=2)
        feed = IbkrFeed(settings, INSTRUMENTS, desk.clock)
        assert feed._settings.readonly
        assert not settings.readonly
        found = await asyncio.to_thread(feed.fetch, MSFT, Timeframe.D1, None)
        assert found.empty
        asked = desk.do("journal", message=20)["messages"]
        assert {item["client_id"] for item in asked} == {31}
        desk.do("refuse_client", client_id=31, seconds=1e9)
        with pytest.raises(DataError, match="client id 31 is taken"):
            await asyncio.to_thread(feed.fetch, MSFT, Timeframe.D1, None)
        assert await desk.broker.time() == desk.clock.now()


@pytest.mark.parametrize(
    ("timeframe", "days", "requests"),
    [("1m", 30, 30), ("5m", 200, 29), ("15m", 400, 29), ("1h", 900, 30), ("4h", 900, 30), ("1d", 7000, 20)],
)
@in_loop
async def test_fault_23_the_feed_stays_below_the_pace_of_the_venue(timeframe: str, days: int, requests: int) -> None:
    async with open_desk() as desk:
        assert desk.gateway is not None
        settings = IbkrSettings(port=desk.gateway.port, client_id=31, timeout=2)
        feed = IbkrFeed(settings, INSTRUMENTS, desk.clock)
        after = pd.Timestamp(NOON) - pd.Timedelta(days=days)
        await asyncio.to_thread(feed.fetch, AAPL, Timeframe(timeframe), after)
        asked = desk.do("journal", message=20)["messages"]
        assert len(asked) == requests <= MOST_REQUESTS
        ends = [item["fields"][15] for item in asked]
        assert len(set(ends)) == len(ends)
        assert ends == sorted(ends, reverse=True), "backwards from now"


@in_loop
async def test_fault_23_too_long_a_span_is_refused_before_anything_is_asked() -> None:
    async with open_desk() as desk:
        assert desk.gateway is not None
        feed = IbkrFeed(IbkrSettings(port=desk.gateway.port, client_id=31, timeout=2), INSTRUMENTS, desk.clock)
        with pytest.raises(DataError, match=f"{MOST_REQUESTS + 1} requests are needed") as refusal:
            await asyncio.to_thread(feed.fetch, BTC, Timeframe.M1, pd.Timestamp(NOON) - pd.Timedelta(days=51))
        assert refusal.value.remedy.startswith("tradewright backfill BTC --from ")
        assert desk.do("journal", message=20)["messages"] == []


@in_loop
async def test_fault_02_a_status_before_its_execution_and_after_are_the_same_order() -> None:
    async with open_desk() as desk:
        desk.do("switch", fault="silent_status")
        await desk.place("intent1.1")
        await until(lambda: desk.fills("intent1.1"))
        desk.do("order_status", ref="intent1.1", status="Filled")
        await until(lambda: desk.states("intent1.1")[-1:] == ["FILLED"])
        kinds = [event.kind for event in desk.events if event.exec_id or (event.order and event.order.filled)]
        assert kinds == [BrokerEventKind.FILL, BrokerEventKind.FEE, BrokerEventKind.ORDER]


@in_loop
async def test_fault_06_what_a_modification_left_behind_is_told_under_both_ids() -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1", approved(**RESTING))
        first = await desk.acknowledged("intent1.1")
        second = desk.do("twin", ref="intent1.1")["perm_id"]
        desk.quote("AAPL", "98.90", "98.92")
        await until(lambda: len(desk.fills("intent1.1")) == 2)
        assert {fill.perm_id for fill in desk.fills("intent1.1")} == {first, second}
        (held,) = (await desk.broker.snapshot()).positions
        assert held.quantity == 20, "the position gives it away"


@in_loop
async def test_fault_09_orders_that_end_while_they_are_listed_are_not_open() -> None:
    async with open_desk() as desk:
        await desk.place("intent1.1", approved(**RESTING))
        await desk.acknowledged("intent1.1")
        desk.do("delay", seconds=0.01)
        asking = asyncio.ensure_future(desk.broker.snapshot())
        await asyncio.sleep(0)
        desk.quote("AAPL", "98.90", "98.92")
        snapshot = await asking
        refs = [order.ref for order in snapshot.open_orders + snapshot.completed_orders]
        assert refs == ["intent1.1"], "in one list or the other, never in both and never in none"


@in_loop
async def test_fault_12_a_snapshot_tells_every_clients_fills_of_our_account_and_no_others() -> None:
    async with open_desk() as desk:
        assert desk.gateway is not None
        async with peers(desk.gateway, 5) as (peer,):
            await peer.place(1, quantity=3)
        await desk.place("intent1.1")
        await until(lambda: desk.fills("intent1.1"))
        snapshot = await desk.broker.snapshot()
        assert {(fill.ref, fill.quantity) for fill in snapshot.fills} == {("c5.1", 3), ("intent1.1", 10)}
        assert [event.fill.ref for event in desk.events if event.fill] == ["intent1.1"]
        assert [held.quantity for held in snapshot.positions] == [13]


@in_loop
async def test_fault_17_two_accounts_behind_one_gateway_are_kept_apart() -> None:
    clock = ManualClock(NOON)
    cash = {ACCOUNT: Decimal(100_000), "DU2": Decimal(50_000)}
    async with Gateway(INSTRUMENTS, clock, cash=cash, seed=1) as gateway:
        gateway.control.do("quote", symbol="AAPL", bid="99.99", ask="100.01")
        brokers: list[IbkrBroker] = []
        for client_id, account in ((21, ACCOUNT), (22, "DU2")):
            settings = IbkrSettings(port=gateway.port, client_id=client_id, account=account, timeout=2)
            brokers.append(IbkrBroker(settings, INSTRUMENTS, clock))
            await brokers[-1].connect(lambda _event: None)
        first, second = brokers
        await first.place(approved(), "a.1", first.next_order_id())
        await second.place(approved(quantity=4, account="DU2", **RESTING), "b.1", second.next_order_id())
        with pytest.raises(BrokerError, match=f"for account {ACCOUNT}, the connection for DU2; nothing was sent"):
            await second.place(approved(), "b.2", second.next_order_id())
        await first.time()
        await second.time()
        one, two = await first.snapshot(), await second.snapshot()
        assert ([fill.ref for fill in one.fills], [order.ref for order in one.open_orders]) == (["a.1"], [])
        assert (two.fills, [order.ref for order in two.open_orders]) == ((), ["b.1"])
        assert ([held.quantity for held in one.positions], two.positions) == ([10], ())
        assert ((await first.account()).cash, (await second.account()).cash) == (Decimal("98998.90"), 50_000)
        for broker in brokers:
            await broker.disconnect()


@in_loop
async def test_fault_38_an_order_that_was_altered_after_approval_never_reaches_the_wire() -> None:
    async with open_desk() as desk:
        order = approved(**RESTING)
        object.__setattr__(order, "account", "DU9")
        with pytest.raises(NotApproved):
            await desk.place("intent1.1", order)
        assert desk.do("journal", message=3)["messages"] == []


@in_loop
async def test_fault_20_cancelling_by_reference_after_a_restart_names_the_order_as_it_is_known_now() -> None:
    async with open_desk() as desk:
        old = await desk.place("intent1.1", approved(**RESTING))
        await desk.acknowledged("intent1.1")
        await desk.reconnect()
        with pytest.raises(BrokerError, match=r"no order intent2\.1 is known in this session") as refusal:
            await desk.broker.cancel("intent2.1", old)
        assert f"order id {old} may be another order's by now" in refusal.value.remedy
        await desk.broker.cancel("intent1.1", 999)
        await until(lambda: desk.states("intent1.1")[-1] == "CANCELLED")
        (message,) = desk.do("journal", message=4)["messages"]
        assert message["fields"][2] == str(old), "the id under which the venue lists it"


@in_loop
async def test_an_order_id_is_of_one_session() -> None:
    async with open_desk() as desk:
        order_id = desk.broker.next_order_id()
        await desk.reconnect()
        with pytest.raises(BrokerError, match=f"order id {order_id} was not reserved in session"):
            await desk.broker.place(approved(), "intent1.1", order_id)
        assert desk.do("journal", message=3)["messages"] == []


@in_loop
async def test_the_start_up_asks_for_everything_and_subscribes_to_nothing_else() -> None:
    async with open_desk() as desk:
        numbers = {item["fields"][0] for item in desk.do("journal")["messages"]}
        assert numbers <= {"71", "61", "5", "16", "99", "6", "7", "59", "76"}
        assert {"5", "99", "7"} <= numbers
        assert StartupFetchNONE.value == 0


async def quoted(desk: Desk, symbol: str, bid: object, ask: object) -> tuple[object, object]:
    desk.quote(symbol, bid, ask)
    found = await desk.broker.quote(symbol)
    return found.bid, found.ask


@pytest.mark.parametrize(
    ("symbol", "bid", "ask"),
    [
        ("AAPL", "0.01", "0.02"),
        ("BTC", "65432.1", "65432.11"),
        ("ES", "5000.25", "5000.5"),
        ("AAPL", "99999.98", "99999.99"),
    ],
)
@in_loop
async def test_quotes_are_exact(symbol: str, bid: str, ask: str) -> None:
    async with open_desk() as desk:
        assert await quoted(desk, symbol, bid, ask) == (Decimal(bid), Decimal(ask))
