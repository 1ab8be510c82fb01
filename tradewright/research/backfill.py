"""History from a feed, part by part: each is stored before the next one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.model.ports import Feed
from tradewright.model.spans import parts
from tradewright.research.bars import admit, kind_brought, sources_of
from tradewright.scenarios.scenario import Scenario
from tradewright.store.bars import BarStore

Told = Callable[[int, int], None]
"""Called with the number of parts that are stored, and of all."""


@dataclass(frozen=True)
class Backfilled:
    """The result of a backfill of one series.

    Args:
        parts: how many were asked for.
        added, unchanged, revised: bars, as :class:`tradewright.store.bars.UpsertReport` counts them.
    """

    parts: int
    added: int
    unchanged: int
    revised: int


def backfill(
    store: BarStore,
    feed: Feed,
    instrument: Instrument,
    timeframe: Timeframe,
    first: int,
    last: int,
    told: Told = lambda _done, _all: None,
) -> Backfilled:
    """Bring the bars of a span into the store, the oldest first; what is there already stays or is corrected.

    Ended at any moment, it has stored whole parts, and the next one begins where it likes: a bar that is known changes
    nothing.

    Args:
        first, last: the starts of the first and the last bar, in nanoseconds since 1970 UTC.

    Raises:
        DataError: as the feed's; and for bars of a scenario beside those of another source, or the other way round, and
            for bars of another kind than the one that is read. The parts before stay stored.
        StoreError: when the store is damaged or full.
    """
    admit(store, feed, instrument.symbol)
    refuse_beside_invented(store, instrument.symbol, feed.name)
    kind = kind_brought(store, feed, instrument)
    spans = list(parts(first, last, feed.span(instrument, timeframe)))
    added = unchanged = revised = 0
    for done, (low, high) in enumerate(spans):
        told(done, len(spans))
        after, until = (pd.Timestamp(moment, tz="UTC") for moment in (low - 1, high))
        report = store.upsert(
            instrument.symbol,
            timeframe,
            kind,
            feed.fetch(instrument, timeframe, after, until),
            source=feed.name,
            negative_prices=instrument.negative_prices,
        )
        added, unchanged, revised = added + report.added, unchanged + report.unchanged, revised + report.revised
    told(len(spans), len(spans))
    return Backfilled(len(spans), added, unchanged, revised)


def refuse_beside_invented(store: BarStore, symbol: str, own: str) -> None:
    """Refuse to put real bars beside those of a scenario.

    Raises:
        DataError: when a scenario's bars of the instrument are stored, and the feed is another.
    """
    if own != Scenario.name and Scenario.name in sources_of(store, symbol).values():
        raise DataError(
            f"bars of {symbol} are stored that a scenario has invented, and real ones are not put beside them",
            where=str(store.root),
            remedy="say another storage.root, such as storage.root=data/real",
        )
