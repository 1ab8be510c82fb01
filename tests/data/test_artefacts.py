"""Artefacts by key."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.data.tables import bars_table
from tradewright.model.errors import StoreError
from tradewright.store.artefacts import Artefacts, NoArtefact


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    return Artefacts(tmp_path)


def test_tables_come_back_as_they_were(artefacts: Artefacts) -> None:
    frame = bars_table(20).assign(label=["up", "down"] * 10)
    artefacts.write_frame(("features", "BTC"), frame)
    pd.testing.assert_frame_equal(artefacts.read_frame(("features", "BTC")), frame)
    indexed = frame.set_index("ts")[["close"]]
    artefacts.write_frame(("features", "BTC"), indexed)
    pd.testing.assert_frame_equal(artefacts.read_frame(("features", "BTC")), indexed, check_freq=False)


def test_documents_come_back_as_they_were(artefacts: Artefacts) -> None:
    document = {"b": [1, 2.5, None], "a": {"é": True}}
    artefacts.write_json(("report",), document)
    assert artefacts.read_json(("report",)) == document
    with pytest.raises(ValueError, match="not JSON compliant"):
        artefacts.write_json(("report",), float("nan"))
    assert artefacts.read_json(("report",)) == document


def test_only_the_newest_stays_on_disk_and_equal_content_is_equal_bytes(artefacts: Artefacts) -> None:
    key = ("signals", "ema")
    for value in (1, 2, 3):
        artefacts.write_json(key, value)
    names = {path.name for path in artefacts.folder(key).iterdir()}
    artefacts.write_json(key, 3)
    assert {path.name for path in artefacts.folder(key).iterdir()} == names
    assert len(names) == 3, "the document, the manifest and the lock"


@pytest.mark.parametrize("key", [("..",), ("a/b", "c"), (".hidden",), ("manifest.json",), ("24/7", "BTC.USD-PAXOS")])
def test_a_key_never_leaves_its_folder(artefacts: Artefacts, key: tuple[str, ...]) -> None:
    artefacts.write_json(key, list(key))
    artefacts.write_json((key[0],), "above")
    assert artefacts.read_json(key) == (list(key) if len(key) > 1 else "above")
    assert artefacts.folder(key).parent == artefacts.root.joinpath(
        *artefacts.folder(key).relative_to(artefacts.root).parts[:-1]
    )
    assert len(artefacts.folder(key).relative_to(artefacts.root).parts) == len(key)


@pytest.mark.parametrize("key", [(), ("",), ("a", "")])
def test_a_key_has_names(artefacts: Artefacts, key: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="non-empty names"):
        artefacts.folder(key)


def test_existence(artefacts: Artefacts) -> None:
    key = ("x",)
    assert not artefacts.exists(key)
    for ask in (artefacts.read_json, artefacts.read_frame):
        with pytest.raises(NoArtefact, match="no artefact x"):
            ask(key)
    artefacts.write_json(key, 1)
    assert artefacts.exists(key)


def test_the_wrong_kind_is_said(artefacts: Artefacts) -> None:
    artefacts.write_json(("x",), 1)
    with pytest.raises(StoreError, match="holds json, not parquet"):
        artefacts.read_frame(("x",))


def test_damage_is_seen(artefacts: Artefacts) -> None:
    artefacts.write_frame(("x",), bars_table(50))
    (data,) = artefacts.folder(("x",)).glob("*.parquet")
    good = data.read_bytes()
    for position in range(0, len(good), 64):
        data.write_bytes(bytes([*good[:position], good[position] ^ 1, *good[position + 1 :]]))
        with pytest.raises(StoreError, match="missing or damaged"):
            artefacts.read_frame(("x",))
    data.unlink()
    with pytest.raises(StoreError, match="missing or damaged"):
        artefacts.read_frame(("x",))
    (artefacts.folder(("x",)) / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        artefacts.read_frame(("x",))
