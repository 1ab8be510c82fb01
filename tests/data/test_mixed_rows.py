"""Files that are no single series, and files of another kind: refused by what they are, never read as something."""

from __future__ import annotations

import gzip
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tradewright.formats.column_mapping import mapping_of
from tradewright.formats.tabular import read_csv, read_parquet
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

D1, M1 = Timeframe.D1, Timeframe.M1
HEAD = "Date,Open,High,Low,Close,Volume\n"
ROWS = "".join(f"2024-01-{day:02},10,11,9,10.5,100\n" for day in range(2, 12))
TABLE = HEAD + ROWS


def refusal(path: Path, text: str | bytes, timeframe: Timeframe = D1, **mapping: object) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as refused:
        read_csv(path, timeframe, mapping_of(mapping))
    assert refused.value.where.startswith(str(path))
    return f"{refused.value.what}; {refused.value.remedy}"


@pytest.mark.parametrize("header", ["Symbol", "ticker", "Name", " Stock Symbol ", "ISIN", "tic"])
@pytest.mark.parametrize("by_date", [True, False])
def test_rows_of_two_instruments_are_no_series(tmp_path: Path, header: str, by_date: bool) -> None:
    """Sorted by date, the second one's rows would replace the first one's; in two spans they would be one series."""
    other = ROWS if by_date else ROWS.replace("2024", "2025")
    rows = [f"A,{row}" for row in ROWS.splitlines()] + [f"B,{row}" for row in other.splitlines()]
    rows.sort(key=lambda row: row.split(",")[1])
    told = refusal(tmp_path / "bars.csv", f"{header},{HEAD}" + "\n".join(rows))
    assert told.startswith(f"the rows of 2 instruments: column {header!r} holds 'A' and 'B'")
    assert "a file of its own" in told


