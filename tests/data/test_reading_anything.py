"""Readers of foreign files: any dialect gives the same bars back, any bytes give sound bars or a refusal."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import as_csv, bars_table, tables
from tests.support.extent import runs
from tradewright.formats.bars_reader import Reading
from tradewright.formats.column_mapping import mapping_of
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.tabular import read_csv, read_feather, read_parquet
from tradewright.model.bar_rules import bars_of, intact
from tradewright.model.bars import OHLCV, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

M1 = Timeframe.M1
SPY = Instrument(symbol="SPY", asset_class=AssetClass.ETF)
bounded = settings(max_examples=runs(40, 80))
GOOD = as_csv(bars_table(12))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reading")


def checked(reading: Reading, timeframe: Timeframe = M1) -> pd.DataFrame:
    """What every reader promises of its bars."""
    frame = reading.frame
    assert list(frame.columns) == ["ts", *OHLCV, "spread"]
    assert str(frame["ts"].dtype) == "datetime64[ns, UTC]"
    assert (frame.dtypes.iloc[1:] == np.float64).all()
    assert intact(bars_of(frame), timeframe)
    return frame


def sound_or_refused(read: Callable[[], Reading], where: Path) -> None:
    """The bars keep their contract, or the refusal names the file (or its folder)."""
    try:
        reading = read()
    except DataError as refusal:
        place = refusal.where
    else:
        checked(reading)
        place = str(where)
    assert str(where) in place


@bounded
@given(
    tables(),
    st.permutations(["ts", *OHLCV, "spread"]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["iso", "s", "ms", "ns"]),
)
def test_any_dialect_brings_the_same_bars_back(
    folder: Path, frame: pd.DataFrame, order: list[str], delimiter: str, header: bool, newest_first: bool, times: str
) -> None:
    if not len(frame) or frame["ts"].diff().min() >= pd.Timedelta(days=1):
        return  # no bars, or days, which nobody takes for minutes
    text = frame.copy()
    if times != "iso":
        text["ts"] = frame["ts"].astype(np.int64) // {"s": 10**9, "ms": 10**6, "ns": 1}[times]
    text = text[::-1] if newest_first else text
    path = folder / "dialect.csv"
    text[order].to_csv(path, index=False, header=header, sep=delimiter)
    mapping: dict[str, object] = {"delimiter": delimiter, "header": header}
    if times != "iso":
        mapping["time_format"] = times
    if not header:
        mapping["columns"] = {name: place for place, name in enumerate(order)}
    found = checked(read_csv(path, M1, mapping_of(mapping)))
    pd.testing.assert_frame_equal(found, frame, check_exact=False, rtol=1e-15)


@bounded
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=4))
def test_a_csv_file_with_bytes_replaced_is_right_or_refused(folder: Path, at: int, harm: bytes) -> None:
    path = folder / "harmed.csv"
    data = GOOD.encode()
    path.write_bytes(data[:at] + harm + data[at + len(harm) :])
    sound_or_refused(lambda: read_csv(path, M1), path)


@bounded
@given(st.binary(max_size=300))
def test_any_bytes_are_bars_or_refused(folder: Path, data: bytes) -> None:
    for name, read in (
        ("any.csv", read_csv),
        ("any.csv.gz", read_csv),
        ("any.pq", read_parquet),
        ("any.f", read_feather),
    ):
        path = folder / name
        path.write_bytes(data)
        with pytest.raises(DataError) as refusal:
            read(path, M1)
        assert str(path) in refusal.value.where


@pytest.mark.parametrize(("write", "read"), [("to_parquet", read_parquet), ("to_feather", read_feather)])
def test_a_columnar_file_with_any_byte_flipped_is_right_or_refused(
    tmp_path: Path, write: str, read: Callable[..., Reading]
) -> None:
    """These formats carry no checksum of all they hold; what comes through must still keep the contract."""
    path = tmp_path / "bars"
    getattr(bars_table(30), write)(path)
    good = path.read_bytes()
    for position in range(4, len(good), 37):
        path.write_bytes(bytes([*good[:position], good[position] ^ 0x20, *good[position + 1 :]]))
        sound_or_refused(lambda: read(path, M1), path)


@bounded
@given(
    st.integers(0, 11),
    st.sampled_from([*OHLCV]),
    st.sampled_from(["", "nan", "inf", "-1", "1e400", "x", "0x10", "1,5"]),
)
def test_a_cell_that_is_no_good_is_named_or_dropped(folder: Path, row: int, column: str, cell: str) -> None:
    frame = bars_table(12).astype(dict.fromkeys(OHLCV, object))
    frame.loc[row, column] = cell
    path = folder / "cell.csv"
    path.write_text(as_csv(frame))
    if column == "volume" and cell in ("", "nan"):
        assert np.flatnonzero(read_csv(path, M1).frame["volume"].isna()).tolist() == [row], "unknown, and told so"
        return
    with pytest.raises(DataError) as refusal:
        read_csv(path, M1)
    assert refusal.value.remedy
    if cell in ("x", "0x10", "1,5"):
        assert column in refusal.value.what
        return
    assert f"row {row + 1}" in refusal.value.what
    assert f"{column} = " in refusal.value.what
    reading = read_csv(path, M1, mapping_of({"on_violation": "drop"}))
    assert checked(reading)["ts"].tolist() == bars_table(12)["ts"].drop(row).tolist()
    assert sum(count for rule, count in reading.dropped.items() if rule.startswith(column)) >= 1


def test_dropping_keeps_good_rows_bit_by_bit_and_counts_each_rule(tmp_path: Path) -> None:
    frame = bars_table(20)
    frame.loc[3, "volume"] = -1.0
    frame.loc[[5, 6], "close"] = np.nan
    frame.loc[9, "low"] = frame.loc[9, "high"] + 1
    frame.to_parquet(tmp_path / "bars")
    reading = read_parquet(tmp_path / "bars", M1, mapping_of({"on_violation": "drop"}))
    pd.testing.assert_frame_equal(checked(reading), frame.drop(index=[3, 5, 6, 9]).reset_index(drop=True))
    assert reading.dropped["volume: a volume is not negative"] == 1
    assert reading.dropped["close: a value is a finite number"] == 2
    assert reading.dropped["low: the low is not above open and close"] == 1


def test_gzip_and_plain_text_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    plain, packed = read_csv(tmp_path / "a.csv", M1), read_csv(tmp_path / "a.csv.gz", M1)
    pd.testing.assert_frame_equal(plain.frame, packed.frame)
    assert (plain.source, packed.source) == (str(tmp_path / "a.csv"), str(tmp_path / "a.csv.gz"))


@pytest.mark.parametrize("scale", [1.0, 100.0, 10_000.0])
def test_prices_are_scaled_and_volumes_are_not(tmp_path: Path, scale: float) -> None:
    frame = bars_table(5)
    scaled = frame.assign(**{name: frame[name] * scale for name in OHLCV[:4]})
    scaled.to_parquet(tmp_path / "bars")
    found = checked(read_parquet(tmp_path / "bars", M1, mapping_of({"price_scale": scale})))
    np.testing.assert_allclose(found[list(OHLCV[:4])], frame[list(OHLCV[:4])], rtol=1e-15)
    assert found["volume"].tolist() == frame["volume"].tolist()


def lean_zip(data: Path, text: bytes, name: str = "20131007_spy_minute_trade.csv") -> Path:
    path = data / "equity" / "usa" / "minute" / "spy" / "20131007_trade.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, text)
    return path


@bounded
@given(st.binary(max_size=200))
def test_any_bytes_in_a_lean_zip_are_bars_or_refused(folder: Path, text: bytes) -> None:
    path = lean_zip(folder, text)
    sound_or_refused(lambda: read_lean(folder, SPY, M1), path.parents[2])


@bounded
@given(
    st.lists(
        st.tuples(st.integers(0, 389), st.integers(10_000, 99_999)),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[0],
    )
)
def test_minutes_of_new_york_in_ten_thousandths(folder: Path, rows: list[tuple[int, int]]) -> None:
    rows = sorted(rows)
    lines = [f"{(570 + minute) * 60_000},{price},{price + 7},{price - 7},{price + 3},100" for minute, price in rows]
    lean_zip(folder, "\n".join(lines).encode())
    found = checked(read_lean(folder, SPY, M1))
    assert found["ts"].tolist() == [
        pd.Timestamp("2013-10-07 13:30Z") + pd.Timedelta(minutes=minute) for minute, _ in rows
    ]
    assert found["close"].tolist() == [(price + 3) / 10_000 for _, price in rows]
