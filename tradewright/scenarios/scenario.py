"""The embedded default data: a seeded scenario that is a feed like any other."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from tradewright.formats.resample import grouped, resample
from tradewright.model.bar_rules import frame_of, select
from tradewright.model.bars import BarKind, Bars, Timeframe, Times
from tradewright.model.base import FrozenModel
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.scenarios.walk import DailyPath, bars_around, bridge, daily_path
from tradewright.store.dataset import join


class Profile(FrozenModel):
    """The character of one instrument in a scenario.

    Args:
        price: the usual level, around which the price wanders (months away from it, by up to a factor of a few).
        volatility: standard deviation of a year's log returns (0.6 = 60 %).
        common: the share of variance that comes from the market that all instruments share, in [0, 1].
        volume: median units per minute.
    """

    price: float
    volatility: float
    common: float
    volume: float


PROFILES: dict[str, Profile] = {
    "BTC": Profile(price=64_000.0, volatility=0.55, common=0.35, volume=9.0),
    "ETH": Profile(price=3_200.0, volatility=0.70, common=0.35, volume=110.0),
    "AAPL": Profile(price=215.0, volatility=0.28, common=0.40, volume=120_000.0),
    "NAS100": Profile(price=19_500.0, volatility=0.22, common=0.55, volume=450.0),
    "XAUUSD": Profile(price=2_400.0, volatility=0.16, common=0.10, volume=900.0),
}
"""The instruments of the embedded default bars."""


Grid = Callable[[Instrument, Timeframe, pd.Timestamp, pd.Timestamp], Times]
"""The bar starts of an instrument between two moments, both included: ``calendar(instrument.calendar).grid``."""

EPOCH = pd.Timestamp("2015-01-01", tz="UTC").as_unit("ns")
"""Where every path begins; a scenario has no bars of before."""

_MINUTE, _DAY = 60_000_000_000, 86_400_000_000_000
_A_DAY = 86_400
_MINUTES_A_DAY, _DAYS_A_YEAR = 1440, 365.25
_SESSION_MINUTES = 390
"""A day of fewer minutes (a half day, a Sunday evening) is not wilder than a whole session."""
_MARGIN = pd.Timedelta(days=15)
"""Longer than any market closes."""
_GAP = 0.4
"""The share of the move since the last close that an open after a closed market takes at once."""


class Scenario:
    """Random walks that move together a little, on each instrument's own calendar.

    The same seed gives the same bytes, whichever instruments are asked for, in which order, and up to which ``end``: as
    ``end`` moves on, bars are added and none changes. Every day is made of its minutes. Only bars that have closed by
    ``end`` are given.

    Args:
        seed: of every draw (PCG64).
        end: the present of the scenario, with a zone, after 2015.
        grid: the calendars; see :data:`Grid`.
        days: calendar days of minutes before ``end``, from midnight UTC.
        years: years of daily bars before ``end``.
        least: bars of the other timeframes that are made at the least, whatever ``days`` and ``years`` say; fewer where
            the epoch allows no more, as for months.
        profiles: what each instrument is like, by symbol.
    """

    name = "scenario"

    def __init__(
        self,
        seed: int,
        end: datetime,
        grid: Grid,
        *,
        days: int = 10,
        years: float = 2.0,
        least: int = 0,
        profiles: Mapping[str, Profile] = PROFILES,
    ) -> None:
        self.seed, self.days, self.years, self.least, self.profiles = seed, days, years, least, profiles
        self.end = pd.Timestamp(end).tz_convert("UTC").floor("min").as_unit("ns")
        self._grid = grid
        self._days_made: dict[str, dict[int, Bars]] = {}

    def kind_of(self, _instrument: Instrument) -> BarKind | None:
        """None: an invented price with its spread may be read as either kind."""
        return None

    def span(self, _instrument: Instrument, _timeframe: Timeframe) -> timedelta:
        """Longer than any scenario: whatever is made is made up to its end."""
        return timedelta(days=36_500)

    def fetch(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        after: pd.Timestamp | None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Bars that start after ``after`` (all of them when None) and not after ``until``, as a bars table.

        Raises:
            DataError: for an instrument that the scenario does not make.
        """
        span = self.years * _DAYS_A_YEAR if timeframe is Timeframe.D1 else self._days(instrument, timeframe)
        start = (self.end - pd.Timedelta(days=span)).floor("D")
        if after is not None:
            start = max(start, (after - pd.Timedelta(seconds=max(timeframe.seconds, _A_DAY))).floor("D"))
        frame = self._bars(instrument, timeframe, max(start, EPOCH + _MARGIN))
        newer = frame if after is None else frame[frame["ts"] > after]
        return (newer if until is None else newer[newer["ts"] <= until]).reset_index(drop=True)

    def _days(self, instrument: Instrument, timeframe: Timeframe) -> int:
        """How many days of minutes hold the bars that are wanted of a timeframe other than days."""
        days, most = self.days, (self.end - EPOCH).days
        if timeframe.of_sessions:
            days = round(self.years * _DAYS_A_YEAR)
        while timeframe is not Timeframe.M1 and days < most:
            if len(self._grid(instrument, timeframe, self.end - pd.Timedelta(days=days), self.end)) > self.least:
                break  # one more than wanted: the newest of them may not have closed
            days *= 2
        return days

    def profile(self, instrument: Instrument) -> Profile:
        """The profile of an instrument: level, volatility, calendar.

        Raises:
            DataError: for an instrument that the scenario does not make.
        """
        if instrument.symbol not in self.profiles:
            raise DataError(
                f"the scenario makes no {instrument.symbol}, only {', '.join(self.profiles)}",
                remedy="choose one of these, or import real bars",
            )
        return self.profiles[instrument.symbol]

    def _bars(self, instrument: Instrument, timeframe: Timeframe, start: pd.Timestamp) -> pd.DataFrame:
        if timeframe is Timeframe.D1:
            return frame_of(self._whole_days(instrument, start))
        if timeframe.of_sessions:
            return frame_of(self._of_days(instrument, timeframe, start))
        minutes = join([day for _stamp, day in self._days_of_minutes(instrument, start)])
        closed = frame_of(select(minutes, minutes.ts + _MINUTE <= self.end.value))
        if timeframe is Timeframe.M1:
            return closed
        if closed.empty:
            return closed
        starts = self._grid(instrument, timeframe, closed["ts"].iloc[0], self.end)
        longer = resample(closed, Timeframe.M1, timeframe, starts=starts)
        ends = longer["ts"] + pd.Timedelta(seconds=timeframe.seconds)
        return longer[ends <= self._next_minute(instrument, timeframe)]

    def _of_days(self, instrument: Instrument, timeframe: Timeframe, start: pd.Timestamp) -> Bars:
        """Weeks or months from the first one that begins after ``start`` to the last one that is over."""
        days = self._whole_days(instrument, start)
        if len(days.ts) == 0:
            return days
        newest, ahead = pd.Timestamp(int(days.ts[-1]), tz="UTC"), self.end + pd.Timedelta(seconds=2 * timeframe.seconds)
        starts = self._grid(instrument, timeframe, start, ahead)
        number = np.searchsorted(starts, days.ts, "right") - 1
        next_day = self._grid(instrument, Timeframe.D1, newest + pd.Timedelta(1), ahead)[0]
        lasting = int(np.searchsorted(starts, next_day, "right")) - 1
        inside = (number >= 0) & (number < lasting)
        return grouped(select(days, inside), starts[number[inside]])

    def _whole_days(self, instrument: Instrument, start: pd.Timestamp) -> Bars:
        """The daily bars that have closed, each made once."""
        made = self._days_made.setdefault(instrument.symbol, {})
        stamps = self._grid(instrument, Timeframe.D1, start, self.end)
        lacking = [stamp for stamp in stamps.tolist() if stamp not in made]
        if lacking:
            for stamp, day in self._days_of_minutes(instrument, pd.Timestamp(lacking[0], tz="UTC"), lacking[-1]):
                if day.ts[-1] + _MINUTE <= self.end.value:
                    made[int(stamp)] = _whole(stamp, day)
        return join([made[stamp] for stamp in stamps.tolist() if stamp in made])

    def _next_minute(self, instrument: Instrument, timeframe: Timeframe) -> pd.Timestamp:
        """The next minute of trading from the end on, or as much later as a bar of the timeframe is long.

        A bar that would end by then has closed: the last one of a session is over with the session.
        """
        latest = self.end + pd.Timedelta(seconds=timeframe.seconds)
        ahead = self._grid(instrument, Timeframe.M1, self.end, latest)
        return pd.Timestamp(int(ahead[0]), tz="UTC") if len(ahead) else latest

    def _days_of_minutes(
        self, instrument: Instrument, start: pd.Timestamp, until: int | None = None
    ) -> Iterator[tuple[np.int64, Bars]]:
        """The stamp and every minute of each day that starts between ``start`` and the end, or ``until``."""
        stamps = self._grid(instrument, Timeframe.D1, start - _MARGIN, self.end + _MARGIN)
        latest = self.end.value if until is None else until
        wanted = np.flatnonzero((stamps >= start.value) & (stamps <= latest))
        if len(wanted) == 0:
            return
        path = self._daily_path(instrument)
        low, high = pd.to_datetime(stamps[[wanted[0] - 1, wanted[-1] + 1]], utc=True)
        grid = self._grid(instrument, Timeframe.M1, low, high - pd.Timedelta(minutes=1))
        edges = np.searchsorted(grid, stamps)
        for day in wanted:
            ts = grid[edges[day] : edges[day + 1]]
            gap = _GAP if ts[0] - grid[edges[day] - 1] > _MINUTE else 0.0
            yield stamps[day], self._day(instrument, path, stamps[day - 1], stamps[day], ts, gap)

    def _day(
        self, instrument: Instrument, path: DailyPath, before: np.int64, stamp: np.int64, ts: Times, gap: float
    ) -> Bars:
        profile, number = self.profile(instrument), _number(stamp)
        rng = self._rng(f"{instrument.symbol} {number}")
        market = self._rng(f"market {number}").standard_normal(_MINUTES_A_DAY)[ts // _MINUTE % _MINUTES_A_DAY]
        moves = np.sqrt(profile.common) * market + np.sqrt(1 - profile.common) * rng.standard_normal(len(ts))
        usual = profile.volatility / np.sqrt(_DAYS_A_YEAR * max(len(ts), _SESSION_MINUTES))
        first, last = (profile.price * float(np.exp(path.level[_number(at)])) for at in (before, stamp))
        walk = bridge(first, last, gap, moves, usual * float(path.loudness[number]), rng)
        return bars_around(ts, walk, profile.volume, instrument, rng)

    def _daily_path(self, instrument: Instrument) -> DailyPath:
        profile, count = self.profile(instrument), _number(self.end.value) + 1
        market = self._rng("market").standard_normal(count)
        own = self._rng(instrument.symbol).standard_normal(count)
        moves = np.sqrt(profile.common) * market + np.sqrt(1 - profile.common) * own
        uniform = self._rng(f"{instrument.symbol} regimes").random((count, 4))
        return daily_path(moves, uniform, profile.volatility / np.sqrt(_DAYS_A_YEAR))

    def _rng(self, stream: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, zlib.crc32(stream.encode())])))


def _whole(stamp: np.int64, minutes: Bars) -> Bars:
    """The daily bar of a day's minutes."""
    return Bars(
        np.array([stamp]),
        minutes.open[:1],
        minutes.high.max(keepdims=True),
        minutes.low.min(keepdims=True),
        minutes.close[-1:],
        minutes.volume.sum(keepdims=True),
        minutes.spread.mean(keepdims=True),
    )


def _number(moment: int | np.int64) -> int:
    """Which calendar day (UTC) it is, counted from the epoch."""
    return int((moment - EPOCH.value) // _DAY)
