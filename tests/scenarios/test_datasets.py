"""Stored scenarios: their place, their manifest, nothing half there, and damage of every kind found."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.scenarios.support import document
from tradewright.model.errors import ConfigError, StoreError
from tradewright.scenarios import datasets as module
from tradewright.scenarios.datasets import ScenarioDatasets, generator_digest
from tradewright.scenarios.document import ScenarioDocument
from tradewright.scenarios.market import generate

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
PANEL = document(instruments=2, events=[{"kind": "split", "at": 100, "ratio": 4.0, "only": 1}])


@pytest.fixture
def kept(tmp_path: Path) -> ScenarioDatasets:
    found = ScenarioDatasets(tmp_path)
    found.write(PANEL, NOW)
    return found


@pytest.mark.usefixtures("kept")
def test_place_and_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "scenarios" / "market" / PANEL.scenario_hash
    assert {path.name for path in folder.iterdir()} == {"dataset.parquet", "manifest.json"}
    told = json.loads((folder / "manifest.json").read_text())
    names = ("scenario_id", "scenario_hash", "engine_ver", "bars", "instruments", "seed")
    assert [told[name] for name in names] == ["market", PANEL.scenario_hash, generator_digest(), 500, 2, 7]
    first, second = (each.bars for each in generate(PANEL))
    assert told["low"] == min(first.low.min(), second.low.min())
    assert told["high"] == max(first.high.max(), second.high.max())
    assert told["splits"] == [{"series": 1, "bar": 100, "ratio": 4.0}]
    assert told["generated_at"] == "2026-11-30T12:00:00Z"


def test_what_is_read_is_what_the_document_makes(kept: ScenarioDatasets) -> None:
    """R-BT-01: by reference and inline are equal."""
    stored, made = kept.read(PANEL), [each.bars for each in generate(PANEL)]
    assert len(stored) == len(made) == 2
    for one, other in zip(stored, made, strict=True):
        for name in ("ts", "open", "high", "low", "close", "volume"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
            assert getattr(one, name).dtype == getattr(other, name).dtype
        assert np.isnan(one.spread).all()


def test_a_sound_dataset_stays_and_the_same_document_makes_the_same_file(
    kept: ScenarioDatasets, tmp_path: Path
) -> None:
    manifest, written = kept.write(PANEL, datetime(2027, 1, 1, tzinfo=UTC))
    assert (written, manifest.generated_at) == (False, NOW)
    other = ScenarioDatasets(tmp_path / "other")
    other.write(PANEL, NOW)
    places = [each.folder(PANEL) / "dataset.parquet" for each in (kept, other)]
    assert places[0].read_bytes() == places[1].read_bytes()


def damage(folder: Path, how: str) -> None:
    dataset, manifest = folder / "dataset.parquet", folder / "manifest.json"
    told = json.loads(manifest.read_text())
    match how:
        case "is not stored":
            shutil.rmtree(folder)
        case "the dataset is missing":
            dataset.unlink()
        case "the manifest is missing":
            manifest.unlink()
        case "the dataset is damaged: its checksum is another":
            dataset.write_bytes(dataset.read_bytes()[:-1] + b"x")
        case "the manifest is damaged":
            manifest.write_text(manifest.read_text()[:40])
        case "is the manifest of another scenario":
            manifest.write_text(json.dumps({**told, "seed": 8}))
        case "the dataset is damaged: it is no table of bars":
            dataset.write_bytes(b"PAR1")
            manifest.write_text(json.dumps({**told, "sha256": module.hashlib.sha256(b"PAR1").hexdigest()}))


@pytest.mark.parametrize(
    "how",
    [
        "is not stored",
        "the dataset is missing",
        "the manifest is missing",
        "the dataset is damaged: its checksum is another",
        "the manifest is damaged",
        "is the manifest of another scenario",
        "the dataset is damaged: it is no table of bars",
    ],
)
def test_damage_is_found_and_repaired(kept: ScenarioDatasets, how: str) -> None:
    damage(kept.folder(PANEL), how)
    assert kept.problem(PANEL) == how
    with pytest.raises(StoreError) as refused:
        kept.read(PANEL)
    assert "tradewright scenarios generate" in refused.value.remedy
    assert kept.write(PANEL, NOW)[1]
    assert kept.problem(PANEL) == ""


def test_bars_of_another_generator_are_found(kept: ScenarioDatasets, monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(_document: ScenarioDocument, _count: int | None = None) -> object:
        first, second = generate(PANEL)
        return [first, second._replace(bars=second.bars._replace(close=second.bars.close * 1.01))]

    monkeypatch.setattr(module, "generate", otherwise)
    assert kept.problem(PANEL) == "holds other bars than the document makes"


def test_nothing_is_written_of_a_document_that_contradicts_itself(tmp_path: Path) -> None:
    wrong = document(events=[{"kind": "gap", "at": 500, "size": 0.1}])
    with pytest.raises(ConfigError):
        ScenarioDatasets(tmp_path).write(wrong, NOW)
    assert list(tmp_path.iterdir()) == []
