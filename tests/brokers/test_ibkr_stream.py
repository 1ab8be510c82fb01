"""Live prices of the gateway over the wire: quotes by arrival, bars of history at each close, links that break."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from brokers.ibkr.feed import IbkrFeed
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from brokers.ibkr.settings import IbkrSettings
from brokers.ibkr.stream import IbkrStream
from tests.support.feeds_under_test import same
from tests.support.histories import NOON, STOCK, market
from tradewright.live.intake import Intake
from tradewright.live.stream import Limits, Stream, Told
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.store.bars import BarStore
from tradewright.store.latest_quotes import LatestQuotes

M1 = Timeframe.M1
KNOWN = market(STOCK, M1).tables[M1]
START = NOON - timedelta(minutes=3)


@dataclass
class Desk:
    clock: ManualClock
    running: GatewayThread
    folder: Path
    stream: Stream
    lines: list[str] = field(default_factory=list)

    def do(self, command: str, **arguments: object) -> object:
        return self.running.do(command, **arguments)

    async def until(self, words: str, times: int = 1) -> None:
        while sum(words in line for line in self.lines) < times:
            await asyncio.sleep(0.01)

    @property
    def quotes(self) -> LatestQuotes:
        return LatestQuotes(self.folder)


@contextmanager
def desk(folder: Path, **limits: float) -> Iterator[Desk]:
    clock, lines = ManualClock(START), list[str]()
    gateway = Gateway([STOCK], clock, history={("AAPL", M1.value): KNOWN})
    with GatewayThread(gateway) as running:
        settings = IbkrSettings(port=running.gateway.port, client_id=31, timeout=5)
        history = IbkrFeed(settings, [STOCK], clock, timedelta(days=2))
        feed = IbkrStream(settings.model_copy(update={"client_id": 33}), [STOCK], clock)
        intake = Intake(BarStore(folder), history, {"AAPL": STOCK}, M1, clock, lines.append)
        made = Stream(feed, [STOCK], M1, intake, LatestQuotes(folder), clock, lines.append,
                      limits=Limits(pulse=0.02, **limits), wait=lambda _: asyncio.sleep(0.01))  # type: ignore[arg-type]  # fmt: skip
        yield Desk(clock, running, folder, made, lines)


async def together(made: Desk, *acts: object) -> Told:
    """The stream until its limit, with what happens meanwhile."""
    act = asyncio.ensure_future(acts[0])  # type: ignore[arg-type]
    told = await asyncio.wait_for(made.stream.run(), 20)
    await act
    return told


def test_quotes_are_kept_and_bars_are_historys(tmp_path: Path) -> None:
    with desk(tmp_path, bars=2) as made:

        async def trade() -> None:
            await made.until("the link to ibkr stands")
            for price in ("101", "102"):
                made.do("quote", symbol="AAPL", bid=f"{price}.00", ask=f"{price}.02", last=f"{price}.01")
                while (found := made.quotes.newest("AAPL")) is None or found.bid != Decimal(price):
                    await asyncio.sleep(0.01)
                made.clock.advance(62)

        told = asyncio.run(together(made, trade()))
        found, stored = made.quotes.newest("AAPL"), BarStore(tmp_path).read("AAPL", M1)
    assert found is not None
    assert (found.bid, found.ask, found.last) == (Decimal("102.00"), Decimal("102.02"), Decimal("102.01"))
    assert stored["ts"].iloc[-1] == pd.Timestamp(START + timedelta(minutes=1))
    same(stored, KNOWN[KNOWN["ts"].isin(stored["ts"])])
    assert told.series["AAPL"].made == 0


def test_a_gateway_that_restarts_is_linked_again(tmp_path: Path) -> None:
    with desk(tmp_path, bars=1) as made:

        async def restart() -> None:
            await made.until("the link to ibkr stands")
            made.do("drop")
            await made.until("the link to ibkr stands", 2)
            made.do("quote", symbol="AAPL", bid="99.00", ask="99.02", last="99.01")
            while made.quotes.newest("AAPL") is None:
                await asyncio.sleep(0.01)
            made.clock.advance(62)

        told = asyncio.run(together(made, restart()))
    assert told.losses >= 1
    assert any("the link is lost" in line for line in made.lines)


def test_prices_that_are_not_subscribed_are_told(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        made.do("switch", fault="market_data", on=False)

        async def look() -> None:
            run = asyncio.ensure_future(made.stream.run())
            await asyncio.wait_for(made.until("354"), 10)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)

        asyncio.run(look())
    assert made.quotes.newest("AAPL") is None


def test_more_instruments_than_history_can_be_asked_about_are_refused(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        many = [Instrument(symbol=f"S{number}", asset_class=AssetClass.STOCK) for number in range(6)]
        feed = made.stream._feed
        with pytest.raises(DataError, match="may be asked for 5 bars of 1m in the time of one") as refused:
            feed.links(many, M1)
        assert "universe.base_timeframe=5m" in refused.value.remedy
        assert feed.links(many, Timeframe.M5) == [tuple(many)]
