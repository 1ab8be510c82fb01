"""What the stored bars say about an instrument, in the form that the gate asks for. Loads no numba."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from tradewright.calendars.registry import calendar
from tradewright.indicators.market import liquidity_score
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.instrument import Instrument
from tradewright.store.artefacts import Artefacts, NoArtefact
from tradewright.store.bars import BarStore, NoBars

WATCHED = 60
"""Bars in which a gap counts: the part of the past that a strategy has just looked at."""

SHOCK = 10.0
"""A last move above so many standard deviations of the hundred before it pauses the instrument."""

_HISTORY = {Timeframe.D1: pd.Timedelta(days=800)}
_USUAL_HISTORY = pd.Timedelta(days=10)
_MOVES = 100


@dataclass(frozen=True)
class BarFacts:
    """The newest bars of one instrument and what follows from them; None is "not known".

    Args:
        bars: the newest bars, raw; empty when nothing is stored.
        closed_at: when the newest bar closed.
        last_close, previous_close: of the newest bar, and of the session before the present one.
        atr: average true range of the deciding timeframe, from the newest features.
        liquidity: D17, from volumes and the spread.
        gap: whether bars are missing among the newest 60.
        shock: whether the last move was out of all proportion.
    """

    bars: Bars
    closed_at: datetime | None = None
    last_close: Decimal | None = None
    previous_close: Decimal | None = None
    atr: Decimal | None = None
    liquidity: Decimal | None = None
    gap: bool | None = None
    shock: bool | None = None


class FactBook:
    """Facts by instrument, each read from the store once.

    Args:
        timeframe: on which strategies decide.
    """

    def __init__(self, store: BarStore, artefacts: Artefacts, timeframe: Timeframe) -> None:
        self._store, self._artefacts, self._timeframe = store, artefacts, timeframe
        self._known: dict[str, BarFacts] = {}

    def of(self, instrument: Instrument) -> BarFacts:
        """What is known of an instrument now.

        Raises:
            StoreError: when what is stored is damaged.
        """
        if instrument.symbol not in self._known:
            self._known[instrument.symbol] = self._read(instrument)
        return self._known[instrument.symbol]

    def _read(self, instrument: Instrument) -> BarFacts:
        bars = self._newest(instrument, self._timeframe)
        if len(bars.ts) == 0:
            return BarFacts(bars)
        spread = float(bars.spread[-1])
        known_spread = instrument.default_spread_bps if np.isnan(spread) else spread
        return BarFacts(
            bars=bars,
            closed_at=closed_at(instrument, self._timeframe, int(bars.ts[-1])),
            last_close=_decimal(bars.close[-1]),
            previous_close=self._previous_close(instrument, bars),
            atr=self._atr(instrument),
            liquidity=_decimal(liquidity_score(bars.volume, known_spread)),
            gap=_has_gap(instrument, self._timeframe, bars.ts[-WATCHED:]),
            shock=_is_shock(bars.close),
        )

    def _newest(self, instrument: Instrument, timeframe: Timeframe) -> Bars:
        covered = self._store.coverage(instrument.symbol, timeframe)
        if covered is None:
            empty = np.empty(0)
            return Bars(np.empty(0, np.int64), empty, empty, empty, empty, empty, empty)
        start = covered.last - _HISTORY.get(timeframe, _USUAL_HISTORY)
        return self._store.read_bars(instrument.symbol, timeframe, start=start.to_pydatetime())

    def _previous_close(self, instrument: Instrument, bars: Bars) -> Decimal | None:
        """The last daily close before the day of the newest bar; from the bars themselves where no days are stored."""
        day = pd.Timestamp(int(bars.ts[-1]), tz="UTC").normalize().value
        try:
            daily = self._store.read_bars(instrument.symbol, Timeframe.D1)
        except NoBars:
            daily = bars
        earlier = daily.close[daily.ts < day]
        return _decimal(earlier[-1]) if len(earlier) else None

    def _atr(self, instrument: Instrument) -> Decimal | None:
        try:
            newest = self._artefacts.read_json(("features", instrument.symbol, "newest"))
        except NoArtefact:
            return None
        value = next((value for name, value in newest["values"].items() if name.startswith("atr_")), None)
        return None if value is None else _decimal(value)


def closed_at(instrument: Instrument, timeframe: Timeframe, start: int) -> datetime:
    """When the bar that starts at ``start`` (nanoseconds UTC) closes: a daily bar at its session's close."""
    opened = pd.Timestamp(start, tz="UTC")
    if timeframe is Timeframe.D1:
        close = calendar(instrument.calendar).next_close(opened.to_pydatetime())
        if close is not None:
            return close.to_pydatetime()
    return (opened + pd.Timedelta(seconds=timeframe.seconds)).to_pydatetime()


def _has_gap(instrument: Instrument, timeframe: Timeframe, ts: np.ndarray) -> bool | None:
    if len(ts) < 2:
        return None
    first, last = (pd.Timestamp(int(stamp), tz="UTC") for stamp in (ts[0], ts[-1]))
    expected = calendar(instrument.calendar).grid(timeframe, first, last)
    return bool(np.setdiff1d(expected, ts, assume_unique=True).size)


def _is_shock(close: np.ndarray) -> bool | None:
    if len(close) < _MOVES + 2 or not (close[-_MOVES - 2 :] > 0).all():
        return None
    moves = np.diff(np.log(close[-_MOVES - 2 :]))
    usual = float(moves[:-1].std(ddof=1))
    return bool(abs(moves[-1]) > SHOCK * usual) if usual > 0 else bool(moves[-1] != 0)


def _decimal(value: float) -> Decimal | None:
    return Decimal(repr(float(value))) if np.isfinite(value) else None
