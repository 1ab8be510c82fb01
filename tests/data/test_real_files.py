"""Every bar file of the real data set, against what was measured by loading it with other tools (``quirks.json``)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradewright.formats.bars_reader import Reading
from tradewright.formats.column_mapping import ColumnMapping, mapping_of
from tradewright.formats.lean.actions import read_factors, read_map
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.resample import resample
from tradewright.formats.tabular import read_csv, read_feather
from tradewright.model.bars import OHLCV, BarKind, PriceView, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.store.bars import BarStore

pytestmark = pytest.mark.real_data

BITFINEX = mapping_of({"header": False, "columns": {"ts": 0, "open": 1, "close": 2, "high": 3, "low": 4, "volume": 5}})
INTRADAY = ColumnMapping(time_format="%m/%d/%Y %H:%M", zone="America/New_York")
YAHOO, BACKTESTING = "mplfinance/examples/data", "backtesting_py/backtesting/test"
FREQTRADE, NAUTILUS = "freqtrade/tests/testdata", "nautilus_trader/tests/test_data"
ZIPLINE = "zipline/tests/resources/csvdir_samples/csvdir/daily"

TEXT = [
    (f"{BACKTESTING}/EURUSD.csv", "1h", None),
    (f"{BACKTESTING}/GOOG.csv", "1d", None),
    ("bitfinex/BTCUSD/Candles_1m/2018/merged_from_raw.csv.gz", "1m", BITFINEX),
    ("bitfinex/ETHUSD/Candles_1m/2016/merged.csv.gz", "1m", BITFINEX),
    ("bitfinex/ETHUSD/Candles_1m/2018/merged_from_raw.csv.gz", "1m", BITFINEX),
    (f"{YAHOO}/SP500_NOV2019_Hist.csv", "1d", None),
    (f"{YAHOO}/SP500_NOV2019_IDay.csv", "1m", INTRADAY),
    (f"{YAHOO}/yahoofinance-AAPL-20040819-20180120.csv", "1d", None),
    (f"{YAHOO}/yahoofinance-GOOG-20040819-20180120.csv", "1d", None),
    (f"{NAUTILUS}/btc-perp-20211231-20220201_1m.csv", "1m", None),
    (f"{NAUTILUS}/fxcm/usdjpy-m1-ask-2013.csv", "1m", None),
    (f"{NAUTILUS}/fxcm/usdjpy-m1-bid-2013.csv", "1m", None),
    (f"{NAUTILUS}/xcme/6EH4.XCME_1min_bars_20240101_20240131.csv.gz", "1m", None),
    *((f"{ZIPLINE}/{ticker}.csv.gz", "1d", None) for ticker in ("AAPL", "IBM", "KO", "MSFT")),
]
FEATHER = [
    ("ETH_BTC-5m", "5m"),
    ("LTC_BTC-5m", "5m"),
    ("UNITTEST_BTC-1m", "1m"),
    ("UNITTEST_BTC-5m", "5m"),
    ("XRP_ETH-1m", "1m"),
    ("XRP_ETH-5m", "5m"),
    ("futures/UNITTEST_USDT_USDT-1h-mark", "1h"),
    ("futures/XRP_USDT_USDT-1h-futures", "1h"),
    ("futures/XRP_USDT_USDT-1h-mark", "1h"),
    ("futures/XRP_USDT_USDT-5m-futures", "5m"),
]
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
    *(("future/cme", f"es:{month}", "1m", "trade") for month in (201312, 201403)),
    *(("future/cme", f"es:{month}", "1m", "quote") for month in (201312, 201403, 201406, 201409, 201412)),
]
CLASSES = {"equity": "stock", "cryptofuture": "crypto"}


@cache
def measured(folder: Path) -> list[dict[str, object]]:
    files: list[dict[str, object]] = json.loads((folder / "quirks.json").read_text())["files"]
    return files


def assert_as_measured(reading: Reading, records: list[dict[str, object]], zone: str, *, dated: bool) -> None:
    """Rows, first and last time, and zero volumes; a daily file is dated, so only dates count."""
    frame, moved = reading.frame, sum(reading.dropped.values())
    assert len(frame) == sum(int(str(record["rows"])) for record in records) - moved
    assert frame["ts"].is_monotonic_increasing
    if moved:
        return
    for found, wanted in (
        (frame["ts"].iloc[0], records[0]["first_ts"]),
        (frame["ts"].iloc[-1], records[-1]["last_ts"]),
    ):
        stamp = pd.Timestamp(str(wanted))
        if dated:
            assert found.date() == stamp.date()
        else:
            assert found == (stamp.tz_localize(zone) if stamp.tzinfo is None else stamp)


@pytest.mark.parametrize(("name", "timeframe", "mapping"), TEXT)
def test_text_files(real_data: Path, name: str, timeframe: str, mapping: ColumnMapping | None) -> None:
    reading = read_csv(real_data / name, Timeframe(timeframe), mapping)
    records = [record for record in measured(real_data) if record["file"] == name]
    assert_as_measured(reading, records, mapping.zone if mapping else "UTC", dated=timeframe == "1d")
    if "zero_volume_bars" in records[0]:
        assert reading.frame["volume"].eq(0).sum() == records[0]["zero_volume_bars"]


@pytest.mark.parametrize(("name", "timeframe"), FEATHER)
def test_feather_files(real_data: Path, name: str, timeframe: str) -> None:
    path = f"{FREQTRADE}/{name}.feather"
    records = [record for record in measured(real_data) if record["file"] == path]
    assert_as_measured(read_feather(real_data / path, Timeframe(timeframe)), records, "UTC", dated=False)


@pytest.mark.parametrize(("place", "ticker", "timeframe", "kind"), LEAN)
def test_lean_files(real_data: Path, place: str, ticker: str, timeframe: str, kind: str) -> None:
    security, symbol = place.partition("/")[0], ticker.partition(":")
    lean = {"lean": f"{place}/{ticker}"}
    instrument = Instrument(
        symbol=symbol[0].upper(), asset_class=AssetClass(CLASSES.get(security, security)), venue_symbols=lean
    )
    reading = read_lean(real_data / "lean" / "Data", instrument, Timeframe(timeframe), BarKind(kind))
    resolution = {"1d": "daily", "1h": "hour", "1m": "minute"}[timeframe]
    records = [
        record
        for record in measured(real_data)
        if str(record["file"]).startswith(f"lean/Data/{place}/{resolution}/{symbol[0]}")
        and record.get("symbol", symbol[0]) == symbol[0]
        and (kind == "quote") == (record["kind"] == "quote_bar")
        and record["kind"] != "open_interest"
        and str(record.get("entry", symbol[2])).removesuffix(".csv").endswith(symbol[2])
    ]
    assert reading.kind == kind
    assert reading.dropped.get("quotes of one side only have no mid price", 0) == sum(
        int(str(record.get("rows_with_nan", 0))) for record in records
    )
    zone = {"equity": "America/New_York", "index": "America/Chicago"}.get(security, "UTC")
    assert_as_measured(reading, records, zone, dated=timeframe == "1d")


def test_an_intraday_file_with_two_readings_of_its_dates_needs_a_mapping(real_data: Path) -> None:
    with pytest.raises(DataError, match="may be month/day or day/month"):
        read_csv(real_data / YAHOO / "SP500_NOV2019_IDay.csv", Timeframe.M1)


def test_a_vendors_bad_rows_are_refused_by_number_or_dropped(real_data: Path) -> None:
    path = real_data / YAHOO / "yahoofinance-SPY-20080101-20180101.csv"
    with pytest.raises(DataError, match="row 1807, 1824: low"):
        read_csv(path, Timeframe.D1)
    reading = read_csv(path, Timeframe.D1, ColumnMapping(on_violation="drop"))
    assert (len(reading.frame), list(reading.dropped.values())) == (2517, [2])


def test_files_of_other_kinds_are_refused(real_data: Path) -> None:
    with pytest.raises(DataError, match="no column for open"):
        read_feather(real_data / FREQTRADE / "XRP_ETH-trades.feather", Timeframe.M1)
    with pytest.raises(DataError, match="a bar starts on the grid of 4h"):
        read_feather(real_data / FREQTRADE / "futures/XRP_USDT_USDT-8h-funding_rate.feather", Timeframe.H4)
    with pytest.raises(DataError, match=r"not a readable|no column"):
        read_csv(real_data / "lean/Data/equity/usa/daily/spy.zip", Timeframe.D1)


def test_months_are_not_taken_for_days(real_data: Path) -> None:
    """Dated on the last day of each month."""
    path = real_data / BACKTESTING / "BTCUSD.csv"
    with pytest.raises(DataError, match="the rows are weeks apart, and no bars of 1d") as refused:
        read_csv(path, Timeframe.D1)
    assert refused.value.remedy == "say --timeframe 1mo"
    with pytest.raises(DataError, match="no bars of 1w"):
        read_csv(path, Timeframe.W1, ColumnMapping(stamp="close"))
    records = [row for row in measured(real_data) if row["file"] == f"{BACKTESTING}/BTCUSD.csv"]
    frame = read_csv(path, Timeframe.MO1).frame
    assert len(frame) == records[0]["rows"]
    assert set(frame["ts"].dt.day) == {1}
    assert frame["ts"].iloc[0] == pd.Timestamp("2012-01-01", tz="UTC")
    assert frame["close"].iloc[0] == 5.55


def test_resampled_minutes_equal_the_vendors_own_five_minutes(real_data: Path) -> None:
    minutes = read_feather(real_data / FREQTRADE / "XRP_ETH-1m.feather", Timeframe.M1).frame
    fives = read_feather(real_data / FREQTRADE / "XRP_ETH-5m.feather", Timeframe.M5).frame
    pd.testing.assert_frame_equal(resample(minutes, Timeframe.M1, Timeframe.M5), fives)


def test_total_return_prices_of_spy(real_data: Path, tmp_path: Path) -> None:
    """The eight sessions and the fill price of the reference result."""
    data, spy = real_data / "lean" / "Data", Instrument(symbol="SPY", asset_class=AssetClass.ETF)
    store = BarStore(tmp_path)
    store.upsert("SPY", Timeframe.D1, BarKind.TRADE, read_lean(data, spy, Timeframe.D1).frame)
    factors = read_factors(data, spy)
    assert factors is not None
    store.actions.write_factors("SPY", factors)
    bars = store.read("SPY", Timeframe.D1, BarKind.TRADE, "2013-10-08", "2013-10-17", PriceView.TOTAL_RETURN)
    assert len(bars) == 8
    assert bars["open"].iloc[1] == pytest.approx(143.372383, abs=5e-7)
    assert len(store.read("SPY", Timeframe.D1, start="2004-01-01", end="2015-01-01")) == 2769


def test_split_adjusted_apple_agrees_with_a_vendor_that_adjusted_it(real_data: Path, tmp_path: Path) -> None:
    data, apple = real_data / "lean" / "Data", Instrument(symbol="AAPL", asset_class=AssetClass.STOCK)
    store = BarStore(tmp_path)
    store.upsert("AAPL", Timeframe.D1, BarKind.TRADE, read_lean(data, apple, Timeframe.D1).frame)
    factors = read_factors(data, apple)
    assert factors is not None
    store.actions.write_factors("AAPL", factors)
    ours = store.read("AAPL", Timeframe.D1, start="2012-01-03", end="2014-12-31", view=PriceView.SPLIT_ADJUSTED)
    theirs = read_csv(real_data / ZIPLINE / "AAPL.csv.gz", Timeframe.D1).frame
    assert ours["ts"].dt.date.tolist() == theirs["ts"].dt.date.tolist()
    ratio = ours["close"].to_numpy() / theirs["close"].to_numpy()  # theirs misses the 4:1 split of 2020
    np.testing.assert_allclose(ratio, 0.25, rtol=2e-3)
    raw = store.read("AAPL", Timeframe.D1, start="2014-06-06", end="2014-06-09")
    assert raw["close"].iloc[0] == 645.57
    assert raw["open"].iloc[1] == 92.69


def test_the_ticker_history_of_google(real_data: Path) -> None:
    spans = read_map(real_data / "lean" / "Data", Instrument(symbol="GOOG", asset_class=AssetClass.STOCK))
    assert spans is not None
    assert [(span.last.isoformat(), span.ticker) for span in spans] == [
        ("2014-03-27", "GOOCV"),
        ("2014-04-02", "GOOCV"),
        ("2050-12-31", "GOOG"),
    ]


def test_extended_hours_are_kept_and_regular_minutes_make_the_day(real_data: Path) -> None:
    data, spy = real_data / "lean" / "Data", Instrument(symbol="SPY", asset_class=AssetClass.ETF)
    minutes = read_lean(data, spy, Timeframe.M1).frame
    hour = minutes["ts"].dt.tz_convert("America/New_York")
    regular = minutes[(hour.dt.time >= pd.Timestamp("09:30").time()) & (hour.dt.time < pd.Timestamp("16:00").time())]
    assert len(regular) == 6 * 390
    days = read_lean(data, spy, Timeframe.D1).frame.set_index("ts")
    found = resample(regular, Timeframe.M1, Timeframe.D1).set_index("ts")
    wanted = days.loc[found.index]
    np.testing.assert_array_equal(found[["open", "close"]], wanted[["open", "close"]])
    np.testing.assert_allclose(found[["high", "low"]], wanted[["high", "low"]], atol=0.07)
    assert (found["volume"] / wanted["volume"]).between(0.98, 1.0).all()
    assert list(OHLCV) == list(found.columns[:5])
