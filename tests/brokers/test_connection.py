"""What the adapter says when the gateway is not as configured, and which settings it takes at all."""

from __future__ import annotations

import asyncio
import socket
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order, OrderState
from pydantic import ValidationError

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.conversions import SymbolMap, status_of
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from brokers.ibkr.listener import Listener
from brokers.ibkr.settings import IbkrSettings
from tests.brokers.desk import AAPL, ACCOUNT, ES, INSTRUMENTS, NOON, approved, in_loop, open_desk, until
from tradewright.model.broker import BrokerEvent, BrokerEventKind, VenueStatus
from tradewright.model.clock import ManualClock, SystemClock
from tradewright.model.errors import BrokerError

CLOCK = ManualClock(NOON)


def ignore(_event: BrokerEvent) -> None:
    """A sink for events that do not matter."""


def broker(port: int, **values: Any) -> IbkrBroker:
    return IbkrBroker(IbkrSettings(port=port, **{"timeout": 2.0, **values}), INSTRUMENTS, CLOCK)


@in_loop
async def test_a_closed_port_is_named_with_a_remedy() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{port}.*connection refused.*start the gateway"):
            await broker(port).connect(ignore)


@in_loop
async def test_a_port_that_hangs_up_is_named() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(BrokerError, match=r"no answer within|cannot connect"):
            await broker(port, timeout=0.2).connect(ignore)


@in_loop
async def test_the_account_must_be_there_and_must_be_named_where_there_are_several() -> None:
    cash = {"DU1": Decimal(1000), "DU2": Decimal(2000)}
    async with Gateway(INSTRUMENTS, CLOCK, cash=cash) as gateway:
        with pytest.raises(BrokerError, match=r"it manages DU1, DU2.*name one as"):
            await broker(gateway.port).connect(ignore)
        with pytest.raises(BrokerError, match="account DU3 is not here"):
            await broker(gateway.port, account="DU3").connect(ignore)
        second = broker(gateway.port, account="DU2")
        await second.connect(ignore)
        assert (await second.account()).cash == 2000
        await second.disconnect()


