"""The bars store: one Parquet dataset, incremental, revised openly, verified at read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np

from tradewright.model.bar_rules import bars_of, frame_of, intact, select, violations
from tradewright.model.bars import BarKind, Bars, PriceView, Timeframe
from tradewright.model.clock import Clock, SystemClock
from tradewright.model.errors import DataError, StoreError
from tradewright.model.hashing import content_hash
from tradewright.store.actions import Actions
from tradewright.store.arrivals import note_arrival
from tradewright.store.dataset import (
    REMEDY,
    DamagedFile,
    Manifest,
    Merge,
    Revision,
    bars_hash,
    join,
    read_part,
    write_part,
)
from tradewright.store.files import exclusive
from tradewright.store.kinds import BarKinds, DeclaredKind
from tradewright.store.late import join_runs, late_runs, write_runs
from tradewright.store.series import LOCK, Series, manifest_path, merged, possible, read_or_damaged, superseded, sweep
from tradewright.store.time_range import Moment, first_instant, last_instant

if TYPE_CHECKING:  # a store that is only described, or of which nothing is stored, needs no pandas
    import pandas as pd

TradingDays = Callable[[str, date], tuple[int, int]]
"""(symbol, date) -> the first and the last nanosecond (UTC) of that trading day, by the instrument's calendar."""

_ATTEMPTS = 3


class NoBars(StoreError):
    """Nothing has been imported for this instrument, timeframe and kind."""


@dataclass(frozen=True)
class UpsertReport:
    """The result of an upsert. ``revised`` bars had other values before, and the newest ``revision`` keeps those.

    ``revision`` counts the corrections of the series so far, whether or not this upsert was one. ``kept_out`` bars are
    of times that a person set aside: they were not stored.
    """

    added: int
    unchanged: int
    revised: int
    revision: int
    revised_first: pd.Timestamp | None = None
    revised_last: pd.Timestamp | None = None
    kept_out: int = 0


@dataclass(frozen=True)
class Coverage:
    """The extent of a stored series: number of bars, starts of the first and the last one (UTC), newest revision."""

    rows: int
    first: pd.Timestamp
    last: pd.Timestamp
    revision: int


