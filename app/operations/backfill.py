"""History of instruments from the feed in force, of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from app.operations.data_quality import FindingLine, noteworthy
from conf.schema.settings import Settings
from runtime.backfill import BackfilledSeries, backfilled, history
from runtime.container import Container
from runtime.feeds import remembering_each, stored_timeframes
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError, DataError

Progress = Callable[[str, int, int], None]
"""Called with a series, the number of its parts that are stored, and of all."""


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
        spans = {symbol: history(house, symbol, begin, end) for symbol in dict.fromkeys(symbols)}
        sources = remembering_each(house, spans)
        for symbol, timeframe in ((symbol, each) for symbol in spans for each in wanted):
            told = partial(progress, f"{symbol} {timeframe}")
            try:
                done.append(backfilled(house, sources[symbol], symbol, timeframe, spans[symbol], told))
            except DataError as error:
                refused.append(RefusedSeries(symbol, timeframe, error.what, error.where, error.remedy))
        judged = [(row.instrument, row.timeframe) for row in done if row.first is not None]
        return BackfillReply(done, refused, noteworthy(house, judged))
