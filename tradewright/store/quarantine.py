"""Bars of stored series that people set aside: kept with who, when and why, read by nothing until they are released."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.errors import StoreError
from tradewright.store.bars import TradingDays
from tradewright.store.dataset import Manifest, Quarantine, Release, write_part
from tradewright.store.files import exclusive
from tradewright.store.kinds import BarKinds, DeclaredKind
from tradewright.store.series import LOCK, Series, manifest_path, merged, parted, quarantined, read_or_damaged, sweep
from tradewright.store.time_range import Moment, first_instant, last_instant


class Quarantines:
    """The quarantines of the series of a store.

    Their bars lie under ``<root>/quarantined``, outside of the dataset that readers take as one table. Setting aside
    and releasing change the fingerprint of the series, and are one rename of its manifest.

    Args:
        root: the storage folder.
        clock: what they are dated by.
        trading_days: which a date as an end of a span means; None takes UTC days.
        kinds: what instruments declare, as for :class:`tradewright.store.bars.BarStore`.
    """

    def __init__(
        self, root: Path, clock: Clock, trading_days: TradingDays | None = None, kinds: DeclaredKind | None = None
    ) -> None:
        self._root, self._clock, self._trading_days = root, clock, trading_days
        self._kinds = BarKinds(root, kinds)

    def records(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> tuple[Quarantine, ...]:
        """All quarantines of a series, oldest first, the released ones too.

        Raises:
            StoreError: when the manifest is damaged.
        """
        manifest = Manifest.load(manifest_path(self._folder(self._series(instrument, timeframe, kind))))
        return manifest.quarantines if manifest else ()

    def in_force(self, instrument: str, timeframe: Timeframe, kind: BarKind | None = None) -> tuple[Quarantine, ...]:
        """Those that were not released.

        Raises:
            StoreError: when the manifest is damaged.
        """
        return tuple(row for row in self.records(instrument, timeframe, kind) if row.released is None)

    def bars(self, instrument: str, timeframe: Timeframe, number: int, kind: BarKind | None = None) -> Bars:
        """The bars of a quarantine in force, as they were stored.

        Raises:
            StoreError: when there is no such quarantine, or its file is damaged.
        """
        found = [row for row in self.in_force(instrument, timeframe, kind) if row.number == number]
        series = self._series(instrument, timeframe, kind)
        if not found:
            raise StoreError(f"{instrument} {timeframe} {series.kind} has no quarantine {number} in force")
        return read_or_damaged(self._kept(series), found[0].bars)

    def set_aside(
        self,
        instrument: str,
        timeframe: Timeframe,
        start: Moment,
        end: Moment,
        *,
        actor: str,
        reason: str,
        kind: BarKind | None = None,
    ) -> Quarantine:
        """Set aside the stored bars of a span, both ends included. Bars that come for their times stay out too.

        Raises:
            DataError: for an end that is no date or time.
            StoreError: when the span holds no stored bar, or the store is damaged, locked or full; nothing is changed.
        """
        series, (first, last) = self._series(instrument, timeframe, kind), self._span(instrument, start, end)
        folder, kept = self._folder(series), self._kept(series)
        with self._locked(series):
            manifest = Manifest.load(manifest_path(folder)) or Manifest()
            parts, out = parted(folder, manifest.parts, first, last)
            if len(out.ts) == 0:
                raise self._nothing(series, "no stored bar starts in the span", "tradewright data show lists the ends")
            number = len(manifest.quarantines) + 1
            part = write_part(kept, f"quarantine={number}", out)
            at = manifest.next_moment(self._clock.now())
            made = Quarantine(number=number, bars=part, actor=actor, reason=reason, at=at)
            changes = {"parts": parts, "quarantines": (*manifest.quarantines, made), "updated_at": made.at}
            self._save(series, manifest.model_copy(update=changes))
        return made

    def release(
        self,
        instrument: str,
        timeframe: Timeframe,
        start: Moment,
        end: Moment,
        *,
        actor: str,
        reason: str,
        kind: BarKind | None = None,
    ) -> tuple[Quarantine, ...]:
        """Bring back, as they were, the bars of every quarantine that shares a moment with a span; each as a whole.

        Raises:
            DataError: for an end that is no date or time.
            StoreError: when there is none, or the store is damaged, locked or full; nothing is changed.
        """
        series, (first, last) = self._series(instrument, timeframe, kind), self._span(instrument, start, end)
        folder, kept = self._folder(series), self._kept(series)
        with self._locked(series):
            manifest = Manifest.load(manifest_path(folder)) or Manifest()
            ended = [row for row in manifest.in_force if row.bars.first <= last and row.bars.last >= first]
            if not ended:
                raise self._nothing(series, "nothing is set aside in the span", "tradewright data show lists what is")
            parts = manifest.parts
            for row in ended:
                parts, _ = merged(folder, timeframe, parts, read_or_damaged(kept, row.bars))
            done = Release(actor=actor, reason=reason, at=manifest.next_moment(self._clock.now()))
            rows = _released(manifest.quarantines, {row.number for row in ended}, done)
            changes = {"parts": parts, "quarantines": rows, "updated_at": done.at}
            self._save(series, manifest.model_copy(update=changes))
        return tuple(row for row in rows if row.released == done)

    def _locked(self, series: Series) -> AbstractContextManager[None]:
        """The lock of a series that is stored; of another one no folder is made."""
        folder = self._folder(series)
        if not folder.is_dir():
            raise self._nothing(series, "no such series is stored", "tradewright data list tells what is stored")
        return exclusive(folder / LOCK)

    def _save(self, series: Series, manifest: Manifest) -> None:
        folder = self._folder(series)
        manifest.save(manifest_path(folder))
        sweep(folder, manifest.parts.values())
        sweep(self._kept(series), [row.bars for row in manifest.in_force])

    def _span(self, instrument: str, start: Moment, end: Moment) -> tuple[int, int]:
        bounds = partial(self._trading_days, instrument) if self._trading_days else None
        return first_instant(start, bounds), last_instant(end, bounds)

    def _nothing(self, series: Series, what: str, remedy: str) -> StoreError:
        where = f"{series.instrument} {series.timeframe} {series.kind}"
        return StoreError(what, where=where, remedy=f"{remedy}; nothing was changed")

    def _series(self, instrument: str, timeframe: Timeframe, kind: BarKind | None) -> Series:
        return Series(instrument, timeframe, self._kinds.of(instrument) if kind is None else kind)

    def _folder(self, series: Series) -> Path:
        return self._root / "bars" / series.folder

    def _kept(self, series: Series) -> Path:
        return quarantined(self._root, series)


def _released(rows: Sequence[Quarantine], numbers: set[int], done: Release) -> tuple[Quarantine, ...]:
    return tuple(row.model_copy(update={"released": done}) if row.number in numbers else row for row in rows)
