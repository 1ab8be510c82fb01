"""A stream: the links to a live source, made again when they break, and all that they bring taken in, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from tradewright.calendars.registry import calendar_of
from tradewright.live.backoff import Backoff
from tradewright.live.intake import AHEAD, Counts, Intake, Tell
from tradewright.live.tick_bars import TickBars
from tradewright.live.tick_store import InMemoryTickStore
from tradewright.model.bars import Timeframe
from tradewright.model.broker import Quote
from tradewright.model.clock import Clock
from tradewright.model.instrument import Instrument
from tradewright.model.live import Beat, LinkLost, LiveBar, LiveFeed, Message, Tick, Unread
from tradewright.model.ports import QuoteStore, TickStore

Link = tuple[Instrument, ...]
WAITING = 10_000
"""Messages that wait to be taken in at the most; the links are read no faster than that."""
STEADY = 60.0
"""Seconds that a link has to stand until its next loss counts as the first one."""
TOLD_UNREAD = 10
"""Messages that cannot be read of which each is told; of later ones only the number."""
SIDES = ("bid", "ask", "last")
_GRACE = 1_000_000_000
"""Nanoseconds for which a bar of ticks waits after its end: a tick of its last moment may be under way."""


class _Up(NamedTuple):
    link: Link
    since: int


class _Down(NamedTuple):
    link: Link
    why: str
    wait: float


class _Pulse(NamedTuple):
    """Time has gone on: all that arrived before ``moment`` (nanoseconds UTC) waits before this."""

    moment: int


@dataclass
class Told:
    """What a stream has done.

    Args:
        bars: closed bars that arrived or were made, duplicates included.
        losses: of links, after they stood or before.
        unread: messages that were not as they should be.
        late, outside: ticks after their bar was over, and ticks of no session.
        series: bars by instrument.
        recent: the last ticks by instrument, the oldest first.
    """

    bars: int = 0
    ticks: int = 0
    losses: int = 0
    unread: int = 0
    late: int = 0
    outside: int = 0
    series: dict[str, Counts] = field(default_factory=dict)
    recent: dict[str, tuple[Tick, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """When a stream ends by itself, and what it waits for.

    Args:
        bars: so many closed bars; None for any number.
        until: a moment; None for none.
        stale: seconds without any message, while a market of the link is open or signs of life are due, after which the
            link is made anew.
        pulse: seconds between two looks at the clock, at which quotes are kept and bars of ticks are closed.
    """

    bars: int | None = None
    until: datetime | None = None
    stale: float = 60.0
    pulse: float = 0.2


class Stream:
    """One source, its instruments, and where what they tell goes.

    Args:
        ticks: keeps the last ticks of each instrument; one of the usual size when None.
        changed: called in a thread with the symbols whose bars changed, when nothing waits to be taken in, and at
            every look at the clock.
        wait: how to wait between two tries; a test gives its own.
    """

    def __init__(
        self,
        feed: LiveFeed,
        instruments: Sequence[Instrument],
        timeframe: Timeframe,
        intake: Intake,
        quotes: QuoteStore,
        clock: Clock,
        tell: Tell,
        *,
        limits: Limits | None = None,
        ticks: TickStore | None = None,
        changed: Callable[[Sequence[str]], None] = lambda _symbols: None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self.told = Told(series=intake.counts)
        self._feed, self._timeframe, self._intake, self._quotes = feed, timeframe, intake, quotes
        self._clock, self._tell, self._limits, self._changed = clock, tell, limits or Limits(), changed
        self._wait, self._backoff = wait, backoff
        self.recent = ticks or InMemoryTickStore()
        self._links = feed.links(instruments, timeframe)
        self._ticks = (
            {}
            if feed.gives_bars
            else {each.symbol: TickBars(each, timeframe, feed.kind_of(each)) for each in instruments}
        )
        self._touched: dict[str, None] = {}
        self._fresh: dict[tuple[str, str], tuple[int, Decimal]] = {}
        self._below_zero = {each.symbol: each.negative_prices for each in instruments}

    async def run(self) -> Told:
        """Take in until a limit is reached; without one, until it is cancelled.

        Raises:
            DataError: when the source refuses for good.
            StoreError: when the store is damaged, locked or full.
        """
        waiting: asyncio.Queue[Message | _Up | _Down | _Pulse] = asyncio.Queue(WAITING)
        holders = [self._hold(link, waiting) for link in self._links]
        tasks = [asyncio.ensure_future(each) for each in (self._take_in(waiting), self._beat(waiting), *holders)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.told.late = sum(each.late for each in self._ticks.values())
            self.told.outside = sum(each.outside for each in self._ticks.values())
            self.told.recent = {symbol: self.recent.recent(symbol) for symbol in self.told.series}
        return self.told

    async def _hold(self, link: Link, waiting: asyncio.Queue[Message | _Up | _Down | _Pulse]) -> None:
        """Make one link again and again."""
        backoff = self._backoff()
        while True:
            since = None
            try:
                async with aclosing(self._feed.listen(link, self._timeframe)) as messages:
                    while True:
                        message = await self._next(messages.__anext__(), link)
                        if since is None:
                            since = self._clock.monotonic()
                            await waiting.put(_Up(link, pd.Timestamp(self._clock.now()).value))
                        await waiting.put(message)
            except StopAsyncIteration:
                why = "the source ended it"
            except LinkLost as loss:
                why = str(loss)
            if since is not None and self._clock.monotonic() - since >= STEADY:
                backoff.reset()
            pause = backoff.next()
            await waiting.put(_Down(link, why, pause))
            await self._wait(pause)

    async def _next(self, coming: Awaitable[Message], link: Link) -> Message:
        """The next message of a link.

        Raises:
            LinkLost: where none comes for too long.
        """
        task = asyncio.ensure_future(coming)
        limit = self._limits.stale
        try:
            while not (await asyncio.wait({task}, timeout=limit))[0]:
                if self._feed.beats or self._is_open(link):
                    raise LinkLost(f"not a word for {limit:g} s", where=self._feed.name)
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _is_open(self, link: Link) -> bool:
        now = self._clock.now()
        return any(calendar_of(each).is_open(now) for each in link)

    async def _beat(self, waiting: asyncio.Queue[Message | _Up | _Down | _Pulse]) -> None:
        while True:
            await asyncio.sleep(self._limits.pulse)
            await waiting.put(_Pulse(pd.Timestamp(self._clock.now()).value))

    async def _take_in(self, waiting: asyncio.Queue[Message | _Up | _Down | _Pulse]) -> None:
        """Take in one message after the other, until a limit is reached."""
        limits = self._limits
        while True:
            message = await waiting.get()
            await self._one(message)
            is_enough = limits.bars is not None and self.told.bars >= limits.bars
            is_over = limits.until is not None and self._clock.now() >= limits.until
            is_due = isinstance(message, _Pulse) or is_enough or is_over
            if self._fresh and is_due:
                self._keep_quotes()
            if self._touched and (is_due or waiting.empty()):
                symbols, self._touched = list(self._touched), {}
                await asyncio.to_thread(self._changed, symbols)
            if is_enough or is_over:
                return

    async def _one(self, message: Message | _Up | _Down | _Pulse) -> None:
        match message:
            case Tick():
                await self._tick(message)
            case LiveBar():
                self.told.bars += 1
                if await asyncio.to_thread(self._intake.bar, message):
                    self._touched[message.symbol] = None
            case _Pulse():
                end = message.moment - _GRACE
                await self._made(bar for each in self._ticks.values() if (bar := each.close(end)))
            case Unread():
                self._unread(message)
            case _Up():
                await self._stands(message.link, message.since)
            case _Down():
                self.told.losses += 1
                self._tell(
                    f"{_names(message.link)}: the link is lost, made again in {message.wait:.1f} s: {message.why}"
                )
            case Beat():
                pass

    async def _stands(self, link: Link, since: int) -> None:
        """A link was made: from here on it is heard, and history tells what came before."""
        self._tell(f"{_names(link)}: the link to {self._feed.name} stands")
        for each in link:
            if each.symbol in self._ticks:
                self._ticks[each.symbol].heard_from(since)
            if await asyncio.to_thread(self._intake.catch_up, each.symbol):
                self._touched[each.symbol] = None

    async def _tick(self, tick: Tick) -> None:
        if told := self._doubt(tick):
            self._unread(Unread(told))
            return
        self.told.ticks += 1
        self.recent.put(tick)
        for side in SIDES:
            price, place = getattr(tick, side), (tick.symbol, side)
            if price is not None and (place not in self._fresh or tick.time >= self._fresh[place][0]):
                self._fresh[place] = tick.time, price
        if (bars := self._ticks.get(tick.symbol)) is not None and (bar := bars.add(tick)) is not None:
            await self._made([bar])

    def _doubt(self, tick: Tick) -> str:
        """Why a tick is not believed; empty where it is.

        One of the future would stand as the newest price, and in the way of every later bar, until its time has come.
        """
        if tick.time > pd.Timestamp(self._clock.now()).value + AHEAD:
            return f"a price of {tick.symbol} is of the future: {pd.Timestamp(tick.time, tz='UTC').isoformat()}"
        prices = (tick.bid, tick.ask, tick.last)
        if not self._below_zero.get(tick.symbol) and any(price is not None and price <= 0 for price in prices):
            return f"a price of {tick.symbol} is not above 0"
        return ""

    def _keep_quotes(self) -> None:
        """Keep the newest price of each side among those that came together."""
        fresh, self._fresh = self._fresh, {}
        self._quotes.put(
            Quote.at(pd.Timestamp(moment, tz="UTC").floor("us").to_pydatetime(), symbol, **{side: price})
            for (symbol, side), (moment, price) in fresh.items()
        )

    async def _made(self, bars: Iterable[LiveBar]) -> None:
        for bar in bars:
            self.told.bars += 1
            if await asyncio.to_thread(self._intake.made, bar):
                self._touched[bar.symbol] = None

    def _unread(self, message: Unread) -> None:
        self.told.unread += 1
        if self.told.unread <= TOLD_UNREAD:
            self._tell(f"{self._feed.name}: a message is left out: {message.what}")
        if self.told.unread == TOLD_UNREAD:
            self._tell(f"{self._feed.name}: further messages that cannot be read are only counted")


def _names(link: Link) -> str:
    return ", ".join(each.symbol for each in link)
