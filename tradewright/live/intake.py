"""What arrives of a live source, put where history is: bars in the store, quotes among the newest ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

from tradewright.calendars.registry import calendar_of
from tradewright.live.backoff import Backoff
from tradewright.model.bar_rules import frame_of
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.model.live import LinkLost, LiveBar
from tradewright.model.ports import Feed
from tradewright.research.backfill import refuse_beside_invented
from tradewright.research.bars import admit, kind_brought
from tradewright.store.bars import BarStore, UpsertReport

_SECOND = 1_000_000_000
AHEAD, BEHIND = 60 * _SECOND, 2 * 86_400 * _SECOND
"""A bar that closes further in the future (by half of its length, where that is less), or that began longer ago, is of
another time than the present."""
LOOKED_AT = timedelta(days=1)
"""The newest stored bars among which holes are looked for when a link is made."""

Tell = Callable[[str], None]


@dataclass
class Counts:
    """Of one instrument since the stream began.

    Args:
        added, revised: bars, as :class:`tradewright.store.bars.UpsertReport` counts them.
        refused: bars that were not stored, because they break their contract or are of another time.
        made: bars made of ticks that were stored, because history could not be asked.
        questions: how often history was asked.
    """

    added: int = 0
    revised: int = 0
    refused: int = 0
    made: int = 0
    questions: int = 0


@dataclass
class _Series:
    """One instrument: up to where its history is known to be whole, and when it may be asked again after a failure."""

    instrument: Instrument
    kind: BarKind
    whole_to: int | None = None
    began: bool = False
    ask_from: float = 0.0
    waits: Backoff = field(default_factory=lambda: Backoff(5.0, 600.0))


class Intake:
    """Writes bars in the order of their arrival, and asks history for those that the link did not bring.

    History is asked when a link is made, for what came since the newest stored bar and for holes of the last day; when
    a bar arrives that does not follow the one before; and at the close of every bar that was made of ticks, because a
    vendor's stream of quotes is thinned out and its candles are not. While history does not answer, bars are stored as
    they arrive, and it is asked again later, each time after a longer wait.

    Args:
        history: the historical feed of the same source.
        tell: takes a line for people.
    """

    def __init__(
        self,
        store: BarStore,
        history: Feed,
        instruments: Mapping[str, Instrument],
        timeframe: Timeframe,
        clock: Clock,
        tell: Tell,
    ) -> None:
        """Raise a DataError where bars of this source cannot be put beside those that are stored."""
        self.counts = {symbol: Counts() for symbol in instruments}
        self._store, self._history, self._timeframe = store, history, timeframe
        self._clock, self._tell = clock, tell
        self._series: dict[str, _Series] = {}
        for symbol, instrument in instruments.items():
            admit(store, history, symbol)
            refuse_beside_invented(store, symbol, history.name)
            self._series[symbol] = _Series(instrument, kind_brought(store, history, instrument))

    def catch_up(self, symbol: str) -> bool:
        """Ask history for what is missing, as when a link is made; whether any bar was added or corrected.

        Raises:
            DataError: at the first time, when the source refuses for good (an unknown name, a key).
        """
        row = self._series[symbol]
        row.whole_to = self._whole_to(row)
        return self._asked(row, None) or False

    def bar(self, bar: LiveBar) -> bool:
        """Take a bar of the link; whether any bar was added or corrected."""
        row = self._series[bar.symbol]
        if told := self._of_another_time(row, bar):
            return self._refused(bar, told)
        bridged = True
        if row.whole_to is not None and len(self._between(row, row.whole_to, bar.start)):
            bridged = self._asked(row, bar.start - 1) is not None
        try:
            changed = self._stored(row, _frame(bar))
        except DataError as error:
            return self._refused(bar, str(error))
        if bridged:
            row.whole_to = max(row.whole_to or bar.start, bar.start)
        return changed

    def made(self, bar: LiveBar) -> bool:
        """Take the close of a bar that was made of ticks; whether any bar was added or corrected.

        The candle of the source is stored, and the bar that was made where history does not answer.
        """
        row = self._series[bar.symbol]
        if (found := self._asked(row, None)) is not None:
            return found
        try:
            changed = self._stored(row, _frame(bar))
        except DataError as error:
            return self._refused(bar, str(error))
        self.counts[bar.symbol].made += 1
        return changed

    def _asked(self, row: _Series, until: int | None) -> bool | None:
        """Whether history's answer changed a bar; None where it did not answer, or is not asked yet again."""
        if self._clock.monotonic() < row.ask_from:
            return None
        symbol, after = row.instrument.symbol, row.whole_to
        first, last = (None if at is None else pd.Timestamp(at, tz="UTC") for at in (after, until))
        self.counts[symbol].questions += 1
        try:
            found = self._history.fetch(row.instrument, self._timeframe, first, last)
            changed = self._stored(row, found)
        except DataError as error:
            if not row.began and not isinstance(error, LinkLost):
                raise
            row.ask_from = self._clock.monotonic() + (wait := row.waits.next())
            self._tell(f"{symbol}: its history does not answer, asked again in {wait:.0f} s: {error}")
            return None
        row.began = True
        row.waits.reset()
        if len(found):
            row.whole_to = int(found["ts"].iloc[-1].value)
        return changed

    def _stored(self, row: _Series, frame: pd.DataFrame) -> bool:
        symbol, counts = row.instrument.symbol, self.counts[row.instrument.symbol]
        report: UpsertReport = self._store.upsert(
            symbol,
            self._timeframe,
            row.kind,
            frame,
            source=self._history.name,
            negative_prices=row.instrument.negative_prices,
        )
        counts.added, counts.revised = counts.added + report.added, counts.revised + report.revised
        return bool(report.added or report.revised)

    def _refused(self, bar: LiveBar, why: str) -> bool:
        self.counts[bar.symbol].refused += 1
        self._tell(f"{bar.symbol}: the bar of {pd.Timestamp(bar.start, tz='UTC').isoformat()} is not stored: {why}")
        return False

    def _of_another_time(self, row: _Series, bar: LiveBar) -> str:
        now = pd.Timestamp(self._clock.now()).value
        ahead = min(AHEAD, self._timeframe.seconds * _SECOND // 2)
        if calendar_of(row.instrument).bar_close(self._timeframe, bar.start) > now + ahead:
            return "it closes in the future"
        return "it is of another time than the present" if bar.start < now - BEHIND else ""

    def _between(self, row: _Series, after: int, before: int) -> np.ndarray:
        """The starts of a complete history between two bars, both left out."""
        if before <= after:
            return np.empty(0, np.int64)
        first, last = (pd.Timestamp(at, tz="UTC") for at in (after + 1, before - 1))
        return calendar_of(row.instrument).grid(self._timeframe, first, last)

    def _whole_to(self, row: _Series) -> int | None:
        """The newest stored bar, or the one before the first hole of the last day; None where nothing is stored."""
        symbol = row.instrument.symbol
        covered = self._store.coverage(symbol, self._timeframe, row.kind)
        if covered is None:
            return None
        since = (covered.last - LOOKED_AT).to_pydatetime()
        known = self._store.read_bars(symbol, self._timeframe, row.kind, start=since).ts
        if not len(known):
            return int(covered.last.value)
        expected = calendar_of(row.instrument).expected_starts(self._timeframe, known)
        missing = np.setdiff1d(expected, known)
        return int(known[known < missing[0]][-1]) if len(missing) else int(known[-1])


def _frame(bar: LiveBar) -> pd.DataFrame:
    return frame_of(Bars(np.array([bar.start]), *(np.array([value]) for value in bar[2:])))
