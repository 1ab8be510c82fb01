"""Rows that are kept while they are computed: only whole blocks count, and nothing is kept where it cannot be."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from tradewright.model.errors import StoreError
from tradewright.store.kept_rows import KeptRows

BLOCKS = [slice(0, 2), slice(2, 4), slice(4, 5)]


def kept(folder: Path, columns: int = 3) -> KeptRows:
    return KeptRows(folder / "of" / "a.rows", (5, columns), BLOCKS)


def test_a_block_counts_once_it_is_said_to_be_computed(tmp_path: Path) -> None:
    first = kept(tmp_path)
    assert not any(first.has(block.start) for block in BLOCKS)
    first.rows[2:4] = 7.0
    assert not first.has(2)
    first.keep(2)
    first.rows[4] = np.nan  # computed, and never said so
    again = kept(tmp_path)
    assert [again.has(block.start) for block in BLOCKS] == [False, True, False]
    assert again.rows[2:4].tolist() == [[7.0] * 3] * 2
    again.rows[3, 1] = 8.0
    assert not kept(tmp_path).has(2)


def test_a_table_of_another_shape_begins_anew(tmp_path: Path) -> None:
    first = kept(tmp_path)
    first.keep(0)
    assert kept(tmp_path).has(0)
    assert not kept(tmp_path, columns=4).has(0)


def test_the_file_is_its_owners_and_goes_at_the_end(tmp_path: Path) -> None:
    rows = kept(tmp_path)
    (file,) = (tmp_path / "of").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    rows.remove()
    rows.rows[0] = 1.0
    assert list((tmp_path / "of").iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "of").write_text("a file")
    with pytest.raises(StoreError) as refused:
        kept(tmp_path)
    assert refused.value.remedy == "free space, or make the folder writable"


def test_a_disk_without_room_is_an_error_before_anything_is_mapped(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(StoreError, match="too large"):
            kept(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not kept(tmp_path).has(0)
