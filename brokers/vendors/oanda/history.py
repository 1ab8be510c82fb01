"""OANDA's candles: https://developer.oanda.com/rest-live-v20/instrument-ep.

A candle has the middle, bid and ask prices, which the vendor makes itself; its volume counts price changes and is none.
A request for a span is refused where it would give more than 5,000 candles, or end in the future.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pandas as pd

from brokers.vendors.answers import UNKNOWN, Reader
from brokers.vendors.history import Ask, Candle, has_utc_days, midnight, opens_at_full_hours, served, unknown
from brokers.vendors.http_client import HttpClient, VendorRefused
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import AssetClass, Instrument

GRANULARITIES = {
    Timeframe.M1: "M1",
    Timeframe.M5: "M5",
    Timeframe.M15: "M15",
    Timeframe.M30: "M30",
    Timeframe.H1: "H1",
    Timeframe.D1: "D",
}
SERVED = frozenset({AssetClass.FOREX, AssetClass.METAL, AssetClass.INDEX, AssetClass.CFD})
MOST = 4_800
"""Candles of a span, whole days for every length; the vendor gives 5,000."""
PAIR = 6
"""Letters of a pair of currencies, or of a metal and a currency."""
NEW_YORK, CLOSE = "America/New_York", 17
"""Where and at which hour the vendor's days begin and end."""
_EVENING = pd.Timedelta(hours=24 - CLOSE)


class OandaHistory:
    """Candles by REST, the middle of bid and ask with the spread between them."""

    name = "oanda"

    def __init__(self, client: HttpClient) -> None:
        self._client, self._reader = client, Reader(client.where)

    def symbol(self, instrument: Instrument) -> str:
        """``EUR_USD``, ``XAU_USD``; ``venue_symbols`` names an index (``NAS100_USD``).

        Raises:
            DataError: for stocks, funds, futures and crypto.
        """
        symbol = instrument.symbol
        return served(f"{symbol[:3]}_{symbol[3:]}" if len(symbol) == PAIR else symbol, instrument, self.name, SERVED)

    def kind_of(self, _instrument: Instrument) -> BarKind:
        """Quotes: the middle of bid and ask, with the spread."""
        return BarKind.QUOTE

    def spans(self, instrument: Instrument) -> Mapping[Timeframe, timedelta]:
        """Days are asked for where they begin at 17:00 in New York, or at midnight UTC, and are made elsewhere."""
        found = {
            timeframe: timedelta(seconds=timeframe.seconds) * MOST // timedelta(days=1) * timedelta(days=1)
            for timeframe in GRANULARITIES
        }
        if not opens_at_full_hours(instrument):
            del found[Timeframe.H1]
        if not (has_utc_days(instrument) or _begins_in_the_evening(instrument)):
            del found[Timeframe.D1]
        return found

    def candles(self, ask: Ask) -> Iterator[Candle]:
        """The complete candles of a span; one that is still open is left out.

        Raises:
            DataError: as :meth:`brokers.vendors.history.History.candles`.
        """
        reader, (first, last) = self._reader, _ends(ask)
        length = GRANULARITIES[ask.timeframe]
        parameters: dict[str, str | int] = {"price": "MBA", "granularity": length, "from": first, "to": last}
        if ask.timeframe is Timeframe.D1 and has_utc_days(ask.instrument):
            parameters |= {"dailyAlignment": 0, "alignmentTimezone": "UTC"}
        try:
            answer = self._client.get(f"/v3/instruments/{quote(ask.symbol, safe='')}/candles", parameters, "candles")
        except VendorRefused as refusal:
            if refusal.status in (400, 404) and "instrument" in str(refusal.body).lower():
                raise unknown(ask, self.name) from refusal
            raise
        page = reader.mapping(answer, "the answer")
        if (about := (page.get("instrument"), page.get("granularity"))) != (ask.symbol, length):
            raise reader.wrong(f"the answer is about {about[0]!r} {about[1]!r}, not about {ask.symbol} {length}")
        for row in (reader.mapping(row, "a bar") for row in reader.rows(page.get("candles"), "candles")):
            if reader.truth(reader.field(row, "complete"), "complete"):
                yield self._candle(ask, row)

    def _candle(self, ask: Ask, row: Mapping[str, Any]) -> Candle:
        reader = self._reader
        middle, bid, offer = (self._prices(row, side) for side in ("mid", "bid", "ask"))
        parts = [(offer[at] - bid[at]) / middle[at] for at in (0, 3) if middle[at] > 0]
        spread = 10_000 * sum(parts) / len(parts) if parts and min(parts) >= 0 else UNKNOWN
        start = reader.moment(reader.field(row, "time"), "time")
        if ask.timeframe is Timeframe.D1 and not has_utc_days(ask.instrument):
            evening = pd.Timestamp(start, tz="UTC").tz_convert(NEW_YORK).tz_localize(None)
            start = midnight((evening + _EVENING).to_numpy().astype("datetime64[D]"))
        return Candle(start, *middle, UNKNOWN, spread)

    def _prices(self, row: Mapping[str, Any], side: str) -> tuple[float, float, float, float]:
        reader = self._reader
        found = reader.mapping(reader.field(row, side), side)
        opened, high, low, close = (reader.number(reader.field(found, name), f"{side}.{name}") for name in "ohlc")
        return opened, high, low, close


def _begins_in_the_evening(instrument: Instrument) -> bool:
    """Whether the sessions of an instrument are the vendor's days."""
    table = calendar_of(instrument).table
    return table.zone == NEW_YORK and table.nominal_open == -_EVENING


def _ends(ask: Ask) -> tuple[str, str]:
    """The span as the vendor wants it, its end excluded; a day begins on the evening before its date."""
    begins = ask.first - timedelta(days=1 if ask.timeframe is Timeframe.D1 else 0)
    first, last = begins, ask.last + timedelta(seconds=1)
    return f"{first:%Y-%m-%dT%H:%M:%SZ}", f"{last:%Y-%m-%dT%H:%M:%SZ}"
