"""LEAN data folders, made here in small."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradewright.calendars.registry import calendar
from tradewright.formats.lean.actions import read_factors, read_map
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.quotes import ONE_SIDED
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import FACTOR_COLUMNS, AssetClass, Instrument, TickerSpan

M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1
SPY = Instrument(symbol="SPY", asset_class=AssetClass.ETF)
EURUSD = Instrument(symbol="EURUSD", asset_class=AssetClass.FOREX, calendar="24/5")
BTC = Instrument(symbol="BTCUSD", asset_class=AssetClass.CRYPTO, calendar="24/7")
TRADE = "34200000,1674100,1674900,1672500,1672700,3197\n34260000,1672700,1673000,1672500,1672600,1150\n"
QUOTE = "0,1.30,1.31,1.29,1.30,5,1.32,1.33,1.31,1.32,6\n60000,1.30,1.31,1.29,1.30,5,,,,,\n"


def archive(data: Path, name: str, content: str | dict[str, str]) -> Path:
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = content if isinstance(content, dict) else {f"{path.stem}.csv": content}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, text in entries.items():
            file.writestr(entry, text)
    return path


def named(symbol: str, asset_class: AssetClass, lean: str) -> Instrument:
    return Instrument(symbol=symbol, asset_class=asset_class, venue_symbols={"lean": lean})


def test_equity_minutes_are_scaled_and_of_new_york(tmp_path: Path) -> None:
    archive(tmp_path, "equity/usa/minute/spy/20131007_trade.zip", TRADE)
    archive(tmp_path, "equity/usa/minute/spy/20131004_trade.zip", TRADE)
    reading = read_lean(tmp_path, SPY, M1)
    assert reading.kind is BarKind.TRADE
    assert reading.frame["ts"].tolist() == [
        pd.Timestamp(text)
        for text in ("2013-10-04T13:30Z", "2013-10-04T13:31Z", "2013-10-07T13:30Z", "2013-10-07T13:31Z")
    ]
    assert reading.frame.iloc[0, 1:6].tolist() == [167.41, 167.49, 167.25, 167.27, 3197.0]
    assert reading.frame["spread"].isna().all()


def test_daily_bars_start_with_their_session(tmp_path: Path) -> None:
    archive(tmp_path, "equity/usa/daily/spy.zip", "19980102 00:00,973100,975300,965300,973600,2150000\n")

    def opens(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        return (days + pd.Timedelta(hours=9.5)).tz_localize("America/New_York").tz_convert("UTC")

    assert read_lean(tmp_path, SPY, D1, opens=opens).frame["ts"].tolist() == [pd.Timestamp("1998-01-02T14:30Z")]
    assert read_lean(tmp_path, SPY, D1).frame["ts"].tolist() == [pd.Timestamp("1998-01-02T00:00Z")]


def test_quotes_become_mids_with_a_spread_and_one_sided_rows_are_counted(tmp_path: Path) -> None:
    archive(tmp_path, "forex/oanda/minute/eurusd/20140501_quote.zip", QUOTE)
    reading = read_lean(tmp_path, EURUSD, M1)
    assert reading.kind is BarKind.QUOTE
    assert reading.frame["ts"].tolist() == [pd.Timestamp("2014-05-01T00:00Z")]
    np.testing.assert_allclose(reading.frame.iloc[0, 1:6].astype(float), [1.31, 1.32, 1.30, 1.31, np.nan])
    np.testing.assert_allclose(reading.frame["spread"], [0.02 / 1.31 * 1e4])
    assert reading.dropped == {ONE_SIDED: 1}
    bad = "120000,1.30,1.29,1.31,1.30,5,1.32,1.31,1.33,1.32,6\n"
    archive(tmp_path, "forex/oanda/minute/eurusd/20140501_quote.zip", QUOTE + bad)
    with pytest.raises(DataError, match="row 3: high"):
        read_lean(tmp_path, EURUSD, M1)


def test_a_plain_zip_is_of_the_kind_that_its_fields_say(tmp_path: Path) -> None:
    archive(
        tmp_path,
        "forex/oanda/hour/eurusd.zip",
        QUOTE.replace("60000,", "20140501 01:00,").replace("0,1", "20140501 00:00,1", 1),
    )
    assert read_lean(tmp_path, EURUSD, H1).kind is BarKind.QUOTE
    with pytest.raises(DataError, match="no trade bars of eurusd in hour"):
        read_lean(tmp_path, EURUSD, H1, BarKind.TRADE)


def test_the_zone_is_the_databases(tmp_path: Path) -> None:
    archive(tmp_path, "index/usa/hour/spx.zip", "20210104 08:00,3764.61,3769.99,3745.26,3747.9,1799\n")
    spx = Instrument(symbol="SPX", asset_class=AssetClass.INDEX)
    assert read_lean(tmp_path, spx, H1).frame["ts"].tolist() == [pd.Timestamp("2021-01-04T14:00Z")]
    database = tmp_path / "market-hours" / "market-hours-database.json"
    database.parent.mkdir()
    for key, start in [("Index-usa-[*]", "2021-01-03T23:00Z"), ("Index-usa-SPX", "2021-01-04T08:00Z")]:
        entries = {"Index-usa-[*]": {"dataTimeZone": "Asia/Tokyo"}} | (
            {key: {"dataTimeZone": "UTC"}} if "SPX" in key else {}
        )
        database.write_text(json.dumps({"entries": entries}))
        assert read_lean(tmp_path, spx, H1).frame["ts"].tolist() == [pd.Timestamp(start)]
    database.write_text(json.dumps({"entries": {}}))
    assert read_lean(tmp_path, spx, H1).frame["ts"].tolist() == [pd.Timestamp("2021-01-04T14:00Z")]
    database.write_text("{")
    with pytest.raises(DataError, match="not a market-hours database"):
        read_lean(tmp_path, spx, H1)


def test_a_market_or_contract_is_named_where_several_have_it(tmp_path: Path) -> None:
    row = "20180501 00:00,9246.01,9248.99,8934.44,8955.01,5263.799551\n"
    archive(tmp_path, "crypto/coinbase/hour/btcusd_trade.zip", row)
    archive(tmp_path, "crypto/bitfinex/hour/btcusd_trade.zip", row * 2)
    with pytest.raises(DataError, match=r"in several markets: bitfinex/btcusd, coinbase/btcusd .*venue_symbols"):
        read_lean(tmp_path, BTC, H1)
    assert len(read_lean(tmp_path, named("BTC", AssetClass.CRYPTO, "coinbase/btcusd"), H1).frame) == 1
    contracts = {
        f"20131007_es_minute_trade_{month}.csv": "0,1676.5,1676.5,1676.5,1676.5,9\n" for month in (201312, 201403)
    }
    archive(tmp_path, "future/cme/minute/es/20131007_trade.zip", contracts)
    with pytest.raises(DataError, match=r"es_minute_trade_201403.* one table is wanted .*name a contract"):
        read_lean(tmp_path, named("ES", AssetClass.FUTURE, "es"), M1)
    assert len(read_lean(tmp_path, named("ES", AssetClass.FUTURE, "future/cme/es:201403"), M1).frame) == 1


def test_what_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_lean(tmp_path / "Data", SPY, D1)
    with pytest.raises(DataError, match=r"no daily bars of SPY under equity .*asset class"):
        read_lean(tmp_path, SPY, D1)
    (tmp_path / "equity" / "usa").mkdir(parents=True)
    with pytest.raises(DataError, match=r"LEAN keeps no 5m bars, only 1m, 1h, 1d .*resample"):
        read_lean(tmp_path, SPY, Timeframe.M5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<html>not found</html>\n", "not LEAN's trade bars"),
        ("34200000,1674100,1674900,1672500\n", "not LEAN's trade bars: .*Expected 6 columns, got 4"),
        ("34200000,1674100,16749x0,1672500,1672700,3197\n", "'16749x0'"),
        ("half past nine,1674100,1674900,1672500,1672700,3197\n", "row 1: 'half past nine' is no time"),
        (TRADE + "34200000,1674100,1674900,1672500,1672700,3197\n", "row 3: ts = .*later than the one before"),
        ("34200000,1674100,1674900,1672500,1672400,3197\n", "row 1: low = 167.25, but the low is not above"),
    ],
)
def test_a_wrong_table_is_refused_with_file_row_and_value(tmp_path: Path, content: str, words: str) -> None:
    path = archive(tmp_path, "equity/usa/minute/spy/20131007_trade.zip", content)
    with pytest.raises(DataError, match=words) as refusal:
        read_lean(tmp_path, SPY, M1)
    assert refusal.value.where == str(path)


def test_a_file_without_a_date_in_its_name_is_refused(tmp_path: Path) -> None:
    archive(tmp_path, "equity/usa/minute/spy/october_trade.zip", TRADE)
    with pytest.raises(DataError, match="its name does not start with a date"):
        read_lean(tmp_path, SPY, M1)


def test_bad_rows_are_dropped_when_asked(tmp_path: Path) -> None:
    archive(tmp_path, "equity/usa/minute/spy/20131007_trade.zip", TRADE + TRADE)
    reading = read_lean(tmp_path, SPY, M1, on_violation="drop")
    assert len(reading.frame) == 2
    assert sum(reading.dropped.values()) == 2


def test_every_cut_of_a_zip_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, "equity/usa/daily/spy.zip", "19980102 00:00,973100,975300,965300,973600,2150000\n" * 1)
    good = path.read_bytes()
    for size in range(0, len(good), 16):
        path.write_bytes(good[:size])
        with pytest.raises(DataError, match="not a readable zip"):
            read_lean(tmp_path, SPY, D1)
    spoiled = bytearray(good)
    spoiled[45] ^= 0xFF  # inside the compressed table
    path.write_bytes(spoiled)
    with pytest.raises(DataError, match="not a readable zip"):
        read_lean(tmp_path, SPY, D1)


def test_factor_and_map_files(tmp_path: Path) -> None:
    assert read_factors(tmp_path, SPY) is None
    assert read_map(tmp_path, SPY) is None
    for folder, text in [
        ("factor_files", "20140606,0.9304792,0.142857,645.57\n20501231,1,1,0"),
        ("map_files", "19980102,nb,N\n19980930,nb,N\n20501231,bac,N\n"),
    ]:
        path = tmp_path / "equity" / "usa" / folder / "spy.csv"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    factors = read_factors(tmp_path, SPY)
    assert factors is not None
    assert list(factors.columns) == list(FACTOR_COLUMNS)
    assert factors.iloc[0].tolist() == [pd.Timestamp("2014-06-06"), 0.9304792, 0.142857, 645.57]
    spans = [TickerSpan(date(1998, 9, 30), "NB", "N"), TickerSpan(date(2050, 12, 31), "BAC", "N")]
    assert read_map(tmp_path, SPY) == spans, "nothing is told of before LEAN's first day"
    path.write_text("19980303,nb,N\n19980930,nb,N\n20501231,bac,N\n")
    assert read_map(tmp_path, SPY) == [TickerSpan(date(1998, 3, 2), "", "N"), *spans]
    path.write_text("19980303,nb,N\n")
    assert read_map(tmp_path, SPY) == [TickerSpan(date(1998, 3, 2), "", "N"), TickerSpan(date(1998, 3, 3), "NB", "N")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("20140606,0.93,0.14,1\n2014,x,1,1\n", "row 2 is not date"),
        ("a,b,c,d\n", "row 1"),
        ("\xff", "not a readable table"),
    ],
)
def test_a_wrong_factor_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "equity" / "usa" / "factor_files" / "spy.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=words) as refusal:
        read_factors(tmp_path, SPY)
    assert refusal.value.where == str(path)


def test_a_zip_that_unpacks_to_far_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    bomb = "0" * 40_000_000
    archive(tmp_path, "equity/usa/minute/spy/20131007_trade.zip", bomb)
    with pytest.raises(DataError, match="unpacks to more than"):
        read_lean(tmp_path, SPY, M1)


def test_a_table_above_the_largest_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{34_200_000 + minute * 60_000},1674100,1674900,1672500,1672700,3197\n" for minute in range(100))
    archive(tmp_path, "equity/usa/minute/spy/20131007_trade.zip", rows)
    monkeypatch.setattr("tradewright.formats.plain_files.MAX_BYTES", len(rows))
    assert len(read_lean(tmp_path, SPY, M1).frame) == 100
    monkeypatch.setattr("tradewright.formats.plain_files.MAX_BYTES", len(rows) - 1)
    with pytest.raises(DataError, match="unpacks to more than"):
        read_lean(tmp_path, SPY, M1)


def market_hours(data: Path, **zones: str) -> None:
    path = data / "market-hours" / "market-hours-database.json"
    path.parent.mkdir()
    entries = {key.replace("_", "-") + "-[*]": {"dataTimeZone": zone} for key, zone in zones.items()}
    path.write_text(json.dumps({"entries": entries}))


@pytest.mark.parametrize(("zone", "hour"), [("UTC-05", "05:00"), ("UTC+03", "21:00"), ("UTC-03:30", "03:30")])
def test_fixed_offsets_are_zones_and_days_begin_at_their_midnight(tmp_path: Path, zone: str, hour: str) -> None:
    market_hours(tmp_path, Forex_fxcm=zone)
    archive(tmp_path, "forex/fxcm/hour/eurusd.zip", "20140501 00:00,1.30,1.31,1.29,1.30,5,1.32,1.33,1.31,1.32,6\n")
    archive(tmp_path, "forex/fxcm/daily/eurusd.zip", "20140501 00:00,1.30,1.31,1.29,1.30,5,1.32,1.33,1.31,1.32,6\n")
    day = "2014-04-30" if "+" in zone else "2014-05-01"
    for timeframe in (H1, D1):
        opens = calendar("24/5").daily_starts
        found = read_lean(tmp_path, EURUSD, timeframe, opens=opens).frame["ts"].tolist()
        assert found == [pd.Timestamp(f"{day}T{hour}Z")]


def test_a_zone_of_no_land_is_refused(tmp_path: Path) -> None:
    market_hours(tmp_path, Forex_fxcm="Mars/Olympus")
    archive(tmp_path, "forex/fxcm/hour/eurusd.zip", "20140501 00:00,1.30,1.31,1.29,1.30,5,1.32,1.33,1.31,1.32,6\n")
    with pytest.raises(DataError, match="there is no zone 'Mars/Olympus'") as refusal:
        read_lean(tmp_path, EURUSD, H1)
    assert "market-hours-database" in refusal.value.where


def test_a_day_without_the_contract_is_left_out_and_told(tmp_path: Path) -> None:
    row = "0,1676.5,1676.5,1676.5,1676.5,9\n"
    both = {f"20131007_es_minute_trade_{month}.csv": row for month in (201312, 201403)}
    archive(tmp_path, "future/cme/minute/es/20131007_trade.zip", both)
    archive(tmp_path, "future/cme/minute/es/20131008_trade.zip", {"20131008_es_minute_trade_201403.csv": row})
    reading = read_lean(tmp_path, named("ES", AssetClass.FUTURE, "future/cme/es:201312"), M1)
    assert reading.frame["ts"].dt.day.tolist() == [7]
    assert reading.remarks == ("1 of 2 files hold no contract 201312, such as 20131008_trade.zip",)
    assert read_lean(tmp_path, named("ES", AssetClass.FUTURE, "future/cme/es:201403"), M1).remarks == ()
    with pytest.raises(DataError, match=r"no file holds the contract 201506; .*es_minute_trade_201312") as refusal:
        read_lean(tmp_path, named("ES", AssetClass.FUTURE, "future/cme/es:201506"), M1)
    assert "venue_symbols" in refusal.value.remedy


def test_a_future_opens_on_the_evening_before_its_date_whatever_the_day() -> None:
    """20 April 2014 was a Sunday, without a session of its own."""
    starts = calendar("CMES").daily_starts(pd.DatetimeIndex(["2014-04-17", "2014-04-20"]))
    assert starts.tolist() == [pd.Timestamp("2014-04-16T22:00Z"), pd.Timestamp("2014-04-19T22:00Z")]
