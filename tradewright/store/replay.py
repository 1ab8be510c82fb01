"""Stored bars as they were at an earlier moment: a store that shows only bars which had closed by its clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tradewright.model.bar_rules import select
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.clock import Clock
from tradewright.store.bars import BarStore, Coverage, NoBars, TradingDays, stamp
from tradewright.store.series import Series

FAR_PAST, FAR_FUTURE = np.iinfo(np.int64).min, np.iinfo(np.int64).max
Closes = Callable[[str, Timeframe, npt.NDArray[np.int64]], npt.NDArray[np.int64]]
"""(instrument, timeframe, starts) -> when these bars close; both in nanoseconds UTC."""


class ReplayBars(BarStore):
    """A store that is only read, at the moment that its clock shows. Each series is read from disk once.

    Args:
        root: the storage folder that holds the bars.
        clock: the present of the replay; it never moves backwards.
        closes: when bars close, by the calendar of their instrument.
        trading_days: of the instruments; None takes UTC days.
        origin: the store that whole series are read from, and that may make longer bars of shorter ones; None for what
            is stored under ``root`` alone.
        made: the timeframes that ``origin`` is asked to make; of bars that are made, only raw prices are right.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        closes: Closes,
        trading_days: TradingDays | None = None,
        origin: BarStore | None = None,
        made: Iterable[Timeframe] = (),
    ) -> None:
        super().__init__(root, clock, trading_days)
        self._present, self._closes, self._made = clock, closes, frozenset(made)
        self._origin = BarStore(root) if origin is None else origin
        self.kinds = self._origin.kinds
        self._known: dict[Series, tuple[Bars, npt.NDArray[np.int64]]] = {}
        self._bases: dict[Series, Timeframe | None] = {}

    def whole(self, series: Series) -> Bars:
        """Every stored bar of a series, the future of the replay included.

        Raises:
            NoBars, DamagedFile: as :meth:`BarStore.read_bars`.
        """
        return self._kept(series)[0]

    def coverage(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> Coverage | None:
        """The extent of a series at the present of the replay; None before its first bar has closed."""
        try:
            bars = self._parts(self._key(instrument, timeframe, kind), FAR_PAST, FAR_FUTURE)
        except NoBars:
            return None
        if len(bars.ts) == 0:
            return None
        return Coverage(len(bars.ts), stamp(bars.ts[0]), stamp(bars.ts[-1]), 0)

    def timeframes(self, instrument: str, kind: BarKind | None = None) -> tuple[Timeframe, ...]:
        """The stored timeframes of which a bar has closed, the shortest first."""
        stored = self._origin.timeframes(instrument, kind)
        return tuple(each for each in stored if self.coverage(instrument, each, kind) is not None)

    def base_of(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> Timeframe | None:
        """The stored timeframe behind a series; each is looked up once."""
        series = self._key(instrument, timeframe, kind)
        if series not in self._bases:
            base = self._origin.base_of(*series)
            self._bases[series] = base if base is timeframe or timeframe in self._made else None
        return self._bases[series]

    def fingerprint(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> str:
        """The fingerprint of the whole series with the number of its bars that have closed; empty before the first."""
        covered = self.coverage(instrument, timeframe, kind)
        return "" if covered is None else f"{self._origin.fingerprint(instrument, timeframe, kind)}.{covered.rows}"

    def _parts(self, series: Series, first: int, last: int) -> Bars:
        bars, closes = self._kept(series)
        closed = int(np.searchsorted(closes, int(self._present.now().timestamp() * 1e9), side="right"))
        low = int(np.searchsorted(bars.ts, first, side="left"))
        high = int(np.searchsorted(bars.ts, last, side="right"))
        return select(bars, slice(low, max(low, min(high, closed))))

    def _kept(self, series: Series) -> tuple[Bars, npt.NDArray[np.int64]]:
        if self.base_of(*series) is None:
            raise self._absent(series)
        if series not in self._known:
            bars = self._origin.read_bars(*series)
            self._known[series] = bars, self._closes(series.instrument, series.timeframe, bars.ts)
        return self._known[series]
