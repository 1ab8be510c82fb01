"""CSV files: common headers, declared mappings, and refusals that name file, row and value."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from tests.data.tables import as_csv, bars_table
from tradewright.formats.bars_reader import REPLACED
from tradewright.formats.column_mapping import ColumnMapping, mapping_of
from tradewright.formats.tabular import read_csv
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError

M1, D1 = Timeframe.M1, Timeframe.D1
HEAD = "Date,Open,High,Low,Close,Volume\n"


def written(folder: Path, text: str, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_common_headers_are_recognised(tmp_path: Path) -> None:
    frame = bars_table(5)
    reading = read_csv(written(tmp_path, as_csv(frame)), M1)
    pd.testing.assert_frame_equal(reading.frame, frame, check_exact=False, rtol=1e-15)
    assert (reading.kind, reading.dropped) == (BarKind.TRADE, {})


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv.gz"
    path.write_bytes(gzip.compress(as_csv(bars_table(50)).encode()))
    assert len(read_csv(path, M1).frame) == 50
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a readable table"):
        read_csv(path, M1)


@pytest.mark.parametrize(
    ("stamp", "mapping", "start"),
    [
        ("2024-03-08 14:30:00", {}, "2024-03-08T14:30Z"),
        ("2024-03-08T14:30:00Z", {}, "2024-03-08T14:30Z"),
        ("2024-03-08 09:30:00-05:00", {}, "2024-03-08T14:30Z"),
        ("2024-03-08 09:30", {"zone": "America/New_York"}, "2024-03-08T14:30Z"),
        ("2024-03-11 09:30", {"zone": "America/New_York"}, "2024-03-11T13:30Z"),
        ("1709908200", {}, "2024-03-08T14:30Z"),
        ("1709908200000", {}, "2024-03-08T14:30Z"),
        ("1709908200000000", {"time_format": "us"}, "2024-03-08T14:30Z"),
        ("1709908200000000000", {}, "2024-03-08T14:30Z"),
        ("8.3.2024 14.30", {"time_format": "%d.%m.%Y %H.%M"}, "2024-03-08T14:30Z"),
        ("3/28/2024 14:30", {}, "2024-03-28T14:30Z"),
        ("28/3/2024 14:30:00", {}, "2024-03-28T14:30Z"),
        ("3/8/2024 14:30", {"time_format": "%m/%d/%Y %H:%M"}, "2024-03-08T14:30Z"),
        ("2024-03-08 14:31", {"stamp": "close"}, "2024-03-08T14:30Z"),
    ],
)
def test_times_become_bar_starts_in_utc(tmp_path: Path, stamp: str, mapping: dict[str, object], start: str) -> None:
    path = written(tmp_path, f"{HEAD}{stamp},1,2,1,2,3\n")
    assert read_csv(path, M1, mapping_of(mapping)).frame["ts"].tolist() == [pd.Timestamp(start)]


@pytest.mark.parametrize("stamp", ["2024-07-03", "20240703", "7/3/2024", "2024-07-03 00:00:00", "2024-07-03T00:00:00Z"])
def test_daily_rows_are_dated_and_start_with_their_session(tmp_path: Path, stamp: str) -> None:
    path, us = written(tmp_path, f"{HEAD}{stamp},1,2,1,2,3\n"), {"time_format": "%m/%d/%Y"} if "/" in stamp else {}

    def opens(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        return (days + pd.Timedelta(hours=9.5)).tz_localize("America/New_York").tz_convert("UTC")

    reading = read_csv(path, D1, mapping_of(us), opens=opens)
    assert reading.frame["ts"].tolist() == [pd.Timestamp("2024-07-03T13:30Z")]
    assert read_csv(path, D1, mapping_of(us)).frame["ts"].tolist() == [pd.Timestamp("2024-07-03T00:00Z")]


def test_an_ambiguous_date_is_refused_and_never_guessed(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}3/8/2024,1,2,1,2,3\n4/8/2024,1,2,1,2,3\n")
    with pytest.raises(DataError, match=r"may be month/day or day/month.*time_format"):
        read_csv(path, D1)


def test_the_doubled_hour_is_resolved_by_order_or_refused(tmp_path: Path) -> None:
    zone = ColumnMapping(zone="America/New_York")
    rows = [f"2024-11-03 {hour},1,2,1,2,3\n" for hour in ("00:59", "01:00", "01:30", "01:00", "01:30", "02:00")]
    found = read_csv(written(tmp_path, HEAD + "".join(rows)), M1, zone).frame["ts"]
    assert found.diff().dropna().ge(pd.Timedelta(0)).all()
    assert found.iloc[3] - found.iloc[1] == pd.Timedelta(hours=1)
    with pytest.raises(DataError, match="not a time of America/New_York"):
        read_csv(written(tmp_path, HEAD + rows[1]), M1, zone)
    with pytest.raises(DataError, match="not a time of America/New_York"):
        read_csv(written(tmp_path, f"{HEAD}2024-03-10 02:30,1,2,1,2,3\n"), M1, zone)


def test_a_headerless_file_with_another_order_needs_positions(tmp_path: Path) -> None:
    path = written(
        tmp_path, "1514764800000,13763,13753,13788,13752.1,5.13\n1514764860000,13753,13772,13773,13741,15.5\n"
    )
    with pytest.raises(DataError, match="no column for ts, open, high, low, close"):
        read_csv(path, M1)
    order = {"ts": 0, "open": 1, "close": 2, "high": 3, "low": 4, "volume": 5}
    frame = read_csv(path, M1, mapping_of({"header": False, "columns": order})).frame
    assert frame["ts"].iloc[0] == pd.Timestamp("2018-01-01T00:00Z")
    assert frame.loc[0, ["open", "high", "low", "close", "volume"]].tolist() == [13763, 13788, 13752.1, 13753, 5.13]


def test_declared_names_scale_and_delimiter(tmp_path: Path) -> None:
    path = written(tmp_path, "when;A;B;C;D;E\n2024-03-08 00:00;10000;20000;10000;15000;7\n")
    names = {"ts": "when", "open": "A", "high": "B", "low": "C", "close": "D", "volume": "E"}
    frame = read_csv(path, M1, mapping_of({"columns": names, "delimiter": ";", "price_scale": 10_000})).frame
    assert frame.iloc[0, 1:6].tolist() == [1.0, 2.0, 1.0, 1.5, 7.0]


@pytest.mark.parametrize("volume", ["", ","])
def test_without_volume_it_is_unknown(tmp_path: Path, volume: str) -> None:
    head = "Date,Open,High,Low,Close" + (",Volume" if volume else "")
    frame = read_csv(written(tmp_path, f"{head}\n2024-03-08 00:00,1,2,1,2{volume}\n"), M1).frame
    assert frame["volume"].isna().all()


def test_newest_first_is_turned_round_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    frame = bars_table(4)[::-1]
    assert read_csv(written(tmp_path, as_csv(frame)), M1).frame["ts"].is_monotonic_increasing
    frame.loc[1, "low"] = 500.0
    with pytest.raises(DataError, match=r"row 3: low = 500\.0"):
        read_csv(written(tmp_path, as_csv(frame)), M1)


def test_empty_lines_at_the_end_do_not_matter(tmp_path: Path) -> None:
    assert len(read_csv(written(tmp_path, as_csv(bars_table(3)) + "\n\n"), M1).frame) == 3


def test_a_header_alone_gives_no_bars(tmp_path: Path) -> None:
    assert len(read_csv(written(tmp_path, HEAD), M1).frame) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a readable table: the file is empty"),
        ("\x00\x01\x02", "not a readable table|no column for"),
        ("<html>\n<body>Not found</body>\n</html>", "a web page"),
        (f"{HEAD}2024-03-08,1,2,1,2\n", "line 2 .*has 5 values, where the first line has 6"),
        (f"{HEAD}2024-03-08,1,2,1,abc,3\n", "column close: .*'?abc'?"),
        (f"{HEAD}soon,1,2,1,2,3\n", "row 1: 'soon' is no time"),
        (f"{HEAD}2024-03-08,1,2,1,,3\n2024-03-09,1,2,1,2,3\n", "row 1: close = nan, but a value is a finite number"),
        (f"{HEAD}2024-03-08,1,2,1,2,3\n2024-03-08 09:00,1,2,1,2,3\n", "row 2: ts = 2024-03-08.*occurs once"),
        (
            f"{HEAD}2024-03-09,1,2,1,2,3\n2024-03-10,1,2,1,2,3\n2024-03-08,1,2,1,2,3\n",
            "row 3: .*later than the",
        ),
        (f"{HEAD}2024-03-08,1,2,3,2,3\n", "row 1: low = 3.0, but the low is not above open and close"),
        (f"{HEAD}2024-03-08,-1,2,-1,2,3\n", "row 1: open = -1.0, but a price is positive"),
        (f"{HEAD}5,1,2,1,2,3\n", "5 is no time"),
        (f"{HEAD}2024-03-08T00:00Z,1,2,1,2,3\n2024-03-09,1,2,1,2,3\n", "row 2: '2024-03-09' has no zone, others have"),
        ("Date,Time,Open,High,Low,Close\n2024-03-08,09:30,1,2,1,2\n", "'Date' and 'Time' could both be ts"),
    ],
)
def test_a_bad_file_is_refused_with_file_row_and_value(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=words) as refusal:
        read_csv(path, D1)
    assert str(path) in str(refusal.value)
    assert refusal.value.remedy


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nope\.csv: there is no such file"):
        read_csv(tmp_path / "nope.csv", D1)


def test_bad_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(HEAD.encode() + b"\xff\xfe,1,2,1,2,3\n")
    with pytest.raises(DataError, match=str(path)):
        read_csv(path, D1)


def test_bad_rows_are_dropped_only_when_asked_and_counted(tmp_path: Path) -> None:
    frame = bars_table(6)
    frame.loc[2, "high"] = 1.0
    frame.loc[4, "ts"] = frame.loc[3, "ts"]
    reading = read_csv(written(tmp_path, as_csv(frame)), M1, ColumnMapping(on_violation="drop"))
    assert reading.frame["ts"].tolist() == frame["ts"][[0, 1, 3, 5]].tolist()
    assert reading.dropped[REPLACED] == 1
    assert reading.dropped["high: the high is not below the low"] == 1


@pytest.mark.parametrize(
    ("columns", "words"), [({"open": "Opening"}, "no column 'Opening'"), ({"open": 9}, "no column 9, only 0 to 5")]
)
def test_a_declared_column_must_be_there(tmp_path: Path, columns: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_csv(written(tmp_path, as_csv(bars_table(1).drop(columns="spread"))), M1, mapping_of({"columns": columns}))
