"""Polygon beside the contract: pages, raw prices, names, units, and which bars are made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr, ValidationError

from brokers.discovery import vendors
from brokers.vendors import base
from brokers.vendors.feed import VendorFeed
from brokers.vendors.polygon.history import PolygonHistory
from brokers.vendors.polygon.plugin import PolygonPlugin, PolygonSettings
from tests.support.feeds_under_test import D1, M1, M30, http_client, same, vendor_settings
from tests.support.histories import COIN, NOON, PAIR, STOCK, market
from tests.support.polygon_vendor import KEY, PolygonVendor
from tests.support.vendor_server import Answer, Asked, VendorServer
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import bars_of, frame_of
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.instrument import AssetClass, Instrument

END = pd.Timestamp(NOON)
H1 = Timeframe.H1


@contextmanager
def desk(source: PolygonVendor, **changes: Any) -> Iterator[tuple[VendorFeed, VendorServer]]:
    with VendorServer(source).running() as server:
        clock = ManualClock(NOON)
        history = PolygonHistory(http_client(server, clock, {"Authorization": f"Bearer {KEY}"}, KEY))
        yield VendorFeed(history, vendor_settings("polygon", **changes), clock), server


def test_pages_are_followed_at_the_own_host_with_raw_prices_ascending() -> None:
    """The address of the next page names another host, which is never asked."""
    known = market(STOCK, M1).tables[M1]
    with desk(PolygonVendor({("AAPL", M1): known}, page=7)) as (feed, server):
        after, until = END - pd.Timedelta(minutes=31), END - pd.Timedelta(minutes=11)
        same(feed.fetch(STOCK, M1, after, until), known[(known["ts"] > after) & (known["ts"] <= until)])
        first, *others = server.asked
    assert first.query == {"adjusted": "false", "sort": "asc", "limit": "50000"}
    assert [asked.query for asked in others] == [{"cursor": "7"}, {"cursor": "14"}]
    assert {asked.path for asked in others} == {first.path}


def test_pages_without_an_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.vendors.polygon.history.MOST_PAGES", 3)
    source = PolygonVendor({("AAPL", M1): market(STOCK, M1).tables[M1]}, page=7)
    with desk(source) as (feed, _), pytest.raises(DataError, match="more than 3 pages"):
        feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=40))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"adjusted": True}, "the prices are adjusted"),
        ({"ticker": "MSFT"}, "about 'MSFT', not about AAPL"),
        ({"status": "ERROR"}, "the status 'ERROR'"),
        ({"resultsCount": 5000}, "and the answer announces 5000"),
        ({"next_url": "https://api.massive.com/v3/else"}, "next page is not one of aggregates"),
        ({"next_url": 7}, "next page is not one of aggregates"),
    ],
)
def test_an_answer_about_something_else_is_refused(change: dict[str, object], words: str) -> None:
    source = PolygonVendor({("AAPL", M1): market(STOCK, M1).tables[M1]})
    with desk(source) as (feed, server):
        server.wrap = lambda answer: Answer(json.loads(answer.content) | change)
        with pytest.raises(DataError, match=words):
            feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=40))


@pytest.mark.parametrize(
    ("instrument", "ticker"),
    [
        (STOCK, "AAPL"),
        (COIN, "X:BTCUSD"),
        (COIN.model_copy(update={"symbol": "BTCUSD"}), "X:BTCUSD"),
        (COIN.model_copy(update={"symbol": "ETHBTC", "currency": "BTC"}), "X:ETHBTC"),
        (PAIR, "C:EURUSD"),
        (Instrument(symbol="XAUUSD", asset_class=AssetClass.METAL, calendar="24/5"), "C:XAUUSD"),
        (Instrument(symbol="SPX", asset_class=AssetClass.INDEX), "I:SPX"),
        (STOCK.model_copy(update={"venue_symbols": {"polygon": "BRK.B"}}), "BRK.B"),
    ],
)
def test_the_vendors_name_of_an_instrument(instrument: Instrument, ticker: str) -> None:
    with desk(PolygonVendor({})) as (feed, server):
        with pytest.raises(DataError, match=f"polygon knows no '{ticker}'") as refusal:
            feed.fetch(instrument, M1, END - pd.Timedelta(minutes=40))
        assert server.asked[0].path.startswith(f"/v2/aggs/ticker/{ticker}/range/1/minute/")
    assert f"set venue_symbols: {{polygon: NAME}} of {instrument.symbol}" in refusal.value.remedy


@pytest.mark.parametrize("of", [AssetClass.FUTURE, AssetClass.CFD])
def test_what_it_does_not_serve_is_refused_unasked(of: AssetClass) -> None:
    with desk(PolygonVendor({})) as (feed, server):
        with pytest.raises(DataError, match=f"polygon serves no {of}, only crypto, etf, forex, index, metal, stock"):
            feed.fetch(Instrument(symbol="ES", asset_class=of), M1, None)
        assert server.asked == []


def test_a_known_ticker_without_bars_is_an_empty_table() -> None:
    """Bars of another timeframe make it known; the list of tickers is asked only where nothing came."""
    with desk(PolygonVendor({("AAPL", D1): market(STOCK, D1).tables[D1]})) as (feed, server):
        assert feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=40)).empty
        assert [asked.path for asked in server.asked][1:] == ["/v3/reference/tickers"]
        assert feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=40)).empty
        assert len(server.asked) == 3, "once"


def test_hours_of_a_stock_are_made_of_half_hours_of_its_session() -> None:
    """The vendor's own hour of 09:00 mixes in what was traded before the opening."""
    known = market(STOCK, M30).tables[M30]
    with desk(PolygonVendor({("AAPL", M30): known})) as (feed, server):
        found = feed.fetch(STOCK, H1, END - pd.Timedelta(days=3))
        assert {asked.path.split("/range/")[1].split("/")[1] for asked in server.asked} == {"minute"}
    wanted = frame_of(resampled(calendar_of(STOCK), bars_of(known[:-1]), M30, H1))
    same(found, wanted[wanted["ts"] > END - pd.Timedelta(days=3)])
    assert found["ts"].dt.tz_convert("America/New_York").dt.strftime("%H:%M").tolist()[:2] == ["09:30", "10:30"]


