"""The bars store: incremental, idempotent, openly revised, verified."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table, tables
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError, StoreError
from tradewright.store.bars import BarStore, NoBars, UpsertReport
from tradewright.store.dataset import DamagedFile, Manifest, bars_hash, write_part
from tradewright.store.series import Series

M1, TRADE = Timeframe.M1, BarKind.TRADE


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path, ManualClock(datetime(2024, 5, 1, tzinfo=UTC)))


def bytes_under(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_was_stored_is_read(store: BarStore) -> None:
    frame = bars_table(3000, "2023-12-31 12:00")
    assert store.upsert("BTC", M1, TRADE, frame) == UpsertReport(3000, 0, 0, 0)
    pd.testing.assert_frame_equal(store.read("BTC", M1), frame)
    coverage = store.coverage("BTC", M1)
    assert coverage is not None
    assert (coverage.rows, coverage.first, coverage.last) == (3000, frame["ts"].iloc[0], frame["ts"].iloc[-1])


def test_the_same_import_twice_changes_no_byte(store: BarStore) -> None:
    frame = bars_table(2000, "2023-12-31 12:00")
    store.upsert("BTC", M1, TRADE, frame)
    before = bytes_under(store.root)
    assert store.upsert("BTC", M1, TRADE, frame) == UpsertReport(0, 2000, 0, 0)
    assert bytes_under(store.root) == before


def test_equal_bars_make_equal_bytes_in_any_store(tmp_path: Path) -> None:
    """A manifest is dated by the clock of the newest change; the bars themselves know no time of their import."""
    frame, clock = bars_table(500), ManualClock(datetime(2024, 5, 1, tzinfo=UTC))
    whole, parts = BarStore(tmp_path / "a", clock), BarStore(tmp_path / "b", clock)
    whole.upsert("BTC", M1, TRADE, frame)
    parts.upsert("BTC", M1, TRADE, frame[300:])
    parts.upsert("BTC", M1, TRADE, frame[:400])
    assert bars_under(tmp_path / "a") == bars_under(tmp_path / "b")
    assert whole.fingerprint("BTC", M1) == parts.fingerprint("BTC", M1)


def bars_under(root: Path) -> dict[str, str]:
    return {name: digest for name, digest in bytes_under(root / "bars").items() if name.endswith(".parquet")}


def test_a_correction_is_a_revision_and_the_old_rows_stay_readable(store: BarStore) -> None:
    frame = bars_table(100)
    store.upsert("BTC", M1, TRADE, frame)
    corrected = frame.copy()
    corrected.loc[[10, 20], "volume"] += 1.0
    report = store.upsert("BTC", M1, TRADE, corrected[5:30], source="vendor 2")
    assert report == UpsertReport(0, 23, 2, 1, frame["ts"][10], frame["ts"][20])
    pd.testing.assert_frame_equal(store.read("BTC", M1), corrected)
    old = frame.loc[[10, 20]].reset_index(drop=True)
    pd.testing.assert_frame_equal(store.replaced("BTC", M1, TRADE, 1), old)
    (revision,) = store.revisions("BTC", M1)
    assert (revision.source, revision.recorded_at) == ("vendor 2", datetime(2024, 5, 1, 0, 0, 0, 1, tzinfo=UTC))
    with pytest.raises(StoreError, match="has 1 revisions, no number 2"):
        store.replaced("BTC", M1, TRADE, 2)


def test_a_second_correction_keeps_the_first(store: BarStore) -> None:
    frame = bars_table(10)
    for volume in (1.0, 2.0, 3.0):
        store.upsert("BTC", M1, TRADE, frame.assign(volume=volume))
    assert store.replaced("BTC", M1, TRADE, 1)["volume"].eq(1.0).all()
    assert store.replaced("BTC", M1, TRADE, 2)["volume"].eq(2.0).all()
    assert store.read("BTC", M1)["volume"].eq(3.0).all()


@settings(max_examples=40)
@given(tables(), tables())
def test_a_merge_is_a_union_in_which_the_new_value_wins(
    tmp_path_factory: pytest.TempPathFactory, old: pd.DataFrame, new: pd.DataFrame
) -> None:
    store = BarStore(tmp_path_factory.mktemp("union"))
    store.upsert("X", M1, TRADE, old)
    report = store.upsert("X", M1, TRADE, new)
    wanted = {row[0]: row[1:] for frame in (old, new) for row in frame.itertuples(index=False, name=None)}
    known = set(old["ts"]) & set(new["ts"])
    assert report.added == len(new) - len(known)
    assert report.unchanged + report.revised == len(known)
    if wanted:
        union = pd.DataFrame([(ts, *wanted[ts]) for ts in sorted(wanted)], columns=old.columns)
        pd.testing.assert_frame_equal(store.read("X", M1), union.astype(old.dtypes.to_dict()))


def test_the_whole_tree_is_one_hive_dataset_without_old_rows(store: BarStore) -> None:
    store.upsert("BTC", M1, TRADE, bars_table(50))
    store.upsert("BTC", M1, TRADE, bars_table(60, seed=1))
    store.upsert("ETH/BTC", Timeframe.D1, BarKind.QUOTE, bars_table(4, step="1D"))
    table = pyarrow.dataset.dataset(store.root / "bars", partitioning="hive").to_table()
    rows = table.group_by(["kind", "timeframe", "instrument", "year"]).aggregate([("ts", "count")]).to_pylist()
    found = {(r["instrument"], r["kind"], r["timeframe"], r["year"], r["ts_count"]) for r in rows}
    assert found == {("BTC", "trade", "1m", 2024, 60), ("ETH/BTC", "quote", "1d", None, 4)}, (
        "days of all years are one file"
    )
    assert [series.instrument for series in store.series()] == ["ETH/BTC", "BTC"]


@pytest.mark.parametrize(
    ("start", "end", "rows"),
    [
        (None, None, 96),
        ("2024-03-01", "2024-03-01", 24),
        (date(2024, 3, 2), date(2024, 3, 3), 48),
        ("2024-03-02T05:00+00:00", "2024-03-02T06:00+00:00", 2),
        (pd.Timestamp("2024-03-02T05:00-05:00"), None, 62),
        ("2024-03-05", None, 0),
        (None, "2024-02-29", 0),
    ],
)
def test_spans_include_both_ends_and_a_date_means_its_day(
    store: BarStore, start: object, end: object, rows: int
) -> None:
    store.upsert("BTC", Timeframe.H1, TRADE, bars_table(96, step="1h"))
    assert len(store.read("BTC", Timeframe.H1, TRADE, start, end)) == rows  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "moment",
    [
        "next week",
        datetime(2024, 3, 1, 12),  # noqa: DTZ001
        "2024-03-01T12:00",
    ],
)
def test_a_span_needs_a_date_or_a_time_with_a_zone(store: BarStore, moment: object) -> None:
    store.upsert("BTC", M1, TRADE, bars_table(3))
    with pytest.raises(DataError, match=r"no date or time|has no zone"):
        store.read("BTC", M1, start=moment)  # type: ignore[arg-type]


def test_an_absent_series_is_named_with_what_there_is(store: BarStore) -> None:
    with pytest.raises(NoBars, match="stored: nothing"):
        store.read("SPY", Timeframe.D1)
    store.upsert("BTC", M1, TRADE, bars_table(3))
    with pytest.raises(NoBars, match=r"no trade bars of SPY at 1d; stored: BTC 1m trade .*tradewright import"):
        store.read("SPY", Timeframe.D1)
    assert store.coverage("SPY", Timeframe.D1) is None
    assert store.revisions("SPY", Timeframe.D1) == ()


def test_a_bad_table_is_refused_and_nothing_is_stored(store: BarStore) -> None:
    frame = bars_table(10)
    frame.loc[4, "high"] = 1.0
    with pytest.raises(DataError, match=r"the high is not below the low: 1 rows of high, row 4 \(.*\) has 1.0"):
        store.upsert("BTC", M1, TRADE, frame)
    assert bytes_under(store.root) == {}


def test_no_bars_are_no_news(store: BarStore) -> None:
    assert store.upsert("BTC", M1, TRADE, bars_table(0)) == UpsertReport(0, 0, 0, 0)
    assert bytes_under(store.root) == {}


def test_ten_thousand_bars_are_read_in_a_tenth_of_a_second(store: BarStore) -> None:
    """R-BT-02, in CPU seconds, the checksum included; `benchmarks.bars_io` has the figures."""
    store.upsert("BTC", M1, TRADE, bars_table(10_000))
    spent = []
    for _ in range(3):
        begun = time.process_time()
        assert len(store.read_bars("BTC", M1).ts) == 10_000
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.1


def test_negative_prices_are_stored_where_allowed(store: BarStore) -> None:
    frame = bars_table(3)
    frame[["open", "high", "low", "close"]] -= 137.63
    with pytest.raises(DataError, match="a price is positive"):
        store.upsert("CL", M1, TRADE, frame)
    store.upsert("CL", M1, TRADE, frame, negative_prices=True)
    assert store.read("CL", M1)["close"].lt(0).all()


def test_data_hash_is_of_exactly_the_rows_read(store: BarStore) -> None:
    frame = bars_table(2880)
    store.upsert("BTC", M1, TRADE, frame)
    first_day = store.data_hash("BTC", M1, end="2024-03-01")
    assert first_day == bars_hash(bars_of(frame[:1440]))
    assert first_day != store.data_hash("BTC", M1)
    frame.loc[2000, "close"] += 0.001
    store.upsert("BTC", M1, TRADE, frame)
    assert store.data_hash("BTC", M1, end="2024-03-01") == first_day


def test_any_nan_and_any_zero_hash_alike() -> None:
    odd = np.frombuffer(np.uint64(0xFFF8000000000123).tobytes(), dtype=np.float64)
    one = np.ones(1)
    bars = Bars(np.zeros(1, dtype=np.int64), one, one, one, one, np.array([0.0]), np.array([np.nan]))
    assert bars_hash(bars) == bars_hash(bars._replace(volume=np.array([-0.0]), spread=odd))
    assert bars_hash(bars) != bars_hash(bars._replace(volume=one))


@pytest.mark.parametrize("name", ["*.parquet", "_manifest.json"])
@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_every_damaged_64th_byte_is_seen(store: BarStore, name: str, harm: str) -> None:
    store.upsert("BTC", M1, TRADE, bars_table(40))
    (path,) = store.root.rglob(name)
    good = path.read_bytes()
    for position in range(0, len(good), 64):
        bad = good[:position] if harm == "cut" else bytes([*good[:position], good[position] ^ 1, *good[position + 1 :]])
        path.write_bytes(bad)
        with pytest.raises(StoreError, match=r"damaged|altered") as refusal:
            BarStore(store.root).read("BTC", M1)
        assert str(path) in str(refusal.value)
        assert "backup" in refusal.value.remedy
    path.write_bytes(good)
    assert len(store.read("BTC", M1)) == 40


def test_bars_that_were_written_broken_are_not_read(store: BarStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verified bytes can still be wrong bars, if a faulty version wrote them."""
    from tradewright.store import bars as module

    frame = bars_table(5)
    frame.loc[2, "close"] = np.nan
    with monkeypatch.context() as patch:
        patch.setattr(module, "intact", lambda *_args, **_more: True)
        store.upsert("BTC", M1, TRADE, frame)
    with pytest.raises(DamagedFile, match="break their contract"):
        store.read("BTC", M1)