class BarStore:
    """Bars under ``<root>/bars/kind=/timeframe=/instrument=/``, raw; corporate actions are applied at read.

    A file for each year (``year=2024``), of days and longer one for all years (``years=all``): many small files are
    what reading hundreds of instruments would take its time for.

    A series is changed by the rename of its manifest, so a reader sees the bars before or after an upsert, never
    between. Files are content-named and verified before they are parsed. Spans are inclusive at both ends; a date
    means the instrument's whole trading day, so that a session that opens before UTC midnight is cut from neither side.

    Args:
        root: the storage folder; made when first written to.
        clock: what changes and revisions are dated by.
        trading_days: of the instruments; None takes UTC days.
        kinds: what instruments declare; where a reader names no kind, :meth:`kind_of` names it.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock | None = None,
        trading_days: TradingDays | None = None,
        kinds: DeclaredKind | None = None,
    ) -> None:
        self.root = root
        self.trading_days = trading_days
        self.kinds = BarKinds(root, kinds)
        self._clock = clock or SystemClock()
        self.actions = Actions(root, self._clock)

    def kind_of(self, instrument: str) -> BarKind:
        """The kind of bars that is read of an instrument wherever none is named.

        Raises:
            TwoKinds: see :meth:`BarKinds.of`.
        """
        return self.kinds.of(instrument)

    def _key(self, instrument: str, timeframe: Timeframe, kind: BarKind | None) -> Series:
        return Series(instrument, timeframe, self.kind_of(instrument) if kind is None else kind)

    def upsert(
        self,
        instrument: str,
        timeframe: Timeframe,
        kind: BarKind,
        frame: pd.DataFrame,
        *,
        source: str = "",
        negative_prices: bool = False,
    ) -> UpsertReport:
        """Add bars; the same bars again change no byte, other values for known bars become a revision.

        Bars of times that are set aside (:class:`tradewright.store.quarantine.Quarantines`) stay out.

        Args:
            frame: a bars table (:func:`tradewright.model.bar_rules.bars_of`), ascending.
            source: where the bars came from; kept with the series and with a revision.
            negative_prices: whether prices at or below zero are legitimate for the instrument.

        Raises:
            DataError: when the table breaks the contract; nothing is stored.
            StoreError: when the store is damaged, locked or full; nothing is changed.
        """
        series = Series(instrument, timeframe, kind)
        new = _accepted(series, frame, negative_prices)
        folder = self._folder(series)
        if len(new.ts) == 0:
            return UpsertReport(0, 0, 0, len(self.revisions(*series)))
        with exclusive(folder / LOCK):
            return self._merge(series, new, source)

    def read(
        self,
        instrument: str,
        timeframe: Timeframe,
        kind: BarKind | None = None,
        start: Moment = None,
        end: Moment = None,
        view: PriceView = PriceView.RAW,
    ) -> pd.DataFrame:
        """Bars as a table: ``ts`` (datetime64[ns, UTC]), OHLC, ``volume``, ``spread``; empty when the span has none.

        Raises:
            NoBars, DamagedFile, NoFactors: see :meth:`read_bars`.
        """
        return frame_of(self.read_bars(instrument, timeframe, kind, start, end, view))

    def read_bars(
        self,
        instrument: str,
        timeframe: Timeframe,
        kind: BarKind | None = None,
        start: Moment = None,
        end: Moment = None,
        view: PriceView = PriceView.RAW,
    ) -> Bars:
        """Bars as arrays; see :meth:`read`.

        Raises:
            NoBars: when the series was never imported.
            DamagedFile: when a file is not what was written.
            NoFactors: when an adjusted view is asked for without a factor table.
        """
        return self._view(self._key(instrument, timeframe, kind), *self._span(instrument, start, end), view)

    def data_hash(
        self,
        instrument: str,
        timeframe: Timeframe,
        kind: BarKind | None = None,
        start: Moment = None,
        end: Moment = None,
        view: PriceView = PriceView.RAW,
    ) -> str:
        """The fingerprint of exactly the rows that :meth:`read_bars` would give."""
        return bars_hash(self.read_bars(instrument, timeframe, kind, start, end, view))

    def fingerprint(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> str:
        """A hash that any change of a stored bar changes, from the manifest alone; empty where nothing is stored.

        Unlike :meth:`data_hash` it is of the whole series as stored, and costs no reading of bars.

        Raises:
            StoreError: when the manifest is damaged.
        """
        return self._stored_print(self._key(instrument, timeframe, kind))

    def fingerprints(self, instrument: str) -> dict[Timeframe, str]:
        """The fingerprint of every series of an instrument that can be read, by timeframe.

        Raises:
            StoreError: when a manifest is damaged.
        """
        kind = self.kind_of(instrument)
        return {each: told for each in Timeframe if (told := self.fingerprint(instrument, each, kind))}

    def timeframes(self, instrument: str, kind: BarKind | None = None) -> tuple[Timeframe, ...]:
        """The timeframes of which bars of an instrument are stored, the shortest first.

        Raises:
            StoreError: when a manifest is damaged.
        """
        kind = kind or self.kind_of(instrument)
        return tuple(each.timeframe for each in possible(self.root, instrument, kind) if self._stored_print(each))

    def sources(self, instrument: str, kind: BarKind | None = None) -> dict[Timeframe, str]:
        """Where the newest bars of each stored series of an instrument came from, by timeframe.

        Raises:
            StoreError: when a manifest is damaged.
        """
        kind = kind or self.kind_of(instrument)
        known = {each: self._manifest(Series(instrument, each, kind)) for each in self.timeframes(instrument, kind)}
        return {each: manifest.source for each, manifest in known.items() if manifest is not None}

    def base_of(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> Timeframe | None:
        """The stored timeframe of whose bars :meth:`read_bars` makes its answer; None where there is none.

        Here it is the timeframe itself; ``ResampledBars`` makes longer bars of shorter ones.
        """
        return timeframe if timeframe in self.timeframes(instrument, kind) else None

    def coverage(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> Coverage | None:
        """The extent of a stored series, from its manifest alone; None when nothing is stored."""
        return self._stored_coverage(self._key(instrument, timeframe, kind))

    def revisions(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> tuple[Revision, ...]:
        """The corrections of a series, oldest first."""
        return (self._manifest(self._key(instrument, timeframe, kind)) or Manifest()).revisions

    def replaced(self, instrument: str, timeframe: Timeframe, kind: BarKind, number: int) -> pd.DataFrame:
        """The bars that revision ``number`` (from 1) replaced, as they were before it.

        Raises:
            StoreError: when there is no such revision.
        """
        revisions = self.revisions(instrument, timeframe, kind)
        if not 1 <= number <= len(revisions):
            raise StoreError(f"{instrument} {timeframe} {kind} has {len(revisions)} revisions, no number {number}")
        part, folder = revisions[number - 1].replaced, superseded(self.root, Series(instrument, timeframe, kind))
        return frame_of(join([]) if part is None else read_or_damaged(folder, part))

    def series(self) -> Iterator[Series]:
        """Everything that is stored, in order of kind, timeframe and instrument."""
        for path in sorted((self.root / "bars").glob("kind=*/timeframe=*/instrument=*/_manifest.json")):
            kind, timeframe, instrument = (part.partition("=")[2] for part in path.parent.parts[-3:])
            yield Series(unquote(instrument), Timeframe(timeframe), BarKind(kind))

    def _span(self, instrument: str, start: Moment, end: Moment) -> tuple[int, int]:
        """The first and the last nanosecond (UTC) of a span."""
        bounds = partial(self.trading_days, instrument) if self.trading_days else None
        return first_instant(start, bounds), last_instant(end, bounds)

    def _stored_print(self, series: Series) -> str:
        """The fingerprint of a stored series; empty without bars."""
        manifest = self._manifest(series)
        if manifest is None or not manifest.parts:
            return ""
        told = {year: part.sha256 for year, part in manifest.parts.items()}
        return content_hash(told if series.kind is BarKind.TRADE else {"kind": str(series.kind), **told})

    def _stored_coverage(self, series: Series) -> Coverage | None:
        """The extent of a stored series; None without bars."""
        manifest = self._manifest(series)
        if manifest is None or not manifest.parts:
            return None
        first = min(part.first for part in manifest.parts.values())
        last = max(part.last for part in manifest.parts.values())
        return Coverage(manifest.rows, stamp(first), stamp(last), len(manifest.revisions))

    def _view(self, series: Series, first: int, last: int, view: PriceView) -> Bars:
        """The bars of a series that start from ``first`` to ``last``, in a view."""
        bars = within(self._parts(series, first, last), first, last)
        if not intact(bars, series.timeframe, negative_prices=True):
            raise DamagedFile("stored bars break their contract", where=str(self._folder(series)), remedy=REMEDY)
        return self.actions.view(series.instrument, bars, view)

    def _merge(self, series: Series, new: Bars, source: str) -> UpsertReport:
        folder = self._folder(series)
        manifest = self._manifest(series) or Manifest()
        aside, now = manifest.set_aside(new.ts), manifest.next_moment(self._clock.now())
        parts, merges = merged(folder, series.timeframe, manifest.parts, select(new, ~aside))
        revisions = manifest.revisions + self._revision(series, manifest, merges, source, now)
        if parts != manifest.parts:
            if any(np.any(found.new > manifest.newest) for found in merges):
                note_arrival(folder, now, manifest.newest)
            changes = {"parts": parts, "revisions": revisions, "source": source, "updated_at": now}
            manifest.model_copy(update=changes).save(manifest_path(folder))
        sweep(folder, parts.values())
        sweep(superseded(self.root, series), [part for revision in revisions for part in revision.changed])
        return _report(merges, revisions, int(aside.sum()))

    def _revision(
        self, series: Series, manifest: Manifest, merges: list[Merge], source: str, now: datetime
    ) -> tuple[Revision, ...]:
        """The bars that a change corrects, and those that it adds before the newest one, in files; or nothing."""
        replaced = join([found.replaced for found in merges])
        late = join_runs([late_runs(found, manifest) for found in merges])
        number, folder = len(manifest.revisions) + 1, superseded(self.root, series)
        if not len(replaced.ts) and not len(late):
            return ()
        rows = sum(int(np.sum(found.new < manifest.newest)) for found in merges)
        made = Revision(
            number=number,
            recorded_at=now,
            source=source,
            replaced=write_part(folder, f"revision={number}", replaced) if len(replaced.ts) else None,
            late=write_runs(folder, f"revision={number}", late, rows) if len(late) else None,
        )
        return (made,)

    def _parts(self, series: Series, first: int, last: int) -> Bars:
        folder = self._folder(series)
        for _ in range(_ATTEMPTS):
            manifest = self._manifest(series)
            if manifest is None:
                raise self._absent(series)
            wanted = [part for _, part in sorted(manifest.parts.items()) if part.first <= last and part.last >= first]
            try:
                return join([read_part(folder, part) for part in wanted])
            except FileNotFoundError as error:
                missing = error.filename  # an upsert may just have replaced it: the new manifest names another
        raise DamagedFile("is missing", where=str(missing), remedy=REMEDY)

    def _absent(self, series: Series) -> NoBars:
        stored = ", ".join(f"{s.instrument} {s.timeframe} {s.kind}" for s in self.series()) or "nothing"
        others = [s.timeframe for s in self.series() if (s.instrument, s.kind) == (series.instrument, series.kind)]
        remedy = "import them first (tradewright import), or set storage.root to where they are"
        if other := [kind for kind in self.kinds.stored(series.instrument) if kind is not series.kind and not others]:
            remedy += f"; or say bar_kind: {other[0]} for {series.instrument}"
        if others:
            remedy = (
                f"say backtest.timeframe={others[-1]} for a backtest, universe.timeframe={others[-1]} "
                f"universe.base_timeframe={others[-1]} for all else; or import bars of {series.timeframe} or of a "
                "shorter timeframe"
            )
        return NoBars(
            f"no {series.kind} bars of {series.instrument} at {series.timeframe}; stored: {stored}",
            where=str(self.root),
            remedy=remedy,
        )

    def _manifest(self, series: Series) -> Manifest | None:
        return Manifest.load(manifest_path(self._folder(series)))

    def _folder(self, series: Series) -> Path:
        return self.root / "bars" / series.folder


def within(bars: Bars, first: int, last: int) -> Bars:
    """The bars that start from ``first`` to ``last`` (nanoseconds UTC), both included."""
    low, high = np.searchsorted(bars.ts, first, "left"), np.searchsorted(bars.ts, last, "right")
    return select(bars, slice(int(low), int(high)))


def _accepted(series: Series, frame: pd.DataFrame, negative_prices: bool) -> Bars:
    where = f"{series.instrument} {series.timeframe} {series.kind}"
    bars = bars_of(frame, where)
    if intact(bars, series.timeframe, negative_prices=negative_prices):
        return bars
    found = violations(bars, series.timeframe, negative_prices=negative_prices)
    text = "; ".join(
        f"{v.rule}: {v.total} rows of {v.column}, row {v.rows[0]} ({stamp(bars.ts[v.rows[0]]).isoformat()}) has "
        f"{v.values[0]}"
        for v in found
    )
    raise DataError(text, where=where, remedy="correct the source; nothing was stored")


def _report(merges: list[Merge], revisions: tuple[Revision, ...], kept_out: int) -> UpsertReport:
    old = join([found.replaced for found in merges]).ts
    added, unchanged = sum(found.added for found in merges), sum(found.unchanged for found in merges)
    first, last = (stamp(old[0]), stamp(old[-1])) if len(old) else (None, None)
    return UpsertReport(added, unchanged, len(old), len(revisions), first, last, kept_out)


def stamp(ns: int) -> pd.Timestamp:
    """A moment in nanoseconds UTC as a time stamp."""
    import pandas as pd

    return pd.Timestamp(int(ns), tz="UTC")
