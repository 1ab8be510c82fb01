"""What the stored bars say about an instrument, in the form that the gate asks for. Loads no numba."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradewright.indicators.market import liquidity_score
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.errors import StoreError
from tradewright.model.instrument import Instrument

if TYPE_CHECKING:
    from tradewright.calendars.calendar import Calendar
    from tradewright.store.artefacts import Artefacts
    from tradewright.store.bars import BarStore

WATCHED = 60
"""Bars in which a gap counts: the part of the past that a strategy has just looked at."""

SHOCK = 10.0
"""A last move above so many standard deviations of the hundred before it pauses the instrument."""

LONGEST_PAUSE = timedelta(days=14)
"""No market stays closed for longer, so that two sessions lie within it."""

ENOUGH = 400
"""Bars that are read at the least where the store has them: the liquidity needs 250, the shock 102."""

_HISTORY = {Timeframe.D1: timedelta(days=800)}
_USUAL_HISTORY = timedelta(days=10)
_MOVES = 100
_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class VolumeWindows(NamedTuple):
    """Over how many bars the liquidity compares the recent volume with the usual one."""

    recent: int
    usual: int


D17_WINDOWS = VolumeWindows(20, 250)


@dataclass(frozen=True)
class MarketState:
    """The newest bars of one instrument and what follows from them; None is "not known".

    Args:
        bars: the newest bars, raw; empty when nothing is stored.
        closed_at: when the newest bar closed.
        bar_seconds: how long the market was open during the newest bar.
        last_close, previous_close: of the newest bar, and of the session before the present one; the latter is not
            known where that session's bars are missing, however many older ones there are.
        atr: average true range of the deciding timeframe, from the features of the newest bar, not of an older one.
        liquidity: D17, from volumes, or the closes where there are none, and the spread.
        spread: of the newest bar in basis points; not known where the bar has none or a crossed one.
        gap: whether bars are missing among the newest 60, or among those that they are made of.
        shock: whether the last move was out of all proportion.
        fingerprints: of the bars that can be read, by timeframe, taken before they were read.
        stored: the timeframes that are stored; the others are made of them.
        unreadable: why the stored bars cannot be read, of which then nothing is known; empty where they can.
        features_unreadable: the same of the newest features.
    """

    bars: Bars
    closed_at: datetime | None = None
    bar_seconds: Decimal | None = None
    last_close: Decimal | None = None
    previous_close: Decimal | None = None
    atr: Decimal | None = None
    liquidity: Decimal | None = None
    spread: Decimal | None = None
    gap: bool | None = None
    shock: bool | None = None
    fingerprints: Mapping[Timeframe, str] = field(default_factory=dict)
    stored: tuple[Timeframe, ...] = ()
    unreadable: str = ""
    features_unreadable: str = ""


class MarketStateReader:
    """Facts by instrument, each read from the store once.

    Damaged bars are no error here: nothing is known of them, so that the gate refuses entries and says why, while an
    order that only reduces a holding, in this instrument or another, still passes.

    Args:
        timeframe: on which strategies decide.
        clock: which session is the present one.
        volumes: of the liquidity, ``features.recent_volume`` and ``features.usual_volume``.
    """

    def __init__(
        self,
        store: BarStore,
        artefacts: Artefacts,
        timeframe: Timeframe,
        clock: Clock,
        volumes: VolumeWindows = D17_WINDOWS,
    ) -> None:
        self._store, self._artefacts, self._timeframe, self._clock = store, artefacts, timeframe, clock
        self._volumes, self._enough = volumes, max(ENOUGH, *volumes)
        self._known: dict[str, MarketState] = {}

    def refresh(self) -> None:
        """Forget what was read, so that the next look sees the newest bars."""
        self._known.clear()

    def of(self, instrument: Instrument) -> MarketState:
        """What is known of an instrument now."""
        if instrument.symbol not in self._known:
            self._known[instrument.symbol] = self._read(instrument)
        return self._known[instrument.symbol]

    def _read(self, instrument: Instrument) -> MarketState:
        known = MarketState(Bars.none())
        try:
            # Before the bars: those of an import in between must not pass for the ones that were judged.
            prints, stored = self._store.fingerprints(instrument.symbol), self._store.timeframes(instrument.symbol)
            known = MarketState(Bars.none(), fingerprints=prints, stored=stored)
            return self._facts(instrument, known)
        except StoreError as error:
            return replace(known, unreadable=str(error))

    def _facts(self, instrument: Instrument, known: MarketState) -> MarketState:
        """What the newest bars say, added to what the manifests say."""
        bars = self._newest(instrument, self._timeframe)
        if len(bars.ts) == 0:
            return known
        start = int(bars.ts[-1])
        closed = closed_at(instrument, self._timeframe, start)
        atr, features_unreadable = self._atr(instrument, start)
        return replace(
            known,
            bars=bars,
            closed_at=closed,
            bar_seconds=open_seconds(instrument, _moment(start), closed),
            last_close=_decimal(bars.close[-1]),
            previous_close=self._previous_close(instrument, bars, has_days=Timeframe.D1 in known.stored),
            atr=atr,
            liquidity=_decimal(self._liquidity(instrument, bars)),
            spread=_decimal(bars.spread[-1]) if bars.spread[-1] >= 0 else None,
            gap=self._has_gap(instrument, bars.ts[-WATCHED:]),
            shock=_is_shock(bars.close),
            features_unreadable=features_unreadable,
        )

    def _liquidity(self, instrument: Instrument, bars: Bars) -> float:
        """D17, with the instrument's spread where that of the newest bar is unknown; of quotes none is assumed."""
        spread = float(bars.spread[-1])
        if not spread >= 0:
            is_quote = self._store.kind_of(instrument.symbol) is BarKind.QUOTE
            spread = float("nan") if is_quote else instrument.default_spread_bps
        return liquidity_score(bars.close, bars.volume, spread, *self._volumes)

    def _newest(self, instrument: Instrument, timeframe: Timeframe) -> Bars:
        covered = self._store.coverage(instrument.symbol, timeframe)
        if covered is None:
            return Bars.none()
        span = _HISTORY.get(timeframe, _USUAL_HISTORY)
        while True:
            # A span of days holds few bars of a slow timeframe, so it grows until it holds enough or all there are.
            start = covered.last - span
            bars = self._store.read_bars(instrument.symbol, timeframe, start=start.to_pydatetime())
            if len(bars.ts) >= min(self._enough, covered.rows) or start <= covered.first:
                return bars
            span *= 4

    def _has_gap(self, instrument: Instrument, ts: np.ndarray) -> bool | None:
        """Whether bars are missing from the first of these on; of bars that are made, also one they are made of."""
        if len(ts) < 2:
            return None
        base = self._store.base_of(instrument.symbol, self._timeframe)
        if base is None or base is self._timeframe:
            return _has_gap(instrument, self._timeframe, ts)
        shorter = self._store.read_bars(instrument.symbol, base, start=_moment(int(ts[0])))
        return _has_gap(instrument, self._timeframe, ts) or _has_gap(instrument, base, shorter.ts)

    def _previous_close(self, instrument: Instrument, bars: Bars, *, has_days: bool) -> Decimal | None:
        """Of the session (or UTC day, round the clock) before the present one: its stored day's, else its last bar's.

        Days are not made for it: the last bar of the session has the same close.
        """
        now = self._clock.now()
        days = _calendar(instrument).grid(Timeframe.D1, now - LONGEST_PAUSE, now)
        if len(days) < 2:
            return None
        before, present = int(days[-2]), int(days[-1])
        daily = bars
        if has_days:
            first, last = _moment(before), _moment(present) - _TICK
            stored = self._store.read_bars(instrument.symbol, Timeframe.D1, start=first, end=last)
            daily = stored if len(stored.ts) else bars
        closes = daily.close[(daily.ts >= before) & (daily.ts < present)]
        return _decimal(closes[-1]) if len(closes) else None

    def _atr(self, instrument: Instrument, newest_bar: int) -> tuple[Decimal | None, str]:
        """The average true range, and why the features cannot be read."""
        import pandas as pd  # reading bars has loaded it already

        from tradewright.store.artefacts import NoArtefact

        try:
            stored = self._artefacts.read_json(("features", instrument.symbol, "newest"))
        except NoArtefact:
            return None, ""
        except StoreError as error:
            return None, str(error)
        if pd.Timestamp(stored["ts"]).value != newest_bar:
            return None, ""
        value = next((value for name, value in stored["values"].items() if name.startswith("atr_")), None)
        return None if value is None else _decimal(value), ""


