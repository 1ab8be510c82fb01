"""Every live feed with its vendor on this machine, for tests that hold all of them to one contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from websockets.sync.server import ServerConnection

from brokers.vendors.binance.history import BinanceHistory
from brokers.vendors.binance.stream import BinanceStream
from brokers.vendors.feed import VendorFeed
from brokers.vendors.http_lines import HttpLines
from brokers.vendors.oanda.history import OandaHistory
from brokers.vendors.oanda.stream import OandaStream
from brokers.vendors.polygon.history import PolygonHistory
from brokers.vendors.polygon.stream import PolygonStream
from brokers.vendors.web_socket import WebSocketClient
from tests.support import binance_vendor, oanda_vendor, polygon_vendor
from tests.support.feeds_under_test import http_client, vendor_settings
from tests.support.histories import COIN, NOON, NOW, PAIR, STOCK, Market, market
from tests.support.live_vendor import LiveServer, Session, endless_answer, told, web_socket
from tests.support.vendor_server import Answer, Asked, VendorServer
from tradewright.live.backoff import Backoff
from tradewright.live.intake import Intake
from tradewright.live.stream import Limits, Stream, Told
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.instrument import Instrument
from tradewright.model.live import LiveBar, LiveFeed, Message, Tick
from tradewright.store.bars import BarStore
from tradewright.store.latest_quotes import LatestQuotes

M1 = Timeframe.M1
ACCOUNT = "101-001-canary-001"
MINUTE = 60_000


class Paced:
    """A live feed whose messages move the clock to their time."""

    def __init__(self, feed: LiveFeed, clock: ManualClock) -> None:
        self._feed, self._clock = feed, clock
        self.name, self.gives_bars, self.beats = feed.name, feed.gives_bars, feed.beats
        self.kind_of, self.links = feed.kind_of, feed.links

    async def listen(self, instruments: Sequence[Instrument], timeframe: Timeframe) -> AsyncGenerator[Message]:
        async with aclosing(self._feed.listen(instruments, timeframe)) as messages:
            async for message in messages:
                if isinstance(message, LiveBar | Tick):
                    moment = message.time if isinstance(message, Tick) else message.start + MINUTE * 1_000_000
                    ahead = (pd.Timestamp(moment, tz="UTC") - pd.Timestamp(self._clock.now())).total_seconds()
                    self._clock.advance(max(0.0, ahead))
                yield message


@dataclass
class LiveSubject:
    """A live feed, its history, and both servers.

    Args:
        bar: the messages that tell a closed bar, a row of the history.
        quote: the message that tells bid and ask, with a number that grows and a moment; None where there is none.
        spoiled: messages that are wrong, each in its own way.
        refusal: a link that is refused for good.
        key: the secret of the feed; empty where there is none.
        lag: sets how many of the newest closed bars history does not tell yet.
        down: whether history answers with 503.
    """

    feed: LiveFeed
    history: VendorFeed
    market: Market
    clock: ManualClock
    server: LiveServer
    rest: VendorServer
    bar: Callable[[Any], list[object]]
    quote: Callable[[int, str, str], object] | None
    spoiled: Sequence[object]
    refusal: Session
    key: str = ""
    lag: Callable[[int], None] = lambda _bars: None
    source: Any = None
    down: bool = False
    waits: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def instrument(self) -> Instrument:
        return self.market.instrument

    def rows(self, count: int) -> list[Any]:
        """The newest closed bars, the oldest first."""
        return list(self.market.tables[M1].iloc[-1 - count : -1].itertuples(index=False))

    def ends(self, rows: Sequence[Any]) -> list[object]:
        """The messages of some bars, and, where bars are made of ticks, the tick that ends the last one."""
        found = [message for row in rows for message in self.bar(row)]
        if self.feed.gives_bars:
            return found
        table = self.market.tables[M1]
        after = next(table[table["ts"] > rows[-1].ts].itertuples(index=False))
        return [*found, *self.bar(after)[:2]]

    def run(self, folder: Path, bars: int, stale: float = 5.0) -> tuple[Told, BarStore, LatestQuotes]:
        """Stream until so many bars have closed."""
        import asyncio

        store, quotes = BarStore(folder, self.clock), LatestQuotes(folder)
        self.clock.advance((self.rows(9)[0].ts - pd.Timestamp(self.clock.now())).total_seconds())
        chosen = {self.instrument.symbol: self.instrument}
        intake = Intake(store, self.history, chosen, M1, self.clock, self.lines.append)

        async def wait(seconds: float) -> None:
            self.waits.append(seconds)

        stream = Stream(
            Paced(self.feed, self.clock),
            [self.instrument],
            M1,
            intake,
            quotes,
            self.clock,
            self.lines.append,
            limits=Limits(bars=bars, stale=stale, pulse=0.05),
            changed=self.changed.extend,
            wait=wait,
            backoff=lambda: Backoff(chance=lambda: 0.0),
        )
        return asyncio.run(asyncio.wait_for(stream.run(), 20)), store, quotes


def _subject(
    make: Callable[..., LiveSubject], respond: Callable[[Asked], Answer], server: LiveServer
) -> Iterator[LiveSubject]:
    made: list[LiveSubject] = []

    def answer(asked: Asked) -> Answer:
        return Answer({"message": "down"}, 503) if made and made[0].down else respond(asked)

    with VendorServer(answer).running() as rest:
        subject = make(ManualClock(NOON - timedelta(minutes=30)), server, rest)
        made.append(subject)

        whole = dict(respond.tables)  # type: ignore[attr-defined]

        def lag(bars: int) -> None:
            cut = {place: table.iloc[: len(table) - bars - 1] if bars else table for place, table in whole.items()}
            respond.tables = cut  # type: ignore[attr-defined]

        subject.lag, subject.source = lag, respond
        yield subject


@contextmanager
def binance() -> Iterator[LiveSubject]:
    known = market(COIN, M1)

    def candle(row: Any, *, closed: bool = True, **changes: object) -> dict[str, Any]:
        start = row.ts.value // 1_000_000
        values = {"o": row.open, "c": row.close, "h": row.high, "l": row.low, "v": row.volume}
        candle = {"t": start, "T": start + MINUTE - 1, "s": "BTC", "i": "1m", "f": 1, "L": 9, "n": 9, "x": closed,
                  **{name: f"{value:.8f}" for name, value in values.items()}, **changes}  # fmt: skip
        return {"stream": "btc@kline_1m", "data": {"e": "kline", "E": start + MINUTE, "s": "BTC", "k": candle}}

    def bar(row: Any) -> list[object]:
        return [candle(row, closed=False, h="999999.0"), candle(row)]

    def quote(number: int, bid: str, ask: str) -> object:
        return {"stream": "btc@bookTicker", "data": {"u": number, "s": "BTC", "b": bid, "B": "1", "a": ask, "A": "2"}}

    row = known.tables[M1].iloc[-2]
    spoiled = ["{half a docu", "[1, 2", {"data": 7}, {"stream": "x", "data": {"e": "kline", "k": {}}},
               candle(row, c="NaN"), candle(row, s="ETHUSDT"), candle(row, i="5m"), candle(row, t="soon"),
               {"e": "trade", "s": "BTC"}, quote("x", "1", "2")]  # type: ignore[arg-type]  # fmt: skip

    def make(clock: ManualClock, server: LiveServer, rest: VendorServer) -> LiveSubject:
        history = BinanceHistory(http_client(rest, clock, {}))
        feed = BinanceStream(WebSocketClient("binance", server.address), history, clock)
        settled = VendorFeed(history, vendor_settings("binance"), clock)
        return LiveSubject(feed, settled, known, clock, server, rest, bar, quote, spoiled, Session(refuse=403))

    with web_socket() as server:
        yield from _subject(make, binance_vendor.BinanceVendor({("BTC", M1): known.tables[M1]}), server)


@contextmanager
def polygon(
    instrument: Instrument, ticker: str, event: str, channel: str, named: dict[str, str]
) -> Iterator[LiveSubject]:
    known, key = market(instrument, M1), polygon_vendor.KEY

    def greet(connection: ServerConnection, server: LiveServer) -> bool:
        import json

        connection.send(told([{"ev": "status", "status": "connected", "message": "Connected Successfully"}]))
        server.heard.append(json.loads(connection.recv(timeout=5)))
        if server.heard[-1] != {"action": "auth", "params": key}:
            connection.send(
                told([{"ev": "status", "status": "auth_failed", "message": f"authentication failed {key}"}])
            )
            return False
        connection.send(told([{"ev": "status", "status": "auth_success", "message": "authenticated"}]))
        server.heard.append(json.loads(connection.recv(timeout=5)))
        status = {"ev": "status", "status": "success", "message": f"subscribed to: {channel}"}
        connection.send(told([status]))
        return True

    def minute(row: Any, **changes: object) -> dict[str, Any]:
        start = row.ts.value // 1_000_000
        return {"ev": event, **named, "o": row.open, "c": row.close, "h": row.high, "l": row.low, "v": row.volume,
                "vw": row.close, "z": 3, "s": start, "e": start + MINUTE, **changes}  # fmt: skip

    row = known.tables[M1].iloc[-2]
    other = dict.fromkeys(named, "ZZZ")
    spoiled = ["{half a docu", "7", [minute(row, c="dear")], [minute(row, **other)], [minute(row, s="soon")],
               [minute(row, e=row.ts.value // 1_000_000 + 1000)], [{"ev": "T", "sym": "AAPL"}],
               [{"ev": "status", "status": "error", "message": "no such channel"}], [{}]]  # fmt: skip

    def make(clock: ManualClock, server: LiveServer, rest: VendorServer) -> LiveSubject:
        history = PolygonHistory(http_client(rest, clock, {"Authorization": f"Bearer {key}"}, key))
        feed = PolygonStream(WebSocketClient("polygon", server.address, (key,)), history, key)
        settled = VendorFeed(history, vendor_settings("polygon"), clock)
        refused = Session([[{"ev": "status", "status": "not_authorized", "message": f"no plan for {key}"}]])
        return LiveSubject(
            feed, settled, known, clock, server, rest, lambda row: [[minute(row)]], None, spoiled, refused, key
        )

    with web_socket(greet) as server:
        yield from _subject(make, polygon_vendor.PolygonVendor({(ticker, M1): known.tables[M1]}), server)


@contextmanager
def oanda() -> Iterator[LiveSubject]:
    known, key = market(PAIR, M1, counted=False), oanda_vendor.KEY

    def price(at: pd.Timestamp, bid: str, ask: str, **changes: object) -> dict[str, Any]:
        return {"type": "PRICE", "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.nanosecond + at.microsecond * 1000:09d}Z",
                "bids": [{"price": bid, "liquidity": 1000000}], "asks": [{"price": ask, "liquidity": 1000000}],
                "closeoutBid": "0.1", "closeoutAsk": "9.9", "status": "tradeable", "tradeable": True,
                "instrument": "EUR_USD", **changes}  # fmt: skip

    def around(time: pd.Timestamp, middle: float) -> dict[str, Any]:
        return price(time, f"{middle - oanda_vendor.HALF:.5f}", f"{middle + oanda_vendor.HALF:.5f}")

    def bar(row: Any) -> list[object]:
        beat = {"type": "HEARTBEAT", "time": f"{row.ts:%Y-%m-%dT%H:%M:%S}.000000000Z"}
        moments = [row.ts + pd.Timedelta(seconds=seconds) for seconds in (0.25, 20, 40, 59.75)]
        prices = (row.open, row.high, row.low, row.close)
        return [beat, *(around(at, middle) for at, middle in zip(moments, prices, strict=True))]

    def quote(number: int, bid: str, ask: str) -> object:
        return price(pd.Timestamp(NOW) - pd.Timedelta(seconds=20 - number), bid, ask)

    at = known.tables[M1]["ts"].iloc[-2]
    spoiled = ["{half a docu", "7", price(at, "x", "1"), price(at, "1", "1", time="soon"), price(at, "1", "1", bids=3),
               price(at, "1", "1", instrument="GBP_USD"), {"type": "NEWS"}]  # fmt: skip

    def make(clock: ManualClock, server: LiveServer, rest: VendorServer) -> LiveSubject:
        headers = {"Authorization": f"Bearer {key}"}
        history = OandaHistory(http_client(rest, clock, headers, key))
        feed = OandaStream(HttpLines("oanda", server.address, headers, (key, ACCOUNT)), history, ACCOUNT)
        settled = VendorFeed(history, vendor_settings("oanda"), clock)
        refused = Session([{"errorMessage": f"Insufficient authorization {key} {ACCOUNT}"}], refuse=401)
        return LiveSubject(feed, settled, known, clock, server, rest, bar, quote, spoiled, refused, key)

    with endless_answer() as server:
        yield from _subject(make, oanda_vendor.OandaVendor({("EUR_USD", M1): known.tables[M1]}), server)


SUBJECTS = {
    "binance": binance,
    "polygon-stock": lambda: polygon(STOCK, "AAPL", "AM", "AM.AAPL", {"sym": "AAPL"}),
    "polygon-crypto": lambda: polygon(COIN, "X:BTCUSD", "XA", "XA.BTC-USD", {"pair": "BTC-USD"}),
    "oanda": oanda,
}
