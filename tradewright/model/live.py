"""Live data: the messages of a source, and the port that a source fills."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument


class LinkLost(DataError):
    """The link to a live source broke, or was not made; the next try may succeed."""


class LiveBar(NamedTuple):
    """A bar that the source says has closed.

    Args:
        start: nanoseconds since 1970 UTC.
        volume: in units of the instrument; NaN where the source counts something else.
        spread: mean relative spread in basis points; NaN where it is not told.
    """

    symbol: str
    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float


class Tick(NamedTuple):
    """A change of the best prices, or a trade.

    Args:
        time: nanoseconds since 1970 UTC, of the source; of its arrival where the source tells none.
        bid, ask, last: None where the message does not tell it.
    """

    symbol: str
    time: int
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


class Beat(NamedTuple):
    """A sign of life without data."""


class Unread(NamedTuple):
    """A message that is not as it should be; the link goes on.

    Args:
        what: the reason in words, without secrets.
    """

    what: str


Message = LiveBar | Tick | Beat | Unread


class LiveFeed(Protocol):
    """A source of live data. ``tests/brokers/test_live_contract.py`` holds each to this.

    Attributes:
        gives_bars: whether it tells closed bars; of another the ticks are what bars are made of.
        beats: whether signs of life come also while the market is closed, so that a silent link is a dead one.
    """

    name: str
    gives_bars: bool
    beats: bool

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """The kind of its bars of an instrument; None for prices of no deal."""
        ...

    def links(self, instruments: Sequence[Instrument], timeframe: Timeframe) -> list[tuple[Instrument, ...]]:
        """The instruments by the link that serves them.

        Raises:
            DataError: for an instrument that the source does not serve, and a timeframe that it does not stream.
        """
        ...

    def listen(self, instruments: Sequence[Instrument], timeframe: Timeframe) -> AsyncGenerator[Message]:
        """The messages of one link, from its making to its loss; the first one says that it stands.

        Raises:
            LinkLost: when the link breaks or cannot be made now.
            DataError: when the source refuses, which it would do again.
        """
        ...
