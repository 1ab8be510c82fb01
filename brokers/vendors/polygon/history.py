"""Polygon's aggregates: https://massive.com/docs/rest/stocks/aggregates/custom-bars.

``adjusted=false`` gives the prices that were traded. A page holds what 50,000 minutes (or days) add up to, and names
the next one; an interval without trades has no bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pandas as pd

from brokers.vendors.answers import UNKNOWN, Reader
from brokers.vendors.history import Ask, Candle, has_utc_days, opens_at_full_hours, served, unknown
from brokers.vendors.http_client import HttpClient
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import AssetClass, Instrument

RANGES = {
    Timeframe.M1: "1/minute",
    Timeframe.M5: "5/minute",
    Timeframe.M15: "15/minute",
    Timeframe.M30: "30/minute",
    Timeframe.H1: "1/hour",
    Timeframe.D1: "1/day",
}
PREFIXES = {
    AssetClass.STOCK: "",
    AssetClass.ETF: "",
    AssetClass.INDEX: "I:",
    AssetClass.FOREX: "C:",
    AssetClass.METAL: "C:",
    AssetClass.CRYPTO: "X:",
}
COUNTED = frozenset({AssetClass.STOCK, AssetClass.ETF, AssetClass.CRYPTO})
"""Classes whose volume is in units; of currencies and metals the vendor counts quotes, of indices nothing."""
MOST, MOST_PAGES = 50_000, 200
GOOD = frozenset({"OK", "DELAYED"})
EXCHANGE = "America/New_York"


class PolygonHistory:
    """Aggregates by REST; the address of a next page is asked at our own host, whichever one the vendor names."""

    name = "polygon"

    def __init__(self, client: HttpClient) -> None:
        self._client, self._reader = client, Reader(client.where)
        self._known: set[str] = set()

    def symbol(self, instrument: Instrument) -> str:
        """``AAPL``, ``I:SPX``, ``C:EURUSD``, ``X:BTCUSD``.

        Raises:
            DataError: for futures and contracts for difference.
        """
        of, symbol = instrument.asset_class, instrument.symbol
        pair = symbol + instrument.currency if of is AssetClass.CRYPTO and not _is_pair(instrument) else symbol
        return served(PREFIXES.get(of, "") + pair, instrument, self.name, PREFIXES)

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """Trades of stocks, funds and crypto; of currencies and metals middles without a spread, of indices values."""
        return BarKind.TRADE if instrument.asset_class in COUNTED else None

    def spans(self, instrument: Instrument) -> Mapping[Timeframe, timedelta]:
        """A month of minutes is one page.

        Hours are left to be made where the session opens at 09:30, because the vendor's first one mixes in what was
        traded before it, and days where ours are neither New York's dates of a stock nor UTC's of crypto.
        """
        found = dict.fromkeys(RANGES, timedelta(days=30)) | {Timeframe.D1: timedelta(days=3650)}
        if not opens_at_full_hours(instrument):
            del found[Timeframe.H1]
        of_dates = instrument.asset_class in (AssetClass.STOCK, AssetClass.ETF, AssetClass.INDEX)
        of_utc = instrument.asset_class is AssetClass.CRYPTO
        if not (of_utc if has_utc_days(instrument) else of_dates):
            del found[Timeframe.D1]
        return found

    def candles(self, ask: Ask) -> Iterator[Candle]:
        """The aggregates of a span, page by page.

        Raises:
            DataError: as :meth:`brokers.vendors.history.History.candles`.
        """
        path = f"/v2/aggs/ticker/{quote(ask.symbol, safe=':')}/range/{RANGES[ask.timeframe]}/{_ends(ask)}"
        parameters: dict[str, str | int] = {"adjusted": "false", "sort": "asc", "limit": MOST}
        found = 0
        for _ in range(MOST_PAGES):
            page = self._page(ask, self._client.get(path, parameters, "aggregates"))
            rows = self._reader.rows(page.get("results"), "results")
            if page.get("resultsCount", len(rows)) != len(rows):
                raise self._reader.wrong(f"{len(rows)} bars came, and the answer announces {page['resultsCount']}")
            yield from (self._candle(ask, row) for row in rows)
            found += len(rows)
            if not (onward := page.get("next_url")):
                break
            path, parameters = self._onward(onward)
        else:
            raise self._reader.wrong(f"the answer has more than {MOST_PAGES} pages")
        if not found and ask.symbol not in self._known and not self._is_listed(ask.symbol):
            raise unknown(ask, self.name)
        self._known.add(ask.symbol)

    def _page(self, ask: Ask, answer: object) -> Mapping[str, Any]:
        page = self._reader.mapping(answer, "the answer")
        if page.get("status") not in GOOD:
            raise self._reader.wrong(f"the answer has the status {page.get('status')!r}")
        if page.get("ticker", ask.symbol) != ask.symbol:
            raise self._reader.wrong(f"the answer is about {page['ticker']!r}, not about {ask.symbol}")
        if page.get("adjusted"):
            raise self._reader.wrong("the prices are adjusted, and raw ones were asked for")
        return page

    def _onward(self, onward: object) -> tuple[str, dict[str, str | int]]:
        parts = urlsplit(onward) if isinstance(onward, str) else None
        if parts is None or not parts.path.startswith("/v2/aggs/"):
            raise self._reader.wrong("the address of the next page is not one of aggregates")
        return parts.path, {name: value for name, value in parse_qsl(parts.query) if name.lower() != "apikey"}

    def _candle(self, ask: Ask, answer: object) -> Candle:
        reader = self._reader
        row = reader.mapping(answer, "a bar")
        start = reader.milliseconds(reader.field(row, "t"), "t")
        if ask.timeframe is Timeframe.D1 and ask.instrument.asset_class is not AssetClass.CRYPTO:
            start = pd.Timestamp(start, tz="UTC").tz_convert(EXCHANGE).normalize().tz_localize(None).value
        opened, high, low, close = (reader.number(reader.field(row, name), name) for name in "ohlc")
        counted = ask.instrument.asset_class in COUNTED
        volume = reader.number(reader.field(row, "v"), "v") if counted else UNKNOWN
        return Candle(start, opened, high, low, close, volume, UNKNOWN)

    def _is_listed(self, symbol: str) -> bool:
        """Whether there is, or was, such a ticker: an empty answer does not tell."""
        for active in ("true", "false"):
            asked: dict[str, str | int] = {"ticker": symbol, "active": active, "limit": 1}
            answer = self._reader.mapping(self._client.get("/v3/reference/tickers", asked, "tickers"), "the answer")
            if self._reader.rows(answer.get("results"), "results"):
                return True
        return False


def _is_pair(instrument: Instrument) -> bool:
    return instrument.symbol.endswith(instrument.currency) and instrument.symbol != instrument.currency


def _ends(ask: Ask) -> str:
    """First and last bar as the path has them: dates, or milliseconds."""
    if ask.timeframe is Timeframe.D1:
        return f"{ask.first:%Y-%m-%d}/{ask.last:%Y-%m-%d}"
    return "/".join(str(round(moment.timestamp() * 1000)) for moment in (ask.first, ask.last))
