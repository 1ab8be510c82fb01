"""Every bar file of the real data set, against what was measured by loading it with other tools (``quirks.json``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.real_series import (
    BACKTESTING,
    FREQTRADE,
    LEAN,
    NO_BARS,
    TABLES,
    YAHOO,
    ZIPLINE,
    RealSeries,
    folder_name,
    folder_records,
    measured,
    read_folder,
    read_table,
)
from tests.quality.real_quirks import FOUND, assert_found, assert_measured, report_on
from tradewright.formats.column_mapping import ColumnMapping
from tradewright.formats.lean.actions import read_factors, read_map
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.quotes import ONE_SIDED
from tradewright.formats.resample import resample
from tradewright.formats.tabular import read_csv, read_feather
from tradewright.model.bars import OHLCV, BarKind, PriceView, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.store.bars import BarStore

pytestmark = pytest.mark.real_data


def assert_as_measured(series: RealSeries) -> None:
    """Rows, first and last time; a daily file is dated, so only dates count."""
    frame, records, moved = series.reading.frame, series.records, sum(series.reading.dropped.values())
    assert len(frame) == sum(int(str(record["rows"])) for record in records) - moved
    assert frame["ts"].is_monotonic_increasing
    if moved or series.timeframe is Timeframe.MO1:
        return
    for found, wanted in (
        (frame["ts"].iloc[0], records[0]["first_ts"]),
        (frame["ts"].iloc[-1], records[-1]["last_ts"]),
    ):
        stamp = pd.Timestamp(str(wanted))
        if series.dated:
            assert found.date() == stamp.date()
        else:
            assert found == (stamp.tz_localize(series.zone) if stamp.tzinfo is None else stamp)


def assert_read_and_found(series: RealSeries) -> None:
    """The rows are those that were measured, each quirk of them is found, and nothing else."""
    assert_as_measured(series)
    assert_found(series, report_on(series))
    for file in series.files():
        assert_measured(file)


@pytest.mark.parametrize(("name", "symbol", "timeframe", "mapping"), TABLES)
def test_tables(real_data: Path, name: str, symbol: str, timeframe: str, mapping: ColumnMapping | None) -> None:
    assert_read_and_found(read_table(real_data, name, symbol, timeframe, mapping))


@pytest.mark.parametrize(("place", "ticker", "timeframe", "kind"), LEAN)
def test_lean_files(real_data: Path, place: str, ticker: str, timeframe: str, kind: str) -> None:
    series = read_folder(real_data, place, ticker, timeframe, kind)
    assert series.reading.kind == kind
    assert series.reading.dropped.get(ONE_SIDED, 0) == sum(
        int(str(record.get("rows_with_nan", 0))) for record in series.records
    )
    assert_read_and_found(series)


def test_every_measured_file_of_bars_is_read(real_data: Path) -> None:
    bars = [row for row in measured(real_data) if str(row["kind"]).endswith("_bar")]
    read = [row["file"] for series in LEAN for row in folder_records(real_data, *series)]
    assert sorted(str(row["file"]) for row in bars) == sorted([*map(str, read), *(row[0] for row in TABLES), *NO_BARS])


def test_every_series_with_findings_is_read() -> None:
    """A name of the table that no series has would be compared with nothing."""
    assert FOUND.keys() <= {*(row[0] for row in TABLES), *(folder_name(*row[1:]) for row in LEAN)}


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
        ("2014-03-26", ""),
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
