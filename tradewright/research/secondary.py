"""The secondary series of a strategy, read from the store: bars of longer timeframes and of other instruments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tradewright.backtest.strategy_errors import features_of
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.calendar import Calendar
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.session_hours import session_hours
from tradewright.model.allocation import Allocation
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Timeframe, Times
from tradewright.model.errors import TradewrightError
from tradewright.model.instrument import Instrument
from tradewright.model.secondary import SecondaryBars, SecondarySeries, SeriesName
from tradewright.model.secondary_needs import SecondaryNeeds, needs_among
from tradewright.model.strategy import Strategy
from tradewright.research.bars import BaseBars, InstrumentBars, Selection, read_base, read_series
from tradewright.store.bars import BarStore


def needs_of(strategies: Iterable[Strategy | Allocation]) -> SecondaryNeeds:
    """The secondary series of some parameter sets of one strategy.

    Raises:
        ConfigError, StrategyError: as :func:`~tradewright.backtest.strategy_errors.features_of`.
    """
    made = list(strategies)
    name = made[0].name if made else ""
    return needs_among(name, (feature for strategy in made for feature in features_of(strategy)))


def with_secondary(
    store: BarStore,
    selection: Selection,
    tables: Mapping[str, InstrumentBars],
    needs: SecondaryNeeds,
    instrument_of: Callable[[str], Instrument],
    make: Callable[[Instrument], object] | None = None,
) -> dict[str, InstrumentBars]:
    """Bars with the secondary series that a strategy reads beside them, in the same view of prices.

    A series is read from its very beginning, whatever span is backtested, so that its indicators are warm; bars that
    end after the last decision are left out.

    Args:
        make: as for :func:`~tradewright.research.bars.read_instrument_bars`.

    Raises:
        ConfigError: an instrument that is not defined, or a timeframe shorter than the strategy's own.
        StoreError: bars that are missing or damaged; strategy and feature are named.
    """
    if not needs.any:
        return dict(tables)
    reader = _Reader(store, selection.whole(), needs, instrument_of, make)

    found = {}
    for symbol, item in tables.items():
        own = bar_closes(calendar_of(item.instrument), selection.timeframe, item.bars.ts)
        closes = np.maximum.accumulate(own) if len(own) else own
        wanted = needs.resolved(selection.timeframe, symbol)
        until = int(closes[-1]) if len(closes) else 0
        series = {name: reader.until(name, *place, until) for name, place in wanted.items()}
        hours = session_hours(item.instrument, selection.timeframe) if needs.sessions else None
        found[symbol] = replace(item, secondary=SecondarySeries(closes, series, hours))
    return found


def series_until(
    instrument: Instrument, bars: Bars, timeframe: Timeframe, moment: int, base: BaseBars | None = None
) -> SecondaryBars:
    """The bars of an instrument that are known at a moment (nanoseconds UTC), and those that were due by then.

    Args:
        base: the bars that these are made of. One that lacks its last part is known only once a later bar of them has
            ended, as in trading, where nothing tells before that it will not come.
    """
    market = calendar_of(instrument)
    ends = bar_closes(market, timeframe, bars.ts)
    if base is not None:
        parts = bar_closes(market, base.timeframe, base.bars.ts)
        ends = parts[np.minimum(np.searchsorted(parts, ends), len(parts) - 1)]
    closes = np.maximum.accumulate(ends) if len(ends) else ends
    count = int(np.searchsorted(closes, moment, side="right"))
    known = select(bars, slice(0, count))
    return SecondaryBars(known, closes[:count], _due(market, timeframe, known.ts, moment))


def _due(market: Calendar, timeframe: Timeframe, ts: Times, moment: int) -> Times:
    """When the bars of a complete history from the first of these on end, up to a moment."""
    if len(ts) == 0:
        return ts
    span = pd.Timestamp(int(ts[0]), tz="UTC"), pd.Timestamp(moment, tz="UTC")
    anchor = () if timeframe.of_sessions else (market.anchor_of(timeframe, ts),)
    ends = bar_closes(market, timeframe, market.grid(timeframe, *span, *anchor))
    return ends[ends <= moment]


@dataclass(frozen=True)
class _Reader:
    """Reads each series once, whatever instruments and features need it."""

    store: BarStore
    whole: Selection
    needs: SecondaryNeeds
    instrument_of: Callable[[str], Instrument]
    make: Callable[[Instrument], object] | None
    known: dict[tuple[str, Timeframe], tuple[Instrument, Bars, BaseBars | None]] = field(default_factory=dict)

    def until(self, name: SeriesName, symbol: str, timeframe: Timeframe, moment: int) -> SecondaryBars:
        if (symbol, timeframe) not in self.known:
            try:
                self.known[symbol, timeframe] = self._read(symbol, timeframe)
            except TradewrightError as error:
                where = f"{self.needs.where}, feature {self.needs.features[name].label}"
                raise type(error)(error.what, where=where, remedy=error.remedy) from error
        instrument, bars, base = self.known[symbol, timeframe]
        found = series_until(instrument, bars, timeframe, moment, base)
        return replace(found, hours=session_hours(instrument, timeframe)) if self.needs.sessions else found

    def _read(self, symbol: str, timeframe: Timeframe) -> tuple[Instrument, Bars, BaseBars | None]:
        instrument = self.instrument_of(symbol)
        if self.make is not None and self.store.coverage(symbol, timeframe) is None:
            self.make(instrument)
        bars = read_series(self.store, self.whole, instrument, timeframe)
        return instrument, bars, read_base(self.store, replace(self.whole, timeframe=timeframe), instrument)
