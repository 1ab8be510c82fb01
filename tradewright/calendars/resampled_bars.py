"""Stored bars, and those of every longer timeframe that they add up to: made when they are read, by the sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tradewright.model.bars import BarKind, Bars, PriceView, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.hashing import content_hash
from tradewright.store.bars import BarStore, Coverage, NoBars, TradingDays, stamp, within
from tradewright.store.kinds import DeclaredKind
from tradewright.store.series import Series

if TYPE_CHECKING:  # a store that is only described, or of which nothing is stored, needs no pandas
    from tradewright.calendars.calendar import Calendar

_AROUND = 40 * 86_400 * 1_000_000_000
"""The hours of so many nanoseconds before and after a series may shape its bars: more than a month and a closure."""


def base_among(stored: Iterable[Timeframe], wanted: Timeframe) -> Timeframe | None:
    """The stored timeframe that bars are read from: the wanted one, else the longest that adds up to it, else None."""
    known = tuple(stored)
    makers = (each for each in known if each.makes(wanted))
    return wanted if wanted in known else max(makers, key=lambda each: each.seconds, default=None)


class ResampledBars(BarStore):
    """A bars store for readers: a timeframe that is not stored is made of the longest stored one that adds up to it.

    Stored bars always come first, and nothing that is made is stored. Prices are adjusted before they are aggregated. A
    bar is there once stored bars reach over the whole of its period (:func:`resampled`), and a series of which no bar
    is complete is as good as not stored. Whoever stores or fetches bars asks a plain :class:`BarStore` how far they
    reach.

    Args:
        root: the storage folder.
        market: the calendar of an instrument, by its symbol.
        clock, trading_days, kinds: as for :class:`BarStore`.
    """

    def __init__(
        self,
        root: Path,
        market: Callable[[str], Calendar],
        clock: Clock | None = None,
        trading_days: TradingDays | None = None,
        kinds: DeclaredKind | None = None,
    ) -> None:
        super().__init__(root, clock, trading_days, kinds)
        self._market = market
        self._made: dict[Series, tuple[str, Bars]] = {}

    def base_of(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> Timeframe | None:
        """The stored timeframe that :meth:`read_bars` reads: the wanted one, else the one that it is made of."""
        return base_among(self.timeframes(instrument, kind), timeframe)

    def coverage(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> Coverage | None:
        """The extent of what can be read; of bars that are made, with the revision of those they are made of."""
        kind = kind or self.kind_of(instrument)
        base = self.base_of(instrument, timeframe, kind)
        stored = None if base is None else self._stored_coverage(Series(instrument, base, kind))
        if base is None or base is timeframe or stored is None:
            return stored
        ts = self._whole(Series(instrument, timeframe, kind), base, PriceView.RAW).ts
        return Coverage(len(ts), stamp(ts[0]), stamp(ts[-1]), stored.revision) if len(ts) else None

    def fingerprint(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> str:
        """A hash that any change of the stored bars behind a series changes, and any of the hours that shaped it."""
        kind = kind or self.kind_of(instrument)
        base = self.base_of(instrument, timeframe, kind)
        if base is None:
            return ""
        told = self._stored_print(Series(instrument, base, kind))
        return told if base is timeframe else self._fingerprint_of_made(Series(instrument, timeframe, kind), base, told)

    def fingerprints(self, instrument: str) -> dict[Timeframe, str]:
        """The fingerprint of every series of an instrument that is stored or can be made, by timeframe."""
        kind = self.kind_of(instrument)
        keys = {each: Series(instrument, each, kind) for each in Timeframe}
        stored = {each: told for each, key in keys.items() if (told := self._stored_print(key))}
        bases = {each: base_among(stored, each) for each in Timeframe}
        return {
            each: stored[base] if base is each else self._fingerprint_of_made(keys[each], base, stored[base])
            for each, base in bases.items()
            if base is not None
        }

    def _view(self, series: Series, first: int, last: int, view: PriceView) -> Bars:
        base = self.base_of(*series)
        if base is None or base is series.timeframe:
            return super()._view(series, first, last, view)
        made = self._whole(series, base, view)
        if len(made.ts) == 0:
            raise NoBars(
                f"the stored {base} {series.kind} bars of {series.instrument} reach over no whole bar of "
                f"{series.timeframe}",
                where=str(self.root),
                remedy=f"import more of them, or choose a timeframe between {base} and {series.timeframe}",
            )
        return within(made, first, last)

    def _whole(self, series: Series, base: Timeframe, view: PriceView) -> Bars:
        """The whole series, made; raw prices are kept until the stored bars are others."""
        from tradewright.calendars.resampling import resampled

        # Before the bars are read, so that it is never newer than they are.
        told = self._stored_print(series._replace(timeframe=base))
        known = self._made.get(series)
        if view is PriceView.RAW and known is not None and known[0] == told:
            return known[1]
        market = self._market(series.instrument)
        shorter = super()._view(series._replace(timeframe=base), *self._span(series.instrument, None, None), view)
        made = resampled(market, shorter, base, series.timeframe)
        if view is PriceView.RAW:
            self._made[series] = told, made
        return made

    def _fingerprint_of_made(self, series: Series, base: Timeframe, told: str) -> str:
        return content_hash([str(series.timeframe), str(base), told, self._hours(series, base)])

    def _hours(self, series: Series, base: Timeframe) -> str:
        """A hash of the sessions in which the stored bars lie, and of those around."""
        market, covered = self._market(series.instrument), self._stored_coverage(series._replace(timeframe=base))
        if covered is None:
            return ""
        low = np.searchsorted(market.closes, covered.first.value - _AROUND)
        high = np.searchsorted(market.opens, covered.last.value + _AROUND)
        table, rows = market.table, slice(*np.searchsorted(market.table.segment_rows, [low, high]))
        digest = hashlib.sha256(f"{table.zone} {table.nominal_open} {market.utc_days}".encode())
        for part in (market.days[low:high], market.opens[low:high], market.closes[low:high], table.segments[rows]):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()