def test_a_missing_file_is_named(store: BarStore) -> None:
    store.upsert("BTC", M1, TRADE, bars_table(5))
    (path,) = store.root.rglob("*.parquet")
    path.unlink()
    with pytest.raises(DamagedFile, match=f"{path.name}: is missing"):
        store.read("BTC", M1)
    with pytest.raises(DamagedFile, match="is missing"):
        store.upsert("BTC", M1, TRADE, bars_table(6))


def test_a_manifest_of_another_schema_is_refused(store: BarStore) -> None:
    store.upsert("BTC", M1, TRADE, bars_table(5))
    (path,) = store.root.rglob("_manifest.json")
    for body, words in [(b'{"schema_version": "0"}', "written as schema 0"), (b'{"pages": 1}', "another form")]:
        path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        with pytest.raises(StoreError, match=words):
            store.read("BTC", M1)


def test_a_reader_that_meets_a_replaced_file_looks_again(store: BarStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upsert may end between the reading of the manifest and the reading of the file that it names."""
    from tradewright.store import bars as module

    store.upsert("BTC", M1, TRADE, bars_table(5))
    real, calls = module.read_part, []

    def read_part(folder: Path, part: object) -> Bars:
        calls.append(part)
        if len(calls) == 1:
            monkeypatch.setattr(module, "read_part", real)
            store.upsert("BTC", M1, TRADE, bars_table(9))
            monkeypatch.setattr(module, "read_part", read_part)
        return real(folder, part)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "read_part", read_part)
    assert len(store.read("BTC", M1)) == 9
    assert len(calls) == 2


@settings(max_examples=15)
@given(st.integers(1, 5))
def test_years_are_files_of_their_own(tmp_path_factory: pytest.TempPathFactory, years: int) -> None:
    store = BarStore(tmp_path_factory.mktemp("years"))
    store.upsert("SPY", Timeframe.H4, TRADE, bars_table(366 * years * 6, "2016-01-01", "4h"))
    folders = {path.parent.name for path in store.root.rglob("*.parquet")}
    assert {f"year={2016 + n}" for n in range(years)} <= folders
    assert len(store.read("SPY", Timeframe.H4, start="2016-12-31", end="2017-01-01")) == 6 * min(years, 2)


@pytest.mark.parametrize("timeframe", [Timeframe.D1, Timeframe.W1, Timeframe.MO1])
def test_all_days_are_one_file(tmp_path: Path, timeframe: Timeframe) -> None:
    store = BarStore(tmp_path)
    store.upsert("SPY", timeframe, TRADE, bars_table(40, "2014-01-06", "84D"))
    store.upsert("SPY", timeframe, TRADE, bars_table(3, "2005-01-03", "84D", seed=3))
    (file,) = tmp_path.rglob("*.parquet")
    assert file.parent.name == "years=all"
    assert len(store.read("SPY", timeframe)) == 43
    assert len(store.read("SPY", timeframe, start="2005-01-01", end="2014-12-31")) == 3 + 5


def test_days_in_files_by_year_are_read_and_made_one_file_by_the_next_change(tmp_path: Path) -> None:
    frame = bars_table(900, "2014-01-06", "1D")
    folder, parts = tmp_path / "bars" / Series("SPY", Timeframe.D1, TRADE).folder, {}
    for year, rows in frame.groupby(frame["ts"].dt.year):
        parts[str(year)] = write_part(folder, f"year={year}", bars_of(rows, "SPY"))
    Manifest(parts=parts, source="an older version").save(folder / "_manifest.json")
    store = BarStore(tmp_path)
    pd.testing.assert_frame_equal(store.read("SPY", Timeframe.D1), frame)
    assert store.upsert("SPY", Timeframe.D1, TRADE, frame[400:]).unchanged == 500
    assert len(list(folder.rglob("*.parquet"))) == len(parts) == 3
    corrected = frame[450:451].assign(volume=7.0)
    report = store.upsert("SPY", Timeframe.D1, TRADE, corrected)
    assert (report.added, report.unchanged, report.revised) == (0, 0, 1)
    (file,) = folder.rglob("*.parquet")
    assert file.parent.name == "years=all"
    wanted = frame.copy()
    wanted.loc[450, "volume"] = 7.0
    pd.testing.assert_frame_equal(store.read("SPY", Timeframe.D1), wanted)
    pd.testing.assert_frame_equal(store.replaced("SPY", Timeframe.D1, TRADE, 1), frame[450:451].reset_index(drop=True))
