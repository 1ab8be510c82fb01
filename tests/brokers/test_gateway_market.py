"""Contracts, prices, history and accounts at the gateway, message by message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from brokers.ibkr.gateway.market_requests import TIMEFRAMES
from brokers.ibkr.gateway.server import Gateway
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON, in_loop
from tests.brokers.tws import Peer, codes, of, peers
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock

CASH = {ACCOUNT: Decimal(100_000), "DU2": Decimal(5_000)}


def history(timeframe: Timeframe) -> pd.DataFrame:
    """Bars of 400 steps that end a little after noon, with prices that tell their row."""
    step = timedelta(seconds=timeframe.seconds)
    ts = pd.date_range(NOON - 390 * step, periods=400, freq=step).as_unit("ns")
    close = 100 + np.arange(400) / 100
    prices = {"open": close - 0.01, "high": close + 0.02, "low": close - 0.02, "close": close}
    return pd.DataFrame({"ts": ts, **prices, "volume": np.arange(400.0)})


HISTORY = {("AAPL", str(timeframe)): history(timeframe) for timeframe in Timeframe}


@asynccontextmanager
async def asking(version: int = 178) -> AsyncIterator[tuple[Gateway, Peer]]:
    clock = ManualClock(NOON)
    async with Gateway(INSTRUMENTS, clock, cash=CASH, version=version, history=HISTORY, seed=3) as gateway:
        gateway.control.do("quote", symbol="AAPL", bid="99.99", ask="100.01")
        async with peers(gateway, 1, version=version) as (peer,):
            yield gateway, peer


def share(symbol: str = "AAPL", sec_type: str = "STK", currency: str = "USD", con_id: int = 0) -> list[object]:
    """The twelve contract fields of a request."""
    return [con_id, symbol, sec_type, "", "", "", "", "SMART", "", currency, "", ""]


def market_data(request: int, *, snapshot: int = 0, symbol: str = "AAPL") -> list[object]:
    return [1, 11, request, *share(symbol), 0, "", snapshot, 0, ""]


def bars_request(
    request: int, size: str, duration: str, end: str = "", date_format: int = 2, symbol: str = "AAPL", live: int = 0
) -> list[object]:
    return [20, request, *share(symbol), 0, end, size, duration, 0, "TRADES", date_format, live, ""]


def prices(messages: list[list[str]], request: int = 5) -> list[tuple[str, str]]:
    """(tick type, price) of a stream's price ticks."""
    return [(fields[3], fields[4]) for fields in of(messages, 1) if fields[2] == str(request)]


@in_loop
async def test_a_stream_begins_with_what_is_and_tells_each_change() -> None:
    async with asking() as (gateway, peer):
        first = await peer.ask(*market_data(5))
        assert prices(first) == [("1", "99.99"), ("2", "100.01")]
        assert of(first, 57) == []
        for bid, ask in (("100.00", "100.02"), ("100.01", "100.03")):
            gateway.control.do("quote", symbol="AAPL", bid=bid, ask=ask)
        assert prices(await peer.settle()) == [("1", "100"), ("2", "100.02"), ("1", "100.01"), ("2", "100.03")]
        gateway.control.do("quote", symbol="MSFT", bid=1, ask=2)
        assert await peer.settle() == [], "another instrument"


@in_loop
async def test_a_stream_that_was_ended_is_silent() -> None:
    async with asking() as (gateway, peer):
        await peer.ask(*market_data(5))
        await peer.ask(*market_data(6))
        assert await peer.ask(2, 2, 5) == []
        assert await peer.ask(2, 2, 99) == [], "ending what never was ends nothing"
        gateway.control.do("quote", symbol="AAPL", bid="100.00", ask="100.02")
        told = await peer.settle()
        assert prices(told, 5) == []
        assert prices(told, 6) == [("1", "100"), ("2", "100.02")]


