"""Live prices from Interactive Brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from decimal import Decimal

import pandas as pd
from ib_async.ticker import Ticker

from brokers.ibkr.adapter import LIVE
from brokers.ibkr.connection import Connection
from brokers.ibkr.conversions import SymbolMap
from brokers.ibkr.feed import MOST_REQUESTS, TEN_MINUTES, kind_of_history
from brokers.ibkr.numbers import optional
from brokers.ibkr.settings import IbkrSettings
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError, DataError
from tradewright.model.instrument import Instrument
from tradewright.model.live import Beat, LinkLost, Message, Tick, Unread


class IbkrStream:
    """Bid, ask and last over a connection of its own that can neither send nor disturb orders.

    The gateway tells the newest prices some four times a second and not every one, so that bars are those of history,
    asked for at each close; it allows 60 such questions in ten minutes, which bounds how many instruments there can be.
    It tells the time of no price but the last trade's: bid and ask have that of their arrival. Prices that are not live
    (frozen, delayed) are left out, and told once.

    Args:
        settings: where the gateway is; give a client id that nothing else uses.
    """

    name = "ibkr"
    gives_bars = False
    beats = False

    def __init__(self, settings: IbkrSettings, instruments: Iterable[Instrument], clock: Clock) -> None:
        self._settings = settings.model_copy(update={"readonly": True})
        self._instruments, self._clock = list(instruments), clock

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """As history's."""
        return kind_of_history(instrument)

    def links(self, instruments: Sequence[Instrument], timeframe: Timeframe) -> list[tuple[Instrument, ...]]:
        """One link for all.

        Raises:
            DataError: for more instruments than history may be asked about at each close of a bar.
        """
        most = int(MOST_REQUESTS * timeframe.seconds // TEN_MINUTES)
        if len(instruments) > most:
            raise DataError(
                f"{len(instruments)} instruments are too many: the gateway may be asked for {most} bars of {timeframe} "
                "in the time of one",
                where="feed=ibkr",
                remedy="name fewer instruments, or say universe.base_timeframe=5m",
            )
        return [tuple(instruments)]

    async def listen(self, instruments: Sequence[Instrument], _timeframe: Timeframe) -> AsyncGenerator[Message]:
        """The messages of one link.

        Raises:
            LinkLost, DataError: as :meth:`tradewright.model.live.LiveFeed.listen`.
        """
        connection = Connection(self._settings, SymbolMap(self._instruments), self._clock)
        try:
            await connection.open(lambda _event: None)
        except BrokerError as problem:
            raise LinkLost(problem.what, where=problem.where, remedy=problem.remedy) from problem
        try:
            async for message in self._prices(connection, instruments):
                yield message
        finally:
            connection.close()

    async def _prices(self, connection: Connection, instruments: Sequence[Instrument]) -> AsyncGenerator[Message]:
        ib, _ = connection.linked()
        moved: dict[str, Ticker] = {}
        refused: list[str] = []
        news = asyncio.Event()
        tickers: dict[Ticker, Instrument] = {}

        def on_tickers(found: Iterable[Ticker]) -> None:
            moved.update({tickers[each].symbol: each for each in found if each in tickers})
            news.set()

        def on_error(_request: int, code: int, text: str, contract: object) -> None:
            if contract is not None:
                refused.append(f"{code} {text}")
                news.set()

        ib.pendingTickersEvent += on_tickers
        ib.errorEvent += on_error
        ib.disconnectedEvent += news.set
        for each in instruments:
            try:
                tickers[ib.reqMktData(await connection.contract(each.symbol))] = each
            except BrokerError as problem:
                kind = DataError if ib.isConnected() else LinkLost
                raise kind(problem.what, where=problem.where, remedy=problem.remedy) from problem
        yield Beat()
        told: set[str] = set()
        while ib.isConnected():
            await news.wait()
            news.clear()
            while refused:
                yield Unread(refused.pop(0))
            found, moved = moved, {}
            for symbol, ticker in found.items():
                for message in self._ticks(symbol, ticker, told):
                    yield message
        raise LinkLost("the gateway closed it", where=self.name)

    def _ticks(self, symbol: str, ticker: Ticker, told: set[str]) -> Iterator[Message]:
        if ticker.marketDataType != LIVE:
            if symbol not in told:
                told.add(symbol)
                yield Unread(f"the prices of {symbol} are not live (market data type {ticker.marketDataType})")
            return
        allowed = next(each.negative_prices for each in self._instruments if each.symbol == symbol)
        now = pd.Timestamp(self._clock.now()).value
        bid, ask, last = (_price(value, allowed) for value in (ticker.bid, ticker.ask, ticker.last))
        if bid is not None or ask is not None:
            yield Tick(symbol, now, bid, ask, None)
        if last is not None:
            yield Tick(symbol, now, None, None, last)


def _price(value: float, negative_allowed: bool) -> Decimal | None:
    price = optional(value)
    return price if price is not None and (price > 0 or negative_allowed) else None
