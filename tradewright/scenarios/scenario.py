"""The embedded default data: a seeded scenario that is a feed like any other."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from tradewright.formats.resample import Sessions, resample
from tradewright.model.bars import Bars, Floats, Timeframe, Times
from tradewright.model.contract import frame_of
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.scenarios.profile import PROFILES, Profile
from tradewright.scenarios.walk import bars_around, walk

Grid = Callable[[Instrument, Timeframe, pd.Timestamp, pd.Timestamp], Times]
"""The bar starts of an instrument between two moments, both included: ``calendar(instrument.calendar).grid``."""

_MINUTE, _DAY = 60_000_000_000, 86_400_000_000_000
_MINUTES_A_YEAR, _DAYS_A_YEAR = 525_960.0, 365.25
_ASLEEP = 0.15
"""A minute of closed market adds this share of an open minute's variance to the next move."""


class Scenario:
    """Random walks that move together a little, on each instrument's own calendar.

    The same seed gives the same bytes, whichever instruments are asked for and in which order. Daily history leads up
    to the minutes: where both exist, the day is made of its minutes. Only bars that have closed by ``end`` are given.

    Args:
        seed: of every draw (PCG64).
        end: the present of the scenario, with a zone.
        grid: the calendars; see :data:`Grid`.
        days: calendar days of minutes before ``end``, from midnight UTC.
        years: years of daily bars before ``end``.
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
        profiles: Mapping[str, Profile] = PROFILES,
    ) -> None:
        self.seed, self.days, self.years, self.profiles = seed, days, years, profiles
        self.end = pd.Timestamp(end).tz_convert("UTC").floor("min").as_unit("ns")
        self._grid = grid
        self._minutes_from = (self.end - pd.Timedelta(days=days)).floor("D")

    def fetch(self, instrument: Instrument, timeframe: Timeframe, after: pd.Timestamp | None) -> pd.DataFrame:
        """Bars that start after ``after`` (all of them when None), as a bars table.

        Raises:
            DataError: for an instrument that the scenario does not make.
        """
        minutes = self._minutes(instrument)
        if timeframe is Timeframe.M1:
            frame = frame_of(minutes)
        elif timeframe is Timeframe.D1:
            frame = self._daily(instrument, minutes)
        else:
            frame = resample(frame_of(minutes), Timeframe.M1, timeframe)
            frame = frame[frame["ts"] + pd.Timedelta(seconds=timeframe.seconds) <= self.end]
        return (frame if after is None else frame[frame["ts"] > after]).reset_index(drop=True)

    def profile(self, instrument: Instrument) -> Profile:
        """What the instrument is like.

        Raises:
            DataError: for an instrument that the scenario does not make.
        """
        if instrument.symbol not in self.profiles:
            raise DataError(
                f"the scenario makes no {instrument.symbol}, only {', '.join(self.profiles)}",
                remedy="choose one of these, or import real bars",
            )
        return self.profiles[instrument.symbol]

    def _minutes(self, instrument: Instrument) -> Bars:
        profile = self.profile(instrument)
        ts = self._grid(instrument, Timeframe.M1, self._minutes_from, self.end - pd.Timedelta(minutes=1))
        open_share = len(ts) / (self.days * _DAY // _MINUTE)
        sigma = profile.volatility / np.sqrt(_MINUTES_A_YEAR * (open_share + _ASLEEP * (1 - open_share)))
        closed = np.maximum(np.diff(ts, prepend=ts[:1] - _MINUTE) // _MINUTE - 1, 0)
        rng = self._rng(f"{instrument.symbol} minutes")
        common = self._common("minutes", ts, self._minutes_from.value, _MINUTE)
        path = walk(common, profile.common, sigma * np.sqrt(1 + _ASLEEP * closed), profile.price, rng)
        return bars_around(ts, path, profile.volume, instrument, rng)

    def _daily(self, instrument: Instrument, minutes: Bars) -> pd.DataFrame:
        """Days of their own up to the minutes, then days made of minutes, as far as they are complete."""
        first = (self.end - pd.Timedelta(days=self.years * _DAYS_A_YEAR)).floor("D")
        ts = self._grid(instrument, Timeframe.D1, first, self.end - pd.Timedelta(minutes=1))
        recent = ts[ts >= self._minutes_from.value]
        minutes_a_day = len(minutes.ts) / max(len(recent), 1)
        older = self._older_days(instrument, ts[ts < self._minutes_from.value], first.value, minutes_a_day)
        days = Sessions(recent, np.append(recent[1:], self.end.value))
        newer = resample(frame_of(minutes), Timeframe.M1, Timeframe.D1, days)
        if len(recent) and not self._complete(instrument, pd.Timestamp(int(recent[-1]), tz="UTC")):
            newer = newer[:-1]
        return pd.concat([frame_of(older), newer], ignore_index=True)

    def _older_days(self, instrument: Instrument, ts: Times, first: int, minutes_a_day: float) -> Bars:
        profile = self.profile(instrument)
        rng = self._rng(f"{instrument.symbol} days")
        steps = np.maximum(np.diff(ts, prepend=ts[:1] - _DAY) / _DAY, 1.0)
        sigma = profile.volatility * np.sqrt(steps / _DAYS_A_YEAR)
        path = walk(self._common("days", ts, first, _DAY), profile.common, sigma, 1.0, rng)
        level = profile.price / path.closes[-1:]
        path = path._replace(opens=path.opens * level, closes=path.closes * level)
        return bars_around(ts, path, profile.volume * minutes_a_day, instrument, rng)

    def _complete(self, instrument: Instrument, day: pd.Timestamp) -> bool:
        """Whether the last minute of a daily bar has passed."""
        minutes = self._grid(instrument, Timeframe.M1, day, day + pd.Timedelta(minutes=1439))
        return bool(minutes[-1] + _MINUTE <= self.end.value)

    def _common(self, stream: str, ts: Times, first: int, step: int) -> Floats:
        """The moves of the market that all share, picked at an instrument's own steps."""
        moves = self._rng(f"market {stream}").standard_normal(int((self.end.value - first) // step) + 1)
        chosen: Floats = moves[(ts - first) // step]
        return chosen

    def _rng(self, stream: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, zlib.crc32(stream.encode())])))
