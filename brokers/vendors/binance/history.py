"""Binance's candles: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints.

An answer has at most 1,000 of them, so no question spans more. A client that does not wait after 429 is banned (418).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from brokers.vendors.answers import UNKNOWN, Reader
from brokers.vendors.history import Ask, Candle, has_utc_days, served, unknown
from brokers.vendors.http_client import HttpClient, VendorRefused
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import AssetClass, Instrument

LENGTHS = {
    Timeframe.M1: "1m",
    Timeframe.M5: "5m",
    Timeframe.M15: "15m",
    Timeframe.M30: "30m",
    Timeframe.H1: "1h",
    Timeframe.H2: "2h",
    Timeframe.H4: "4h",
    Timeframe.D1: "1d",
}
MOST = 1_000
UNKNOWN_SYMBOL = (-1121, -1100)
"""An invalid symbol, and one with letters that no symbol has."""
FIELDS = ("the start", "open", "high", "low", "close", "volume")


class BinanceHistory:
    """Candles by REST. Prices are in the quote currency of the pair, which is a stable coin more often than dollars."""

    name = "binance"

    def __init__(self, client: HttpClient) -> None:
        self._client, self._reader = client, Reader(client.where)

    def symbol(self, instrument: Instrument) -> str:
        """``BTCUSDT``: the pair, as the instrument is called.

        Raises:
            DataError: for anything but crypto.
        """
        return served(instrument.symbol, instrument, self.name, (AssetClass.CRYPTO,))

    def kind_of(self, _instrument: Instrument) -> BarKind:
        """Trades."""
        return BarKind.TRADE

    def spans(self, instrument: Instrument) -> Mapping[Timeframe, timedelta]:
        """As many bars as an answer has; days are UTC's, and made where those of the instrument are not."""
        found = {timeframe: MOST * timedelta(seconds=timeframe.seconds) for timeframe in LENGTHS}
        if not has_utc_days(instrument):
            for timeframe in (Timeframe.H2, Timeframe.H4, Timeframe.D1):
                del found[timeframe]
        return found

    def candles(self, ask: Ask) -> Iterator[Candle]:
        """The candles of a span.

        Raises:
            DataError: as :meth:`brokers.vendors.history.History.candles`.
        """
        first, last = (round(moment.timestamp() * 1000) for moment in (ask.first, ask.last))
        asked: dict[str, str | int] = {"symbol": ask.symbol, "interval": LENGTHS[ask.timeframe], "startTime": first,
                                       "endTime": last, "limit": MOST}  # fmt: skip
        try:
            answer = self._client.get("/api/v3/klines", asked, "klines")
        except VendorRefused as refusal:
            if isinstance(refusal.body, dict) and refusal.body.get("code") in UNKNOWN_SYMBOL:
                raise unknown(ask, self.name) from refusal
            raise
        if answer is None:
            raise self._reader.wrong("the answer is no list: None")
        for row in self._reader.rows(answer, "the answer"):
            yield self._candle(row)

    def _candle(self, answer: object) -> Candle:
        reader = self._reader
        row = reader.rows(answer, "a bar")
        if len(row) < len(FIELDS):
            raise reader.wrong(f"a bar lacks {FIELDS[len(row)]!r}: {row!r}")
        opened, high, low, close, volume = map(reader.number, row[1:6], FIELDS[1:])
        return Candle(reader.milliseconds(row[0], "the start"), opened, high, low, close, volume, UNKNOWN)