def closed_at(instrument: Instrument, timeframe: Timeframe, start: int) -> datetime:
    """When the bar that starts at ``start`` (nanoseconds UTC) closes; see ``Calendar.bar_close``."""
    return _moment(_calendar(instrument).bar_close(timeframe, start))


def is_open(instrument: Instrument, at: datetime) -> bool:
    """Whether the instrument's market trades at ``at``; see ``Calendar.is_open``."""
    return _calendar(instrument).is_open(at)


def open_seconds(instrument: Instrument, start: datetime, end: datetime) -> Decimal:
    """How many seconds the instrument's market was open from ``start`` to ``end``; 0 where they are in reverse.

    Bars are aged by it: on Monday at the open, Friday's daily bar is as fresh as it can be.
    """
    first, last = _nanoseconds(start), _nanoseconds(end)
    intervals = _calendar(instrument).intervals
    rows = intervals[np.searchsorted(intervals[:, 1], first, side="right") : np.searchsorted(intervals[:, 0], last)]
    spans = np.minimum(rows[:, 1], last) - np.maximum(rows[:, 0], first)
    return Decimal(int(spans[spans > 0].sum())) / 1_000_000_000


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def _calendar(instrument: Instrument) -> Calendar:
    """The calendar of an instrument's market; it needs pandas, without which an account can be read and stopped."""
    from tradewright.calendars.registry import calendar_of

    return calendar_of(instrument)


def _has_gap(instrument: Instrument, timeframe: Timeframe, ts: np.ndarray) -> bool:
    expected = _calendar(instrument).expected_starts(timeframe, ts)
    return bool(np.setdiff1d(expected, ts, assume_unique=True).size)


def _is_shock(close: np.ndarray) -> bool | None:
    if len(close) < _MOVES + 2 or not (close[-_MOVES - 2 :] > 0).all():
        return None
    moves = np.diff(np.log(close[-_MOVES - 2 :]))
    usual = float(moves[:-1].std(ddof=1))
    return bool(abs(moves[-1]) > SHOCK * usual) if usual > 0 else bool(moves[-1] != 0)


def _decimal(value: float) -> Decimal | None:
    return Decimal(repr(float(value))) if np.isfinite(value) else None
