"""OANDA's live prices: https://developer.oanda.com/rest-live-v20/pricing-ep.

One answer of HTTP that does not end, a document a line. At most four prices a second come of an instrument: the one in
effect at the end of each quarter of a second. Candles are made of all prices, so the bars of this feed are history's.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from brokers.vendors.answers import Reader
from brokers.vendors.http_client import VendorError
from brokers.vendors.http_lines import HttpLines
from brokers.vendors.oanda.history import OandaHistory
from brokers.vendors.streams import parts_of, shown
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import Instrument
from tradewright.model.live import Beat, Message, Tick, Unread

MOST = 100
"""Instruments of one link."""


class OandaStream:
    """Bid and ask by the vendor's own time.

    Args:
        account: whose prices they are.
    """

    name = "oanda"
    gives_bars = False
    beats = True

    def __init__(self, client: HttpLines, history: OandaHistory, account: str) -> None:
        self._client, self._history, self._account = client, history, account
        self._reader = Reader(client.where)

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """As history's."""
        return self._history.kind_of(instrument)

    def links(self, instruments: Sequence[Instrument], _timeframe: Timeframe) -> list[tuple[Instrument, ...]]:
        """A hundred instruments a link.

        Raises:
            DataError: for an instrument that the vendor does not serve.
        """
        for each in instruments:
            self._history.symbol(each)
        return parts_of(instruments, MOST)

    async def listen(self, instruments: Sequence[Instrument], _timeframe: Timeframe) -> AsyncGenerator[Message]:
        """The messages of one link.

        Raises:
            LinkLost, DataError: as :meth:`tradewright.model.live.LiveFeed.listen`.
        """
        ours = {self._history.symbol(each): each.symbol for each in instruments}
        path = f"/v3/accounts/{quote(self._account, safe='')}/pricing/stream"
        async with aclosing(self._client.lines(path, {"instruments": ",".join(ours)})) as lines:
            async for line in lines:
                yield self._read(line, ours)

    def _read(self, line: bytes, ours: Mapping[str, str]) -> Message:
        reader = self._reader
        try:
            row = reader.mapping(json.loads(line), "a message")
            if row.get("type") == "HEARTBEAT":
                return Beat()
            if row.get("type") != "PRICE":
                return Unread(f"it is of an unknown kind: {shown(row)}")
            name = str(row.get("instrument"))
            if name not in ours:
                return Unread(f"it is about {shown(name)}, which was not asked for")
            if row.get("tradeable") is False:
                return Beat()  # the market is closed: what stands there binds nobody
            bid, ask = (self._best(row, side) for side in ("bids", "asks"))
            return Tick(ours[name], reader.instant(reader.field(row, "time"), "time"), bid, ask, None)
        except VendorError as error:
            return Unread(error.what)
        except (ValueError, RecursionError) as error:
            return Unread(f"a line is no JSON document: {error}")

    def _best(self, row: Mapping[str, Any], side: str) -> Decimal | None:
        reader = self._reader
        found = [reader.mapping(each, side) for each in reader.rows(row.get(side), side)]
        prices = [reader.price(reader.field(each, "price"), side) for each in found]
        if not prices:
            return None
        return max(prices) if side == "bids" else min(prices)