@in_loop
async def test_a_live_account_behind_a_paper_setting_is_refused() -> None:
    async with Gateway(INSTRUMENTS, CLOCK, cash={"U7654321": Decimal(1000)}) as gateway:
        with pytest.raises(BrokerError, match="U7654321 is not a paper account"):
            await broker(gateway.port).connect(ignore)
        live = broker(gateway.port, mode="live", account="U7654321", live_port=gateway.port)
        await live.connect(ignore)
        assert (await live.account()).account == "U7654321"
        await live.disconnect()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"mode": "live"}, "needs the account spelled out"),
        ({"mode": "live", "account": "U1"}, "a port of paper accounts"),
        ({"mode": "live", "account": "DU1", "port": 4001}, "not a live account"),
        ({"mode": "live", "account": "U1", "port": 5002, "live_port": 4003}, "not a usual live port"),
        ({"port": 4001}, "a port of live accounts"),
        ({"port": 7496}, "a port of live accounts"),
        ({"account": "U1"}, "not a paper account"),
        ({"client_id": 0}, "greater than or equal to 1"),
        ({"port": 0}, "greater than 0"),
        ({"timeout": 0}, "greater than 0"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_paper_and_live_never_mix(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        IbkrSettings(**values)


def test_live_on_a_live_port_with_its_account_is_allowed() -> None:
    assert IbkrSettings(mode="live", account="U1", port=4001).where == "127.0.0.1:4001"


@in_loop
async def test_a_read_only_connection_sends_no_order() -> None:
    async with open_desk(connect=False) as desk:
        assert desk.gateway is not None
        reader = broker(desk.gateway.port, readonly=True)
        await reader.connect(ignore)
        with pytest.raises(BrokerError, match="read-only; nothing was sent"):
            await reader.place(approved(), "a.1", reader.next_order_id())
        await reader.disconnect()


@in_loop
async def test_a_market_that_is_closed_quotes_the_last_trade_at_its_time() -> None:
    async with open_desk() as desk:
        desk.do("quote", symbol="AAPL", last="100.50")
        desk.do("close_market", symbol="AAPL")
        before = desk.clock.now()
        desk.clock.advance(3600)  # type: ignore[attr-defined]
        quote = await desk.broker.quote("AAPL")
        assert (quote.bid, quote.ask, quote.last, quote.time) == (None, None, Decimal("100.5"), before)
        desk.do("switch", fault="market_data", on=False)
        with pytest.raises(BrokerError, match="354 Requested market data is not subscribed"):
            await desk.broker.quote("AAPL")


@in_loop
async def test_a_price_that_was_taken_away_is_not_remembered() -> None:
    async with open_desk() as desk:
        assert (await desk.broker.quote("AAPL")).ask == Decimal("100.01")
        desk.do("close_market", symbol="AAPL")
        with pytest.raises(BrokerError, match="no price of AAPL"):
            await desk.broker.quote("AAPL")


@in_loop
async def test_an_ambiguous_contract_is_refused() -> None:
    async with open_desk() as desk:
        ib, _ = desk.broker._connection.linked()  # type: ignore[attr-defined]

        async def two(_contract: Contract) -> list[SimpleNamespace]:
            return [SimpleNamespace(contract=Contract()), SimpleNamespace(contract=Contract())]

        ib.reqContractDetailsAsync = two
        with pytest.raises(BrokerError, match=r"2 contracts fit AAPL.*venue_symbols"):
            await desk.broker.quote("AAPL")


@in_loop
async def test_an_account_without_its_values_is_an_error() -> None:
    async with open_desk() as desk:
        assert (await desk.broker.account()).cash == 100_000
        desk.do("omit", message=73, count=100)
        with pytest.raises(BrokerError, match="came without 'NetLiquidation'"):
            await desk.broker.account()


@in_loop
async def test_a_question_that_is_answered_by_an_error_leaves_the_link_open() -> None:
    async with open_desk() as desk:
        connection = desk.broker._connection  # type: ignore[attr-defined]
        ib, _ = connection.linked()
        with pytest.raises(BrokerError, match="details: 200 No security definition"):
            await connection.ask("details", lambda: ib.reqContractDetailsAsync(Contract(conId=1)))
        assert await desk.broker.time() == desk.clock.now()


@in_loop
async def test_questions_asked_at_once_are_answered_one_by_one() -> None:
    async with open_desk() as desk:
        await desk.place("a.1", approved(limit_price="90.00"))
        await desk.acknowledged("a.1")
        await desk.place("a.2")
        await until(lambda: desk.fills("a.2"))
        snapshots = [desk.broker.snapshot() for _ in range(4)]
        first, *others, _, _ = await asyncio.gather(*snapshots, desk.broker.time(), desk.broker.account())
        for found in (first, *others):
            assert [order.ref for order in found.open_orders] == ["a.1"]
            assert [order.ref for order in found.completed_orders] == ["a.2"]
            assert [fill.ref for fill in found.fills] == ["a.2"]


def test_unknown_words_end_nothing() -> None:
    assert status_of("SomethingNew") is VenueStatus.PENDING


def test_foreign_contracts_get_names_that_no_instrument_has() -> None:
    names = SymbolMap(INSTRUMENTS)
    assert names.symbol(Contract(symbol="BRK B", secType="STK", currency="USD")) == "ibkr:STK:BRK_B"
    assert names.symbol(Contract(symbol="AAPL", secType="STK", currency="USD")) == "AAPL"
    future = Contract(symbol="ES", secType="FUT", currency="USD", lastTradeDateOrContractMonth="20260619")
    assert names.symbol(future) == "ES"
    assert names.multiplier("ES") == ES.multiplier
    assert names.multiplier("ibkr:STK:BRK_B") == 1
    names.learn(77, "AAPL")
    assert names.symbol(Contract(conId=77)) == "AAPL"
    with pytest.raises(BrokerError, match=r"NOPE.*conf/instruments"):
        names.instrument("NOPE")


def listen() -> tuple[Listener, list[BrokerEvent]]:
    told: list[BrokerEvent] = []
    return Listener(SymbolMap([AAPL]), CLOCK, 21, told.append), told


@in_loop
async def test_a_state_of_an_order_that_nobody_knows_is_told_without_an_order() -> None:
    events, told = listen()
    events.on_order_status(5, "Submitted", 0.0, 99, 22)
    assert (told[0].kind, told[0].order, told[0].order_id, told[0].text) == (
        BrokerEventKind.ORDER,
        None,
        5,
        "Submitted",
    )


@in_loop
async def test_a_state_under_a_reissued_order_id_is_not_taken_for_our_orders() -> None:
    events, told = listen()
    order = Order(permId=7, orderId=5, clientId=21, action="BUY", orderType="MKT", totalQuantity=1.0, orderRef="a.1")
    events.on_open_order(order, Contract(symbol="AAPL", secType="STK", currency="USD"), OrderState(status="Submitted"))
    events.on_order_status(5, "Filled", 1.0, 8, 21)
    assert [event.order.perm_id if event.order else None for event in told] == [7, None]


@in_loop
async def test_an_execution_that_makes_no_sense_is_told_as_unreadable() -> None:
    events, told = listen()
    events.on_execution(-1, Contract(), Execution(execId="1.01", shares=0.0, time=NOON))
    assert "unreadable" in told[0].text
    assert events.damage


@in_loop
async def test_a_fee_is_told_once_and_again_when_it_changes() -> None:
    events, told = listen()
    for commission in (1.0, 1.0, 1.5):
        events.on_commission(CommissionReport(execId="1.01", commission=commission, currency="USD"))
    assert [event.fee for event in told] == [1, Decimal("1.5")]


@in_loop
async def test_what_ifs_and_foreign_errors_are_no_news() -> None:
    events, told = listen()
    events.on_open_order(Order(whatIf=True), Contract(), OrderState())
    events.on_error(77, 200, "an answer to some request")
    assert told == []


@in_loop
async def test_a_strange_order_type_is_passed_on_as_it_is() -> None:
    events, told = listen()
    order = Order(
        permId=9, orderId=0, clientId=0, action="SSHORT", orderType="PEG MID", totalQuantity=3.0, account=ACCOUNT
    )
    events.on_open_order(order, Contract(symbol="AAPL", secType="STK", currency="USD"), OrderState(status="Submitted"))
    assert told[0].order is not None
    assert (told[0].order.order_type, told[0].order.side.value, told[0].order.instrument) == ("PEG MID", "SELL", "AAPL")


@in_loop
async def test_events_after_the_connection_was_closed_by_us_hurt_nobody() -> None:
    async with open_desk() as desk:
        await desk.place("a.1", approved(limit_price="90.00"))
        await desk.acknowledged("a.1")
        await desk.broker.disconnect()
        await desk.broker.disconnect()
        desk.quote("AAPL", "89.00", "89.02")
        assert desk.gateway is not None
        await until(lambda: not desk.gateway.hub.sessions)  # type: ignore[union-attr]
        assert desk.fills("a.1") == []


def test_a_login_with_other_accounts_cancels_nothing_as_a_whole() -> None:
    """``reqGlobalCancel`` knows no account: it would end the orders of all of them."""

    async def story(port: int) -> None:
        made = IbkrBroker(IbkrSettings(port=port, account="DU100", timeout=5), [AAPL], SystemClock())
        await made.connect(lambda _event: None)
        try:
            with pytest.raises(BrokerError, match="DU100, DU200"):
                await made.cancel_all()
        finally:
            await made.disconnect()

    venue = Gateway([AAPL], SystemClock(), cash={"DU100": Decimal(1000), "DU200": Decimal(1000)}, seed=7)
    with GatewayThread(venue) as running:
        asyncio.run(story(running.gateway.port))
