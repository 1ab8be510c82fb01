"""Polygon's live aggregates: https://massive.com/docs/websocket/stocks/aggregates-per-minute.

The vendor has one cluster for each kind of instrument, and allows an account one link to each. A minute without trades
has no bar.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

from brokers.vendors.answers import UNKNOWN, Reader
from brokers.vendors.http_client import VendorError, VendorRefused
from brokers.vendors.polygon.history import COUNTED, PolygonHistory
from brokers.vendors.streams import shown, streamed
from brokers.vendors.web_socket import Socket, WebSocketClient
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.live import Beat, LinkLost, LiveBar, Message, Tick, Unread

CLUSTERS = {
    AssetClass.STOCK: ("stocks", "AM"),
    AssetClass.ETF: ("stocks", "AM"),
    AssetClass.INDEX: ("indices", "AM"),
    AssetClass.FOREX: ("forex", "CA"),
    AssetClass.METAL: ("forex", "CA"),
    AssetClass.CRYPTO: ("crypto", "XA"),
}
"""The last part of the address, and what the minutes of its instruments are called."""
QUOTES = {"stocks": "Q", "forex": "C", "crypto": "XQ"}
"""What the changes of bid and ask are called in a cluster; indices have none."""
SIDES = {"Q": ("bp", "ap"), "C": ("b", "a"), "XQ": ("bp", "ap")}
"""Where a quote has its bid and its ask."""
MINUTE = 60_000
PAIR = 3
"""Letters of the currency at the end of a pair."""


class PolygonStream:
    """Closed minutes, which are those of history, and their close as the last price.

    Args:
        key: of the account; it is sent when a link stands.
        quotes: whether bid and ask are asked for as well, which not every plan includes.
    """

    name = "polygon"
    gives_bars = True
    beats = False

    def __init__(self, client: WebSocketClient, history: PolygonHistory, key: str, *, quotes: bool = False) -> None:
        self._client, self._history, self._key, self._quotes = client, history, key, quotes
        self._reader = Reader(client.where)

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """As history's."""
        return self._history.kind_of(instrument)

    def links(self, instruments: Sequence[Instrument], timeframe: Timeframe) -> list[tuple[Instrument, ...]]:
        """One link a cluster.

        Raises:
            DataError: for an instrument that the vendor does not serve, and bars that are no minutes.
        """
        found: dict[str, list[Instrument]] = {}
        for each in instruments:
            self._history.symbol(each)
            streamed(timeframe, (Timeframe.M1,), each, self.name)
            found.setdefault(CLUSTERS[each.asset_class][0], []).append(each)
        return [tuple(link) for link in found.values()]

    async def listen(self, instruments: Sequence[Instrument], _timeframe: Timeframe) -> AsyncGenerator[Message]:
        """The messages of one link.

        Raises:
            LinkLost, DataError: as :meth:`tradewright.model.live.LiveFeed.listen`.
        """
        cluster, event = CLUSTERS[instruments[0].asset_class]
        ours = {_letters(self._history.symbol(each)): each for each in instruments}
        async with self._client.link(f"/{cluster}") as socket:
            await self._admitted(socket)
            asked = (event, QUOTES[cluster]) if self._quotes and cluster in QUOTES else (event,)
            names = [_channel(self._history.symbol(each)) for each in instruments]
            channels = ",".join(f"{kind}.{name}" for kind in asked for name in names)
            await socket.send({"action": "subscribe", "params": channels})
            yield Beat()
            while True:
                try:
                    for row in self._rows(await socket.receive()):
                        for message in self._read(row, event, ours):
                            yield message
                except ValueError as error:
                    yield Unread(str(error))

    async def _admitted(self, socket: Socket) -> None:
        """Send the key, and wait until it is taken."""
        await socket.send({"action": "auth", "params": self._key})
        while True:
            try:
                rows = self._rows(await socket.receive())
            except ValueError as error:
                raise LinkLost(str(error), where=self._client.where) from None
            for row in rows:
                if isinstance(row, dict) and row.get("ev") == "status":
                    self._status(row)
                    if row.get("status") == "auth_success":
                        return

    def _rows(self, document: object) -> list[Any]:
        return document if isinstance(document, list) else [document]

    def _read(self, document: object, event: str, ours: Mapping[str, Instrument]) -> Iterator[Message]:
        reader = self._reader
        try:
            row = reader.mapping(document, "a message")
            if row.get("ev") == "status":
                self._status(row)
                yield Beat()
            elif row.get("ev") == event:
                yield from self._minute(row, ours)
            elif self._quotes and row.get("ev") in SIDES:
                yield self._quote(row, ours)
            else:
                yield Unread(f"it is of an unknown kind: {shown(row)}")
        except VendorRefused:
            raise
        except VendorError as error:
            yield Unread(error.what)

    def _status(self, row: Mapping[str, Any]) -> None:
        """Nothing for a good status.

        Raises:
            VendorRefused: when the key or a subscription is refused.
            LinkLost: when another link of the account took the place of this one, or too much is waiting.
        """
        status, told = str(row.get("status")), shown(str(row.get("message", "")).replace(self._key, "***"))
        if status in ("auth_failed", "auth_timeout", "not_authorized"):
            remedy = "check POLYGON_API_KEY and what its plan includes; a delayed plan has feed.stream_url of its own"
            raise VendorRefused(f"it answers {status}: {told}", where=self._client.where, remedy=remedy)
        if status in ("max_connections", "force_disconnect"):
            raise LinkLost(f"it answers {status}: {told}", where=self._client.where)
        if status == "error":
            raise self._reader.wrong(f"it answers {status}: {told}")

    def _minute(self, row: Mapping[str, Any], ours: Mapping[str, Instrument]) -> Iterator[Message]:
        reader, instrument = self._reader, self._ours(row, ours)
        start, end = (reader.milliseconds(reader.field(row, each), each) for each in ("s", "e"))
        if end - start != MINUTE * 1_000_000:
            raise reader.wrong(f"a bar lasts {(end - start) / 1e9:g} s and no minute")
        opened, high, low, close = (reader.number(reader.field(row, each), each) for each in "ohlc")
        counted = instrument.asset_class in COUNTED
        volume = reader.number(reader.field(row, "v"), "v") if counted else UNKNOWN
        last = reader.price(row["c"], "c")
        yield Tick(instrument.symbol, end, None, None, last)
        yield LiveBar(instrument.symbol, start, opened, high, low, close, volume, UNKNOWN)

    def _quote(self, row: Mapping[str, Any], ours: Mapping[str, Instrument]) -> Tick:
        """A change of the best prices; a side without an order has the price 0."""
        reader, instrument = self._reader, self._ours(row, ours)
        sides = (reader.price(reader.field(row, name), name) for name in SIDES[str(row["ev"])])
        bid, ask = (price if price > 0 else None for price in sides)
        return Tick(instrument.symbol, reader.milliseconds(reader.field(row, "t"), "t"), bid, ask, None)

    def _ours(self, row: Mapping[str, Any], ours: Mapping[str, Instrument]) -> Instrument:
        name = next((row[key] for key in ("sym", "pair", "p") if key in row), None)
        instrument = ours.get(_letters(str(name)))
        if instrument is None:
            raise self._reader.wrong(f"it is about {shown(name)}, which was not asked for")
        return instrument


def _letters(name: str) -> str:
    """A vendor's name without what differs between its services: ``C:EURUSD``, ``EUR/USD`` and ``EUR-USD`` are one."""
    plain = name.partition(":")[2] if name[:2] in ("C:", "X:") else name
    return plain.replace("/", "").replace("-", "")


def _channel(name: str) -> str:
    """The name to subscribe to: pairs with a dash."""
    if name[:2] not in ("C:", "X:"):
        return name
    pair = name[2:]
    return f"{pair[:-PAIR]}-{pair[-PAIR:]}"