def test_bars_that_are_made_are_whole_where_trades_lack_around_a_weekend() -> None:
    """Nothing was traded in the last hour of a Friday and the first half hour of a Monday; bars beyond tell so."""
    whole = market(STOCK, M30).tables[M30]
    lacking = pd.to_datetime(["2026-02-27 20:00", "2026-02-27 20:30", "2026-03-02 14:30"], utc=True)
    known = whole[~whole["ts"].isin(lacking)].reset_index(drop=True)
    wanted = frame_of(resampled(calendar_of(STOCK), bars_of(known[:-1]), M30, H1))
    for after, until, last in (
        ("2026-02-27 12:00", "2026-02-27 21:00", "2026-02-27 19:30"),
        ("2026-03-02 00:00", "2026-03-02 15:00", "2026-03-02 14:30"),
    ):
        first, end = (pd.Timestamp(text, tz="UTC") for text in (after, until))
        with desk(PolygonVendor({("AAPL", M30): known})) as (feed, _):
            found = feed.fetch(STOCK, H1, first, end)
        same(found, wanted[(wanted["ts"] > first) & (wanted["ts"] <= end)])
        assert found["ts"].iloc[-1] == pd.Timestamp(last, tz="UTC")


def test_days_of_a_currency_are_made_of_hours_and_its_volume_is_unknown() -> None:
    """The vendor's days of currencies end at midnight; ours end at 17:00 in New York. It counts quotes as volume."""
    known = market(PAIR, H1).tables[H1]
    with desk(PolygonVendor({("C:EURUSD", H1): known})) as (feed, _):
        found = feed.fetch(PAIR, D1, END - pd.Timedelta(days=6))
    wanted = frame_of(resampled(calendar_of(PAIR), bars_of(known), H1, D1)).assign(volume=np.nan)
    same(found, wanted[wanted["ts"] > END - pd.Timedelta(days=6)])
    assert found["ts"].dt.tz_convert("America/New_York").dt.hour.unique().tolist() == [17]


