"""Yahoo's charts: no document of the vendor's describes them; these are the fields that its own pages read.

Prices and volumes come adjusted for every split until today. They are brought back to what was traded with the splits
that the same chart tells, and to the seven digits of which the vendor is sure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from brokers.vendors.answers import UNKNOWN, Reader
from brokers.vendors.history import Ask, Candle, has_utc_days, served, unknown
from brokers.vendors.http_client import HttpClient, VendorRefused
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.instrument import AssetClass, Instrument

INTERVALS = {Timeframe.M1: "1m", Timeframe.M5: "5m", Timeframe.M15: "15m", Timeframe.D1: "1d"}
"""Half hours and hours are left to be made: the vendor's are of fifteen minutes in part, and begin by the clock."""
SPANS = {Timeframe.M1: 7, Timeframe.M5: 50, Timeframe.M15: 50, Timeframe.D1: 3650}
"""Days of one question."""
SERVED = frozenset({AssetClass.STOCK, AssetClass.ETF, AssetClass.INDEX, AssetClass.CRYPTO})
COUNTED = frozenset({AssetClass.STOCK, AssetClass.ETF})
"""Classes whose volume is in units; that of crypto is in dollars, that of an index of its members."""
DIGITS = 7
COLUMNS = ("open", "high", "low", "close")
_SECOND = 1_000_000_000


