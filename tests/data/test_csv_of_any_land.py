"""CSV as people of other lands and other programs write it: read rightly, or refused with the option that decides."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table
from tradewright.formats.bars_reader import Reading
from tradewright.formats.column_mapping import mapping_of
from tradewright.formats.tabular import read_csv
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

HEAD = "Date;Open;High;Low;Close;Volume\n"
GERMAN = HEAD + "02.01.2024;1.234,56;1.240,00;1.230,10;1.235,5;10.000\n03.01.2024;1.235;1.299,9;1.200;1.201;987\n"


def read(folder: Path, text: str | bytes, **mapping: object) -> Reading:
    path = folder / "bars.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path, Timeframe.D1, mapping_of(mapping))


def values(reading: Reading) -> list[list[float]]:
    found: list[list[float]] = reading.frame[["open", "high", "low", "close", "volume"]].to_numpy().tolist()
    return found


def test_a_german_file_is_read_as_it_is_meant_and_told(tmp_path: Path) -> None:
    reading = read(tmp_path, GERMAN)
    assert values(reading) == [[1234.56, 1240.0, 1230.1, 1235.5, 10000.0], [1235.0, 1299.9, 1200.0, 1201.0, 987.0]]
    assert reading.frame["ts"].tolist() == [pd.Timestamp(day, tz="UTC") for day in ("2024-01-02", "2024-01-03")]
    assert reading.remarks == ("the columns are parted by ';'", "the numbers are read with a decimal comma")


@pytest.mark.parametrize(
    ("row", "mapping", "close"),
    [
        ('2024-01-02,"1,230.5","1,240.0","1,220.0","1,235.5","1,234,567"', {}, 1235.5),
        ("2024-01-02;1230,5;1240,0;1220,0;1235,5;1234567", {}, 1235.5),
        ("2024-01-02;1 230,5;1 240,0;1 220,0;1 235,5;1 234 567", {}, 1235.5),
        ("2024-01-02\t1'230.5\t1'240.0\t1'220.0\t1'235.5\t1'234'567", {}, 1235.5),
        ("2024-01-02|1230.5|1240.0|1220.0|1235.5|1234567", {}, 1235.5),
        ("2024-01-02;1.230;1.240;1.220;1.235;1.234.567", {}, 1235.0),
        ("2024-01-02;1.230;1.240;1.220;1.235;1.234.567", {"thousands": "."}, 1235.0),
        ("2024-01-02;1.230;1.240;1.220;1.235;1.234", {"thousands": "."}, 1235.0),
        ("2024-01-02;1.230;1.240;1.220;1.235;1.234", {"decimal": ","}, 1235.0),
        ("2024-01-02;1.230;1.240;1.220;1.235;1.234", {"decimal": "."}, 1.235),
        ('2024-01-02,"1,230","1,240","1,220","1,235",5', {"decimal": ","}, 1.235),
        ('2024-01-02,"1,230","1,240","1,220","1,235",5', {"thousands": ","}, 1235.0),
        ("2024-01-02,1.230,1.240,1.220,1.235,5", {}, 1.235),
        ("2024-01-02;86.730;86.740;86.720;86.735;0.123", {}, 86.735),
        ("2024-01-02;1.2;1.3;1.1;1.235;5", {}, 1.235),
    ],
)
def test_one_reading_is_read(tmp_path: Path, row: str, mapping: dict[str, object], close: float) -> None:
    delimiter = next(sign for sign in row if sign in ",;\t|")
    head = HEAD.replace(";", delimiter)
    assert read(tmp_path, head + row + "\n", **mapping).frame["close"].tolist() == [close]


@pytest.mark.parametrize(
    ("row", "words", "remedy"),
    [
        ("2024-01-02;1.230;1.240;1.220;1.235;1.234", r"column open: '1\.230' may be 1230 or 1\.230", "--thousands ."),
        ('2024-01-02;1;2;1;2;"1,234"', "column volume: '1,234' may be 1234 or 1.234", "--decimal ,"),
        ("2024-01-02;1,5;2,5;1,5;2,5;1.5", "column volume: '1.5' is not a number with a decimal comma", "--decimal ."),
        ("2024-01-02;1.5;2.5;1.5;2,5;1", "column close: '2,5' is not a number", "--decimal ,"),
        ("2024-01-02;12.34.56;2.5;1.5;2.5;1", r"column open: '12\.34\.56' is not a number", "plain digits"),
        ("2024-01-02;1.5;2.5;1.5;2.5 EUR;1", "column close: '2.5 EUR' is not a number", "currency signs"),
    ],
)
def test_two_readings_are_refused_with_row_column_and_option(tmp_path: Path, row: str, words: str, remedy: str) -> None:
    with pytest.raises(DataError, match=f"row 1, {words}") as refusal:
        read(tmp_path, HEAD + row + "\n")
    assert remedy in refusal.value.remedy
    assert refusal.value.where == str(tmp_path / "bars.csv")


@settings(max_examples=40)
@given(st.sampled_from([".", ","]), st.sampled_from(["", ".", ",", " ", "'"]), st.integers(0, 9), st.booleans())
def test_any_form_brings_the_same_bars_back_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, decimal: str, thousands: str, places: int, declared: bool
) -> None:
    if decimal == thousands:
        return
    frame = bars_table(6, step="1D").assign(volume=1_234_567.0)
    frame[["open", "high", "low", "close"]] = (frame[["open", "high", "low", "close"]] * 37).round(places)

    def cell(value: float, digits: int) -> str:
        text = f"{value:,.{digits}f}".replace(",", "T").replace(".", decimal)
        return f'"{text.replace("T", thousands)}"'

    days, prices = frame["ts"].dt.strftime("%Y-%m-%d"), frame[["open", "high", "low", "close"]].to_numpy().tolist()
    rows = [
        ";".join([day, *(cell(price, places) for price in row), cell(1_234_567.0, 0)])
        for day, row in zip(days, prices, strict=True)
    ]
    mapping: dict[str, object] = {"decimal": decimal, "thousands": thousands} if declared else {}
    folder = tmp_path_factory.mktemp("form")
    text = HEAD + "\n".join(rows) + "\n"
    if not declared and places == 3 and thousands in ("", ".", ","):
        with contextlib.suppress(DataError):
            assert read(folder, text).frame["close"].tolist() == frame["close"].tolist()
        return
    found = read(folder, text, **mapping)
    np.testing.assert_allclose(found.frame["close"], frame["close"], rtol=1e-15)
    assert found.frame["volume"].tolist() == [1_234_567.0] * 6


PREAMBLE = 'Instrument: ACME\n\n"Source, such as it is"\n'


@pytest.mark.parametrize(
    ("text", "mapping", "remark"),
    [
        (PREAMBLE + HEAD + "2024-01-02;1;2;1;2;3\n", {}, "lines before the header left out: 3"),
        (PREAMBLE + HEAD + "2024-01-02;1;2;1;2;3\n", {"skip_lines": 3}, None),
        ("# made by a program\n" + HEAD + "2024-01-02;1;2;1;2;3\n# the end\n", {}, "comment lines left out: 2"),
        ("% made by a program\n" + HEAD + "2024-01-02;1;2;1;2;3\n", {"comment": "%"}, "comment lines left out: 1"),
        ("x\ny\n2024-01-02;1;2;1;2;3\n", {"header": False, "skip_lines": 2, "delimiter": ";"}, None),
        ("2024-01-02;1,5;2,5;1,5;2,5;3\n", {"header": False, "delimiter": ";"}, None),
        (("\ufeff" + HEAD + "2024-01-02;1;2;1;2;3\n").encode(), {}, None),
        ((HEAD + "2024-01-02;1;2;1;2;3\n").encode("utf-16"), {}, None),
    ],
)
def test_lines_that_are_no_table_are_left_out(
    tmp_path: Path, text: str | bytes, mapping: dict[str, object], remark: str | None
) -> None:
    if mapping.get("header") is False:
        mapping = mapping | {"columns": {name: at for at, name in enumerate(("ts", "open", "high", "low", "close"))}}
    reading = read(tmp_path, text, **mapping)
    assert len(reading.frame) == 1
    if remark:
        assert remark in reading.remarks


def test_the_line_of_a_short_row_counts_from_the_top_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 6 .*has 3 values, where the first line has 6"):
        read(tmp_path, PREAMBLE + HEAD + "2024-01-02;1;2;1;2;3\n2024-01-03;1;2\n")


def test_a_table_without_a_header_that_two_delimiters_fit_is_refused(tmp_path: Path) -> None:
    columns = {"ts": 0, "open": 1, "high": 2, "low": 3, "close": 4}
    with pytest.raises(DataError, match="may both part the columns") as refusal:
        read(tmp_path, "2024-01-02;1,5;2,5;1,5;2,5;3,0\n", header=False, columns=columns)
    assert "--delimiter" in refusal.value.remedy


def test_the_two_signs_must_differ() -> None:
    with pytest.raises(ValueError, match="must differ"):
        mapping_of({"decimal": ",", "thousands": ","})


@pytest.mark.parametrize(
    ("cell", "time_format", "day"),
    [
        ("2024-02-01", "%Y-%d-%m", "2024-01-02"),
        ("20240201", "%Y%d%m", "2024-01-02"),
        ("02.01.2024", None, "2024-01-02"),
        ("2.1.2024 00:00", None, "2024-01-02"),
    ],
)
def test_a_declared_time_format_is_used_whatever_the_cell_looks_like(
    tmp_path: Path, cell: str, time_format: str | None, day: str
) -> None:
    found = read(tmp_path, f"{HEAD}{cell};1;2;1;2;3\n", time_format=time_format).frame
    assert found["ts"].tolist() == [pd.Timestamp(day, tz="UTC")]


def test_truth_values_are_no_prices(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column open"):
        read(tmp_path, HEAD + "2024-01-02;true;2;1;2;3\n")
