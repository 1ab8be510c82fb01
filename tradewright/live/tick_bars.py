"""Bars out of ticks, on the grid of the instrument's sessions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import Instrument
from tradewright.model.live import LiveBar, Tick

_SECOND = 1_000_000_000


class _Price(NamedTuple):
    time: int
    value: float
    spread: float


class TickBars:
    """The bar of one instrument that forms, out of quotes (the middle of bid and ask) or, without them, of trades.

    Of bars of trades only trades are taken.

    A bar holds the prices of its own time alone: the price that stood before is not its opening, as it is not that of
    a vendor's candle. Ticks outside of every session are of no bar. Ticks may come twice and out of order: open and
    close are the earliest and the latest by the source's time. A tick of a bar that has been given is late: it changes
    nothing here and is counted, and history corrects the bar. A bar of which a part was not heard, because the link
    broke or was made within it, is not given.

    Attributes:
        late: ticks that came after their bar was given.
        outside: ticks of no session.
    """

    def __init__(self, instrument: Instrument, timeframe: Timeframe, kind: BarKind | None = None) -> None:
        self.late = self.outside = 0
        self._of_trades = kind is BarKind.TRADE
        self._instrument, self._timeframe = instrument, timeframe
        self._market, self._step = calendar_of(instrument), timeframe.seconds * _SECOND
        self._start = self._end = self._given = 0
        self._prices: list[_Price] = []  # first, highest, lowest, last
        self._heard_since = 0

    def heard_from(self, moment: int) -> None:
        """The link stands since a moment (nanoseconds UTC); a bar that began before it is not whole."""
        self._heard_since = moment

    def add(self, tick: Tick) -> LiveBar | None:
        """Take a tick; gives the bar that it ends, if any."""
        price = _price(tick, of_trades=self._of_trades)
        if price is None:
            return None
        if price.time < max(self._given, self._start):
            self.late += 1
            return None
        done = self.close(price.time)
        if not self._start <= price.time < self._end and not self._begin(price.time):
            self.outside += 1
            return done
        self._take(price)
        return done

    def close(self, moment: int) -> LiveBar | None:
        """The bar that forms, where it has closed by a moment (nanoseconds UTC); None also where it is not whole."""
        if not self._prices or moment < self._end:
            return None
        first, high, low, last = self._prices
        self._given, self._prices, whole = self._end, [], self._heard_since <= self._start
        if not whole:
            return None
        spread = float(np.mean([first.spread, last.spread]))
        prices = (first.value, high.value, low.value, last.value)
        return LiveBar(self._instrument.symbol, self._start, *prices, math.nan, spread)

    def _take(self, price: _Price) -> None:
        if not self._prices:
            self._prices = [price] * 4
            return
        first, high, low, last = self._prices
        self._prices = [
            price if price.time < first.time else first,
            max(high, price, key=lambda each: each.value),
            min(low, price, key=lambda each: each.value),
            price if price.time >= last.time else last,
        ]

    def _begin(self, moment: int) -> bool:
        """Turn to the bar of a moment; whether there is one."""
        begin, end = (pd.Timestamp(at, tz="UTC") for at in (moment - self._step, moment))
        grid = self._market.grid(self._timeframe, begin, end)
        grid = grid[grid <= moment]
        if not len(grid):
            return False
        start = int(grid[-1])
        end_of_bar = self._market.bar_close(self._timeframe, start)
        if moment >= end_of_bar:
            return False
        self._start, self._end = start, end_of_bar
        return True


def _price(tick: Tick, *, of_trades: bool) -> _Price | None:
    if not of_trades and tick.bid is not None and tick.ask is not None:
        middle = (tick.bid + tick.ask) / 2
        spread = float(10_000 * (tick.ask - tick.bid) / middle) if tick.ask >= tick.bid and middle > 0 else math.nan
        return _Price(tick.time, float(middle), spread)
    return None if tick.last is None else _Price(tick.time, float(tick.last), math.nan)
