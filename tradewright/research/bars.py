"""Stored bars for research: brought up to date from a feed, and read for a backtest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from tradewright.backtest.corporate import CorporateActions, corporate_actions
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import BarKind, Bars, PriceView, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import FACTOR_COLUMNS, AssetClass, Instrument
from tradewright.model.ports import Feed
from tradewright.model.secondary import SecondarySeries
from tradewright.scenarios.scenario import Scenario
from tradewright.store.actions import NoFactors
from tradewright.store.bars import BarStore, Coverage, UpsertReport
from tradewright.store.dataset import bars_hash

ADJUSTABLE = (AssetClass.STOCK, AssetClass.ETF)
"""Only stocks and funds have corporate actions to adjust for."""
PAUSE, A_DAY = timedelta(hours=6), timedelta(days=1)
_NO_ACTIONS = pd.DataFrame(columns=list(FACTOR_COLUMNS))
"""A made-up instrument neither splits nor pays."""


@dataclass(frozen=True)
class InstrumentBars:
    """One instrument of a backtest with its bars, of the kind that is read of it.

    ``secondary`` are the bars of other timeframes and instruments that the strategy reads; None where it reads none.
    ``actions`` are the corporate actions of raw bars; None where the view has them in its prices, for an instrument
    that has none, and for one without a table of them.
    """

    instrument: Instrument
    bars: Bars
    kind: BarKind = BarKind.TRADE
    secondary: SecondarySeries | None = None
    actions: CorporateActions | None = None

    @cached_property
    def data_hash(self) -> str:
        """The hash of all bars that are read, secondary ones included, and of the corporate actions within them."""
        found = [bars_hash(self.bars)]
        if self.secondary is not None:
            found.append(self.secondary.digest)
        if self.actions is not None and len(self.actions.rows):
            found.append(self.actions.digest)
        return found[0] if len(found) == 1 else content_hash(found)

    @property
    def in_one_unit(self) -> Bars:
        """The bars in the units after all splits of the table, prices and volumes, as the checks of data judge them."""
        if self.actions is None:
            return self.bars
        units, bars = self.actions.split, self.bars
        prices = {name: getattr(bars, name) * units for name in ("open", "high", "low", "close")}
        return bars._replace(**prices, volume=bars.volume / units)

    def head(self, count: int) -> InstrumentBars:
        """The first ``count`` bars, and what is known of other series when the last of them has ended."""
        cut = None if self.secondary is None else self.secondary.head(count)
        known = None if self.actions is None else self.actions.head(count)
        return replace(self, bars=self.bars.head(count), secondary=cut, actions=known)


@dataclass(frozen=True)
class BaseBars:
    """The stored bars that the bars of a backtest are made of, of the same span and view."""

    timeframe: Timeframe
    bars: Bars


@dataclass(frozen=True)
class Selection:
    """The bars that a backtest reads.

    Args:
        view: the prices of stocks and funds; every other instrument is read raw.
        start, end: first and last day or instant, both included; None for all that are stored.
    """

    instruments: tuple[Instrument, ...]
    timeframe: Timeframe
    view: PriceView = PriceView.RAW
    start: datetime | date | None = None
    end: datetime | date | None = None

    def whole(self) -> Selection:
        """The same bars without a span."""
        return replace(self, start=None, end=None)


@dataclass(frozen=True)
class LookBack:
    """Which stored bars are asked for again, so that a vendor's corrections arrive.

    Args:
        bars: so many of the newest days (weeks, months); 0 asks for nothing again. Of shorter bars, after a pause of
            :data:`PAUSE`, those of the last day are.
        now: the present.
    """

    bars: int
    now: datetime

    def after(
        self, store: BarStore, instrument: Instrument, timeframe: Timeframe, covered: Coverage, kind: BarKind
    ) -> pd.Timestamp:
        """The moment after which a feed is asked for bars: before the newest stored one where it looks back.

        It does so only while a newer bar has closed, so that one question brings both.
        """
        newest, symbol = covered.last, instrument.symbol
        closed = calendar_of(instrument).newest_closed(timeframe, self.now, like=newest.value)
        if not self.bars or closed is None or closed <= newest.value:
            return newest
        if not timeframe.of_sessions:
            return newest - A_DAY if self.now - newest > PAUSE else newest
        span = (2 * self.bars + 10) * timedelta(seconds=timeframe.seconds)
        starts = store.read_bars(symbol, timeframe, kind, start=(newest - span).to_pydatetime()).ts
        return pd.Timestamp(int(starts[-self.bars :][0]) - 1, tz="UTC")


def refresh(
    store: BarStore,
    feed: Feed,
    instrument: Instrument,
    timeframes: Iterable[Timeframe],
    look_back: LookBack | None = None,
) -> dict[Timeframe, UpsertReport]:
    """Bring one instrument's bars up to date: all that is newer than the newest stored bar, by timeframe.

    Args:
        look_back: which bars are asked for again where the stored ones are of the same feed; None for none.

    Raises:
        DataError: for an instrument the feed does not have, bars that break the contract, bars of a scenario beside
            those of another source, and those of another kind than the one that is read.
        StoreError: when both kinds are stored and none is declared, when the store is damaged or full.
    """
    symbol = instrument.symbol
    admit(store, feed, symbol)
    kind = kind_brought(store, feed, instrument)
    reports, sources = {}, store.sources(symbol, kind) if look_back else {}
    for timeframe in dict.fromkeys(timeframes):
        covered = store.coverage(symbol, timeframe, kind)
        after = covered.last if covered else None
        if covered is not None and look_back is not None and sources.get(timeframe) == feed.name:
            after = look_back.after(store, instrument, timeframe, covered, kind)
        frame = feed.fetch(instrument, timeframe, after)
        reports[timeframe] = store.upsert(
            symbol,
            timeframe,
            kind,
            frame,
            source=feed.name,
            negative_prices=instrument.negative_prices,
        )
    return reports


def kind_brought(store: BarStore, feed: Feed, instrument: Instrument) -> BarKind:
    """The kind under which bars of a feed are stored: the one that is read, and at first the feed's own.

    Raises:
        DataError: when the feed brings another kind than the one that is read; nothing would read its bars.
        TwoKinds: when both are stored and none is declared.
    """
    symbol, own = instrument.symbol, feed.kind_of(instrument)
    known = instrument.bar_kind or (store.kind_of(symbol) if store.kinds.stored(symbol) else None)
    if own is not None and known is not None and own is not known:
        raise DataError(
            f"{known} bars of {symbol} are read, and {feed.name} brings {own} bars",
            where=str(store.root),
            remedy=f"say bar_kind: {own} for {symbol} in conf/instruments, another feed, or another storage.root",
        )
    return known or own or BarKind.TRADE


def admit(store: BarStore, feed: Feed, symbol: str) -> None:
    """Make the store ready for bars of a feed; those that a scenario invents are not put beside others.

    Raises:
        DataError: naming the sources that are there.
    """
    if not isinstance(feed, Scenario):
        return
    sources = sources_of(store, symbol)
    if others := {series: source for series, source in sources.items() if source not in ("", feed.name)}:
        told = ", ".join(f"{series} from {source}" for series, source in others.items())
        raise DataError(
            f"bars of {symbol} are stored ({told}), and a scenario's invented bars are not put beside them",
            where=str(store.root),
            remedy="say feed=files, or another storage.root for the scenario",
        )
    store.actions.write_factors(symbol, _NO_ACTIONS)


def sources_of(store: BarStore, symbol: str) -> dict[str, str]:
    """Where the newest bars of each stored series of an instrument came from, of either kind.

    Raises:
        StoreError: when a manifest is damaged.
    """
    found: dict[str, str] = {}
    for kind in store.kinds.stored(symbol):
        note = "" if kind is BarKind.TRADE else f" {kind}"
        found |= {f"{timeframe}{note}": source for timeframe, source in store.sources(symbol, kind).items()}
    return found


def read_instrument_bars(
    store: BarStore, selection: Selection, make: Callable[[Instrument], object] | None = None
) -> dict[str, InstrumentBars]:
    """The instruments of a selection with their bars, by symbol.

    Args:
        make: called for an instrument without bars of the timeframe, before they are read; it may store some.

    Raises:
        StoreError: when bars are missing or damaged.
    """
    found = {}
    for instrument in selection.instruments:
        if make is not None and store.coverage(instrument.symbol, selection.timeframe) is None:
            make(instrument)
        bars = read_series(store, selection, instrument, selection.timeframe)
        actions = actions_of(store, selection, instrument, bars)
        found[instrument.symbol] = InstrumentBars(instrument, bars, store.kind_of(instrument.symbol), actions=actions)
    return found


def actions_of(store: BarStore, selection: Selection, instrument: Instrument, bars: Bars) -> CorporateActions | None:
    """The corporate actions of raw bars, which the account books.

    None where the view has them in its prices, for an instrument that has none, and for one without a table of them, of
    which the report says so.

    Raises:
        StoreError: the table is damaged.
    """
    if selection.view is not PriceView.RAW or instrument.asset_class not in ADJUSTABLE:
        return None
    try:
        return corporate_actions(bars, store.actions.factors(instrument.symbol))
    except NoFactors:
        return None


def read_base(store: BarStore, selection: Selection, instrument: Instrument) -> BaseBars | None:
    """The stored bars of which an instrument's bars of a selection are made; None where those are stored themselves.

    Raises:
        StoreError: when bars are damaged.
    """
    base = store.base_of(instrument.symbol, selection.timeframe)
    if base is None or base is selection.timeframe:
        return None
    return BaseBars(base, read_series(store, selection, instrument, base))


def read_series(store: BarStore, selection: Selection, instrument: Instrument, timeframe: Timeframe) -> Bars:
    """The bars of an instrument in the span and the view of a selection.

    Raises:
        StoreError: when bars are missing or damaged.
    """
    view = selection.view if instrument.asset_class in ADJUSTABLE else PriceView.RAW
    return store.read_bars(instrument.symbol, timeframe, start=selection.start, end=selection.end, view=view)


def refuse_prices_at_or_below_zero(item: InstrumentBars) -> None:
    """Refuse bars of which no backtest makes sense: a return from a price of 0 or below, and a size at one, is none.

    Decisions on such bars are made: they need neither.

    Raises:
        DataError: naming the first of them, with its value.
    """
    bars, symbol = item.bars, item.instrument.symbol
    broken = bars.low <= 0.0
    if broken.any():
        first = int(np.argmax(broken))
        when = np.datetime64(int(bars.ts[first]), "ns").astype("datetime64[s]")
        day = str(when).removesuffix("T00:00:00")
        raise DataError(
            f"low = {bars.low[first]:g} in the bar of {day}, and returns from a price at or below zero are undefined",
            where=f"the bars of {symbol}",
            remedy="backtest a span without such bars: backtest.start=DAY, backtest.end=DAY",
            code="PRICE_NOT_POSITIVE",
        )
