"""The feed of a vendor: its candles as bars that keep the contract, whatever the vendor's own timeframes are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from brokers.vendors.base import VendorSettings
from brokers.vendors.history import Ask, Candle, History
from tradewright.calendars.calendar import Calendar
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import Mask, frame_of, intact, select, violations, without_noise
from tradewright.model.bars import BarKind, Bars, Timeframe, Times
from tradewright.model.clock import Clock
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.model.spans import parts
from tradewright.store.dataset import join

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
AROUND = 5 * _DAY
"""Bars of so long before and after a bar that is made tell that it is whole: longer than most closures."""
LEAST_REACH = 7 * _DAY
MONTH = timedelta(days=30)
_PRESENT = 2 * _SECOND
"""No bar that has closed began within so many nanoseconds, and some vendors refuse a question about the future."""
REMEDY = "nothing was stored; try again, and tell the vendor if it stays so"


class VendorFeed:
    """Bars by request.

    Only bars that have closed are given, by the calendar of the instrument and the delay of the vendor's data. A span
    that is too long for one question is asked for in parts, with the same borders each time.

    Args:
        history: the vendor's protocol.
        settings: delay and reach.
    """

    def __init__(self, history: History, settings: VendorSettings, clock: Clock) -> None:
        self.name = history.name
        self._history, self._clock = history, clock
        self._delay, self._first_bars = timedelta(minutes=settings.delay_minutes), settings.first_bars

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """As the vendor's protocol says."""
        return self._history.kind_of(instrument)

    def span(self, instrument: Instrument, timeframe: Timeframe) -> timedelta:
        """A month, or the span of one question where that is longer; of bars that are made, of those behind them.

        Raises:
            DataError: for an instrument of a class that the vendor does not serve.
        """
        self._history.symbol(instrument)
        question = self._history.spans(instrument)[self._base(instrument, timeframe)]
        return question * -(-MONTH // question)

    def fetch(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        after: pd.Timestamp | None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Complete bars that start after ``after`` and not after ``until``; may be empty.

        Without ``after`` as far back as a first refresh reaches.

        Raises:
            DataError: when the vendor does not serve or know the instrument, does not answer, refuses the key, or sends
                bars that break their contract.
        """
        now = _nanoseconds(self._clock.now() - self._delay)
        reach = max(LEAST_REACH, timeframe.seconds * _SECOND * self._first_bars)
        first = now - reach if after is None else after.as_unit("ns").value + 1
        last = _newest(instrument, timeframe, now) if until is None else min(until.as_unit("ns").value, now)
        symbol, base = self._history.symbol(instrument), self._base(instrument, timeframe)
        if first > last:
            return frame_of(_bars([]))
        if base is timeframe:
            bars = self._asked(instrument, symbol, timeframe, first, last, now)
        else:
            around = timeframe.seconds * _SECOND + AROUND
            shorter = self._asked(instrument, symbol, base, first - around, min(last + around, now), now)
            bars = resampled(calendar_of(instrument), shorter, base, timeframe)
        return frame_of(select(bars, (bars.ts >= first) & (bars.ts <= last)))

    def _base(self, instrument: Instrument, timeframe: Timeframe) -> Timeframe:
        """The timeframe that is asked for: the wanted one, else the longest that adds up to it.

        Raises:
            DataError: where none does.
        """
        served = self._history.spans(instrument)
        if timeframe in served:
            return timeframe
        found = max((each for each in served if each.makes(timeframe)), key=lambda each: each.seconds, default=None)
        if found is None:
            what = (
                f"{self.name} has {', '.join(str(each) for each in served)} of it, of which no {timeframe} can be made"
            )
            raise DataError(what, where=instrument.symbol, remedy="ask for another timeframe: --timeframe")
        return found

    def _asked(
        self, instrument: Instrument, symbol: str, timeframe: Timeframe, first: int, last: int, now: int
    ) -> Bars:
        """The vendor's own bars of a span that have closed by ``now``."""
        market, found = calendar_of(instrument), []
        for low, high in parts(
            first, min(last, _newest(instrument, timeframe, now)), self._history.spans(instrument)[timeframe]
        ):
            ends = np.array([low, high])
            if timeframe is Timeframe.D1:
                ends = market.session_dates(ends).astype("datetime64[ns]").astype(np.int64)
            ends = np.minimum(ends, now - _PRESENT)
            ask = Ask(instrument, symbol, timeframe, *map(_moment, ends.tolist()))
            bars = self._checked(ask, market, list(self._history.candles(ask)))
            inside = (bars.ts >= low) & (bars.ts <= high)
            found.append(select(bars, inside & _closed(market, timeframe, bars.ts, now)))
        return join(found) if found else _bars([])

    def _checked(self, ask: Ask, market: Calendar, candles: Sequence[Candle]) -> Bars:
        """The candles as bars, ascending; of two for one time the later one in the answer, as a correction is."""
        bars = _bars(candles)
        self._in_span(ask, bars.ts)
        if ask.timeframe is Timeframe.D1:
            days = pd.DatetimeIndex(bars.ts.view("datetime64[ns]"))
            bars = bars._replace(ts=market.daily_starts(days).as_unit("ns").asi8)
        bars = select(bars, np.argsort(bars.ts, kind="stable"))
        bars = without_noise(_last_of_each(bars), float(ask.instrument.tick_size))
        negative = ask.instrument.negative_prices
        if not intact(bars, ask.timeframe, negative_prices=negative):
            found = violations(bars, ask.timeframe, negative_prices=negative)
            told = "; ".join(f"{v.rule}: {v.total} rows of {v.column}, the first has {v.values[0]}" for v in found)
            raise DataError(told, where=f"{self.name}: {ask.symbol} {ask.timeframe}", remedy=REMEDY)
        return bars

    def _in_span(self, ask: Ask, starts: Times) -> None:
        """Refuse times that are far from those that were asked for: they are in other units, or of another question."""
        slack = max(ask.timeframe.seconds * _SECOND, _DAY)
        far = (starts < _nanoseconds(ask.first) - slack) | (starts > _nanoseconds(ask.last) + slack)
        if far.any():
            told = pd.Timestamp(int(starts[np.argmax(far)]), tz="UTC").isoformat()
            span = f"from {ask.first:%Y-%m-%d %H:%M} to {ask.last:%Y-%m-%d %H:%M} UTC"
            what = f"{int(far.sum())} bars are of other times than were asked for, {span}; the first is of {told}"
            raise DataError(what, where=f"{self.name}: {ask.symbol} {ask.timeframe}", remedy=REMEDY)


def _bars(candles: Sequence[Candle]) -> Bars:
    starts = np.array([candle.start for candle in candles], dtype=np.int64)
    values = np.array([candle[1:] for candle in candles], dtype=np.float64).reshape(len(candles), 6)
    return Bars(starts, *(np.ascontiguousarray(column) for column in values.T))


def _last_of_each(bars: Bars) -> Bars:
    """Of neighbours with one time the last."""
    return select(bars, np.append(bars.ts[1:] != bars.ts[:-1], True)[: len(bars.ts)])


def _closed(market: Calendar, timeframe: Timeframe, starts: Times, now: int) -> Mask:
    """Which bars have closed: those that are as old as they are long, and of the others those whose session is over."""
    closed: Mask = starts + timeframe.seconds * _SECOND <= now
    for row in np.flatnonzero(~closed):
        closed[row] = market.bar_close(timeframe, int(starts[row])) <= now
    return closed


def _newest(instrument: Instrument, timeframe: Timeframe, now: int) -> int:
    """The start of the newest bar that may have closed: a day, a week or a month that goes on is not asked for."""
    if not timeframe.of_sessions:
        return now
    found = calendar_of(instrument).newest_closed(timeframe, pd.Timestamp(now, tz="UTC"))
    return now if found is None else found


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // _SECOND, UTC)


def _nanoseconds(moment: datetime) -> int:
    return math.floor(moment.timestamp()) * _SECOND
