"""Every series of bars in the real data set that the product can import, read as ``tradewright import`` reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from conf.compose import compose
from tradewright.calendars.registry import calendar_of
from tradewright.formats.bars_reader import Reading
from tradewright.formats.column_mapping import ColumnMapping, mapping_of
from tradewright.formats.corporate_actions import found_actions
from tradewright.formats.lean.actions import read_factors, read_map
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.tabular import read_csv, read_feather
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import Instrument, TickerSpan

BITFINEX = mapping_of({"header": False, "columns": {"ts": 0, "open": 1, "close": 2, "high": 3, "low": 4, "volume": 5}})
INTRADAY = ColumnMapping(time_format="%m/%d/%Y %H:%M", zone="America/New_York")
DROPPING = ColumnMapping(on_violation="drop")
YAHOO, BACKTESTING = "mplfinance/examples/data", "backtesting_py/backtesting/test"
FREQTRADE, NAUTILUS = "freqtrade/tests/testdata", "nautilus_trader/tests/test_data"
ZIPLINE = "zipline/tests/resources/csvdir_samples/csvdir/daily"

TABLES: list[tuple[str, str, str, ColumnMapping | None]] = [
    (f"{BACKTESTING}/EURUSD.csv", "EURUSD", "1h", None),
    (f"{BACKTESTING}/GOOG.csv", "GOOG", "1d", None),
    (f"{BACKTESTING}/BTCUSD.csv", "BTCUSD", "1mo", None),
    ("bitfinex/BTCUSD/Candles_1m/2018/merged_from_raw.csv.gz", "BTCUSD", "1m", BITFINEX),
    ("bitfinex/ETHUSD/Candles_1m/2016/merged.csv.gz", "ETHUSD", "1m", BITFINEX),
    ("bitfinex/ETHUSD/Candles_1m/2018/merged_from_raw.csv.gz", "ETHUSD", "1m", BITFINEX),
    (f"{YAHOO}/SP500_NOV2019_Hist.csv", "SPX", "1d", None),
    (f"{YAHOO}/SP500_NOV2019_IDay.csv", "SPX", "1m", INTRADAY),
    (f"{YAHOO}/yahoofinance-AAPL-20040819-20180120.csv", "AAPL", "1d", None),
    (f"{YAHOO}/yahoofinance-GOOG-20040819-20180120.csv", "GOOG", "1d", None),
    (f"{YAHOO}/yahoofinance-SPY-20080101-20180101.csv", "SPY", "1d", DROPPING),
    (f"{NAUTILUS}/btc-perp-20211231-20220201_1m.csv", "BTCUSD", "1m", None),
    (f"{NAUTILUS}/fxcm/usdjpy-m1-ask-2013.csv", "USDJPY", "1m", None),
    (f"{NAUTILUS}/fxcm/usdjpy-m1-bid-2013.csv", "USDJPY", "1m", None),
    (f"{NAUTILUS}/xcme/6EH4.XCME_1min_bars_20240101_20240131.csv.gz", "ES", "1m", None),
    *((f"{ZIPLINE}/{ticker}.csv.gz", ticker, "1d", None) for ticker in ("AAPL", "IBM", "KO", "MSFT")),
    *(
        (f"{FREQTRADE}/{name}.feather", symbol, timeframe, None)
        for name, symbol, timeframe in [
            ("ETH_BTC-5m", "ETHBTC", "5m"),
            ("LTC_BTC-5m", "LTCBTC", "5m"),
            ("UNITTEST_BTC-1m", "UNITTESTBTC", "1m"),
            ("UNITTEST_BTC-5m", "UNITTESTBTC", "5m"),
            ("UNITTEST_BTC-30m", "UNITTESTBTC", "30m"),
            ("XRP_ETH-1m", "XRPETH", "1m"),
            ("XRP_ETH-5m", "XRPETH", "5m"),
            ("futures/UNITTEST_USDT_USDT-1h-mark", "UNITTESTBTC", "1h"),
            ("futures/XRP_USDT_USDT-1h-futures", "XRPETH", "1h"),
            ("futures/XRP_USDT_USDT-1h-mark", "XRPETH", "1h"),
            ("futures/XRP_USDT_USDT-5m-futures", "XRPETH", "5m"),
        ]
    ),
]
"""File, instrument, timeframe, mapping. 6E and XRP/USDT are not declared: ES and XRPETH have the same calendars."""

DAILY = ("aapl", "aig", "bac", "goocv", "goog", "googl", "ibm", "qqq", "spy")
LEAN = [
    *(("equity/usa", ticker, "1d", "trade") for ticker in DAILY),
    *(("equity/usa", ticker, "1h", "trade") for ticker in ("aapl", "spy")),
    *(
        ("equity/usa", ticker, "1m", kind)
        for ticker in ["aapl", "aig", "bac", "goog", "ibm", "spy"]
        for kind in ("trade", "quote")
    ),
    *(("forex/oanda", "eurusd", timeframe, "quote") for timeframe in ("1d", "1h", "1m")),
    *(("index/usa", "spx", timeframe, "trade") for timeframe in ("1d", "1h", "1m")),
    ("index/usa", "ndx", "1h", "trade"),
    *(("crypto/coinbase", "btcusd", timeframe, kind) for timeframe in ("1d", "1m") for kind in ("trade", "quote")),
    *(("crypto/coinbase", "ethusd", "1m", kind) for kind in ("trade", "quote")),
    *(("crypto/bybit", "btcusdt", "1m", kind) for kind in ("trade", "quote")),
    ("crypto/bitfinex", "btcusd", "1h", "trade"),
    ("crypto/binance", "btcusdt", "1h", "trade"),
    *(("cryptofuture/binance", "btcusd", "1m", kind) for kind in ("trade", "quote")),
    *(("future/cme", f"es:{month}", "1m", "trade") for month in (201312, 201403, 201406, 201409)),
    *(("future/cme", f"es:{month}", "1m", "quote") for month in (201312, 201403, 201406, 201409, 201412)),
]
"""Folder, ticker, timeframe, kind."""
NO_BARS = {f"{FREQTRADE}/futures/XRP_USDT_USDT-8h-mark.feather": "8h is no timeframe of the product"}
"""Files of bars that are not imported, and why."""
ZONES = {"equity": "America/New_York", "index": "America/Chicago"}

Record = dict[str, object]


@dataclass(frozen=True)
class RealSeries:
    """One series, its instrument as the shipped configuration declares it, and what was measured in its files.

    Args:
        name: the file's, or ticker, timeframe and kind in LEAN's folder.
        factors: its corporate actions, with the column ``zone``; None where the files tell of none.
        records: of its files, in order of time, as ``quirks.json`` has them.
        zone: in which naive times of the records are.
    """

    name: str
    instrument: Instrument
    timeframe: Timeframe
    reading: Reading
    factors: pd.DataFrame | None
    symbol_map: list[TickerSpan]
    records: list[Record]
    zone: str

    @property
    def dated(self) -> bool:
        """Whether the records name dates, which the readings stamp with the opening of their session."""
        return self.timeframe in (Timeframe.D1, Timeframe.MO1)

    def files(self) -> Iterator[RealSeries]:
        """The series of each single file."""
        if len(self.records) == 1:
            yield self
            return
        days = pd.DatetimeIndex(self.reading.frame["ts"]).tz_convert(self.zone).tz_localize(None).normalize()
        for record in self.records:
            rows = np.asarray(days == pd.Timestamp(str(record["first_ts"])).normalize())
            part = self.reading.frame[rows].reset_index(drop=True)
            yield replace(self, reading=replace(self.reading, frame=part, dropped={}), records=[record])


@cache
def measured(folder: Path) -> list[Record]:
    """The records of ``quirks.json``."""
    files: list[Record] = json.loads((folder / "quirks.json").read_text())["files"]
    return files


@cache
def instruments() -> dict[str, Instrument]:
    """The shipped ones."""
    return compose().instruments


def read_table(folder: Path, name: str, symbol: str, timeframe: str, mapping: ColumnMapping | None) -> RealSeries:
    """A series of one file."""
    of, chosen = instruments()[symbol], Timeframe(timeframe)
    market, reader = calendar_of(of), read_feather if name.endswith(".feather") else read_csv
    opens, tick = partial(market.dated_starts, chosen), float(of.tick_size)
    reading = reader(folder / name, chosen, mapping, opens=opens, dates=market.session_dates, tick=tick)
    factors = None
    if any(column is not None for column in reading.actions):
        factors = found_actions(bars_of(reading.frame), reading.actions, market.table.zone).factors
        factors = None if factors is None else factors.assign(zone=market.table.zone)
    records = [record for record in measured(folder) if record["file"] == name]
    return RealSeries(name, of, chosen, reading, factors, [], records, mapping.zone if mapping else "UTC")


def folder_name(ticker: str, timeframe: str, kind: str) -> str:
    """The name of a series in LEAN's folder."""
    return f"{ticker.upper()} {timeframe} {kind}"


