"""Every feed with a source of its own on this machine, for tests that hold all of them to one contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pandas as pd
from yfinance.data import YfData

from brokers.ibkr.feed import IbkrFeed
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from brokers.ibkr.settings import IbkrSettings
from brokers.pacing import Pace
from brokers.vendors.alpaca.history import AlpacaHistory
from brokers.vendors.base import VendorSettings
from brokers.vendors.binance.history import BinanceHistory
from brokers.vendors.feed import VendorFeed
from brokers.vendors.history import History
from brokers.vendors.http_client import HttpClient
from brokers.vendors.oanda.history import OandaHistory
from brokers.vendors.polygon.history import PolygonHistory
from brokers.vendors.thegraph.history import TheGraphHistory
from brokers.vendors.yahoo.client import YahooClient
from brokers.vendors.yahoo.history import YahooHistory
from tests.support import alpaca_vendor, binance_vendor, oanda_vendor, polygon_vendor, thegraph_vendor, yahoo_vendor
from tests.support.histories import COIN, NOW, PAIR, STOCK, Market, market
from tests.support.vendor_server import Respond, VendorServer
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.ports import Feed
from tradewright.scenarios.scenario import Scenario

M1, M15, M30, D1 = Timeframe.M1, Timeframe.M15, Timeframe.M30, Timeframe.D1
Spoil = Callable[[list[Any]], list[Any]]
Place = tuple[str | int, ...]
"""The keys that lead to a value of a row."""


@dataclass(frozen=True)
class Subject:
    """A feed, its clock, what its source holds, and an instrument that it does not have.

    Args:
        server: of a vendor; None for the others.
        spoil: sets how the source changes the rows of its answers; None where it cannot.
        time, prices: where a row of its answers has them.
        key: the secret that its requests carry; empty where there is none.
    """

    feed: Feed
    clock: ManualClock
    market: Market
    unknown: Instrument
    server: VendorServer | None = None
    spoil: Callable[[Spoil], None] | None = None
    time: Place = ()
    prices: Sequence[Place] = ()
    key: str = ""

    @property
    def instrument(self) -> Instrument:
        return self.market.instrument


def vendor_settings(kind: str, **changes: Any) -> VendorSettings:
    """Settings of a feed under test."""
    plain = {"remote_providers": "enabled", "base_url": "http://127.0.0.1:1", "requests_per_minute": 600,
             "delay_minutes": 0, "first_bars": 300, "look_back_bars": 5}  # fmt: skip
    return VendorSettings(kind=kind, **plain | changes)


def http_client(server: VendorServer, clock: ManualClock, headers: Mapping[str, str], *secrets: str) -> HttpClient:
    """A client whose waits move the clock."""
    paces = {"": Pace(600, 60, clock)}
    return HttpClient("vendor", server.address, headers, secrets, paces, clock, sleep=clock.advance, chance=lambda: 0.0)


@contextmanager
def vendor(
    respond: Respond, make: Callable[[HttpClient], History], headers: Mapping[str, str], clock: ManualClock
) -> Iterator[tuple[VendorFeed, VendorServer]]:
    """The feed of a vendor on loopback, and its server."""
    with VendorServer(respond).running() as server:
        secrets = [part for value in headers.values() for part in value.split()]
        history = make(http_client(server, clock, headers, *secrets))
        yield VendorFeed(history, vendor_settings(history.name), clock), server


@contextmanager
def scenario() -> Iterator[Subject]:
    made = Scenario(7, NOW, lambda of, *span: calendar_of(of).grid(*span), days=1, years=0.3)
    known = Market(COIN, {each: made.fetch(COIN, each, None) for each in (M1, D1)})
    yield Subject(made, ManualClock(NOW), known, Instrument(symbol="ZZZ", asset_class=AssetClass.STOCK))


@contextmanager
def ibkr() -> Iterator[Subject]:
    clock, known = ManualClock(NOW), market(STOCK, M1, D1)
    history = {("AAPL", each.value): table for each, table in known.tables.items()}
    with GatewayThread(Gateway([STOCK], clock, history=history)) as running:
        settings = IbkrSettings(port=running.gateway.port, client_id=31, timeout=5)
        feed = IbkrFeed(settings, [STOCK], clock, timedelta(days=40))
        yield Subject(feed, clock, known, Instrument(symbol="ZZZ", asset_class=AssetClass.STOCK))


@contextmanager
def polygon(instrument: Instrument, ticker: str, zone: str) -> Iterator[Subject]:
    clock, known = ManualClock(NOW), market(instrument, M1, M30, D1)
    tables = {(ticker, each): table for each, table in known.tables.items()}
    source, (time, prices, key) = polygon_vendor.PolygonVendor(tables, page=400, zone=zone), _of(polygon_vendor)
    headers = {"Authorization": f"Bearer {key}"}
    with vendor(source, PolygonHistory, headers, clock) as (feed, server):
        missing = instrument.model_copy(update={"symbol": "ZZZ"})
        yield Subject(feed, clock, known, missing, server, partial(setattr, source, "spoil"), time, prices, key)


@contextmanager
def oanda() -> Iterator[Subject]:
    clock, known = ManualClock(NOW), market(PAIR, M1, M30, D1, counted=False)
    tables = {("EUR_USD", each): table for each, table in known.tables.items()}
    source, (time, prices, key) = oanda_vendor.OandaVendor(tables), _of(oanda_vendor)
    with vendor(source, OandaHistory, {"Authorization": f"Bearer {key}"}, clock) as (feed, server):
        missing = PAIR.model_copy(update={"symbol": "ZZZZZZ"})
        yield Subject(feed, clock, known, missing, server, partial(setattr, source, "spoil"), time, prices, key)


@contextmanager
def alpaca() -> Iterator[Subject]:
    clock, known = ManualClock(NOW), market(STOCK, M1, M30, D1)
    tables = {("AAPL", each): table for each, table in known.tables.items()}
    source, (time, prices, key) = alpaca_vendor.AlpacaVendor(tables, page=400), _of(alpaca_vendor)
    make = partial(AlpacaHistory, tape="sip")
    with vendor(source, make, alpaca_vendor.HEADERS, clock) as (feed, server):
        missing = STOCK.model_copy(update={"symbol": "ZZZ"})
        yield Subject(feed, clock, known, missing, server, partial(setattr, source, "spoil"), time, prices, key)


@contextmanager
def binance() -> Iterator[Subject]:
    clock, known = ManualClock(NOW), market(COIN, M1, D1)
    tables = {("BTC", each): table for each, table in known.tables.items()}
    source, (time, prices, key) = binance_vendor.BinanceVendor(tables), _of(binance_vendor)
    with vendor(source, BinanceHistory, {}, clock) as (feed, server):
        missing = COIN.model_copy(update={"symbol": "ZZZ"})
        yield Subject(feed, clock, known, missing, server, partial(setattr, source, "spoil"), time, prices, key)


@contextmanager
def thegraph() -> Iterator[Subject]:
    clock, known = ManualClock(NOW), market(COIN, M1, D1)
    source = thegraph_vendor.TheGraphVendor(known.tables, NOW)
    time, prices, key = _of(thegraph_vendor)
    make = partial(TheGraphHistory, series={"BTC": thegraph_vendor.series()}, clock=clock)
    with vendor(source, make, {"Authorization": f"Bearer {key}"}, clock) as (feed, server):
        missing = COIN.model_copy(update={"symbol": "ZZZ"})
        yield Subject(feed, clock, known, missing, server, partial(setattr, source, "spoil"), time, prices, key)


@contextmanager
def yahoo(instrument: Instrument, symbol: str, zone: str) -> Iterator[Subject]:
    clock, known = ManualClock(NOW), market(instrument, M1, M15, D1, counted=instrument is STOCK)
    tables = {(symbol, each): table for each, table in known.tables.items()}
    source, (time, prices, key) = yahoo_vendor.YahooVendor(tables, zone), _of(yahoo_vendor)
    no_crumb = patch.object(YfData, "_get_cookie_and_crumb", lambda *_: (None, "basic"))  # it asks other hosts
    with no_crumb, VendorServer(source).running() as server:
        paces = {"": Pace(600, 60, clock)}
        client = YahooClient("vendor", server.address, {}, (), paces, clock, sleep=clock.advance, chance=lambda: 0.0)
        feed = VendorFeed(YahooHistory(client, clock), vendor_settings("yahoo"), clock)
        missing = instrument.model_copy(update={"symbol": "ZZZ"})
        yield Subject(feed, clock, known, missing, server, partial(setattr, source, "spoil"), time, prices, key)


def _of(fake: ModuleType) -> tuple[Place, Sequence[Place], str]:
    return fake.TIME, fake.PRICES, fake.KEY


SUBJECTS = {
    "scenario": scenario,
    "ibkr": ibkr,
    "polygon-stock": lambda: polygon(STOCK, "AAPL", "America/New_York"),
    "polygon-crypto": lambda: polygon(COIN, "X:BTCUSD", "UTC"),
    "oanda": oanda,
    "alpaca": alpaca,
    "binance": binance,
    "thegraph": thegraph,
    "yahoo-stock": lambda: yahoo(STOCK, "AAPL", "America/New_York"),
    "yahoo-crypto": lambda: yahoo(COIN, "BTC-USD", "UTC"),
}


VENDORS = {
    name: made for name, made in SUBJECTS.items() if name not in ("scenario", "ibkr", "polygon-crypto", "yahoo-crypto")
}
"""One subject for each vendor's protocol."""


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Whether two bars tables hold the same bars; a spread that is not told counts as unknown."""
    columns = ["ts", "open", "high", "low", "close", "volume"]
    pd.testing.assert_frame_equal(found[columns], wanted[columns].reset_index(drop=True))
