"""Ports for data and advice: the source of bars, and the answers that an adviser may give."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import Quote
from tradewright.model.instrument import Instrument
from tradewright.model.live import Tick

if TYPE_CHECKING:
    import pandas as pd


class Feed(Protocol):
    """A source of bars: a scenario, a broker, a vendor. ``tests/brokers/test_feed_contract.py`` holds each to this."""

    name: str

    def fetch(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        after: pd.Timestamp | None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Bars that start after ``after`` and not after ``until``, as a bars table: ascending, each start once, in UTC.

        Only bars that have closed are given, and none outside of the span. A span without bars gives an empty table.

        Args:
            after: None for as far back as the source reaches by itself.
            until: None for the present.

        Raises:
            DataError: when the source has no such instrument, cannot be asked, or its bars break the contract.
        """
        ...

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """The kind of its bars of an instrument; None for prices of no deal, such as midpoints without a spread."""
        ...

    def span(self, instrument: Instrument, timeframe: Timeframe) -> timedelta:
        """The span of a part in which a long history is best asked for, one call of :meth:`fetch` for each.

        Raises:
            DataError: when the source has no such instrument.
        """
        ...


class QuoteStore(Protocol):
    """The newest prices of each instrument, shared by the programs of one storage folder.

    ``tests/data/test_latest_quotes.py`` holds each to this.
    """

    def put(self, quotes: Iterable[Quote]) -> None:
        """Keep prices: each of bid, ask and last where it is not older than the kept one; one without a time is not.

        Raises:
            StoreError: when they cannot be kept.
        """
        ...

    def newest(self, instrument: str) -> Quote | None:
        """The newest prices of an instrument; None where there are none.

        Raises:
            StoreError: when they cannot be read.
        """
        ...

    def all(self) -> dict[str, Quote]:
        """The newest prices of every instrument, by symbol.

        Raises:
            StoreError: as for :meth:`newest`.
        """
        ...


class TickStore(Protocol):
    """The last ticks of each instrument, for those that look at more than the newest price."""

    def put(self, tick: Tick) -> None:
        """Keep a tick."""
        ...

    def recent(self, symbol: str) -> tuple[Tick, ...]:
        """The kept ticks of a symbol, the oldest first."""
        ...


class ReasoningStatus(StrEnum):
    """Whether advice was obtained (R-RISK-15); NOT_APPLICABLE where no adviser is configured."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    OK = "OK"
    FAILED = "FAILED"


class Recommendation(StrEnum):
    """The answers of an adviser (Q-17). ``BLOCK`` leads to a review, since an adviser may not decide."""

    ALLOW = "ALLOW"
    ALLOW_WITH_CAUTION = "ALLOW_WITH_CAUTION"
    BLOCK = "BLOCK"