@in_loop
async def test_a_snapshot_ends_and_starts_no_stream() -> None:
    async with asking() as (gateway, peer):
        answer = await peer.ask(*market_data(5, snapshot=1))
        assert prices(answer) == [("1", "99.99"), ("2", "100.01")]
        assert answer[-1] == ["57", "1", "5"]
        gateway.control.do("quote", symbol="AAPL", bid="100.00", ask="100.02")
        assert await peer.settle() == []


@in_loop
async def test_an_instrument_without_prices_has_a_snapshot_without_ticks() -> None:
    async with asking() as (_gateway, peer):
        answer = await peer.ask(*market_data(5, snapshot=1, symbol="MSFT"))
        assert prices(answer) == []
        assert answer[-1] == ["57", "1", "5"]


@in_loop
async def test_a_last_price_brings_its_time_and_a_quote_around_it() -> None:
    async with asking() as (gateway, peer):
        await peer.ask(*market_data(5))
        gateway.control.do("quote", symbol="AAPL", last="200")
        told = await peer.settle()
        assert prices(told) == [("1", "199.99"), ("2", "200.01"), ("4", "200")]
        assert of(told, 46) == [["46", "6", "5", "45", str(int(NOON.timestamp()))]]


@in_loop
async def test_each_client_has_its_own_streams() -> None:
    async with asking() as (gateway, peer), peers(gateway, 2) as (other,):
        await peer.ask(*market_data(5))
        await other.ask(*market_data(5, symbol="MSFT"))
        gateway.control.do("quote", symbol="MSFT", bid=300, ask=301)
        assert await peer.settle() == []
        assert prices(await other.settle()) == [("1", "300"), ("2", "301")]
        await other.close()
        gateway.control.do("quote", symbol="MSFT", bid=302, ask=303)
        assert await peer.settle() == []


@pytest.mark.parametrize(
    ("message", "request_id", "code"),
    [
        (market_data(5, symbol="NOSUCH"), 5, 200),
        ([9, 8, 6, *share("NOSUCH"), 0, "", "", ""], 6, 200),
        ([9, 8, 6, *share("AAPL", currency="EUR"), 0, "", "", ""], 6, 200),
        ([9, 8, 6, *share("AAPL", "OPT"), 0, "", "", ""], 6, 200),
        ([9, 8, 6, *share("", ""), 0, "", "", ""], 6, 200),
        ([9, 8, 6, *share("", con_id=1), 0, "", "", ""], 6, 200),
        (bars_request(7, "1 min", "1 D", symbol="NOSUCH"), 7, 200),
        (bars_request(7, "1 min", "1 D", symbol="MSFT"), 7, 162),
        (bars_request(7, "2 mins", "1 D"), 7, 162),
        (bars_request(7, "1 min", "1 D", live=1), 7, 162),
        (bars_request(7, "1 min", "1 D", "20200101-00:00:00 UTC"), 7, 162),
        (bars_request(7, "1 min", "1 fortnight"), -1, 320),
        (bars_request(7, "1 min", "many D"), -1, 320),
        (bars_request(7, "1 min", "999999999999 W"), -1, 320),
        (bars_request(7, "1 min", "9999 Y"), -1, 320),
        (bars_request(7, "1 min", "1 D", "yesterday"), -1, 320),
        ([87, 8, *share("MSFT"), 1, "TRADES", 1], 8, 162),
        ([92, 9, "DU9", ""], -1, 320),
        ([76, 1, 9, "DU9", "", 0], 9, 321),
    ],
)
@in_loop
async def test_what_cannot_be_had_is_one_error_and_the_connection_lives(
    message: list[object], request_id: int, code: int
) -> None:
    async with asking() as (_gateway, peer):
        answer = await peer.ask(*message)
        assert codes(answer) == [(request_id, code)]
        assert len(answer) == 1
        assert await peer.settle() == []


