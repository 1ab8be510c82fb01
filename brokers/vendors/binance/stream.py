"""Binance's live market: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams.

One link carries the candles and the best bid and ask of many pairs. The vendor ends every link after 24 hours. A name
that it does not know it passes over in silence; the question about history that follows every link tells it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from brokers.vendors.answers import UNKNOWN, Reader
from brokers.vendors.binance.history import LENGTHS, BinanceHistory
from brokers.vendors.http_client import VendorError
from brokers.vendors.streams import parts_of, shown, streamed
from brokers.vendors.web_socket import WebSocketClient
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.instrument import Instrument
from tradewright.model.live import Beat, LinkLost, LiveBar, Message, Tick, Unread

MOST = 100
"""Pairs of one link: the vendor allows 1,024 streams, and their names stand in the address."""


BEHIND = 5
"""So many changes of a pair in a row, whose numbers grow and are behind the newest one, say that this one was wrong."""
LARGEST = 2**63 - 1
"""The vendor counts changes in 64 bits."""


class _Order:
    """Which change of a pair's best prices is newer than those before, by the numbers of one link."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._behind: dict[str, tuple[int, int]] = {}

    def is_newer(self, symbol: str, number: int) -> bool:
        """Whether it counts; then it is the newest one."""
        last, count = self._behind.get(symbol, (-1, 0))
        count = count + 1 if number > last else 1
        if number > self._newest.get(symbol, -1) or count >= BEHIND:
            self._newest[symbol] = number
            self._behind.pop(symbol, None)
            return True
        self._behind[symbol] = number, count
        return False


class BinanceStream:
    """Closed candles, which are those of history, and the best bid and ask.

    A change of bid and ask carries no time of the vendor's, only a number that grows: it has the time of its arrival,
    and one with a smaller number than the one before is left out. A number that is out of all proportion would silence
    the pair: as soon as :data:`BEHIND` smaller ones have come in a row that grow, they are the order.
    """

    name = "binance"
    gives_bars = True
    beats = False

    def __init__(self, client: WebSocketClient, history: BinanceHistory, clock: Clock) -> None:
        self._client, self._history, self._clock = client, history, clock
        self._reader = Reader(client.where)

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """As history's."""
        return self._history.kind_of(instrument)

    def links(self, instruments: Sequence[Instrument], timeframe: Timeframe) -> list[tuple[Instrument, ...]]:
        """A hundred pairs a link.

        Raises:
            DataError: for anything but crypto, and a timeframe that history does not have as it is.
        """
        for each in instruments:
            self._history.symbol(each)
            streamed(timeframe, self._history.spans(each), each, self.name)
        return parts_of(instruments, MOST)

    async def listen(self, instruments: Sequence[Instrument], timeframe: Timeframe) -> AsyncGenerator[Message]:
        """The messages of one link.

        Raises:
            LinkLost, DataError: as :meth:`tradewright.model.live.LiveFeed.listen`.
        """
        ours = {self._history.symbol(each): each.symbol for each in instruments}
        names = [f"{pair.lower()}@{what}" for pair in ours for what in (f"kline_{LENGTHS[timeframe]}", "bookTicker")]
        order = _Order()
        async with self._client.link(f"/stream?streams={'/'.join(names)}") as socket:
            yield Beat()
            while True:
                try:
                    for message in self._read(await socket.receive(), ours, timeframe, order):
                        yield message
                except ValueError as error:
                    yield Unread(str(error))

    def _read(
        self, document: object, ours: Mapping[str, str], timeframe: Timeframe, order: _Order
    ) -> Iterator[Message]:
        reader = self._reader
        try:
            body = reader.mapping(reader.mapping(document, "a message").get("data", document), "data")
            event = body.get("e", "bookTicker" if "u" in body else None)
            if event == "serverShutdown":
                raise LinkLost("it announces that it shuts down", where=self._client.where)
            if event == "kline":
                yield from self._candle(reader.mapping(reader.field(body, "k"), "k"), ours, timeframe)
            elif event == "bookTicker":
                yield from self._prices(body, ours, order)
            elif "result" not in body:
                yield Unread(f"it is of an unknown kind: {shown(body)}")
        except VendorError as error:
            yield Unread(error.what)

    def _candle(self, row: Mapping[str, Any], ours: Mapping[str, str], timeframe: Timeframe) -> Iterator[Message]:
        reader = self._reader
        symbol = self._ours(row, ours)
        if reader.field(row, "i") != LENGTHS[timeframe]:
            raise reader.wrong(f"a bar is of {row['i']!r}, and {LENGTHS[timeframe]} was asked for")
        if not reader.truth(reader.field(row, "x"), "x"):
            yield Beat()
            return
        opened, high, low, close, volume = (reader.number(reader.field(row, name), name) for name in "ohlcv")
        start = reader.milliseconds(reader.field(row, "t"), "t")
        yield LiveBar(symbol, start, opened, high, low, close, volume, UNKNOWN)

    def _prices(self, row: Mapping[str, Any], ours: Mapping[str, str], order: _Order) -> Iterator[Message]:
        reader = self._reader
        symbol, number = self._ours(row, ours), reader.field(row, "u")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST:
            raise reader.wrong(f"u is no number of a change: {shown(number)}")
        bid, ask = (reader.price(reader.field(row, name), name) for name in ("b", "a"))
        if not order.is_newer(symbol, number):
            yield Beat()
            return
        yield Tick(symbol, pd.Timestamp(self._clock.now()).value, _told(bid), _told(ask), None)

    def _ours(self, row: Mapping[str, Any], ours: Mapping[str, str]) -> str:
        pair = self._reader.field(row, "s")
        if pair not in ours:
            raise self._reader.wrong(f"it is about {shown(pair)}, which was not asked for")
        return ours[pair]


def _told(price: Decimal) -> Decimal | None:
    """A side without an order has the price 0."""
    return price if price > 0 else None
