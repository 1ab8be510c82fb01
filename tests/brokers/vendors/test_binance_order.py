"""The order of Binance's changes of bid and ask, by numbers that may be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from brokers.vendors.binance.history import BinanceHistory
from brokers.vendors.binance.stream import BEHIND, BinanceStream
from brokers.vendors.web_socket import WebSocketClient
from tests.brokers.desk import BTC, NOON
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.live import Beat, LinkLost, Message, Tick, Unread


class Line:
    """A link that tells some changes, one after the other; the bid is the place of each."""

    def __init__(self, numbers: Sequence[object]) -> None:
        self.where = "binance"
        self._left = [
            {"data": {"u": number, "s": "BTC", "b": str(place + 1), "a": str(place + 2)}}
            for place, number in enumerate(numbers)
        ]

    @asynccontextmanager
    async def link(self, _path: str) -> AsyncGenerator[Line]:
        yield self

    async def receive(self) -> object:
        if not self._left:
            raise LinkLost("over", where=self.where)
        return self._left.pop(0)


def told(numbers: Sequence[object], monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    monkeypatch.setattr(BinanceHistory, "symbol", lambda _self, _instrument: "BTC")
    line = Line(numbers)
    assert hasattr(WebSocketClient, "link")
    feed = BinanceStream(line, BinanceHistory(line), ManualClock(NOON))  # type: ignore[arg-type]
    found: list[Message] = []

    async def listen() -> None:
        messages = feed.listen([BTC], Timeframe.M1)
        while True:
            found.append(await anext(messages))

    with pytest.raises(LinkLost, match="over"):
        asyncio.run(listen())
    return found[1:]


@pytest.mark.parametrize("number", [2**63, 10**40, -1, True, "7", 1.5])
def test_what_is_no_number_of_a_change_is_told_and_silences_nothing(
    number: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, good = told([number, 3], monkeypatch)
    assert isinstance(wrong, Unread)
    assert "u is no number of a change" in wrong.what
    assert isinstance(good, Tick)


def test_a_number_out_of_all_proportion_silences_a_pair_for_a_moment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late changes are left out; growing ones that are all behind are the order, and the newest one was wrong."""
    found = told([5, 4, 2**63 - 1, 6, 7, 7, 8, 9, 10, 11, 12, 9], monkeypatch)
    assert BEHIND == 5
    assert [int(each.bid) for each in found if isinstance(each, Tick)] == [1, 3, 10, 11]  # type: ignore[arg-type]
    assert sum(isinstance(each, Beat) for each in found) == 8
