"""Files that are no tables of bars: refused by name, quickly, and within the memory that a table may take."""

from __future__ import annotations

import gzip
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.tables import as_csv, bars_table
from tradewright.formats.bars_reader import Reading
from tradewright.formats.lean.actions import read_factors
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.tabular import read_csv, read_feather, read_parquet
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

M1 = Timeframe.M1
HEAD = "Date,Open,High,Low,Close,Volume\n"
SPY = Instrument(symbol="SPY", asset_class=AssetClass.ETF)
READERS = (read_csv, read_parquet, read_feather)
MEGABYTE = 1024  # in the unit of ru_maxrss


@pytest.mark.parametrize("read", READERS)
def test_devices_pipes_and_folders_are_no_files(tmp_path: Path, read: Callable[..., Reading]) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path, words in ((tmp_path / "pipe", "a pipe"), (tmp_path / "link", "a device"), (tmp_path, "a folder")):
        with pytest.raises(DataError, match=words) as refusal:
            read(path, M1)
        assert refusal.value.where == str(path)
        assert refusal.value.remedy


def test_a_link_to_a_file_is_followed_and_one_to_nothing_or_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(as_csv(bars_table(3)))
    (tmp_path / "link.csv").symlink_to("bars.csv")
    assert len(read_csv(tmp_path / "link.csv", M1).frame) == 3
    (tmp_path / "nothing.csv").symlink_to("none.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for name, words in (("nothing.csv", "no such file"), ("loop.csv", "cannot be read")):
        with pytest.raises(DataError, match=words):
            read_csv(tmp_path / name, M1)


def test_a_bomb_of_gzip_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(10):
            file.write(b"0" * 4_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="unpacks to more than"):
        read_csv(path, M1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * MEGABYTE


def test_a_small_parquet_file_that_means_a_huge_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 100_000]))
    prices = dict.fromkeys(("open", "high", "low", "close"), pa.nulls(20_000, pa.float64()))
    pq.write_table(pa.table({"ts": texts, **prices}), path, store_schema=False)
    assert path.stat().st_size < 2_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="texts of more than 256 characters"):
        read_parquet(path, M1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * MEGABYTE


def test_a_table_of_more_cells_than_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bars.parquet"
    bars_table(100).to_parquet(path)
    assert len(read_parquet(path, M1).frame) == 100
    monkeypatch.setattr("tradewright.formats.tabular.MAX_BYTES", 5000)
    with pytest.raises(DataError, match="100 rows of 7 columns want") as refusal:
        read_parquet(path, M1)
    assert "divide the file" in refusal.value.remedy


def test_a_file_above_the_largest_size_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.truncate(3 * 1024**3)
    with pytest.raises(DataError, match="3,221,225,472 bytes, and at most"):
        read_csv(path, M1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "2024-03-08,1,2,1," + "9" * 3_000_000 + "x,3\n", "a line is longer than a million bytes"),
        (HEAD + "2024-03-08,1,2,1," + "y" * 5000 + ",3\n", r"'y{60}'\.\.\. \(5,000 characters\) is not a number"),
        (HEAD + "z" * 5000 + ",1,2,1,2,3\n", r"'z{60}'\.\.\. \(5,000 characters\) is no time"),
        ("," * 200_000 + "\n" + "," * 200_000 + "\n", "200,001 columns"),
        ("\x00" * 5000, "not a readable|no column"),
        (HEAD + "\x00,1,2,1,2,3\n", "NUL characters"),
    ],
    ids=["line", "number", "time", "columns", "nul", "nul cell"],
)
def test_a_monstrous_cell_is_told_in_few_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words) as refusal:
        read_csv(path, M1)
    assert refusal.value.where == str(path)
    assert len(refusal.value.remedy) < 500


@pytest.mark.parametrize("text", ["[" * 60_000, '{"entries": [1]}', '{"entries": {"Equity-usa-[*]": 5}}', "\xff", "{}"])
def test_a_market_hours_database_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "equity" / "usa" / "hour"
    folder.mkdir(parents=True)
    (folder / "spy.zip").touch()
    (tmp_path / "market-hours").mkdir()
    (tmp_path / "market-hours" / "market-hours-database.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"not a market-hours database|not a readable zip"):
        read_lean(tmp_path, SPY, Timeframe.H1)


def test_pipes_in_a_lean_folder_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "equity" / "usa" / "minute" / "spy"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "20240102_trade.zip")
    with pytest.raises(DataError, match="a device or a pipe"):
        read_lean(tmp_path, SPY, M1)


def test_a_factor_file_of_a_foreign_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "equity" / "usa" / "factor_files" / "spy.csv"
    path.parent.mkdir(parents=True)
    path.write_text("1," * 9_000_000)
    with pytest.raises(DataError, match="no table of corporate actions has more than"):
        read_factors(tmp_path, SPY)


def test_entries_of_the_database_may_lack_a_zone(tmp_path: Path) -> None:
    folder = tmp_path / "equity" / "usa" / "daily"
    folder.mkdir(parents=True)
    (folder / "spy.zip").touch()
    (tmp_path / "market-hours").mkdir()
    database = {"entries": {"Equity-usa-[*]": {"exchangeTimeZone": "America/New_York"}}}
    (tmp_path / "market-hours" / "market-hours-database.json").write_text(json.dumps(database))
    with pytest.raises(DataError, match=r"there is no zone ''|not a readable zip"):
        read_lean(tmp_path, SPY, Timeframe.D1)
