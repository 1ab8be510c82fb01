"""Polygon's quotes beside its minutes: each cluster in its own words, and none that was not asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from brokers.vendors.polygon.history import PolygonHistory
from brokers.vendors.polygon.stream import PolygonStream
from tests.support.histories import COIN, PAIR, STOCK
from tradewright.model.bars import Timeframe
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.live import LinkLost, Message, Tick, Unread

MOMENT = 1_772_640_000_123
INDEX = Instrument(symbol="SPX", asset_class=AssetClass.INDEX)
ROWS: dict[str, tuple[Instrument, dict[str, Any], str]] = {
    "stocks": (STOCK, {"ev": "Q", "sym": "AAPL", "bp": 99.98, "ap": 100.02, "bs": 1, "as": 2, "t": MOMENT}, "Q.AAPL"),
    "forex": (PAIR, {"ev": "C", "p": "EUR/USD", "b": 99.98, "a": 100.02, "x": 44, "t": MOMENT}, "C.EUR-USD"),
    "crypto": (COIN, {"ev": "XQ", "pair": "BTC-USD", "bp": 99.98, "ap": 100.02, "t": MOMENT}, "XQ.BTC-USD"),
}


class Line:
    """A link that admits, and then tells some rows."""

    where = "polygon"

    def __init__(self, rows: Sequence[object]) -> None:
        self.sent: list[Any] = []
        self._left: list[object] = [[{"ev": "status", "status": "auth_success"}], *([row] for row in rows)]

    @asynccontextmanager
    async def link(self, _path: str) -> AsyncGenerator[Line]:
        yield self

    async def send(self, document: object) -> None:
        self.sent.append(document)

    async def receive(self) -> object:
        if not self._left:
            raise LinkLost("over", where=self.where)
        return self._left.pop(0)


def told(instrument: Instrument, *rows: object, quotes: bool = True) -> tuple[list[Message], str]:
    line = Line(rows)
    feed = PolygonStream(line, PolygonHistory(line), "key", quotes=quotes)  # type: ignore[arg-type]
    found: list[Message] = []

    async def listen() -> None:
        messages = feed.listen([instrument], Timeframe.M1)
        while True:
            found.append(await anext(messages))

    with pytest.raises(LinkLost, match="over"):
        asyncio.run(listen())
    return found[1:], line.sent[-1]["params"]


@pytest.mark.parametrize("cluster", ROWS)
def test_bid_and_ask_are_ticks_with_the_vendors_time(cluster: str) -> None:
    instrument, row, channel = ROWS[cluster]
    found, asked = told(instrument, row, {**row, **{name: 0 for name in ("bp", "b") if name in row}})
    bid, ask = Decimal("99.98"), Decimal("100.02")
    assert found[0] == Tick(instrument.symbol, MOMENT * 1_000_000, bid, ask, None)
    assert found[1] == found[0]._replace(bid=None), "a side without an order"  # type: ignore[union-attr]
    assert asked.split(",")[1] == channel


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ap": "dear"}, "ap is no price"),
        ({"bp": -1}, "bp is no price"),
        ({"t": "soon"}, "t of a bar is no time"),
        ({"sym": "MSFT"}, "which was not asked for"),
        ({"bp": None}, "bp is no price"),
    ],
)
def test_a_quote_that_is_wrong_is_told_and_stops_nothing(change: dict[str, Any], why: str) -> None:
    instrument, row, _ = ROWS["stocks"]
    (wrong, good), _ = told(instrument, {**row, **change}, row)
    assert isinstance(wrong, Unread)
    assert why in wrong.what
    assert isinstance(good, Tick)


def test_they_are_asked_for_where_the_settings_say_so_and_the_vendor_has_them() -> None:
    instrument, row, _ = ROWS["stocks"]
    found, asked = told(instrument, row, quotes=False)
    assert asked == "AM.AAPL"
    assert isinstance(found[0], Unread)
    assert told(INDEX)[1].count(".") == 1, "an index has no bid and ask"
