"""A copy of the storage folder is a store; one that a writer came into says so, and heals by copying again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.data.tables import bars_table
from tradewright.model.bars import BarKind, Timeframe
from tradewright.store.bars import BarStore
from tradewright.store.dataset import DamagedFile
from tradewright.store.overview import stored_series

D1, TRADE = Timeframe.D1, BarKind.TRADE


def stored(root: Path, count: int, close: float = 100.0) -> BarStore:
    """Days of A, the third of which has this close; from the second time on a correction."""
    store, frame = BarStore(root), bars_table(count, step="D")
    frame.loc[2, "close"] = close
    frame["high"], frame["low"] = frame["high"].clip(lower=close), frame["low"].clip(upper=close)
    store.upsert("A", D1, TRADE, frame)
    return store


def is_part(name: str) -> bool:
    return name.endswith(".parquet")


def copied(source: Path, target: Path, wanted: Callable[[str], bool] = lambda _name: True) -> None:
    """As rsync without --delete does: each file whole, those that are there replaced."""
    for path in source.rglob("*"):
        if path.is_file() and wanted(path.name):
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def same(one: Path, other: Path) -> None:
    left, right = BarStore(one), BarStore(other)
    pd.testing.assert_frame_equal(left.read("A", D1), right.read("A", D1))
    assert left.fingerprint("A", D1) == right.fingerprint("A", D1)
    assert left.revisions("A", D1) == right.revisions("A", D1)
    for revision in left.revisions("A", D1):
        old = (store.replaced("A", D1, TRADE, revision.number) for store in (left, right))
        pd.testing.assert_frame_equal(*old)
    assert stored_series(one) == stored_series(other)


def test_a_copy_opens_is_equal_and_goes_its_own_way(tmp_path: Path) -> None:
    stored(tmp_path / "store", 5)
    stored(tmp_path / "store", 5, 101.0)
    copied(tmp_path / "store", tmp_path / "copy")
    same(tmp_path / "store", tmp_path / "copy")
    assert len(BarStore(tmp_path / "copy").revisions("A", D1)) == 1
    stored(tmp_path / "copy", 9, 101.0)
    assert (
        BarStore(tmp_path / "store").read("A", D1).shape[0],
        BarStore(tmp_path / "copy").read("A", D1).shape[0],
    ) == (5, 9)


@pytest.mark.parametrize("first", ["parts", "manifests"])
def test_a_copy_that_a_writer_came_into_is_whole_or_named_and_heals(tmp_path: Path, first: str) -> None:
    """Between the two halves of a copy the writer replaces the part and sweeps the old one."""
    source, target = tmp_path / "store", tmp_path / "copy"
    stored(source, 5)
    halves = [is_part, lambda name: not is_part(name)]
    halves = halves if first == "parts" else halves[::-1]
    copied(source, target, halves[0])
    stored(source, 8, 101.0)
    copied(source, target, halves[1])
    with pytest.raises(DamagedFile, match="is missing"):
        BarStore(target).read("A", D1)
    copied(source, target)
    same(source, target)
    stored(target, 8, 102.0)
    parts = list((target / "bars").rglob("*.parquet"))
    assert len(parts) == 1, "what the first copy brought and no manifest names is swept by the next change"
