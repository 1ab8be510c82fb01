"""Settings to the arguments of ``tradewright.research.backfill``, for the command line and for Dagster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

import pandas as pd

from runtime.container import Container
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError
from tradewright.model.ports import Feed
from tradewright.research.backfill import backfill
from tradewright.store.time_range import first_instant, last_instant

Told = Callable[[int, int], None]
"""Called with the number of parts that are stored, and of all."""


class History(NamedTuple):
    """A span of history: the starts of its first and its last bar, in nanoseconds since 1970 UTC."""

    first: int
    last: int


@dataclass(frozen=True)
class BackfilledSeries:
    """The result of the backfill of one series.

    Args:
        source: the feed that was asked.
        parts: how many it was asked for; each was stored before the next.
        first, last: the ends of all that is stored of the series now; None where nothing is.
    """

    instrument: str
    timeframe: Timeframe
    source: str
    parts: int
    added: int
    unchanged: int
    revised: int
    first: datetime | None
    last: datetime | None


def history(house: Container, symbol: str, begin: str, end: str) -> History:
    """The span between two days or moments, both included; a day is the instrument's trading day, an empty end is now.

    Raises:
        ConfigError: for an unknown instrument, no beginning, one in the future, and an end before it.
        DataError: for a text that is neither a day nor a moment with its zone.
    """
    house.instrument(symbol)
    bounds, now = partial(house.trading_day, symbol), pd.Timestamp(house.clock.now()).value
    if not begin:
        raise ConfigError("it needs a beginning", where="--from", remedy="say --from 2024-01-01")
    first, last = first_instant(begin, bounds), min(last_instant(end or None, bounds), now)
    if first > now:
        raise ConfigError(f"{begin} is in the future", where="--from", remedy="say a day of the past")
    if first > last:
        raise ConfigError(f"the span from {begin} to {end} ends before it begins", where="--to", remedy="swap them")
    return History(first, last)


def backfilled(
    house: Container, source: Feed, symbol: str, timeframe: Timeframe, span: History, told: Told
) -> BackfilledSeries:
    """Bring a span of one series into the store, part by part.

    Raises:
        DataError, StoreError: as :func:`tradewright.research.backfill.backfill`; the parts before stay stored.
    """
    done = backfill(house.bar_store, source, house.instrument(symbol), timeframe, *span, told)
    stored = house.bar_store.coverage(symbol, timeframe)
    ends = (stored.first.to_pydatetime(), stored.last.to_pydatetime()) if stored else (None, None)
    counts = done.parts, done.added, done.unchanged, done.revised
    return BackfilledSeries(symbol, timeframe, source.name, *counts, *ends)