def test_late_data_make_bars_close_later() -> None:
    """With data of a quarter of an hour ago the half hour that ends now is only half there."""
    known = market(STOCK, M30).tables[M30]
    late = PolygonVendor({("AAPL", M30): known})
    with desk(late, delay_minutes=15) as (feed, _):
        found = feed.fetch(STOCK, M30, END - pd.Timedelta(hours=2))
    assert found["ts"].iloc[-1] == END - pd.Timedelta(minutes=60)


def test_long_spans_are_asked_for_with_the_same_borders_each_time() -> None:
    tables = {("AAPL", M1): market(STOCK, M1).tables[M1]}
    ends = []
    for months in (70, 75):
        with desk(PolygonVendor(tables)) as (feed, server):
            feed.fetch(STOCK, M1, END - pd.Timedelta(days=months))
            ends.append([asked.path.split("/")[-2:] for asked in server.asked if "/v2/" in asked.path])
    assert ends[0][1:] == ends[1][1:]
    assert len(ends[0]) == 3


def test_the_plug_in_takes_the_key_from_its_settings_and_tells_it_nowhere() -> None:
    plain = {"kind": "polygon", "remote_providers": "enabled", "requests_per_minute": 5, "delay_minutes": 0,
             "first_bars": 300, "look_back_bars": 5, "stream_url": "wss://socket.massive.com",
             "stale_seconds": 60}  # fmt: skip
    asked: list[Asked] = []
    with VendorServer(lambda each: asked.append(each) or Answer({}, 401)).running() as server:
        settings = PolygonSettings(**plain, base_url=server.address, api_key=SecretStr(f"{KEY}\n"))
        feed = vendors()["polygon"].feed(settings, ManualClock(NOON))
        with pytest.raises(DataError, match="it answers 401"):
            feed.fetch(STOCK, D1, None)
    assert asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(settings) + settings.model_dump_json()
    for absent in (None, SecretStr("  ")):
        with pytest.raises(ConfigError, match="feed=polygon needs a key") as refusal:
            PolygonPlugin().feed(settings.model_copy(update={"api_key": absent}), ManualClock(NOON))
        assert refusal.value.where == "POLYGON_API_KEY"
        assert "POLYGON_API_KEY_FILE" in refusal.value.remedy
    for odd in ("canary 1", "canary\n1", "canary\x1b1", "canaryé", "canary\u200b1"):
        with pytest.raises(ConfigError, match="the key has spaces, line ends or other signs") as refusal:
            PolygonPlugin().feed(settings.model_copy(update={"api_key": SecretStr(odd)}), ManualClock(NOON))
        assert "canary" not in str(refusal.value)
    for address in ("http://api.massive.com", "api.massive.com", "https://key@api.massive.com", "https://x/?a=b"):
        with pytest.raises(ValidationError, match="https://"):
            PolygonSettings(**plain, base_url=address, api_key=None)
    for address in ("ws://socket.massive.com", "wss://key@socket.massive.com", "wss://x/?a=b", "ftp://x", "wss://"):
        with pytest.raises(ValidationError, match="wss://"):
            PolygonSettings(**plain | {"stream_url": address}, base_url="https://x", api_key=None)


def test_without_its_libraries_a_vendor_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "LIBRARIES", ("httpx", "no_such_library"))
    with pytest.raises(ConfigError, match="needs httpx and no_such_library") as refusal:
        PolygonPlugin().feed(None, ManualClock(NOON))
    assert refusal.value.remedy == "pip install tradewright[vendors]"


def test_prices_keep_all_their_places() -> None:
    """A tick of a hundred-thousandth survives the way from JSON to the table."""
    fine = COIN.model_copy(update={"tick_size": Decimal("0.00000001")})
    known = market(fine, M1).tables[M1]
    with desk(PolygonVendor({("X:BTCUSD", M1): known}, zone="UTC")) as (feed, _):
        same(
            feed.fetch(fine, M1, END - pd.Timedelta(minutes=9)), known[known["ts"] > END - pd.Timedelta(minutes=9)][:-1]
        )
