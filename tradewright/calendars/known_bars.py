"""Stored bars as they were known at an earlier moment, and those of longer timeframes that they add up to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tradewright.calendars.resampled_bars import ResampledBars
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars
from tradewright.model.clock import Clock
from tradewright.store.actions import Actions
from tradewright.store.arrivals import arrivals, nanoseconds
from tradewright.store.bars import Coverage, NoBars, TradingDays, stamp, within
from tradewright.store.dataset import bars_hash
from tradewright.store.kinds import DeclaredKind
from tradewright.store.past import PastBars, bars_at
from tradewright.store.series import Series

if TYPE_CHECKING:
    from tradewright.calendars.calendar import Calendar


class KnownBars(ResampledBars):
    """A bars store for readers that shows what was stored at a moment, and nothing that came or changed later.

    Corrections, late bars, quarantines and tables of corporate actions that were recorded later are undone. Of bars
    that an older version stored it is not known when they came; they count as known once they had closed. Each series
    is read from disk once; nothing is written.

    Args:
        root: the storage folder.
        market: the calendar of an instrument, by its symbol.
        known_at: the moment; what was recorded at that very moment is known.
        clock, trading_days, kinds: as for :class:`tradewright.store.bars.BarStore`.
    """

    def __init__(
        self,
        root: Path,
        market: Callable[[str], Calendar],
        known_at: datetime,
        clock: Clock | None = None,
        trading_days: TradingDays | None = None,
        kinds: DeclaredKind | None = None,
    ) -> None:
        super().__init__(root, market, clock, trading_days, kinds)
        self.known_at = known_at
        self.actions = Actions(root, self._clock, known_at)
        self._past: dict[Series, PastBars] = {}
        self._prints: dict[Series, str] = {}

    def _stored_print(self, series: Series) -> str:
        if series not in self._prints:
            bars = self._at(series).bars
            self._prints[series] = bars_hash(bars) if len(bars.ts) else ""
        return self._prints[series]

    def _stored_coverage(self, series: Series) -> Coverage | None:
        found = self._at(series)
        ts = found.bars.ts
        return Coverage(len(ts), stamp(ts[0]), stamp(ts[-1]), found.revisions) if len(ts) else None

    def _parts(self, series: Series, first: int, last: int) -> Bars:
        bars = self._at(series).bars
        if len(bars.ts) == 0:
            raise self._absent(series)
        return within(bars, first, last)

    def _at(self, series: Series) -> PastBars:
        if series not in self._past:
            found = bars_at(self.root, series, self.known_at)
            self._past[series] = found._replace(bars=self._closed(series, found))
        return self._past[series]

    def _closed(self, series: Series, found: PastBars) -> Bars:
        """The bars without those of unknown arrival that had not closed."""
        from tradewright.calendars.bar_closes import bar_closes

        undated = int(np.searchsorted(found.bars.ts, found.undated_through, side="right"))
        if undated == 0:
            return found.bars
        closes = bar_closes(self._market(series.instrument), series.timeframe, found.bars.ts[:undated])
        known = np.ones(len(found.bars.ts), dtype=np.bool_)
        known[:undated] = closes <= nanoseconds(self.known_at)
        return select(found.bars, known)

    def _absent(self, series: Series) -> NoBars:
        told, log = super()._absent(series), arrivals(self._folder(series))
        at, since = (f"{self.known_at:%Y-%m-%d %H:%M:%S} UTC", "")
        if len(log):
            since = f"; the first came at {stamp(log['at'][0]):%Y-%m-%d %H:%M:%S} UTC"
        return NoBars(
            f"no {series.kind} bars of {series.instrument} at {series.timeframe} were stored at {at}{since}",
            where=told.where,
            remedy="choose a later backtest.known_at (it is when bars were stored, not when they traded: "
            "backtest.end cuts by that), or null for what is stored now",
        )
