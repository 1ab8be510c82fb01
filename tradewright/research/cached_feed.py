"""A feed whose answers about closed history are kept on disk, so that nothing is asked for twice."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.errors import StoreError
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import Instrument
from tradewright.model.ports import Feed
from tradewright.store.artefacts import Artefacts

SETTLED = timedelta(days=2)
"""Sources correct their bars of the last hours; older ones are taken as final."""
_VERSION = 1
"""Of the bars that feeds make of a source's answers; another one makes what was kept count for nothing."""


class CachedFeed:
    """A feed that remembers.

    A span with both ends, of which every bar closed two days ago or earlier, is asked for once. An empty answer is kept
    only where the market was closed: it may as well mean that a source lacks its bars for a while.

    Args:
        feed: the source.
        kept: where the answers are; removing the folder makes the source be asked again.
        terms: what the answers depend on beside the question, as plain values without secrets.
    """

    def __init__(self, feed: Feed, kept: Artefacts, terms: object, clock: Clock) -> None:
        self.name = feed.name
        self._feed, self._kept, self._terms, self._clock = feed, kept, terms, clock

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """As the source's."""
        return self._feed.kind_of(instrument)

    def span(self, instrument: Instrument, timeframe: Timeframe) -> timedelta:
        """As the source's."""
        return self._feed.span(instrument, timeframe)

    def fetch(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        after: pd.Timestamp | None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """As the source's, which is asked where the answer is not kept.

        Raises:
            DataError: as the source's.
            StoreError: when an answer cannot be kept.
        """
        if after is None or until is None or not self._is_settled(timeframe, until):
            return self._feed.fetch(instrument, timeframe, after, until)
        question = {"instrument": instrument.model_dump(mode="json"), "terms": self._terms, "version": _VERSION}
        told = content_hash({**question, "timeframe": str(timeframe), "after": after.value, "until": until.value})
        key = (self.name, instrument.symbol, str(timeframe), told)
        try:
            return self._kept.read_frame(key)
        except StoreError:  # there is none, or it is damaged
            found = self._feed.fetch(instrument, timeframe, after, until)
        if len(found) or not len(calendar_of(instrument).grid(timeframe, after, until)):
            self._kept.write_frame(key, found)
        return found

    def _is_settled(self, timeframe: Timeframe, until: pd.Timestamp) -> bool:
        """Whether the last bar of a span has closed long enough ago."""
        closed = until + pd.Timedelta(seconds=timeframe.seconds)
        return bool(closed + SETTLED <= pd.Timestamp(self._clock.now()))