def folder_records(folder: Path, place: str, ticker: str, timeframe: str, kind: str) -> list[Record]:
    """The records of the files that hold a series of LEAN's folder."""
    symbol = ticker.partition(":")
    resolution = {"1d": "daily", "1h": "hour", "1m": "minute"}[timeframe]
    return [
        record
        for record in measured(folder)
        if str(record["file"]).startswith(f"lean/Data/{place}/{resolution}/{symbol[0]}")
        and record.get("symbol", symbol[0]) == symbol[0]
        and (kind == "quote") == (record["kind"] == "quote_bar")
        and record["kind"] != "open_interest"
        and str(record.get("entry", symbol[2])).removesuffix(".csv").endswith(symbol[2])
    ]


def read_folder(folder: Path, place: str, ticker: str, timeframe: str, kind: str) -> RealSeries:
    """A series of LEAN's folder."""
    data, security, symbol = folder / "lean" / "Data", place.partition("/")[0], ticker.partition(":")
    declared = instruments()[symbol[0].upper()]
    of = declared.model_copy(update={"venue_symbols": {"lean": f"{place}/{ticker}"}})
    chosen = Timeframe(timeframe)
    reading = read_lean(data, of, chosen, BarKind(kind), opens=calendar_of(of).daily_starts)
    factors, spans = (read_factors(data, of), read_map(data, of)) if security == "equity" else (None, None)
    if factors is not None:
        factors = factors.assign(zone="America/New_York")
    records = folder_records(folder, place, ticker, timeframe, kind)
    zone, name = ZONES.get(security, "UTC"), folder_name(ticker, timeframe, kind)
    return RealSeries(name, of, chosen, reading, factors, spans or [], records, zone)
