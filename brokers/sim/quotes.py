"""Prices of a simulated market out of the bar store: quotes around the newest closes, and bars as they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from brokers.sessions import bar_end
from brokers.sim.matching import PriceBar
from brokers.sim.venue import BarSource
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import Quote
from tradewright.model.clock import Clock
from tradewright.model.errors import StoreError
from tradewright.model.instrument import Instrument
from tradewright.store.bars import BarStore

ClosesAt = Callable[[Instrument, Timeframe, int], datetime]
"""When the bar that starts at so many nanoseconds (UTC) closes."""


def newest_quotes(
    store: BarStore,
    instruments: Iterable[Instrument],
    timeframes: Sequence[Timeframe],
    clock: Clock,
    closes_at: ClosesAt | None,
) -> dict[str, Quote]:
    """A quote of every instrument that has bars, of the first of ``timeframes`` that is stored or can be made.

    Where its bars would be made of shorter ones, the close is that of the newest of those.

    A quote is as old as the close it stands around, and never of the future.

    Args:
        closes_at: None for a market that stands still and quotes its last close for ever: quotes are of now.

    Raises:
        StoreError: when stored bars are damaged.
    """
    quotes = {}
    for instrument in instruments:
        for wanted in timeframes:
            timeframe = store.base_of(instrument.symbol, wanted)
            covered = None if timeframe is None else store.coverage(instrument.symbol, timeframe)
            if timeframe is None or covered is None:
                continue
            bars = store.read_bars(instrument.symbol, timeframe, start=covered.last.to_pydatetime())
            now = clock.now()
            at = now if closes_at is None else min(closes_at(instrument, timeframe, int(bars.ts[-1])), now)
            spread = spread_of(store, instrument, float(bars.spread[-1]))
            quotes[instrument.symbol] = quote_around(instrument, Decimal(repr(float(bars.close[-1]))), at, spread)
            break
    return quotes


def spread_of(store: BarStore, instrument: Instrument, stored: float) -> Decimal | None:
    """The spread of a stored bar of quotes in basis points, the instrument's where it is not known; None of trades."""
    if store.kind_of(instrument.symbol) is BarKind.TRADE:
        return None
    return Decimal(repr(stored if stored >= 0 else instrument.default_spread_bps))


def quote_around(instrument: Instrument, last: Decimal, at: datetime, spread: Decimal | None = None) -> Quote:
    """Bid and ask around a price: half the usual spread away and at least one tick, or where quotes say it.

    Args:
        spread: in basis points, of quotes whose middle the price is; bid and ask are whole ticks that are no better.
    """
    if spread is not None:
        tick, half = instrument.tick_size, abs(last) * spread / 20_000
        bid = ((last - half) / tick).to_integral_value(ROUND_FLOOR) * tick
        ask = ((last + half) / tick).to_integral_value(ROUND_CEILING) * tick
        return Quote.at(at, instrument.symbol, bid=bid, ask=ask, last=last)
    half = instrument.round_price(last * Decimal(repr(instrument.default_spread_bps)) / 20_000)
    half = max(instrument.tick_size, half)
    return Quote.at(at, instrument.symbol, bid=last - half, ask=last + half, last=last)


def stored_bars(
    store: BarStore, instruments: Mapping[str, Instrument], timeframes: Sequence[Timeframe], clock: Clock
) -> BarSource:
    """The complete stored bars of an instrument that end after a moment, ascending; empty where there are none.

    The bars are raw, of the shortest of ``timeframes`` that has any, or that shorter ones add up to. Of an instrument
    whose bars cannot be read there are none until they can: its orders rest, and can be cancelled like all others.
    """
    shortest_first = sorted(set(timeframes), key=lambda timeframe: timeframe.seconds)

    def since(symbol: str, moment: datetime) -> list[PriceBar]:
        try:
            for wanted in shortest_first:
                found = _price_bars(store, instruments[symbol], wanted, moment)
                if complete := [bar for bar in found if moment < bar.end <= clock.now()]:
                    return complete
        except StoreError:
            return []  # the checks and the doctor tell what is damaged
        return []

    return since


def _price_bars(store: BarStore, instrument: Instrument, wanted: Timeframe, moment: datetime) -> list[PriceBar]:
    """The bars from the one of a moment on, in the timeframe that is stored for the wanted one; none where none is."""
    timeframe = store.base_of(instrument.symbol, wanted)
    if timeframe is None:
        return []
    bars = store.read_bars(instrument.symbol, timeframe, start=moment - timedelta(seconds=timeframe.seconds))
    found = []
    for ns, stored, *prices in zip(bars.ts.tolist(), *(bars[at].tolist() for at in (6, 1, 2, 3, 4)), strict=True):
        start = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
        half = (spread_of(store, instrument, stored) or Decimal(0)) / 20_000
        opened, high, low, close = (Decimal(repr(price)) for price in prices)
        found.append(PriceBar(start, bar_end(instrument, timeframe, start), opened, high, low, close, half))
    return found
