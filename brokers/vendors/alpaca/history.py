"""Alpaca's bars of stocks and funds: https://docs.alpaca.markets/reference/stockbars.

``adjustment=raw`` gives the prices that were traded. A page has at most 10,000 bars, and may have fewer while there are
more: ``next_page_token`` alone tells the end. Data of the last 15 minutes of all exchanges need a paid plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from brokers.vendors.answers import UNKNOWN, Reader
from brokers.vendors.history import Ask, Candle, has_utc_days, opens_at_full_hours, served, unknown
from brokers.vendors.http_client import HttpClient, VendorRefused
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import AssetClass, Instrument

LENGTHS = {
    Timeframe.M1: "1Min",
    Timeframe.M5: "5Min",
    Timeframe.M15: "15Min",
    Timeframe.M30: "30Min",
    Timeframe.H1: "1Hour",
    Timeframe.D1: "1Day",
}
SERVED = frozenset({AssetClass.STOCK, AssetClass.ETF})
MOST, MOST_PAGES = 10_000, 200
EXCHANGE = "America/New_York"
BEGINNING = "2016-01-01T00:00:00Z"
"""The vendor has no bars of before."""


class AlpacaHistory:
    """Bars by REST.

    Args:
        tape: ``sip`` or ``iex``.
    """

    name = "alpaca"

    def __init__(self, client: HttpClient, tape: str) -> None:
        self._client, self._tape, self._reader = client, tape, Reader(client.where)
        self._known: set[str] = set()

    def symbol(self, instrument: Instrument) -> str:
        """``AAPL``.

        Raises:
            DataError: for anything but stocks and funds.
        """
        return served(instrument.symbol, instrument, self.name, SERVED)

    def kind_of(self, _instrument: Instrument) -> BarKind:
        """Trades."""
        return BarKind.TRADE

    def spans(self, instrument: Instrument) -> Mapping[Timeframe, timedelta]:
        """A month of minutes is two pages. Hours that begin at the clock's are left to be made, as days of UTC are."""
        found = dict.fromkeys(LENGTHS, timedelta(days=30)) | {Timeframe.D1: timedelta(days=3650)}
        if not opens_at_full_hours(instrument):
            del found[Timeframe.H1]
        if has_utc_days(instrument):
            del found[Timeframe.D1]
        return found

    def candles(self, ask: Ask) -> Iterator[Candle]:
        """The bars of a span, page by page.

        Raises:
            DataError: as :meth:`brokers.vendors.history.History.candles`.
        """
        found = 0
        try:
            for row in self._rows(ask.symbol, LENGTHS[ask.timeframe], _ends(ask)):
                yield self._candle(ask, row)
                found += 1
        except VendorRefused as refusal:
            if refusal.status in (400, 422) and "invalid symbol" in str(refusal.body).lower():
                raise unknown(ask, self.name) from refusal
            raise
        if not found and ask.symbol not in self._known and not self._has_days(ask.symbol):
            raise unknown(ask, self.name)
        self._known.add(ask.symbol)

    def _rows(self, symbol: str, length: str, ends: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        reader, token = self._reader, ""
        how: dict[str, str | int] = {"limit": MOST, "adjustment": "raw", "feed": self._tape, "sort": "asc"}
        parameters = {"symbols": symbol, "timeframe": length, **ends, **how}
        for _ in range(MOST_PAGES):
            asked = parameters | ({"page_token": token} if token else {})
            page = reader.mapping(self._client.get("/v2/stocks/bars", asked, "bars"), "the answer")
            bars = reader.mapping(reader.field(page, "bars") or {}, "bars")
            if others := bars.keys() - {symbol}:
                raise reader.wrong(f"the answer is about {', '.join(sorted(others))}, not about {symbol}")
            yield from (reader.mapping(row, "a bar") for row in reader.rows(bars.get(symbol), "bars"))
            onward = reader.field(page, "next_page_token")
            if onward is None:
                return
            if not isinstance(onward, str) or onward in ("", token):
                raise reader.wrong("the token of the next page is none")
            token = onward
        raise reader.wrong(f"the answer has more than {MOST_PAGES} pages")

    def _candle(self, ask: Ask, row: Mapping[str, Any]) -> Candle:
        reader = self._reader
        start = reader.moment(reader.field(row, "t"), "t")
        if ask.timeframe is Timeframe.D1:
            start = pd.Timestamp(start, tz="UTC").tz_convert(EXCHANGE).normalize().tz_localize(None).value
        opened, high, low, close, volume = (reader.number(reader.field(row, name), name) for name in "ohlcv")
        return Candle(start, opened, high, low, close, volume, UNKNOWN)

    def _has_days(self, symbol: str) -> bool:
        """Whether the vendor has any day of a symbol, which an empty answer does not tell."""
        return next(self._rows(symbol, "1Day", {"start": BEGINNING}), None) is not None


def _ends(ask: Ask) -> dict[str, str]:
    """First and last bar, both included; a day begins at midnight in New York, five hours or four after UTC's."""
    last = ask.last + timedelta(hours=6 if ask.timeframe is Timeframe.D1 else 0)
    return {"start": f"{ask.first:%Y-%m-%dT%H:%M:%SZ}", "end": f"{last:%Y-%m-%dT%H:%M:%SZ}"}