@pytest.mark.parametrize(("size", "timeframe"), TIMEFRAMES.items())
@pytest.mark.parametrize("date_format", [1, 2])
@in_loop
async def test_history_holds_exactly_the_bars_of_the_span(size: str, timeframe: str, date_format: int) -> None:
    async with asking() as (_gateway, peer):
        days = {"1m": 1, "5m": 1, "15m": 2, "30m": 2, "1h": 3, "2h": 6, "4h": 10, "1d": 35}[timeframe]
        (answer,) = of(await peer.ask(*bars_request(7, size, f"{days} D", date_format=date_format)), 17)
        frame = HISTORY[("AAPL", timeframe)]
        wanted = frame[(frame["ts"] >= NOON - timedelta(days=days)) & (frame["ts"] < NOON)]
        assert int(answer[4]) == len(wanted) > 10
        rows = [answer[5 + 8 * n : 13 + 8 * n] for n in range(len(wanted))]
        assert [[float(value) for value in row[1:6]] for row in rows] == wanted.iloc[:, 1:6].to_numpy().tolist()
        assert [when(row[0], timeframe) for row in rows] == [
            ts.normalize() if timeframe == "1d" else ts for ts in wanted["ts"]
        ]
        assert answer[2:4] == [f"{moment:%Y%m%d %H:%M:%S} UTC" for moment in (NOON - timedelta(days=days), NOON)]


def when(text: str, timeframe: str) -> pd.Timestamp:
    """The moment that a bar's date means, whatever its form."""
    if timeframe == "1d":
        return pd.Timestamp(datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC))
    if text.isdigit():
        return pd.Timestamp(int(text), unit="s", tz="UTC")
    return pd.Timestamp(datetime.strptime(text, "%Y%m%d %H:%M:%S UTC").replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("duration", "first"),
    [
        ("3600 S", "2026-03-04 16:00"),
        ("2 D", "2026-03-02 17:00"),
        ("1 W", "2026-02-25 17:00"),
        ("1 M", "2026-02-04 17:00"),
        ("1 Y", "2025-03-04 17:00"),
    ],
)
@in_loop
async def test_durations_reach_back_from_the_end(duration: str, first: str) -> None:
    async with asking() as (_gateway, peer):
        size, timeframe = ("1 day", "1d") if duration[-1] in "MY" else ("1 hour", "1h")
        size, timeframe = ("1 min", "1m") if duration[-1] == "S" else (size, timeframe)
        (answer,) = of(await peer.ask(*bars_request(7, size, duration)), 17)
        assert answer[2] == f"{pd.Timestamp(first):%Y%m%d %H:%M:%S} UTC"
        frame = HISTORY[("AAPL", timeframe)]
        start = pd.Timestamp(first, tz="UTC")
        assert int(answer[4]) == int(((frame["ts"] >= start) & (frame["ts"] < NOON)).sum()) > 0


@in_loop
async def test_two_spans_that_touch_share_no_bar() -> None:
    async with asking() as (_gateway, peer):
        ends = ["20260304-16:00:00 UTC", "20260304-17:00:00 UTC"]
        early, late = [of(await peer.ask(*bars_request(7, "1 min", "3600 S", end)), 17)[0] for end in ends]
        times = [[int(fields[5 + 8 * n]) for n in range(int(fields[4]))] for fields in (early, late)]
        assert times[0] == [times[1][0] - 60 * n for n in range(60, 0, -1)]
        assert len(times[1]) == 60


@pytest.mark.parametrize("version", [157, 163, 164, 178])
@in_loop
async def test_a_contract_is_found_by_name_or_by_id(version: int) -> None:
    async with asking(version) as (gateway, peer):
        listing = gateway.hub.listing("AAPL")
        for wanted in (share(), share("", "", "", listing.con_id), share("AAPL", "")):
            answer = await peer.ask(9, 8, 6, *wanted, 0, "", "", "")
            assert [fields[0] for fields in answer] == ["10", "52"]
            assert str(listing.con_id) in answer[0]
            assert "0.01" in answer[0]


