"""A stream of the feed in force into the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from conf.schema.settings import Settings
from runtime.container import Container
from runtime.live import stream
from tradewright.execution.market_state import is_open
from tradewright.live.stream import Limits
from tradewright.model.broker import Quote
from tradewright.model.errors import ConfigError
from tradewright.model.live import Tick

Say = Callable[[str], None]


@dataclass(frozen=True)
class StreamedTick:
    """A change of the best prices, or a trade; prices as exact text, None where it told none."""

    at: datetime
    bid: str | None
    ask: str | None
    last: str | None


@dataclass(frozen=True)
class StreamedSeries:
    """One instrument of a stream.

    Args:
        added, revised, refused: bars that were stored, corrected, and not stored.
        made: bars of ticks that were stored while history did not answer.
        questions: how often history was asked.
        newest: the start of the newest stored bar; None where nothing is stored.
        bid, ask, last: the newest prices that are known, as exact text.
        recent: the last ticks, the oldest first.
    """

    instrument: str
    timeframe: str
    added: int
    revised: int
    refused: int
    made: int
    questions: int
    newest: datetime | None
    bid: str | None
    ask: str | None
    last: str | None
    recent: list[StreamedTick]


@dataclass(frozen=True)
class StreamReply:
    """What a stream has done until it ended.

    Args:
        bars: closed bars that arrived or were made.
        losses: how often a link was lost or could not be made.
        unread: messages that were not as they should be.
        late, outside: ticks of bars that were over, and of no session.
    """

    source: str
    bars: int
    ticks: int
    losses: int
    unread: int
    late: int
    outside: int
    series: list[StreamedSeries]

    @property
    def failed(self) -> bool:
        """Whether a bar was refused."""
        return any(row.refused for row in self.series)


def stream_bars(settings: Settings, symbols: Sequence[str], bars: int | None, until: str, say: Say) -> StreamReply:
    """Stream until so many bars have closed, until a moment, or for ever.

    Raises:
        ConfigError: for an end that is no moment with a zone, and as :func:`runtime.live.stream`.
        DataError, StoreError: as :func:`runtime.live.stream`.
    """
    with Container(settings) as house:
        end = _moment(until)

        def dated(line: str) -> None:
            say(f"{house.clock.now():%Y-%m-%d %H:%M:%S} UTC: {line}")

        told = stream(house, symbols, Limits(bars=bars, until=end), dated)
        timeframe = settings.universe.base_timeframe
        series = []
        for symbol, row in told.series.items():
            covered, quote = house.bar_store.coverage(symbol, timeframe), house.latest_quotes.newest(symbol)
            newest = covered.last.to_pydatetime() if covered else None
            prices = (None if quote is None else quote.bid, quote and quote.ask, quote and quote.last)
            texts = [None if price is None else str(price) for price in prices]
            counts = (row.added, row.revised, row.refused, row.made, row.questions)
            recent = [_streamed(tick) for tick in told.recent.get(symbol, ())]
            bid, ask, last = texts
            series.append(StreamedSeries(symbol, str(timeframe), *counts, newest, bid, ask, last, recent))
        figures = (told.bars, told.ticks, told.losses, told.unread, told.late, told.outside)
        return StreamReply(settings.feed.kind, *figures, series)


def _streamed(tick: Tick) -> StreamedTick:
    at = datetime.fromtimestamp(tick.time // 10**9, UTC) + timedelta(microseconds=tick.time % 10**9 // 1000)
    return StreamedTick(at, *(None if price is None else str(price) for price in (tick.bid, tick.ask, tick.last)))


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigError(
            f"{text!r} is no moment with a zone", where="--until", remedy="say --until 2026-03-04T21:00:00Z"
        )
    return found.astimezone(UTC)


@dataclass(frozen=True)
class LatestQuote:
    """The newest prices of an instrument, as exact text.

    Args:
        at: since when bid and ask stand, the older one; of the last price where there is neither.
        age_seconds: since then, by the clock on the wall; None where the time is not known.
        fresh: whether it is no older than ``policy.max_data_age_seconds``.
    """

    instrument: str
    bid: str | None
    ask: str | None
    last: str | None
    at: datetime | None
    age_seconds: float | None
    market_open: bool
    fresh: bool


@dataclass(frozen=True)
class QuotesReply:
    """The newest quotes that are kept."""

    quotes: list[LatestQuote]


def latest_quotes(settings: Settings, symbol: str) -> QuotesReply:
    """The newest quotes of the instruments that are defined, or of one.

    Raises:
        ConfigError: for an unknown instrument.
        StoreError: when the quotes cannot be read.
    """
    with Container(settings) as house:
        if symbol:
            house.instrument(symbol)
        found = house.latest_quotes.all()
        known = [name for name in found if name in house.instruments and symbol in ("", name)]
        return QuotesReply([_quote(house, found[name]) for name in known])


def _quote(house: Container, quote: Quote) -> LatestQuote:
    now = house.clock.now()
    age = None if quote.time is None else round((now - quote.time).total_seconds(), 3)
    limit = float(house.settings.policy.max_data_age_seconds)
    bid, ask, last = (None if price is None else str(price) for price in (quote.bid, quote.ask, quote.last))
    is_fresh = age is not None and 0 <= age <= limit
    trades = bool(is_open(house.instrument(quote.instrument), now))
    return LatestQuote(quote.instrument, bid, ask, last, quote.time, age, trades, is_fresh)
