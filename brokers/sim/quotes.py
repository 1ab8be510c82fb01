"""Quotes of a simulated market: around the newest stored close of each instrument, as wide as its usual spread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from tradewright.model.bars import Timeframe
from tradewright.model.broker import Quote
from tradewright.model.clock import Clock
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
    """A quote of every instrument that has bars, of the first of ``timeframes`` that is stored.

    A quote is as old as the close it stands around, and never of the future.

    Args:
        closes_at: None for a market that stands still and quotes its last close for ever: quotes are of now.

    Raises:
        StoreError: when stored bars are damaged.
    """
    quotes = {}
    for instrument in instruments:
        for timeframe in timeframes:
            covered = store.coverage(instrument.symbol, timeframe)
            if covered is None:
                continue
            bars = store.read_bars(instrument.symbol, timeframe, start=covered.last.to_pydatetime())
            now = clock.now()
            at = now if closes_at is None else min(closes_at(instrument, timeframe, int(bars.ts[-1])), now)
            quotes[instrument.symbol] = quote_around(instrument, Decimal(repr(float(bars.close[-1]))), at)
            break
    return quotes


def quote_around(instrument: Instrument, last: Decimal, at: datetime) -> Quote:
    """Bid and ask half the usual spread away from a price, at least one tick each."""
    half = instrument.round_price(last * Decimal(repr(instrument.default_spread_bps)) / 20_000)
    half = max(instrument.tick_size, half)
    return Quote.at(at, instrument.symbol, bid=last - half, ask=last + half, last=last)
