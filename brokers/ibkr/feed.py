"""Historical bars from Interactive Brokers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd
from ib_async.objects import BarData

from brokers.ibkr.connection import Connection
from brokers.ibkr.conversions import SymbolMap
from brokers.ibkr.settings import IbkrSettings
from brokers.pacing import Pace
from brokers.sessions import bar_end
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import bars_of, frame_of
from tradewright.model.bars import OHLCV, BarKind, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.live import LinkLost


class Step(NamedTuple):
    """How the venue calls a timeframe, and the longest duration that it serves in one request."""

    size: str
    duration: str
    span: timedelta


STEPS = {
    Timeframe.M1: Step("1 min", "1 D", timedelta(days=1)),
    Timeframe.M5: Step("5 mins", "1 W", timedelta(weeks=1)),
    Timeframe.M15: Step("15 mins", "2 W", timedelta(weeks=2)),
    Timeframe.M30: Step("30 mins", "1 M", timedelta(days=30)),
    Timeframe.H1: Step("1 hour", "1 M", timedelta(days=30)),
    Timeframe.H2: Step("2 hours", "1 M", timedelta(days=30)),
    Timeframe.H4: Step("4 hours", "1 M", timedelta(days=30)),
    Timeframe.D1: Step("1 day", "1 Y", timedelta(days=365)),
}
"""Weeks and months are made of days, because the venue dates its own by the day on which one asks."""

MOST_REQUESTS, TEN_MINUTES = 50, 600.0
"""The venue allows 60 historical requests in ten minutes: fewer are made by one call, and by all calls in that time."""
HALF_HOUR = 1800
PART = 10
"""Requests in a part of a long history."""

MIDPOINT = frozenset({AssetClass.FOREX, AssetClass.METAL, AssetClass.INDEX, AssetClass.CFD})
"""Where there are no trades to be summarised."""


def _history_of(instrument: Instrument) -> str:
    """Which history the venue has of an instrument; of crypto only that of aggregated trades (else error 10299)."""
    if instrument.asset_class is AssetClass.CRYPTO:
        return "AGGTRADES"
    return "MIDPOINT" if instrument.asset_class in MIDPOINT else "TRADES"


def kind_of_history(instrument: Instrument) -> BarKind | None:
    """Trades, and None for midpoints, which the gateway gives without a spread."""
    return None if _history_of(instrument) == "MIDPOINT" else BarKind.TRADE


class IbkrFeed:
    """Bars by request, over a connection of its own that can neither send nor disturb orders.

    Args:
        settings: where the gateway is; give a client id that no sender uses.
        reach: how far back a first request goes.
    """

    name = "ibkr"

    def __init__(
        self,
        settings: IbkrSettings,
        instruments: Iterable[Instrument],
        clock: Clock,
        reach: timedelta = timedelta(days=20),
    ) -> None:
        self._settings = settings.model_copy(update={"readonly": True})
        self._instruments, self._clock, self._reach = list(instruments), clock, reach
        self._pace = Pace(MOST_REQUESTS, TEN_MINUTES, clock)

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """Trades, and None for midpoints, which the gateway gives without a spread."""
        return kind_of_history(instrument)

    def span(self, _instrument: Instrument, timeframe: Timeframe) -> timedelta:
        """The time of ten requests, so that little is lost where a long history is cut off."""
        return PART * STEPS.get(timeframe, STEPS[Timeframe.D1]).span

    def fetch(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        after: pd.Timestamp | None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Complete bars that start after ``after`` and not after ``until``; may be empty.

        Without ``after`` as far back as ``reach``. Weeks and months are resampled from days, and reach back for as many
        bars as days would. Where the requests of the last ten minutes are as many as the venue allows, it waits.

        Raises:
            LinkLost: when the gateway is not there, does not know the instrument, or the span needs too many requests.
        """
        if timeframe in (Timeframe.W1, Timeframe.MO1):
            return self._of_days(instrument, timeframe, after, until)
        now = self._clock.now()
        start = after.ceil("us").to_pydatetime() if after is not None else now - self._reach
        last = now if until is None else min(now, _end_of_bar(timeframe, until))
        try:
            with ThreadPoolExecutor(1) as worker:  # a loop of its own, wherever we are called from
                bars = worker.submit(asyncio.run, self._bars(instrument, timeframe, start, last)).result()
        except BrokerError as problem:
            told = {"where": problem.where, "remedy": problem.remedy, "code": "DATA_ERROR"}
            raise LinkLost(problem.what, **told) from problem
        return self._table(instrument, timeframe, bars, after, until)

    def _of_days(
        self, instrument: Instrument, timeframe: Timeframe, after: pd.Timestamp | None, until: pd.Timestamp | None
    ) -> pd.DataFrame:
        """Made of days from before the first week or month to after the last, so that each is whole."""
        length = pd.Timedelta(seconds=timeframe.seconds)
        since = pd.Timestamp(self._clock.now()) - self._reach * length.days if after is None else after
        last = None if until is None else until + 2 * length
        days = bars_of(self.fetch(instrument, Timeframe.D1, since - length, last))
        found = frame_of(resampled(calendar_of(instrument), days, Timeframe.D1, timeframe))
        return _inside(found, after, until)

    async def _bars(
        self, instrument: Instrument, timeframe: Timeframe, start: datetime, last: datetime
    ) -> list[BarData]:
        connection = Connection(self._settings, SymbolMap(self._instruments), self._clock)
        await connection.open(lambda _event: None)
        try:
            return await self._requests(connection, instrument, STEPS[timeframe], start, last)
        finally:
            connection.close()

    async def _requests(
        self, connection: Connection, instrument: Instrument, step: Step, start: datetime, last: datetime
    ) -> list[BarData]:
        """Ask backwards from the end, one span at a time."""
        contract = await connection.contract(instrument.symbol)
        ib, _ = connection.linked()
        what = _history_of(instrument)
        ends = [end := last]
        while (end := end - step.span) > start:
            ends.append(end)
        if len(ends) > MOST_REQUESTS:
            remedy = f"tradewright backfill {instrument.symbol} --from {start:%Y-%m-%d} asks for it in parts"
            raise connection.error(f"{len(ends)} requests are needed back to {start:%Y-%m-%d}", remedy)
        found: list[BarData] = []
        for end in ends:
            if (wait := self._pace.wait()) > 0:
                await self._clock.sleep(wait)
            self._pace.take()
            try:
                found += await connection.wait(
                    f"bars of {instrument.symbol}",
                    lambda end=end: ib.reqHistoricalDataAsync(  # type: ignore[misc]
                        contract, end, step.duration, step.size, what, useRTH=False, formatDate=2, timeout=0
                    ),
                    self._settings.timeout,
                )
            except BrokerError as problem:
                if "returned no data" not in problem.what:
                    raise
        return found

    def _table(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        bars: list[BarData],
        after: pd.Timestamp | None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """The bars table: ascending, each start once, without the bar that is still forming."""
        table = pd.DataFrame({name: [float(getattr(bar, name)) for bar in bars] for name in OHLCV}, dtype="float64")
        dates = pd.DatetimeIndex([bar.date for bar in bars])
        if timeframe is Timeframe.D1:
            starts = calendar_of(instrument).daily_starts(dates)
        else:
            starts = dates.tz_localize("UTC") if dates.tz is None else dates
        table.insert(0, "ts", starts.as_unit("ns"))
        table["volume"] = table["volume"].where(table["volume"] >= 0)  # -1 is "not known", of midpoint bars
        now = self._clock.now()
        complete = pd.Series([bar_end(instrument, timeframe, start) <= now for start in starts], dtype=bool)
        table = _inside(table[complete], after, until)
        return table.drop_duplicates("ts", keep="last").sort_values("ts", ignore_index=True)


def _end_of_bar(timeframe: Timeframe, moment: pd.Timestamp) -> datetime:
    """When the bar that starts at a moment or before it ends; longer bars may start at half hours."""
    step = pd.Timedelta(seconds=min(timeframe.seconds, HALF_HOUR))
    end: datetime = (moment.floor(step) + pd.Timedelta(seconds=timeframe.seconds)).to_pydatetime()
    return end


def _inside(table: pd.DataFrame, after: pd.Timestamp | None, until: pd.Timestamp | None) -> pd.DataFrame:
    """The bars that start after ``after`` and not after ``until``."""
    newer = table if after is None else table[table["ts"] > after]
    return (newer if until is None else newer[newer["ts"] <= until]).reset_index(drop=True)