class YahooHistory:
    """Charts by REST."""

    name = "yahoo"

    def __init__(self, client: HttpClient, clock: Clock) -> None:
        self._client, self._clock, self._reader = client, clock, Reader(client.where)
        self._splits: dict[str, list[tuple[int, float]]] = {}

    def symbol(self, instrument: Instrument) -> str:
        """``AAPL``, ``BTC-USD``; ``venue_symbols`` names an index (``^GSPC``).

        Raises:
            DataError: for currencies, metals, futures and contracts for difference.
        """
        symbol, currency = instrument.symbol, instrument.currency
        if instrument.asset_class is AssetClass.CRYPTO:
            coin = symbol.removesuffix(currency) if symbol != currency else symbol
            symbol = f"{coin}-{currency}"
        return served(symbol, instrument, self.name, SERVED)

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """Trades; of indices values."""
        return None if instrument.asset_class is AssetClass.INDEX else BarKind.TRADE

    def spans(self, instrument: Instrument) -> Mapping[Timeframe, timedelta]:
        """A week of minutes; days where they are New York's dates of a stock, or UTC's of crypto."""
        found = {each: timedelta(days=days) for each, days in SPANS.items()}
        if has_utc_days(instrument) != (instrument.asset_class is AssetClass.CRYPTO):
            del found[Timeframe.D1]
        return found

    def candles(self, ask: Ask) -> Iterator[Candle]:
        """The bars of a chart, as they were traded.

        Raises:
            DataError: as :meth:`brokers.vendors.history.History.candles`.
        """
        reader = self._reader
        last = ask.last + timedelta(seconds=ask.timeframe.seconds if ask.timeframe is Timeframe.D1 else 1)
        chart = self._chart(ask, INTERVALS[ask.timeframe], round(ask.first.timestamp()), round(last.timestamp()))
        if chart is None:
            return
        meta = reader.mapping(reader.field(chart, "meta"), "meta")
        if meta.get("symbol") != ask.symbol:
            raise reader.wrong(f"the answer is about {meta.get('symbol')!r}, not about {ask.symbol}")
        if meta.get("dataGranularity") != INTERVALS[ask.timeframe]:
            raise reader.wrong(f"the answer is of {meta.get('dataGranularity')!r}, not of {ask.timeframe}")
        starts, columns = self._columns(chart)
        splits, zone = self._splits_of(ask), self._zone(meta)
        for row, start in enumerate(starts):
            prices = [columns[name][row] for name in COLUMNS]
            if all(price is None for price in prices):
                continue  # nothing was traded
            moment = reader.number(start, "timestamp")
            is_last = row == len(starts) - 1
            if is_last and ask.timeframe is not Timeframe.D1 and moment % ask.timeframe.seconds:
                continue  # the price of this moment, which the vendor puts behind its bars
            yield self._candle(ask, int(moment), prices, columns["volume"][row], splits, zone)

    def _candle(
        self, ask: Ask, moment: int, prices: Sequence[Any], volume: Any, splits: list[tuple[int, float]], zone: ZoneInfo
    ) -> Candle:
        reader, factor = self._reader, 1.0
        for at, ratio in splits:
            factor *= ratio if moment < at else 1.0
        numbers = (reader.number(price, name) for price, name in zip(prices, COLUMNS, strict=True))
        opened, high, low, close = (float(f"{number * factor:.{DIGITS}g}") for number in numbers)
        counted = ask.instrument.asset_class in COUNTED and volume is not None
        traded = round(reader.number(volume, "volume") / factor, 4) if counted else UNKNOWN
        start = moment * _SECOND
        if ask.timeframe is Timeframe.D1:
            start = pd.Timestamp(start, tz="UTC").tz_convert(zone).normalize().tz_localize(None).value
        return Candle(start, opened, high, low, close, traded, UNKNOWN)

    def _columns(self, chart: Mapping[str, Any]) -> tuple[list[Any], dict[str, list[Any]]]:
        reader = self._reader
        starts = reader.rows(chart.get("timestamp"), "timestamp")
        if not starts:
            return [], {}
        indicators = reader.mapping(reader.field(chart, "indicators"), "indicators")
        found = reader.rows(indicators.get("quote"), "quote")
        quotes = reader.mapping(found[0] if found else None, "quote")
        columns = {name: reader.rows(reader.field(quotes, name), name) for name in (*COLUMNS, "volume")}
        if wrong := [name for name, values in columns.items() if len(values) != len(starts)]:
            raise reader.wrong(f"{wrong[0]} lacks values: {len(columns[wrong[0]])} for {len(starts)} bars")
        return starts, columns

    def _zone(self, meta: Mapping[str, Any]) -> ZoneInfo:
        try:
            return ZoneInfo(str(meta.get("exchangeTimezoneName")))
        except (ZoneInfoNotFoundError, ValueError):
            raise self._reader.wrong(f"the zone of the market is none: {meta.get('exchangeTimezoneName')!r}") from None

    def _splits_of(self, ask: Ask) -> list[tuple[int, float]]:
        """When each split until today became effective, and by what it multiplied the number of shares."""
        if ask.instrument.asset_class not in COUNTED:
            return []
        if ask.symbol not in self._splits:
            chart = self._chart(ask, "3mo", 0, round(self._clock.now().timestamp()))
            events = self._reader.mapping((chart or {}).get("events") or {}, "events")
            rows = self._reader.mapping(events.get("splits") or {}, "splits")
            self._splits[ask.symbol] = [self._split(row) for row in rows.values()]
        return self._splits[ask.symbol]

    def _split(self, answer: object) -> tuple[int, float]:
        reader = self._reader
        row = reader.mapping(answer, "a split")
        date, top, bottom = (
            reader.number(reader.field(row, name), name) for name in ("date", "numerator", "denominator")
        )
        if top <= 0 or bottom <= 0:
            raise reader.wrong(f"a split is none: {top:g} for {bottom:g}")
        return int(date), top / bottom

    def _chart(self, ask: Ask, interval: str, first: int, last: int) -> Mapping[str, Any] | None:
        reader = self._reader
        asked: dict[str, str | int] = {"period1": first, "period2": last, "interval": interval,
                                       "includePrePost": "false", "events": "splits"}  # fmt: skip
        try:
            answer = self._client.get(f"/v8/finance/chart/{quote(ask.symbol, safe='')}", asked, "chart")
        except VendorRefused as refusal:
            if refusal.status == 404:
                raise unknown(ask, self.name) from refusal
            raise
        chart = reader.mapping(reader.mapping(answer, "the answer").get("chart"), "chart")
        rows = reader.rows(chart.get("result"), "result")
        return reader.mapping(rows[0], "result") if rows else None
