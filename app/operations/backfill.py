"""History of instruments from the feed in force, of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pandas as pd

from app.operations.data_quality import FindingLine, noteworthy
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.feeds import remembering, stored_timeframes
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError, DataError
from tradewright.research.backfill import backfill
from tradewright.store.time_range import first_instant, last_instant

Progress = Callable[[str, int, int], None]
"""Called with a series, the number of its parts that are stored, and of all."""


@dataclass(frozen=True)
class BackfilledSeries:
    """The result of one series.

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


@dataclass(frozen=True)
class RefusedSeries:
    """A series whose backfill ended early, and why; the parts before stay stored."""

    instrument: str
    timeframe: Timeframe
    what: str
    where: str
    remedy: str


@dataclass(frozen=True)
class BackfillReply:
    """The result of a backfill.

    Args:
        findings: what the checks find in the stored series, mere properties of the source left out.
    """

    backfilled: list[BackfilledSeries]
    refused: list[RefusedSeries]
    findings: list[FindingLine]


def backfill_bars(
    settings: Settings,
    symbols: Sequence[str],
    begin: str,
    end: str,
    timeframes: Iterable[Timeframe],
    progress: Progress,
) -> BackfillReply:
    """Bring the history of instruments into the store; a series that is refused stops no other.

    Args:
        begin, end: the first and the last day (or moment), both included; an empty end means now.
        timeframes: those that a refresh brings up to date, where there are none.

    Raises:
        ConfigError: for an unknown instrument, none at all, a feed that cannot be asked, a span that ends before it
            begins or begins in the future.
        DataError: for a time that is none.
        StoreError: when the store is damaged, locked or full.
    """
    if not symbols:
        raise ConfigError("no instrument is named", where="backfill", remedy="say tradewright backfill AAPL --from ...")
    wanted = tuple(dict.fromkeys(timeframes)) or tuple(dict.fromkeys(stored_timeframes(settings)))
    done: list[BackfilledSeries] = []
    refused: list[RefusedSeries] = []
    with Container(settings) as house:
        spans = {symbol: _span(house, symbol, begin, end) for symbol in dict.fromkeys(symbols)}
        source = remembering(house)
        for symbol, timeframe in ((symbol, each) for symbol in spans for each in wanted):
            told = partial(progress, f"{symbol} {timeframe}")
            try:
                made = backfill(house.bar_store, source, house.instrument(symbol), timeframe, *spans[symbol], told)
            except DataError as error:
                refused.append(RefusedSeries(symbol, timeframe, error.what, error.where, error.remedy))
                continue
            stored = house.bar_store.coverage(symbol, timeframe)
            ends = (stored.first.to_pydatetime(), stored.last.to_pydatetime()) if stored else (None, None)
            counts = made.parts, made.added, made.unchanged, made.revised
            done.append(BackfilledSeries(symbol, timeframe, source.name, *counts, *ends))
        judged = [(row.instrument, row.timeframe) for row in done if row.first is not None]
        return BackfillReply(done, refused, noteworthy(house, judged))


def _span(house: Container, symbol: str, begin: str, end: str) -> tuple[int, int]:
    """The starts of the first and the last bar, in nanoseconds; a day is the instrument's trading day."""
    house.instrument(symbol)
    bounds, now = partial(house.trading_day, symbol), pd.Timestamp(house.clock.now()).value
    if not begin:
        raise ConfigError("it needs a beginning", where="--from", remedy="say --from 2024-01-01")
    first, last = first_instant(begin, bounds), min(last_instant(end or None, bounds), now)
    if first > now:
        raise ConfigError(f"{begin} is in the future", where="--from", remedy="say a day of the past")
    if first > last:
        raise ConfigError(f"the span from {begin} to {end} ends before it begins", where="--to", remedy="swap them")
    return first, last