def test_rows_that_all_name_one_instrument_or_none_are_read(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(f"Symbol,{HEAD}" + "".join(f"A,{row}\n" for row in ROWS.splitlines()) + "\n")
    assert len(read_csv(tmp_path / "bars.csv", D1).frame) == 10
    (tmp_path / "none.csv").write_text(f"Symbol,{HEAD}" + "".join(f",{row}\n" for row in ROWS.splitlines()))
    assert len(read_csv(tmp_path / "none.csv", D1).frame) == 10


def test_a_parquet_file_of_two_instruments_is_refused_too(tmp_path: Path) -> None:
    days = pa.array([20, 20, 21, 21], pa.date32())
    prices = {name: [10.0, 20.0, 10.0, 20.0] for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"date": days, **prices, "symbol": ["A", "B", "A", "B"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="the rows of 2 instruments"):
        read_parquet(tmp_path / "b.parquet", D1)


def test_many_rows_that_contradict_the_next_one_are_no_corrections(tmp_path: Path) -> None:
    """Minutes by their dates alone would become the last minute of each day."""
    minutes = [f"2024-01-{day:02},09:{minute},10,11,9,10.{minute},5" for day in range(2, 6) for minute in range(30, 40)]
    text = "Date,Clock,Open,High,Low,Close,Volume\n" + "\n".join(minutes)
    told = refusal(tmp_path / "bars.csv", text, columns={"ts": "Date"})
    assert told.startswith("36 rows have the time of the next row and other prices, first rows 1 and 2")
    assert "the time of day" in told


@pytest.mark.parametrize("twice", [1, 2])
def test_a_few_corrections_and_any_copies_of_rows_are_still_left_out_and_told(tmp_path: Path, twice: int) -> None:
    days = ROWS.splitlines(keepends=True)
    corrected = [row.replace(",10.5,", ",10.1,") + row for row in days[:twice]]
    (tmp_path / "bars.csv").write_text(HEAD + "".join(corrected + days[twice:]))
    reading = read_csv(tmp_path / "bars.csv", D1)
    assert (len(reading.frame), list(reading.dropped.values())) == (10, [twice])
    assert set(reading.frame["close"]) == {10.5}
    (tmp_path / "copies.csv").write_text(HEAD + "".join(row * 2 for row in days))
    assert list(read_csv(tmp_path / "copies.csv", D1).dropped.values()) == [10]


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bars.csv", TABLE)
    return packed.getvalue()


KINDS = {
    "a ZIP archive or an Excel workbook": zipped(),
    "a gzip file": gzip.compress(TABLE.encode()),
    "a Parquet file": b"PAR1" + b"\x00" * 40,
    "a feather file": b"ARROW1\x00\x00",
    "an Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a web page": b"\n<!DOCTYPE html><html>Sign in</html>",
    "a JSON document": b'[{"date": "2024-01-02"}]',
    "a database of SQLite": b"SQLite format 3\x00",
    "NUL characters": TABLE.encode("utf-16-le"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_told_by_its_kind_and_what_to_do(tmp_path: Path, kind: str) -> None:
    told = refusal(tmp_path / "bars.csv", KINDS[kind])
    assert told.startswith("not a readable table: ")
    assert kind in told


def test_a_gzip_file_within_a_gzip_file_is_told(tmp_path: Path) -> None:
    assert "a gzip file" in refusal(tmp_path / "bars.csv.gz", gzip.compress(gzip.compress(TABLE.encode())))


def test_a_table_in_utf_16_with_its_mark_is_read_and_one_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_bytes(TABLE.encode("utf-16"))
    assert len(read_csv(tmp_path / "bars.csv", D1).frame) == 10
    assert "UTF-8" in refusal(tmp_path / "latin.csv", TABLE.replace("Open", "Eröffnung").encode("latin-1"))


def test_the_index_that_pandas_writes_is_the_time_where_nothing_else_is(tmp_path: Path) -> None:
    rows = ROWS.splitlines()
    (tmp_path / "counted.csv").write_text("," + HEAD + "".join(f"{number},{row}\n" for number, row in enumerate(rows)))
    (tmp_path / "dated.csv").write_text(HEAD.replace("Date", "") + ROWS)
    days = pa.array(range(20, 25), pa.date32())
    prices = {name: [10.0] * 5 for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({**prices, "__index_level_0__": days}), tmp_path / "dated.parquet")
    pq.write_table(
        pa.table({**prices, "date": days, "__index_level_0__": [7, 8, 9, 10, 11]}), tmp_path / "counted.parquet"
    )
    for name in ("counted", "dated"):
        assert str(read_csv(tmp_path / f"{name}.csv", D1).frame["ts"].iloc[0])[:10] == "2024-01-02"
        assert str(read_parquet(tmp_path / f"{name}.parquet", D1).frame["ts"].iloc[0])[:10] == "1970-01-21"


def test_decimals_are_the_numbers_that_their_digits_write(tmp_path: Path) -> None:
    """Arrow's own way of 10.12 is 10.120000000000001: each bar would be a correction of the same bar of a CSV file."""
    digits = ["10.12", "0.07", "123456.789", "99.99", "4.35"]
    exact = pa.array([Decimal(text) for text in digits], pa.decimal128(20, 6))
    table = pa.table(
        {"date": pa.array(range(20, 25), pa.date32())} | dict.fromkeys(("open", "high", "low", "close"), exact)
    )
    pq.write_table(table.append_column("volume", pa.array([2**64 - 1] * 5, pa.uint64())), tmp_path / "b.parquet")
    frame = read_parquet(tmp_path / "b.parquet", D1).frame
    assert frame["close"].tolist() == [float(text) for text in digits]
    assert set(frame["volume"]) == {float(2**64 - 1)}


def test_a_zone_that_nobody_knows_is_told(tmp_path: Path) -> None:
    times = pa.array(range(5), pa.timestamp("us", "Mars/Phobos"))
    table = pa.table({"date": times} | dict.fromkeys(("open", "high", "low", "close"), pa.array([10.0] * 5)))
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(DataError, match="the zone of its times, 'Mars/Phobos', is not known"):
        read_parquet(tmp_path / "b.parquet", M1)


def test_two_columns_of_one_name_are_told_by_position(tmp_path: Path) -> None:
    told = refusal(tmp_path / "bars.csv", TABLE.replace("Volume", "Close"))
    assert told == "'Close' and 'Close' could both be close; name one: --columns close=4"
    assert "--columns ts=Date; a date" in refusal(tmp_path / "two.csv", TABLE.replace("Volume", "Time"), M1)
