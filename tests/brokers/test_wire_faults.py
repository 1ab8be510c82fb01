"""What the gateway may say wrongly, partly or twice, and what the adapter makes of it."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ib_async.contract import Contract
from ib_async.objects import BarData, CommissionReport, Execution
from ib_async.objects import Position as IbPosition
from ib_async.order import Order, OrderState
from ib_async.ticker import Ticker

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.conversions import SymbolMap, position_of
from brokers.ibkr.feed import IbkrFeed
from brokers.ibkr.gateway.listings import Listing
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.listener import Listener
from brokers.ibkr.numbers import optional, price, quantity, required
from brokers.ibkr.settings import IbkrSettings
from tests.brokers.desk import AAPL, ACCOUNT, ES, INSTRUMENTS, NOON, approved, bracket, in_loop, open_desk, until
from tradewright.model.bars import Timeframe
from tradewright.model.broker import BrokerEvent, BrokerEventKind, VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.model.order import Leg

SHARE = Contract(symbol="AAPL", secType="STK", currency="USD", conId=1)
REF = "intent1.1"


def listen() -> tuple[Listener, list[BrokerEvent]]:
    told: list[BrokerEvent] = []
    return Listener(SymbolMap(INSTRUMENTS), ManualClock(NOON), 21, told.append), told


def unsent(order_id: int = 0, client_id: int = 0, status: str = "PendingSubmit", ref: str = "") -> tuple[Any, ...]:
    order = Order(orderId=order_id, clientId=client_id, action="BUY", totalQuantity=5, orderType="LMT", orderRef=ref)
    order.account = ACCOUNT
    return order, SHARE, OrderState(status=status)


@pytest.mark.parametrize("status", ["PendingSubmit", "Inactive", "ApiPending", "PreSubmitted"])
@in_loop
async def test_orders_without_a_permanent_id_are_shown_and_harmless(status: str) -> None:
    events, _ = listen()
    events.begin_listing()
    for ids in ((0, 0), (0, 0), (9, 99)):
        events.on_open_order(*unsent(*ids, status=status))
    found = events.open_orders(ACCOUNT)
    assert len(found) == 3
    assert {(item.status, item.held_back, item.ref) for item in found} == {(VenueStatus.PENDING, True, "")}
    assert events.mine == {}


@in_loop
async def test_an_order_that_gets_its_permanent_id_later_is_one_order() -> None:
    events, _ = listen()
    events.begin_listing()
    events.on_open_order(*unsent(5, 21, ref="a.1"))
    events.on_order_status(5, "Submitted", 0.0, 7, 21)
    events.begin_listing()
    order, contract, state = unsent(5, 21, "Submitted", "a.1")
    order.permId = 7
    events.on_open_order(order, contract, state)
    (found,) = events.open_orders(ACCOUNT)
    assert (found.perm_id, found.held_back, found.status) == (7, False, VenueStatus.WORKING)


@in_loop
async def test_legs_that_were_not_transmitted_before_the_link_broke_are_seen_and_cancelled() -> None:
    async with open_desk() as desk:
        desk.do("drop", when="after_order")
        ids = await desk.place_group(REF, bracket())
        await until(lambda: any(not event.link_up for event in desk.events), "the end of the link")
        await asyncio.sleep(0.05)
        await desk.reconnect()
        snapshot = await desk.broker.snapshot()
        shown = {order.ref: order for order in snapshot.open_orders}
        assert snapshot.fills == ()
        assert (shown[REF].perm_id, shown[REF].held_back, shown[REF].status) == (0, True, VenueStatus.PENDING)
        assert not {Leg.STOP_LOSS.reference(REF), Leg.TAKE_PROFIT.reference(REF)} & set(shown)
        desk.quote("AAPL", "90.00", "90.02")
        assert (await desk.broker.snapshot()).positions == (), "an order that is held back is not worked"
        await desk.broker.cancel(REF, ids[Leg.ENTRY])
        await until(lambda: desk.states(REF)[-1:] == ["CANCELLED"])
        assert (await desk.broker.snapshot()).open_orders == ()


def test_a_future_by_month_is_known_by_its_last_day() -> None:
    monthly = ES.model_copy(update={"venue_symbols": {"ibkr": "ES-CME-202606"}})
    told = Contract(symbol="ES", secType="FUT", currency="USD", lastTradeDateOrContractMonth="20260619", conId=777)
    assert SymbolMap([monthly]).symbol(told) == "ES"
    told.lastTradeDateOrContractMonth = "20260918"
    assert SymbolMap([monthly]).symbol(told) == "ibkr:FUT:ES:777"


@in_loop
async def test_a_future_by_month_is_resolved_when_the_connection_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """CL of December ends in November: only the contract id tells that it is ours."""
    monthly = ES.model_copy(update={"venue_symbols": {"ibkr": "ES-CME-202607"}})
    real = Listing.fields

    def with_last_day(self: Listing, *args: Any, **more: Any) -> list[object]:
        fields = real(self, *args, **more)
        return [*fields[:3], "20260619", *fields[4:]]

    clock = ManualClock(NOON)
    async with Gateway([monthly], clock, seed=1) as gateway:
        gateway.control.do("quote", symbol="ES", last=5000)
        gateway.control.do("manual_order", terms={"instrument": "ES", "side": "BUY", "quantity": 1})
        monkeypatch.setattr(Listing, "fields", with_last_day)
        broker = IbkrBroker(IbkrSettings(port=gateway.port, timeout=5), [monthly], clock)
        await broker.connect(lambda _event: None)
        snapshot = await broker.snapshot()
        assert [item.instrument for item in (*snapshot.positions, *snapshot.fills)] == ["ES", "ES"]
        await broker.disconnect()


@pytest.mark.parametrize(
    ("now", "complete"),
    [("2026-11-23T20:55", 1), ("2026-11-23T21:00", 2), ("2026-11-24T14:00", 2), ("2026-11-27T18:00", 2)],
)
def test_a_daily_bar_is_complete_at_its_sessions_close(now: str, complete: int) -> None:
    bars = [BarData(date=date(2026, 11, day), open=1, high=1, low=1, close=1, volume=1) for day in (20, 23)]
    clock = ManualClock(datetime.fromisoformat(now).replace(tzinfo=UTC))
    table = IbkrFeed(IbkrSettings(), [AAPL], clock)._table(AAPL, Timeframe.D1, bars, None)
    assert len(table) == complete


def test_a_volume_that_the_venue_does_not_have_is_unknown() -> None:
    bars = [BarData(date=NOON, open=1, high=1, low=1, close=1, volume=volume) for volume in (-1.0, 5.0)]
    bars[1].date = NOON + timedelta(minutes=1)
    table = IbkrFeed(IbkrSettings(), [AAPL], ManualClock(NOON + timedelta(hours=1)))._table(
        AAPL, Timeframe.M1, bars, None
    )
    assert math.isnan(table["volume"][0])
    assert table["volume"][1] == 5


def ticker(**fields: object) -> Ticker:
    """The library fills a new ticker up, so that its fields are set afterwards."""
    made = Ticker()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_a_quote_that_is_not_live_has_no_time_of_now(kind: int) -> None:
    broker = IbkrBroker(IbkrSettings(market_data_type=3), INSTRUMENTS, ManualClock(NOON))
    old = NOON - timedelta(minutes=20)
    prices = {"bid": 99.0, "ask": 101.0, "last": 100.0}
    quote = broker._quote("AAPL", ticker(**prices, lastTimestamp=old, marketDataType=kind))
    assert (quote.bid, quote.time, quote.bid_time, quote.last_time) == (99, None, None, old)
    assert broker._quote("AAPL", ticker(last=100.0, marketDataType=kind)).time is None


def test_each_price_of_a_live_quote_has_its_own_time() -> None:
    broker = IbkrBroker(IbkrSettings(), INSTRUMENTS, ManualClock(NOON))
    old = NOON - timedelta(minutes=20)
    live = broker._quote("AAPL", ticker(bid=99.0, ask=101.0, last=100.0, lastTimestamp=old, marketDataType=1))
    assert (live.time, live.bid_time, live.ask_time, live.last_time) == (NOON, NOON, NOON, old)
    assert broker._quote("AAPL", ticker(last=100.0, lastTimestamp=old)).time == old
    gone = broker._quote("AAPL", ticker(bid=-1.0, ask=0.0, last=math.nan, lastTimestamp=old))
    assert (gone.bid, gone.ask, gone.last, gone.time) == (None, None, None, None)


UNKNOWN = [None, "", "n/a", "nan", math.nan, math.inf, -math.inf, 1.7976931348623157e308, 1e300, True, []]


@pytest.mark.parametrize("value", UNKNOWN, ids=repr)
def test_a_number_that_is_none_is_unknown_and_never_zero(value: object) -> None:
    assert optional(value) is None
    for read in (required, quantity):
        with pytest.raises(BrokerError, match="message 61"):
            read(value, "message 61", "units")
    with pytest.raises(BrokerError, match="message 61"):
        price(value, "message 61", negative_allowed=True)


def test_prices_below_zero_belong_to_instruments_that_have_them() -> None:
    assert price(-37.5, "m", negative_allowed=True) == Decimal("-37.5")
    for value in (-190.0, 0.0):
        with pytest.raises(BrokerError, match="not above zero"):
            price(value, "m", negative_allowed=False)
    with pytest.raises(BrokerError, match="negative"):
        quantity(-1.0, "m")


@pytest.mark.parametrize("broken", [{"price": 1e300}, {"price": -190.0}, {"price": 0.0}, {"shares": ""}])
@in_loop
async def test_an_execution_with_an_absurd_number_is_damage_and_no_fill(broken: dict[str, Any]) -> None:
    events, told = listen()
    fields: dict[str, Any] = {"execId": "1.01", "side": "BOT", "shares": 1.0, "price": 100.0, "time": NOON}
    events.on_execution(3, SHARE, Execution(**(fields | {"acctNumber": ACCOUNT} | broken)))
    assert events.fills(ACCOUNT) == ()
    assert "execution 1.01" in events.damage
    assert told[0].kind is BrokerEventKind.ERROR


@pytest.mark.parametrize("units", ["", math.nan, 1.7976931348623157e308])
def test_a_position_without_a_quantity_is_not_flat(units: Any) -> None:
    with pytest.raises(BrokerError, match="position of AAPL"):
        position_of(SymbolMap([AAPL]), IbPosition(ACCOUNT, SHARE, units, 1.0))


@in_loop
async def test_a_commission_that_is_not_known_yet_is_none_and_taken_later() -> None:
    events, told = listen()
    fill = Execution(execId="1.01", side="BOT", shares=1.0, price=100.0, time=NOON, acctNumber=ACCOUNT)
    events.on_execution(3, SHARE, fill)
    events.on_commission(CommissionReport(execId="1.01", commission=1.7976931348623157e308, currency="USD"))
    assert [(item.fee, item.fee_currency) for item in events.fills(ACCOUNT)] == [(None, "")]
    events.on_commission(CommissionReport(execId="1.01", commission=5.0, currency="JPY"))
    assert [(item.fee, item.fee_currency) for item in events.fills(ACCOUNT)] == [(5, "JPY")]
    assert [(item.fee, item.fee_currency) for item in told] == [(5, "JPY")]


@pytest.mark.parametrize("code", [1100, 2110])
@in_loop
async def test_a_lost_link_comes_with_a_remedy(code: int) -> None:
    events, told = listen()
    events.on_error(-1, code, "Connectivity has been lost")
    assert "reconcile" in told[0].text


@in_loop
async def test_a_client_id_is_tried_again_until_the_gateway_has_released_it() -> None:
    async with open_desk(connect=False) as desk:
        other = desk.again()
        await other.connect(lambda _event: None)
        waiting = asyncio.create_task(desk.broker.connect(desk.events.append))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await other.disconnect()
        await waiting
        assert (await desk.broker.snapshot()).positions == ()


@pytest.mark.parametrize("failure", [LedgerError("the disk is full"), RuntimeError("a bug of ours")])
@in_loop
async def test_a_failure_of_our_own_handler_fails_the_next_query(failure: Exception) -> None:
    """The library logs and forgets it; what we did not take in must not look like what never happened."""
    async with open_desk(connect=False) as desk:
        broken = False

        def sink(_event: BrokerEvent) -> None:
            if broken:
                raise failure

        await desk.broker.connect(sink)
        await desk.place(REF, approved(limit_price=90))
        await desk.broker.snapshot()
        broken = True
        desk.quote("AAPL", "89.00", "89.02")
        await asyncio.sleep(0.1)
        broken = False
        with pytest.raises(BrokerError, match=str(failure)):
            await desk.broker.snapshot()
        assert [fill.ref for fill in (await desk.broker.snapshot()).fills] == [REF]


@in_loop
async def test_an_equity_that_is_no_number_names_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*_args: object) -> list[tuple[str, str, str]]:
        return [("NetLiquidation", "n/a", "USD"), ("TotalCashValue", "5", "USD")]

    monkeypatch.setattr("brokers.ibkr.gateway.account_requests.account_values", told)
    async with open_desk() as desk:
        with pytest.raises(BrokerError, match=r"account values: NetLiquidation 'n/a' is no number"):
            await desk.broker.account()
