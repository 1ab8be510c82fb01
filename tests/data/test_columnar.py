"""Parquet and feather files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.tables import bars_table
from tradewright.formats.bars_reader import Reading
from tradewright.formats.column_mapping import ColumnMapping
from tradewright.formats.tabular import read_feather, read_parquet
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

M1 = Timeframe.M1
Reader = Callable[..., Reading]
KINDS = [(read_parquet, "to_parquet"), (read_feather, "to_feather")]


@pytest.mark.parametrize(("read", "write"), KINDS)
def test_tables_are_read_whatever_the_unit_of_their_times(tmp_path: Path, read: Reader, write: str) -> None:
    frame, path = bars_table(50), tmp_path / "bars"
    for unit in ("s", "ms", "us", "ns"):
        getattr(frame.assign(ts=frame["ts"].dt.as_unit(unit)).rename(columns={"ts": "date"}), write)(path)
        pd.testing.assert_frame_equal(read(path, M1).frame, frame)


@pytest.mark.parametrize(("read", "write"), KINDS)
def test_naive_times_are_of_the_declared_zone(tmp_path: Path, read: Reader, write: str) -> None:
    frame, path = bars_table(3), tmp_path / "bars"
    getattr(frame.assign(ts=frame["ts"].dt.tz_localize(None)), write)(path)
    found = read(path, M1, ColumnMapping(zone="Asia/Tokyo")).frame
    assert (frame["ts"] - found["ts"]).eq(pd.Timedelta(hours=9)).all()


@pytest.mark.parametrize(("read", "write"), KINDS)
def test_dates_and_unknown_volumes(tmp_path: Path, read: Reader, write: str) -> None:
    frame, path = bars_table(3, step="1D"), tmp_path / "bars"
    getattr(frame.assign(ts=frame["ts"].dt.date, volume=np.nan), write)(path)
    found = read(path, Timeframe.D1).frame
    assert found["ts"].tolist() == frame["ts"].tolist()
    assert found["volume"].isna().all()


@pytest.mark.parametrize(("read", "write"), KINDS)
def test_a_cut_or_foreign_file_is_refused(tmp_path: Path, read: Reader, write: str) -> None:
    path = tmp_path / "bars"
    with pytest.raises(DataError, match="no such file"):
        read(path, M1)
    getattr(bars_table(200), write)(path)
    good = path.read_bytes()
    for size in range(0, len(good) - 1, 64):
        path.write_bytes(good[:size])
        with pytest.raises(DataError, match="not a readable") as refusal:
            read(path, M1)
        assert refusal.value.where == str(path)
    path.write_text("open,high\n1,2\n")
    with pytest.raises(DataError, match="not a readable"):
        read(path, M1)


def test_times_as_text_and_times_of_no_age(tmp_path: Path) -> None:
    frame, path = bars_table(3), tmp_path / "bars"
    seconds = frame["ts"].astype(np.int64) // 10**9
    frame.assign(ts=seconds.astype(str)).to_parquet(path)
    pd.testing.assert_frame_equal(read_parquet(path, M1, ColumnMapping(time_format="s")).frame, frame)
    frame.assign(ts=pd.Series([10**17] * 3).astype("datetime64[ms]")).to_parquet(path)
    with pytest.raises(DataError, match="not a time of this age"):
        read_parquet(path, M1)


def test_some_unknown_volumes_stay_unknown_and_the_others_known(tmp_path: Path) -> None:
    frame, path = bars_table(3), tmp_path / "bars"
    frame.loc[1, "volume"] = np.nan
    frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_parquet(path, M1).frame, frame)


def test_a_table_of_ticks_is_no_table_of_bars(tmp_path: Path) -> None:
    path = tmp_path / "trades"
    pd.DataFrame({"timestamp": [1], "price": [1.0]}).to_feather(path)
    with pytest.raises(DataError, match="no column for open, high, low, close; the table has 'timestamp', 'price'"):
        read_feather(path, M1)
