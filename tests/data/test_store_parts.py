"""The pieces of the store: whole files, locks, manifests, merges, fingerprints, factors, artefacts."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table, tables
from tradewright.model.bar_rules import bars_of, frame_of, select
from tradewright.model.bars import BarKind, Bars, PriceView, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError, StoreError
from tradewright.model.instrument import FACTOR_COLUMNS, TickerSpan
from tradewright.store import files as atomic
from tradewright.store.actions import Actions, NoFactors, adjust
from tradewright.store.artefacts import Artefacts, NoArtefact
from tradewright.store.bars import BarStore
from tradewright.store.dataset import (
    DamagedFile,
    Manifest,
    Part,
    Revision,
    bars_hash,
    join,
    merge,
    read_part,
    write_part,
)
from tradewright.store.files import exclusive, write_bytes
from tradewright.store.series import Series

M1, TRADE = Timeframe.M1, BarKind.TRADE
bounded = settings(max_examples=60)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.tmp")]


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 100_000])
def test_a_file_is_replaced_as_a_whole(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "deep" / "er" / "file"
    write_bytes(path, b"old and longer")
    write_bytes(path, data)
    assert path.read_bytes() == data
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("step", "number", "words"),
    [
        ("fsync", errno.ENOSPC, "No space left on device"),
        ("fsync", errno.EIO, "Input/output error"),
        ("replace", errno.EACCES, "Permission denied"),
        ("open", errno.EROFS, "Read-only file system"),
    ],
)
def test_whatever_step_fails_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, words: str
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(*_args: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Path if step == "replace" else atomic.os, step, fail)
        with pytest.raises(StoreError, match=words) as refusal:
            write_bytes(path, b"new")
    assert (refusal.value.where, path.read_bytes()) == (str(path), b"old")
    assert "nothing was changed" in refusal.value.remedy
    assert leftovers(tmp_path) == []


def test_writers_of_one_file_in_many_threads_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = [bytes([65 + n]) * 50_000 for n in range(8)]
    threads = [threading.Thread(target=write_bytes, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in texts
    assert leftovers(tmp_path) == []


def test_a_lock_is_let_go_when_its_holder_fails(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    with pytest.raises(ZeroDivisionError), exclusive(path):
        raise ZeroDivisionError
    with exclusive(path, 0):
        assert path.exists()


def test_a_lock_that_is_held_is_named_with_the_time_that_was_waited(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path), pytest.raises(StoreError, match=r"more than 0\.01 s") as refusal, exclusive(path, 0.01):
        pytest.fail("two holders")
    assert refusal.value.where == str(tmp_path / "lock")
    assert "nothing was changed" in refusal.value.remedy


@bounded
@given(tables(most=10), tables(most=10))
def test_a_merge_as_a_dictionary_would_do_it(old: pd.DataFrame, new: pd.DataFrame) -> None:
    before, after = bars_of(old), bars_of(new)
    found = merge(before, after)
    known = dict(zip(before.ts.tolist(), zip(*(column.tolist() for column in before[1:]), strict=True), strict=True))
    fresh = dict(zip(after.ts.tolist(), zip(*(column.tolist() for column in after[1:]), strict=True), strict=True))
    union = known | fresh
    assert found.bars.ts.tolist() == sorted(union)
    for ts, *row in zip(found.bars.ts.tolist(), *(column.tolist() for column in found.bars[1:]), strict=True):
        assert np.array_equal(row, union[ts], equal_nan=True)
    changed = [ts for ts in sorted(known) if ts in fresh and not np.array_equal(known[ts], fresh[ts], equal_nan=True)]
    assert found.replaced.ts.tolist() == changed
    assert (found.added, found.unchanged) == (len(fresh.keys() - known), len(known.keys() & fresh) - len(changed))
    assert found.changed == bool(found.added or changed)


@bounded
@given(tables(most=10))
def test_merging_a_table_with_itself_or_with_nothing_changes_nothing(frame: pd.DataFrame) -> None:
    bars, none = bars_of(frame), join([])
    assert not merge(bars, bars).changed
    assert not merge(bars, none).changed
    assert merge(none, bars).added == len(frame)
    assert bars_hash(merge(none, bars).bars) == bars_hash(bars)


@bounded
@given(tables(most=10))
def test_a_fingerprint_is_sha256_over_little_endian_columns(frame: pd.DataFrame) -> None:
    bars = bars_of(frame)
    digest = hashlib.sha256(struct.pack(f"<{len(frame)}q", *bars.ts.tolist()))
    for column in bars[1:]:
        digest.update(struct.pack(f"<{len(frame)}d", *(value + 0.0 for value in column.tolist())))
    assert bars_hash(bars) == digest.hexdigest()


@pytest.mark.parametrize("column", Bars._fields)
def test_a_fingerprint_sees_the_smallest_change_of_any_column(column: str) -> None:
    bars = bars_of(bars_table(5).assign(spread=1.0))
    values = getattr(bars, column).copy()
    values[3] = values[3] + 1 if column == "ts" else np.nextafter(values[3], np.inf)
    assert bars_hash(bars._replace(**{column: values})) != bars_hash(bars)
    assert bars_hash(select(bars, slice(0, 4))) != bars_hash(bars)
    assert len(bars_hash(join([]))) == 64


def test_a_part_is_plain_parquet_named_by_its_content(tmp_path: Path) -> None:
    bars = bars_of(bars_table(50))
    part = write_part(tmp_path, "year=2024", bars)
    path = tmp_path / part.file
    assert path.name == f"{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.parquet"
    assert (part.rows, part.first, part.last) == (50, int(bars.ts[0]), int(bars.ts[-1]))
    stored = [("ts", pa.timestamp("ns", tz="UTC")), *((name, pa.float64()) for name in Bars._fields[1:])]
    assert pq.read_schema(path).equals(pa.schema(stored))
    pd.testing.assert_frame_equal(pd.read_parquet(path, partitioning=None), frame_of(bars))
    assert write_part(tmp_path, "year=2024", bars) == part
    assert bars_hash(read_part(tmp_path, part)) == bars_hash(bars)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match="checksum is another"):
        read_part(tmp_path, part)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_part(tmp_path, part)


def test_a_manifest_comes_back_and_every_changed_byte_is_seen(tmp_path: Path) -> None:
    part = Part(file="year=2024/a.parquet", rows=3, first=1, last=3, sha256="ab")
    revision = Revision(number=1, recorded_at=datetime(2024, 5, 1, tzinfo=UTC), source="v", replaced=part)
    manifest, path = Manifest(parts={"2024": part, "2025": part}, revisions=(revision,)), tmp_path / "m.json"
    assert Manifest.load(path) is None
    manifest.save(path)
    assert Manifest.load(path) == manifest
    assert manifest.rows == 6
    good = path.read_bytes()
    assert json.loads(good.partition(b"\n")[2])["parts"]["2024"]["rows"] == 3
    for position in range(len(good)):
        path.write_bytes(bytes([*good[:position], good[position] ^ 4, *good[position + 1 :]]))
        with pytest.raises(StoreError, match="damaged"):
            Manifest.load(path)


@pytest.mark.parametrize(
    "symbol", ["BTC", "ETH/BTC", "BRK.B", "A=B", "EUR USD", "ibkr:STK:X", "..", "a%2Fb", "Ä", "nul", "year=2020"]
)
def test_any_symbol_is_one_folder_and_comes_back(tmp_path: Path, symbol: str) -> None:
    store = BarStore(tmp_path)
    store.upsert(symbol, M1, TRADE, bars_table(3))
    (series,) = store.series()
    assert series == Series(symbol, M1, TRADE)
    assert len(store.read(symbol, M1)) == 3
    (file,) = tmp_path.rglob("*.parquet")
    assert len(file.relative_to(tmp_path / "bars").parts) == 5, "kind, timeframe, instrument, year, file"


def test_kinds_and_timeframes_do_not_mix(tmp_path: Path) -> None:
    store = BarStore(tmp_path, ManualClock(datetime(2024, 5, 1, tzinfo=UTC)))
    frames = {(tf, kind): bars_table(3, step="1D", seed=n) for n, (tf, kind) in
              enumerate((tf, kind) for tf in Timeframe for kind in BarKind)}  # fmt: skip
    for (timeframe, kind), frame in frames.items():
        store.upsert("X", timeframe, kind, frame)
    for (timeframe, kind), frame in frames.items():
        pd.testing.assert_frame_equal(store.read("X", timeframe, kind), frame)
    assert len(list(store.series())) == len(frames) == 2 * len(Timeframe)


def test_bars_before_1970_and_far_ahead_are_kept(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    frame = pd.concat([bars_table(2, "1962-01-02", "1D"), bars_table(2, "2200-01-02", "1D")], ignore_index=True)
    store.upsert("GE", Timeframe.D1, TRADE, frame)
    pd.testing.assert_frame_equal(store.read("GE", Timeframe.D1), frame)
    assert len(store.read("GE", Timeframe.D1, end="1969-12-31")) == 2
    assert [path.parent.name for path in tmp_path.rglob("*.parquet")] == ["years=all"]


FACTORS = pd.DataFrame(
    [("2024-03-04", 0.9, 0.25, 400.0), ("2024-03-08", 0.95, 0.5, 210.0)], columns=FACTOR_COLUMNS
)  # fmt: skip


@bounded
@given(
    st.lists(st.integers(0, 20 * 24), min_size=1, max_size=20, unique=True).map(sorted),
    st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo"]),
)
def test_each_bar_gets_the_factors_of_its_local_date(hours: list[int], zone: str) -> None:
    ts = pd.DatetimeIndex([pd.Timestamp("2024-02-25", tz="UTC") + pd.Timedelta(hours=hour) for hour in hours]).as_unit(
        "ns"
    )
    frame = bars_table(len(hours)).assign(ts=ts)
    factors = FACTORS.assign(date=pd.to_datetime(FACTORS["date"]), zone=zone)
    for view in (PriceView.SPLIT_ADJUSTED, PriceView.TOTAL_RETURN):
        seen = adjust(bars_of(frame), factors, view)
        for row, stamp in enumerate(ts):
            day = stamp.tz_convert(zone).date()
            price, split = (1.0, 1.0)
            for last, price_factor, split_factor, _ in reversed(list(FACTORS.itertuples(index=False, name=None))):
                if day <= date.fromisoformat(last):
                    price, split = price_factor, split_factor
            factor = split * (price if view is PriceView.TOTAL_RETURN else 1)
            assert seen.close[row] == pytest.approx(frame["close"][row] * factor, rel=1e-14)
            assert seen.volume[row] == pytest.approx(frame["volume"][row] / split, rel=1e-14)


def test_actions_are_kept_per_instrument_and_their_absence_is_named(tmp_path: Path) -> None:
    actions = Actions(tmp_path)
    actions.write_factors("ABC", FACTORS, zone="Asia/Tokyo")
    assert actions.factors("ABC")["zone"].unique().tolist() == ["Asia/Tokyo"]
    with pytest.raises(NoFactors) as refusal:
        actions.factors("XYZ")
    assert "no corporate actions of XYZ" in refusal.value.what
    assert "import its factor file" in refusal.value.remedy
    bars = bars_of(bars_table(3))
    assert actions.view("XYZ", bars, PriceView.RAW) is bars
    actions.write_map("ABC", [])
    assert actions.symbol_map("ABC") == []
    spans = [TickerSpan(date(2020, 1, 1), "A/B", "N"), TickerSpan(date(2050, 12, 31), "ABC", "Q")]
    actions.write_map("A/B", spans)
    assert actions.symbol_map("A/B") == spans


@pytest.mark.parametrize(
    "change",
    [{"price_factor": -1.0}, {"split_factor": np.nan}, {"price_factor": np.inf}, {"date": "2024-03-04"}],
)
def test_wrong_factors_are_refused_and_the_old_ones_stay(tmp_path: Path, change: dict[str, object]) -> None:
    actions = Actions(tmp_path)
    actions.write_factors("ABC", FACTORS)
    before = actions.factors("ABC")
    with pytest.raises(DataError) as refusal:
        actions.write_factors("ABC", FACTORS.assign(**change))
    assert refusal.value.where == "factors of ABC"
    pd.testing.assert_frame_equal(actions.factors("ABC"), before)


@bounded
@given(
    st.lists(
        st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3).map(tuple),
        unique=True,
        min_size=2,
        max_size=4,
    )
)
def test_no_two_keys_share_a_folder_and_none_leaves_the_root(keys: list[tuple[str, ...]]) -> None:
    artefacts = Artefacts(Path("/root-of-artefacts"))
    folders = [artefacts.folder(key) for key in keys]
    assert len(set(folders)) == len(keys)
    for key, folder in zip(keys, folders, strict=True):
        relative = folder.relative_to(artefacts.root)
        assert len(relative.parts) == len(key)
        assert not {"..", ".", "manifest.json", ".lock"} & set(relative.parts)


@pytest.mark.parametrize("harm", ["", "[]", '{"file": "x"}', '{"file": 3, "sha256": "x"}', "null", "{"])
def test_a_damaged_manifest_of_an_artefact_is_named(tmp_path: Path, harm: str) -> None:
    artefacts = Artefacts(tmp_path)
    artefacts.write_json(("x",), 1)
    manifest = artefacts.folder(("x",)) / "manifest.json"
    manifest.write_text(harm)
    with pytest.raises(StoreError, match="damaged") as refusal:
        artefacts.read_json(("x",))
    assert refusal.value.where == str(manifest)
    artefacts.write_json(("x",), 2)
    assert artefacts.read_json(("x",)) == 2


def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    artefacts, secret = Artefacts(tmp_path / "a"), tmp_path / "secret.json"
    secret.write_text("42")
    artefacts.write_json(("x",), 1)
    entry = {"file": "../../secret.json", "sha256": hashlib.sha256(b"42").hexdigest()}
    (artefacts.folder(("x",)) / "manifest.json").write_text(json.dumps(entry))
    with pytest.raises(StoreError, match="missing or damaged"):
        artefacts.read_json(("x",))


def test_a_table_replaces_a_document_under_the_same_key(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    artefacts.write_json(("x",), {"a": 1})
    artefacts.write_frame(("x",), bars_table(0))
    assert artefacts.read_frame(("x",)).empty
    with pytest.raises(StoreError, match="holds parquet, not json"):
        artefacts.read_json(("x",))
    with pytest.raises(NoArtefact) as refusal:
        artefacts.read_json(("x", "y"))
    assert (refusal.value.where, refusal.value.remedy) == (str(tmp_path), "materialize what makes it first")