@in_loop
async def test_symbols_that_begin_with_a_text() -> None:
    async with asking() as (_gateway, peer):
        for pattern, symbols in (("aa", ["AAPL"]), ("M", ["MSFT"]), ("Z", []), ("", ["AAPL", "MSFT", "BTC", "ES"])):
            (answer,) = of(await peer.ask(81, 5, pattern), 79)
            assert int(answer[2]) == len(symbols)
            assert [answer[4 + 8 * n] for n in range(len(symbols))] == symbols
        (rule,) = of(await peer.ask(91, 26), 93)
        assert rule == ["93", "26", "1", "0", "0.01"]


@in_loop
async def test_when_a_history_begins() -> None:
    async with asking() as (_gateway, peer):
        (answer,) = of(await peer.ask(87, 8, *share(), 1, "TRADES", 1), 88)
        assert answer[2] == f"{HISTORY[('AAPL', '1d')]['ts'].iloc[0]:%Y%m%d %H:%M:%S} UTC"


def values(messages: list[list[str]], number: int, account: str = ACCOUNT) -> dict[str, str]:
    """tag -> value of one account, of 6 (updates), 73 (multi) or 63 (summary)."""
    at = {6: (5, 2), 73: (3, 5), 63: (3, 4)}[number]
    return {fields[at[1]]: fields[at[1] + 1] for fields in of(messages, number) if fields[at[0]] == account}


@in_loop
async def test_three_ways_to_ask_for_the_money_give_the_same_money() -> None:
    async with asking() as (gateway, peer):
        await peer.place(1, quantity=100)
        gateway.control.do("quote", symbol="AAPL", bid="119.99", ask="120.01", last="120")
        by_updates = values(await peer.ask(6, 2, 1, ACCOUNT), 6)
        by_multi = values(await peer.ask(76, 1, 8, ACCOUNT, "", 0), 73)
        tags = "NetLiquidation,TotalCashValue,GrossPositionValue"
        by_summary = values(await peer.ask(62, 1, 9, "All", tags), 63)
        assert by_updates == by_multi
        assert by_summary == {tag: by_multi[tag] for tag in tags.split(",")}
        assert by_summary["TotalCashValue"] == "89998.00"
        assert by_summary["GrossPositionValue"] == "12000.00"
        assert by_summary["NetLiquidation"] == "101998.00"
        assert by_updates["BuyingPower"] == "407992.00"


@in_loop
async def test_an_account_without_equity_has_no_buying_power() -> None:
    async with asking() as (gateway, peer):
        await peer.place(1, quantity=3900)
        gateway.control.do("quote", symbol="AAPL", bid="59.99", ask="60.01", last="60")
        found = values(await peer.ask(76, 1, 8, ACCOUNT, "", 0), 73)
        assert Decimal(found["NetLiquidation"]) < 0
        assert found["BuyingPower"] == "0.00"


@in_loop
async def test_a_summary_that_was_ended_makes_room_for_another() -> None:
    async with asking() as (_gateway, peer):
        for request in (1, 2):
            assert (await peer.ask(62, 1, request, "All", "NetLiquidation"))[-1] == ["64", "1", str(request)]
        assert codes(await peer.ask(62, 1, 3, "All", "NetLiquidation")) == [(3, 322)]
        await peer.ask(63, 1, 1)
        assert len(of(await peer.ask(62, 1, 3, "All", "NetLiquidation"), 63)) == len(CASH)


@in_loop
async def test_orders_of_two_accounts_do_not_mix() -> None:
    async with asking() as (gateway, peer):
        await peer.place(1)
        await peer.place(2, quantity=4, account="DU2")
        held = of(await peer.ask(61, 1), 61)
        assert {(fields[2], fields[-2]) for fields in held} == {(ACCOUNT, "10"), ("DU2", "4")}
        assert [fields[26] for fields in await peer.executions(account="DU2")] == ["c1.2"]
        assert gateway.venue.book("DU2").cash == 5000 - 4 * Decimal("100.01") - 1
        portfolio = of(await peer.ask(6, 2, 1, "DU2"), 7)
        assert [(fields[13], fields[-1]) for fields in portfolio] == [("4", "DU2")]
