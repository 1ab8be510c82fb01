"""Orders at the gateway, message by message: several clients, changes, stops, parts, queries and their filters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.ibkr.gateway.server import Gateway
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON, in_loop
from tests.brokers.tws import COMPLETED, OPEN_ORDERS, codes, of, peers, states
from tradewright.model.clock import ManualClock

CASH = {ACCOUNT: Decimal(100_000)}
VERSIONS = pytest.mark.parametrize("version", [157, 166, 178])


@asynccontextmanager
async def serving(version: int = 178, **more: object) -> AsyncIterator[Gateway]:
    async with Gateway(INSTRUMENTS, ManualClock(NOON), cash=CASH, version=version, seed=3, **more) as gateway:  # type: ignore[arg-type]
        quote(gateway, "99.99", "100.01")
        yield gateway


def quote(gateway: Gateway, bid: object, ask: object, symbol: str = "AAPL") -> None:
    gateway.control.do("quote", symbol=symbol, bid=bid, ask=ask)


def cash(gateway: Gateway) -> Decimal:
    return gateway.venue.book(ACCOUNT).cash


@VERSIONS
@in_loop
async def test_two_clients_use_the_same_order_id_for_two_orders(version: int) -> None:
    async with serving(version) as gateway, peers(gateway, 1, 2, version=version) as (one, two):
        assert (one.next_id, two.next_id) == (1, 1)
        mine = await one.place(1, limit_price="90")
        theirs = await two.place(1, limit_price="91")
        assert states(mine) == states(theirs) == [("Submitted", "0", "10")]
        open_orders = await one.open_orders()
        assert set(open_orders) == {(1, 1), (2, 1)}
        assert {fields[25] for fields in open_orders.values()} == {fields[6] for fields in of(mine + theirs, 3)}
        assert len({fields[25] for fields in open_orders.values()}) == 2, "permanent ids tell them apart"


@in_loop
async def test_a_client_hears_of_its_own_orders_alone() -> None:
    async with serving() as gateway, peers(gateway, 1, 2) as (one, two):
        await one.place(1, limit_price="90")
        assert await two.settle() == []
        quote(gateway, "89.00", "89.02")
        told = await one.settle()
        assert [fields[0] for fields in told] == ["11", "59", "5", "3"]
        assert await two.settle() == []


@in_loop
async def test_order_ids_are_counted_per_client_and_survive_a_reconnect() -> None:
    async with serving() as gateway:
        async with peers(gateway, 1, 2) as (one, two):
            await one.place(40, limit_price="90")
            await two.place(7, limit_price="90")
            assert of(await one.ask(8, 1, 1), 9) == [["9", "1", "41"]]
            assert of(await two.ask(8, 1, 1), 9) == [["9", "1", "8"]]
            await one.place(12, limit_price="90")
            assert of(await one.ask(8, 1, 1), 9) == [["9", "1", "41"]], "a lower id takes nothing back"
        async with peers(gateway, 1, 3) as (again, third):
            assert (again.next_id, third.next_id) == (41, 1)


@in_loop
async def test_open_orders_of_this_client_and_of_all() -> None:
    async with serving() as gateway, peers(gateway, 1, 2) as (one, two):
        await one.place(1, limit_price="90")
        await one.place(2)
        await two.place(1, limit_price="91")
        gateway.control.do("manual_order", terms={"instrument": "MSFT", "side": "SELL", "quantity": 3})
        assert set(await one.open_orders(OPEN_ORDERS)) == {(1, 1)}
        assert set(await two.open_orders(OPEN_ORDERS)) == {(2, 1)}
        everything = await two.open_orders()
        assert set(everything) == {(1, 1), (2, 1), (0, 0)}
        assert everything[(0, 0)][23] == "", "an order entered by hand has no reference"
        assert everything[(0, 0)][3] == "MSFT"


@in_loop
async def test_an_empty_list_has_its_end_too() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        for question, end in ((5, "53"), (16, "53"), (61, "62"), (COMPLETED, "102")):
            assert [fields[0] for fields in await one.ask(question, 1)] == [end]
        assert await one.ask(7, 3, 5, 0, "", "", "", "", "", "") == [["55", "1", "5"]]


@VERSIONS
@in_loop
async def test_the_terms_come_back_in_the_open_order(version: int) -> None:
    async with serving(version) as gateway, peers(gateway, 1, version=version) as (one,):
        (told,) = of(await one.place(1, side="SELL", quantity=7, limit_price="123.45", tif="GTC"), 5)
        assert told[13:19] == ["SELL", "7", "LMT", "123.45", "0", "GTC"]
        assert (told[20], told[23], told[24]) == (ACCOUNT, "c1.1", "1")
        (told,) = of(await one.place(2, side="SELL", quantity=7, stop_price="77.25"), 5)
        assert told[13:19] == ["SELL", "7", "STP", "0", "77.25", "DAY"]


@in_loop
async def test_a_client_cannot_cancel_anothers_order() -> None:
    async with serving() as gateway, peers(gateway, 1, 2) as (one, two):
        await one.place(5, limit_price="90")
        assert codes(await two.ask(4, 1, 5, "")) == [(5, 10147)]
        assert set(await one.open_orders()) == {(1, 5)}
        answer = await one.ask(4, 1, 5, "")
        assert states(answer) == [("Cancelled", "0", "10")]
        assert codes(answer) == [(5, 202)]
        assert codes(await one.ask(4, 1, 5, "")) == [(5, 10148)]


@in_loop
async def test_a_global_cancel_tells_each_owner() -> None:
    async with serving() as gateway, peers(gateway, 1, 2, 3) as (one, two, three):
        await one.place(1, limit_price="90")
        await one.place(2, limit_price="91", tif="GTC")
        await two.place(8, stop_price="130")
        gateway.control.do("manual_order", terms={"instrument": "MSFT", "side": "SELL", "quantity": 3})
        assert await three.ask(58, 1) == []
        assert codes(await one.settle()) == [(1, 202), (2, 202)]
        assert codes(await two.settle()) == [(8, 202)]
        assert await one.open_orders() == {}


@VERSIONS
@in_loop
async def test_a_change_keeps_the_permanent_id_and_the_fills(version: int) -> None:
    async with serving(version) as gateway, peers(gateway, 1, version=version) as (one,):
        gateway.control.do("partial_fills", quantities=[4])
        first = await one.place(1, limit_price="100.01")
        assert states(first) == [("Submitted", "0", "10"), ("Submitted", "4", "6")]
        quote(gateway, "101.00", "101.02")
        changed = await one.place(1, quantity=12, limit_price="100.50")
        assert states(changed) == [("Submitted", "4", "8")]
        quote(gateway, "100.20", "100.22")
        last = await one.settle()
        assert states(last) == [("Filled", "12", "0")]
        assert {fields[6] for fields in of(first + changed + last, 3)} == {of(first, 3)[0][6]}
        assert [(fields[19], fields[20]) for fields in await one.executions()] == [("4", "100.01"), ("8", "100.22")]
        assert of(last, 3)[0][5] == "100.15", "(4 * 100.01 + 8 * 100.22) / 12"


@in_loop
async def test_a_change_that_meets_the_market_fills_at_once() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        await one.place(1, limit_price="90")
        assert states(await one.place(1, limit_price="100.01"))[-1] == ("Filled", "10", "0")
        assert codes(await one.place(1, limit_price="100.01")) == [(1, 103)]
        assert gateway.venue.book(ACCOUNT).holding("AAPL").quantity == 10, "the same order again is not a second one"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": 3, "limit_price": "100.01"}, 105),
        ({"quantity": 4, "limit_price": "100.01"}, 105),
        ({"side": "SELL", "limit_price": "100.01"}, 105),
        ({"instrument": "MSFT", "limit_price": "100.01"}, 105),
        ({"quantity": 5000, "limit_price": "100.01"}, 201),
    ],
)
@in_loop
async def test_a_change_that_cannot_be_leaves_the_order_as_it_was(change: dict[str, object], code: int) -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        gateway.control.do("partial_fills", quantities=[4])
        await one.place(1, limit_price="100.01")
        quote(gateway, "101.00", "101.02")
        answer = await one.place(1, **change)  # type: ignore[arg-type]
        assert codes(answer) == [(1, code)]
        assert states(answer) == []
        (told,) = (await one.open_orders()).values()
        assert (told[3], told[13], told[14], told[16]) == ("AAPL", "BUY", "10", "100.01")
        quote(gateway, "99.99", "100.01")
        assert gateway.venue.book(ACCOUNT).holding("AAPL").quantity == 10


@in_loop
async def test_day_orders_expire_and_good_till_cancelled_ones_fill_another_day() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        await one.place(1, limit_price="90")
        await one.place(2, limit_price="90", tif="GTC")
        await one.place(3, stop_price="110", tif="DAY")
        gateway.control.do("end_of_day")
        assert states(await one.settle()) == [("Cancelled", "0", "10")] * 2
        assert set(await one.open_orders()) == {(1, 2)}
        gateway.hub.clock.advance(86_400)  # type: ignore[attr-defined]
        quote(gateway, "89.98", "90.00")
        assert states(await one.settle()) == [("Filled", "10", "0")]
        (execution,) = await one.executions()
        assert execution[15] == "20260305 17:00:00 UTC"


@pytest.mark.parametrize(
    ("side", "stop", "waits", "triggers", "price"),
    [
        ("BUY", "105", ("104.00", "104.98"), ("105.00", "105.02"), "105.02"),
        ("SELL", "95", ("95.02", "95.04"), ("94.90", "94.92"), "94.9"),
        ("BUY", "105", ("104.00", "104.98"), ("120.00", "120.02"), "120.02"),
    ],
)
@in_loop
async def test_a_stop_order_waits_for_its_price_and_then_takes_the_market(
    side: str, stop: str, waits: tuple[str, str], triggers: tuple[str, str], price: str
) -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        assert states(await one.place(1, side=side, stop_price=stop)) == [("PreSubmitted", "0", "10")]
        quote(gateway, *waits)
        assert await one.settle() == []
        quote(gateway, *triggers)
        told = await one.settle()
        assert states(told) == [("Filled", "10", "0")]
        assert of(told, 11)[0][20] == price


@in_loop
async def test_a_stop_that_was_triggered_stays_a_market_order() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        await one.place(1, side="SELL", stop_price="95")
        gateway.control.do("partial_fills", quantities=[3])
        quote(gateway, "94.00", "94.02")
        assert states(await one.settle()) == [("Submitted", "3", "7")]
        quote(gateway, "99.00", "99.02")
        assert states(await one.settle()) == [("Filled", "10", "0")], "above the stop, and yet it sells"


@in_loop
async def test_the_fees_of_the_parts_are_the_fee_of_the_whole() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        gateway.control.do("partial_fills", quantities=[100, 300])
        await one.place(1, quantity=1000, limit_price="100.01")
        for _ in range(2):
            quote(gateway, "99.99", "100.01")
        await one.settle()
        fees = [fields[3] for fields in of(one.seen, 59)]
        assert fees == ["1", "1", "3"], "0.005 a share, at least 1, in all 5.00"
        assert cash(gateway) == 100_000 - 1000 * Decimal("100.01") - 5
        executions = await one.executions()
        assert [fields[24] for fields in executions] == ["100", "400", "1000"], "cumulated"
        assert len({fields[14] for fields in executions}) == 3


@in_loop
async def test_a_partial_fill_that_is_cancelled_keeps_what_it_has() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        gateway.control.do("partial_fills", quantities=[4])
        await one.place(1, limit_price="100.01")
        quote(gateway, "101.00", "101.02")
        assert states(await one.ask(4, 1, 1, "")) == [("Cancelled", "4", "6")]
        quote(gateway, "99.00", "99.02")
        assert gateway.venue.book(ACCOUNT).holding("AAPL").quantity == 4
        (done,) = of(await one.ask(COMPLETED, 0), 101)
        assert "c1.1" in done
        assert "Cancelled" in done


@in_loop
async def test_realized_profit_comes_with_the_cost_of_a_closing_execution_only() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        opening = of(await one.place(1), 59)[0]
        quote(gateway, "104.99", "105.01")
        closing = of(await one.place(2, side="SELL", quantity=4), 59)[0]
        assert Decimal(opening[5]) > 10**300, "the wire's way to say that there is none"
        assert Decimal(closing[5]) == (Decimal("104.99") - Decimal("100.01")) * 4 - 1


@pytest.mark.parametrize(
    ("wanted", "refs"),
    [
        ({}, ["c1.1", "c2.1", "c2.2", "c1.2"]),
        ({"client_id": 1}, ["c1.1", "c1.2"]),
        ({"client_id": 2, "side": "SELL"}, ["c2.2"]),
        ({"symbol": "BTC"}, ["c1.2"]),
        ({"sec_type": "STK"}, ["c1.1", "c2.1", "c2.2"]),
        ({"account": ACCOUNT}, ["c1.1", "c2.1", "c2.2", "c1.2"]),
        ({"account": "DU9"}, []),
        ({"time": "20260304 17:00:05 UTC"}, ["c2.2", "c1.2"]),
        ({"time": "20260304-17:00:11"}, []),
        ({"side": "BUY"}, ["c1.1", "c2.1", "c1.2"]),
        ({"exchange": "PAXOS"}, ["c1.2"]),
    ],
)
@in_loop
async def test_the_filter_of_executions(wanted: dict[str, object], refs: list[str]) -> None:
    async with serving() as gateway, peers(gateway, 1, 2, 9) as (one, two, reader):
        quote(gateway, "60000", "60010", "BTC")
        await one.place(1)
        await two.place(1, quantity=3)
        gateway.hub.clock.advance(10)  # type: ignore[attr-defined]
        await two.place(2, side="SELL", quantity=2)
        await one.place(2, "BTC", quantity="0.5", limit_price=60010, tif="IOC")
        assert [fields[26] for fields in await reader.executions(**wanted)] == refs


@in_loop
async def test_today_ends_at_midnight_in_new_york() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        await one.place(1)
        midnight = NOON.replace(hour=5) + timedelta(days=1)
        clock = gateway.hub.clock
        clock.advance((midnight - NOON).total_seconds() - 1)  # type: ignore[attr-defined]
        assert len(await one.executions()) == len(of(await one.ask(COMPLETED, 0), 101)) == 1
        clock.advance(1)  # type: ignore[attr-defined]
        assert await one.executions() == []
        assert of(await one.ask(COMPLETED, 0), 101) == []
        assert len(of(await one.ask(61, 1), 61)) == 1, "a position knows no day"


@pytest.mark.parametrize(("api_only", "count"), [("1", 1), ("true", 1), ("0", 2)])
@in_loop
async def test_completed_orders_with_and_without_those_entered_by_hand(api_only: str, count: int) -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        await one.place(1)
        gateway.control.do("manual_order", terms={"instrument": "AAPL", "side": "SELL", "quantity": 3})
        assert len(of(await one.ask(COMPLETED, api_only), 101)) == count


@pytest.mark.parametrize(
    ("order", "code"),
    [({"quantity": 5000}, 201), ({"instrument": "BTC", "quantity": 10, "limit_price": 60010, "tif": "IOC"}, 201)],
)
@in_loop
async def test_an_order_beyond_the_means_is_refused_and_listed(order: dict[str, object], code: int) -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        quote(gateway, "60000", "60010", "BTC")
        answer = await one.place(1, **order)  # type: ignore[arg-type]
        assert codes(answer) == [(1, code)]
        assert [state for state, _, _ in states(answer)] == ["Inactive"]
        (done,) = of(await one.ask(COMPLETED, 0), 101)
        assert "Cancelled" in done, "public reports: rejected orders are listed as cancelled"
        assert await one.executions() == []
        assert cash(gateway) == 100_000


@in_loop
async def test_a_futures_position_costs_its_multiplier() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        quote(gateway, "100.00", "100.25", "ES")
        await one.place(1, "ES", quantity=2)
        (held,) = of(await one.ask(61, 1), 61)
        assert (held[-2], held[-1]) == ("2", "5012.5")
        assert cash(gateway) == 100_000 - 2 * 50 * Decimal("100.25") - 1
        quote(gateway, "101.00", "101.25", "ES")
        assert gateway.venue.equity(ACCOUNT) == cash(gateway) + 2 * 50 * Decimal("101.125")
        answer = await one.ask(92, 5, ACCOUNT, "")
        unrealized = 2 * 50 * (Decimal("101.125") - Decimal("100.25"))
        assert [Decimal(text) for text in of(answer, 94)[0][2:]] == [unrealized, unrealized, 0]


@in_loop
async def test_orders_that_are_hidden_show_again() -> None:
    async with serving() as gateway, peers(gateway, 1) as (one,):
        gateway.control.do("hide", ref="c1.1")
        assert await one.place(1, limit_price="90") == []
        assert await one.open_orders() == {}
        quote(gateway, "89.98", "90.00")
        assert await one.executions() == []
        assert of(await one.ask(COMPLETED, 0), 101) == []
        gateway.control.do("show", ref="c1.1")
        assert len(await one.executions()) == len(of(await one.ask(COMPLETED, 0), 101)) == 1


@in_loop
async def test_the_peer_that_left_finds_its_order_as_it_is_now() -> None:
    async with serving() as gateway:
        async with peers(gateway, 1) as (one,):
            await one.place(1, limit_price="90", tif="GTC")
            perm_id = of(one.seen, 3)[0][6]
        gateway.control.do("partial_fills", quantities=[6])
        quote(gateway, "89.98", "90.00")
        async with peers(gateway, 1) as (again,):
            told = (await again.open_orders(OPEN_ORDERS))[(1, 1)]
            assert told[25] == perm_id
            assert states(again.seen)[-1] == ("Submitted", "6", "4")
            assert (await again.executions())[0][19] == "6"
